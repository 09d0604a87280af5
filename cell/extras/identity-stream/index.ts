/** `IdentityTransformStream` and `FixedLengthStream`; see `cell/identity-stream.ts`. */
import { defineTag } from '../../constructors.ts';
import {
  apply,
  arrayBufferView,
  copyBytes,
  copyInto,
  eventTargetAdd,
  getterOf,
  NativeError,
  NativePromise,
  NativeReadableStream,
  nativeString,
  NativeTransformStream,
  NativeTypeError,
  NativeUint8Array,
  NativeWritableStream,
  promiseResolve,
  setPrototypeOf,
  signalReason,
  streamPrototypes,
  subarray,
  uncurry,
} from '../../primordials.ts';
import { currentOwner, requireOwner } from '../../io-owner.ts';
import { refuseAtStartup } from '../../startup.ts';
import { chunkBytes, declareLength, registerBytePair } from '../../stream-facts.ts';
import { toUnsigned } from '../../streams/arguments.ts';
import { constructorParameterError, isObject } from '../../webidl.ts';

const { byteController, byobRequest: byobRequestPrototype, writableController } = streamPrototypes;
const byobRequest = getterOf<ReadableByteStreamController, ReadableStreamBYOBRequest | null>(
  byteController,
  'byobRequest',
);
const byobView = getterOf<ReadableStreamBYOBRequest, Uint8Array | null>(byobRequestPrototype, 'view');
const respond = uncurry(byobRequestPrototype.respond);
const enqueue = uncurry(byteController.enqueue as (chunk: ArrayBufferView) => void);
const close = uncurry(byteController.close);
const fail = uncurry(byteController.error as (reason: unknown) => void);
const failWritable = uncurry(writableController.error as (reason: unknown) => void);
const abortSignal = getterOf<WritableStreamDefaultController, AbortSignal>(writableController, 'signal');

const TOO_MANY = 'Attempt to write too many bytes through a FixedLengthStream.';
const TOO_FEW = 'FixedLengthStream did not see all expected bytes before close().';
const MAX_LENGTH = 2 ** 53;

interface PendingWrite {
  readonly bytes: Uint8Array;
  offset: number;
  readonly done: () => void;
  readonly failed: (reason: unknown) => void;
}

/** The two ends and what is between them: at most one write that waits for readers, and at most one pull that waits for a write. */
class IdentityPipe {
  #reader!: ReadableByteStreamController;
  #writer!: WritableStreamDefaultController;
  #write: PendingWrite | undefined;
  #pulled: (() => void) | undefined;
  /** Bytes still to come, where the length is fixed. */
  #left: number | undefined;
  #ended = false;
  readonly #owner = currentOwner();
  readonly readable: ReadableStream;
  readonly writable: WritableStream;

