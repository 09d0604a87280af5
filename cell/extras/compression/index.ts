/**
 * `CompressionStream` and `DecompressionStream` as workerd has them: byte streams at both ends, any kind of bytes or text going in. The work is
 * done by the synchronous zlib engine behind Deno's `node:zlib`, which tells what the standard wants to know and Deno's own
 * streams do not say: bytes after the end, and an end that did not come.
 */
import zlib from 'node:zlib';
import { compatFlag } from '../../compat.ts';
import { defineTag } from '../../constructors.ts';
import {
  copyBytes,
  eventTargetAdd,
  getterOf,
  NativePromise,
  NativeReadableStream,
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
import { refuseAtStartup } from '../../startup.ts';
import { chunkBytes, registerBytePair } from '../../stream-facts.ts';
import { constructorParameterError } from '../../webidl.ts';

/** What `node:zlib` works with inside: one call takes input and gives output, and the state says how much of each is left over. */
interface ZlibHandle {
  onerror: (message: string, code: number) => void;
  init(
    windowBits: number,
    level: number,
    memoryLevel: number,
    strategy: number,
    done: () => void,
    dictionary?: undefined,
  ): void;
  setRejectGarbageAfterEnd(reject: boolean): void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
    state: Uint32Array,
  ): void;
}

const model = (zlib as unknown as { createInflateRaw(): { _handle: object } }).createInflateRaw()._handle;
const Handle = model.constructor as new (mode: number) => ZlibHandle;
const init = uncurry(Handle.prototype.init as ZlibHandle['init']);
const writeSync = uncurry(Handle.prototype.writeSync as ZlibHandle['writeSync']);
const rejectGarbage = uncurry(Handle.prototype.setRejectGarbageAfterEnd as ZlibHandle['setRejectGarbageAfterEnd']);

const NO_FLUSH = 0;
const FINISH = 4;
const WINDOW_BITS = 15;
const DEFAULT_LEVEL = -1;
const DEFAULT_MEMORY_LEVEL = 8;
const END_MISSING = -5;
const OUTPUT_BYTES = 64 * 1024;
/** So much may lie ready before a write waits for a reader. */
const MAX_READY_BYTES = 1024 * 1024;

const COMPRESS: Readonly<Record<string, number>> = { __proto__: null as never, gzip: 3, deflate: 1, 'deflate-raw': 5 };
const DECOMPRESS: Readonly<Record<string, number>> = {
  __proto__: null as never,
  gzip: 4,
  deflate: 2,
  'deflate-raw': 6,
};
/** Where a gzip header names the operating system, and Unix. */
const GZIP_SYSTEM_OFFSET = 9;
const GZIP_UNIX = 3;

class Engine {
  readonly #handle: ZlibHandle;
  readonly #state = new Uint32Array(2);
  readonly #output = new NativeUint8Array(OUTPUT_BYTES);
  readonly #strict = compatFlag('strict_compression_checks');
  readonly #decompresses: boolean;
  #error: number | undefined;
  #fresh: boolean;
  #over = false;