  constructor(length: number | undefined, highWaterMark: number | undefined) {
    this.#left = length;
    this.readable = new NativeReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#reader = controller;
        },
        pull: () => this.#pull(),
        cancel: (reason) => this.#cancel(reason),
      },
      { highWaterMark: 0 },
    );
    if (length !== undefined) declareLength(this.readable, length);
    const strategy =
      highWaterMark === undefined
        ? { highWaterMark: 1, size: () => 0 }
        : { highWaterMark, size: (chunk: unknown) => (arrayBufferView(chunk) ? chunk.byteLength : 1) };
    this.writable = new NativeWritableStream(
      {
        start: (controller) => {
          this.#writer = controller;
          const signal = abortSignal(controller);
          eventTargetAdd(signal, 'abort', () => this.#abort(signalReason(signal)));
        },
        write: (chunk) => this.#accept(chunk),
        close: () => this.#close(),
      },
      strategy,
    );
  }

  #accept(chunk: unknown): Promise<void> {
    requireOwner(this.#owner, 'Writable');
    const bytes = chunkBytes(chunk);
    if (bytes.length === 0) return promiseResolve(undefined);
    if (this.#left !== undefined) {
      if (bytes.length > this.#left) {
        const error = new NativeTypeError(TOO_MANY);
        this.#end(error);
        throw error;
      }
      this.#left -= bytes.length;
    }
    return new NativePromise<void>((done, failed) => {
      this.#write = { bytes, offset: 0, done, failed };
      this.#deliver();
    });
  }

  #pull(): Promise<void> {
    return new NativePromise<void>((resolve) => {
      this.#pulled = resolve;
      this.#deliver();
    });
  }

  /** Hands bytes over when there is both somebody who gives and somebody who takes. */
  #deliver(): void {
    const write = this.#write;
    const pulled = this.#pulled;
    if (write === undefined || pulled === undefined) return;
    this.#pulled = undefined;
    const rest = subarray(write.bytes, write.offset, write.bytes.length);
    const request = byobRequest(this.#reader);
    const view = request === null ? null : byobView(request);
    if (request === null || view === null) {
      write.offset += rest.length;
      enqueue(this.#reader, copyBytes(rest));
    } else {
      const count = rest.length < view.byteLength ? rest.length : view.byteLength;
      const target = new NativeUint8Array(view.buffer, view.byteOffset, count);
      copyInto(target, subarray(rest, 0, count), 0);
      write.offset += count;
      respond(request, count);
    }
    if (write.offset === write.bytes.length) {
      this.#write = undefined;
      write.done();
    }
    pulled();
  }

  #close(): void {
    if (this.#left !== undefined && this.#left > 0) {
      this.#end(new NativeTypeError(TOO_FEW));
      return;
    }
    if (this.#ended) return;
    this.#ended = true;
    close(this.#reader);
    const request = byobRequest(this.#reader);
    if (request !== null) respond(request, 0);
    this.#pulled?.();
  }

  #abort(reason: unknown): void {
    this.#write?.failed(reason);
    this.#write = undefined;
    this.#end(asError(reason));
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    fail(this.#reader, reason);
    this.#pulled?.();
  }

  #cancel(given: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const reason = given === undefined ? new NativeError('Stream was cancelled.') : asError(given);
    this.#write?.failed(reason);
    this.#write = undefined;
    failWritable(this.#writer, reason);
  }
}

/** The other end hears of a reason that is no object as an Error that says it. */
const asError = (reason: unknown): unknown =>
  isObject(reason) || reason === undefined ? reason : new NativeError(nativeString(reason));

function takeHighWaterMark(owner: string, position: number, strategy: unknown): number | undefined {
  if (strategy === undefined || strategy === null) return undefined;
  if (!isObject(strategy)) throw constructorParameterError(owner, position, 'QueuingStrategy');
  const { highWaterMark } = strategy as { highWaterMark?: unknown };
  return highWaterMark === undefined ? undefined : toUnsigned(highWaterMark);
}

function join(self: object, pipe: IdentityPipe): void {
  registerBytePair(self, { readable: pipe.readable, writable: pipe.writable });
}

// oxlint-disable-next-line typescript/no-extraneous-class -- its members are those of TransformStream
class IdentityTransformStream {
  constructor(strategy?: unknown) {
    refuseAtStartup();
    join(this, new IdentityPipe(undefined, takeHighWaterMark('IdentityTransformStream', 1, strategy)));
  }
}

// oxlint-disable-next-line typescript/no-extraneous-class -- its members are those of TransformStream
class FixedLengthStream {
  constructor(expectedLength?: unknown, strategy?: unknown) {
    if (expectedLength === undefined) throw constructorParameterError('FixedLengthStream', 1, 'bigint');
    const length = toUnsigned(expectedLength);
    const highWaterMark = takeHighWaterMark('FixedLengthStream', 2, strategy);
    if (length >= MAX_LENGTH) {
      throw new NativeTypeError('FixedLengthStream requires an integer expected length less than 2^53.');
    }
    refuseAtStartup();
    const room = highWaterMark === undefined || highWaterMark < length ? highWaterMark : length;
    join(this, new IdentityPipe(length, room));
  }
}

const createObject = Object.create as (prototype: object) => object;

/** `new TransformStream()` of old: an object of that class with the ends of an identity stream. */
export function constructIdentity(newTarget: { prototype: object }, strategy: unknown): object {
  refuseAtStartup();
  const self = apply(createObject as (...args: never[]) => unknown, Object, [newTarget.prototype] as never[]) as object;
  join(self, new IdentityPipe(undefined, takeHighWaterMark('TransformStream', 1, strategy)));
  return self;
}

setPrototypeOf(IdentityTransformStream.prototype, NativeTransformStream.prototype);
setPrototypeOf(FixedLengthStream.prototype, IdentityTransformStream.prototype);
defineTag(IdentityTransformStream);
defineTag(FixedLengthStream);

export { FixedLengthStream, IdentityTransformStream };