  constructor(format: string, decompresses: boolean) {
    this.#decompresses = decompresses;
    this.#fresh = !decompresses && format === 'gzip';
    this.#handle = new Handle((decompresses ? DECOMPRESS : COMPRESS)[format] as number);
    this.#handle.onerror = (_message, code) => {
      this.#error = code;
    };
    if (decompresses) rejectGarbage(this.#handle, true);
    init(this.#handle, WINDOW_BITS, DEFAULT_LEVEL, DEFAULT_MEMORY_LEVEL, 0, () => undefined, undefined);
  }

  /** Takes all the input and hands out what comes of it. Throws what the reader and the writer shall get. */
  run(input: Uint8Array, last: boolean, emit: (bytes: Uint8Array) => void): void {
    let offset = 0;
    while (!this.#over) {
      this.#error = undefined;
      const left = input.length - offset;
      writeSync(
        this.#handle,
        last ? FINISH : NO_FLUSH,
        input,
        offset,
        left,
        this.#output,
        0,
        OUTPUT_BYTES,
        this.#state,
      );
      const outputLeft = this.#state[0] as number;
      const inputLeft = this.#state[1] as number;
      this.#emit(OUTPUT_BYTES - outputLeft, emit);
      if (this.#error !== undefined) this.#fail(this.#error, last);
      if (outputLeft > 0) {
        if (inputLeft > 0) this.#endWithRest();
        return;
      }
      offset = input.length - inputLeft;
    }
  }

  #emit(count: number, emit: (bytes: Uint8Array) => void): void {
    if (count === 0) return;
    const bytes = copyBytes(subarray(this.#output, 0, count));
    if (this.#fresh) bytes[GZIP_SYSTEM_OFFSET] = GZIP_UNIX;
    this.#fresh = false;
    emit(bytes);
  }

  #fail(code: number, last: boolean): void {
    if (last && code === END_MISSING) {
      this.#over = true;
      if (!this.#strict) return;
      throw new NativeTypeError('Called close() on a decompression stream with incomplete data');
    }
    throw new NativeTypeError(this.#decompresses ? 'Decompression failed.' : 'Compression failed.');
  }

  /** Room for output and input left: the compressed data were at their end before. */
  #endWithRest(): void {
    this.#over = true;
    if (this.#strict) throw new NativeTypeError('Trailing bytes after end of compressed data');
  }
}

const { byteController, byobRequest: byobRequestPrototype, writableController } = streamPrototypes;
const enqueue = uncurry(byteController.enqueue as (chunk: ArrayBufferView) => void);
const close = uncurry(byteController.close);
const fail = uncurry(byteController.error as (reason: unknown) => void);
const desiredSize = getterOf<ReadableByteStreamController, number | null>(byteController, 'desiredSize');
const byobRequest = getterOf<ReadableByteStreamController, ReadableStreamBYOBRequest | null>(
  byteController,
  'byobRequest',
);
const respond = uncurry(byobRequestPrototype.respond);
const failWritable = uncurry(writableController.error as (reason: unknown) => void);
const abortSignal = getterOf<WritableStreamDefaultController, AbortSignal>(writableController, 'signal');

const NOTHING = new NativeUint8Array(0);

/** Gives the object the two ends of a stream that runs bytes through the engine. */
function join(self: object, engine: Engine): void {
  let output!: ReadableByteStreamController;
  let input!: WritableStreamDefaultController;
  let ended = false;
  let resume: (() => void) | undefined;
  const goOn = () => {
    resume?.();
    resume = undefined;
  };
  const end = (reason: unknown) => {
    if (ended) return;
    ended = true;
    fail(output, reason);
    goOn();
  };
  const run = (bytes: Uint8Array, last: boolean) => {
    try {
      engine.run(bytes, last, (part) => {
        if (!ended) enqueue(output, part);
      });
    } catch (error) {
      end(error);
      throw error;
    }
  };
  /** Who reads hears of a chunk that is none: what comes after it would be missing. */
  const bytesOf = (chunk: unknown): Uint8Array => {
    try {
      return chunkBytes(chunk);
    } catch (error) {
      end(error);
      throw error;
    }
  };
  const readable = new NativeReadableStream(
    {
      type: 'bytes',
      start: (controller) => {
        output = controller;
      },
      pull: goOn,
      cancel: (reason) => {
        ended = true;
        failWritable(input, reason);
        goOn();
      },
    },
    { highWaterMark: 0 },
  );
  const writable = new NativeWritableStream({
    start: (controller) => {
      input = controller;
      const signal = abortSignal(controller);
      eventTargetAdd(signal, 'abort', () => end(signalReason(signal)));
    },
    write: (chunk) => {
      run(bytesOf(chunk), false);
      const ready = -(desiredSize(output) ?? 0);
      if (ready < MAX_READY_BYTES) return promiseResolve(undefined);
      return new NativePromise<void>((resolve) => {
        resume = resolve;
      });
    },
    close: () => {
      run(NOTHING, true);
      if (ended) return;
      ended = true;
      close(output);
      const request = byobRequest(output);
      if (request !== null) respond(request, 0);
    },
  });
  registerBytePair(self, { readable, writable });
}

function takeFormat(owner: string, args: unknown[]): string {
  if (args.length === 0) throw constructorParameterError(owner, 1, 'string');
  const format = `${args[0] as string}`;
  if (COMPRESS[format] === undefined) {
    throw new NativeTypeError("The compression format must be either 'deflate', 'deflate-raw' or 'gzip'.");
  }
  return format;
}

// oxlint-disable-next-line typescript/no-extraneous-class -- its members are those of TransformStream
class CompressionStream {
  constructor(...args: unknown[]) {
    const format = takeFormat('CompressionStream', args);
    refuseAtStartup();
    join(this, new Engine(format, false));
  }
}

// oxlint-disable-next-line typescript/no-extraneous-class -- its members are those of TransformStream
class DecompressionStream {
  constructor(...args: unknown[]) {
    const format = takeFormat('DecompressionStream', args);
    refuseAtStartup();
    join(this, new Engine(format, true));
  }
}

setPrototypeOf(CompressionStream.prototype, NativeTransformStream.prototype);
setPrototypeOf(DecompressionStream.prototype, NativeTransformStream.prototype);
defineTag(CompressionStream);
defineTag(DecompressionStream);

export { CompressionStream, DecompressionStream };
