/**
 * The streams of Workers on top of Deno's: the machinery is Deno's, while arguments are taken and refused as workerd does, in its words, and where
 * workerd departs from the Streams standard (errors of `start`, `tee()`'s cancel, byte streams that close, `readAtLeast`) so does this.
 */
import { compatFlag } from './compat.ts';
import { type Construct, replaceConstructor } from './constructors.ts';
import { constructIdentity } from './identity-stream.ts';
import {
  apply,
  arrayBufferView,
  construct,
  defineProperty,
  getterOf,
  getOwnPropertyDescriptor,
  isAbortSignal,
  NativeError,
  NativeReadableStream,
  NativeTransformStream,
  NativeTypeError,
  NativeUint8Array,
  NativeWritableStream,
  promiseReject,
  promiseThen,
  uncurry,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
  weakSetAdd,
  WeakSetConstructor,
  weakSetHas,
} from './primordials.ts';
import { declaredLength, declareLength, markDisturbed, transformPairs } from './stream-facts.ts';
import { constructorParameterError, fieldError, illegalInvocation, isObject, parameterError } from './webidl.ts';

type AnyFunction = (...args: never[]) => unknown;
type Options = Record<string, unknown>;

const reader = ReadableStreamDefaultReader.prototype;
const byobReader = ReadableStreamBYOBReader.prototype;
const writer = WritableStreamDefaultWriter.prototype;
const byteController = ReadableByteStreamController.prototype;

const READ_LOCKED = 'This ReadableStream is currently locked to a reader.';
const WRITE_LOCKED = 'This WritableStream is currently locked to a writer.';
const READER_RELEASED = 'This ReadableStream reader has been released.';
const WRITER_RELEASED = 'This WritableStream writer has been released.';
const WRITE_CLOSED = 'This WritableStream has been closed.';
const NO_BYOB = 'This ReadableStream does not support BYOB reads.';

const readLocked = getterOf<ReadableStream, boolean>(ReadableStream.prototype, 'locked');
const writeLocked = getterOf<WritableStream, boolean>(WritableStream.prototype, 'locked');
const desiredSize = getterOf<WritableStreamDefaultWriter, number | null>(writer, 'desiredSize');
const writerClosed = getterOf<WritableStreamDefaultWriter, Promise<undefined>>(writer, 'closed');
const pendingRequest = getterOf<ReadableByteStreamController, ReadableStreamBYOBRequest | null>(
  byteController,
  'byobRequest',
);
const respond = uncurry(ReadableStreamBYOBRequest.prototype.respond);

// ---- what user code hands in

/** A WebIDL `unsigned long long`, as workerd converts it. */
export function toUnsigned(value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : +(value as number);
  if (number !== number || number === Infinity || number === -Infinity) {
    throw new NativeTypeError('The value cannot be converted because it is not an integer.');
  }
  if (number < 0) {
    throw new NativeTypeError(
      'The value cannot be converted because it is negative and this API expects a positive bigint.',
    );
  }
  return number - (number % 1);
}

/** The function of that name, bound to the object it came from; a call through it cannot throw when `asPromise`. */
function takeMethod(source: Options, name: string, dictionary: string, asPromise = false): AnyFunction | undefined {
  const method = source[name];
  if (method === undefined) return undefined;
  if (typeof method !== 'function') throw fieldError(name, dictionary, 'function');
  if (!asPromise) return (...args: never[]) => apply(method as AnyFunction, source, args);
  return (...args: never[]) => {
    try {
      return apply(method as AnyFunction, source, args);
    } catch (error) {
      return promiseReject(error);
    }
  };
}

function takeMethods(source: Options, names: readonly string[], dictionary: string): Options {
  const taken: Options = { __proto__: null as never };
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const method = takeMethod(source, name, dictionary, name === 'start');
    if (method !== undefined) taken[name] = method;
  }
  return taken;
}

/** A queuing strategy whose answers are numbers that a queue can be measured with. */
function takeStrategy(owner: string, position: number, value: unknown, isBytes: boolean): Options | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw constructorParameterError(owner, position, 'StreamQueuingStrategy');
  const { highWaterMark, size } = value as Options;
  const strategy: Options = { __proto__: null as never };
  if (highWaterMark !== undefined) strategy.highWaterMark = toUnsigned(highWaterMark);
  if (size === undefined) return strategy;
  if (typeof size !== 'function') throw fieldError('size', 'StreamQueuingStrategy', 'function');
  if (!isBytes)
    strategy.size = (chunk: unknown) => toUnsigned(apply(size as AnyFunction, undefined, [chunk] as never[]));
  return strategy;
}

function takeDictionary(owner: string, value: unknown, type: string): Options {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw constructorParameterError(owner, 1, type);
  return value as Options;
}

function requireConstructors(name: string): void {
  if (compatFlag('streams_enable_constructors')) return;
  throw new NativeError(
    `To use the new ${name}() constructor, enable the streams_enable_constructors compatibility flag. Refer to the docs for more information: https://developers.cloudflare.com/workers/platform/compatibility-dates/#compatibility-flags`,
  );
}

// ---- constructors

/** What a byte stream offers to a default reader as `byobRequest` when it says nothing else, in bytes. */
const AUTO_ALLOCATE_BYTES = 4096;

function takeSource(value: unknown): { source: Options; isBytes: boolean } {
  const given = takeDictionary('ReadableStream', value, 'UnderlyingSource');
  const allocate = given.autoAllocateChunkSize;
  const source = takeMethods(given, ['cancel', 'pull', 'start'], 'UnderlyingSource');
  const type = given.type === undefined ? '' : `${given.type as string}`;
  if (type !== '' && type !== 'bytes') throw new NativeTypeError(`"${type}" is not a valid type of ReadableStream.`);
  if (type === '') return { source, isBytes: false };
  source.type = 'bytes';
  const size = allocate === undefined ? AUTO_ALLOCATE_BYTES : +(allocate as number) | 0;
  if (size === 0) throw new NativeTypeError('The autoAllocateChunkSize option cannot be zero.');
  source.autoAllocateChunkSize = size;
  return { source, isBytes: true };
}

function constructReadable(args: unknown[], newTarget: object): ReadableStream {
  const { source, isBytes } = takeSource(args[0]);
  const strategy = takeStrategy('ReadableStream', 2, args[1], isBytes);
  requireConstructors('ReadableStream');
  const { cancel } = source;
  // A teed stream hears the reason of the branch that gave up last, not of both.
  // oxlint-disable-next-line prefer-const -- the closure below needs it before it has a value
  let stream: ReadableStream | undefined;
  if (cancel !== undefined) {
    source.cancel = (reason: unknown) => {
      const tee = weakMapGet(teed, stream as ReadableStream) as Tee | undefined;
      return apply(cancel as AnyFunction, undefined, [tee === undefined ? reason : tee.lastReason] as never[]);
    };
  }
  stream = construct(NativeReadableStream, [source, strategy], newTarget as never) as ReadableStream;
  return stream;
}

function constructWritable(args: unknown[], newTarget: object): object {
  const given = takeDictionary('WritableStream', args[0], 'UnderlyingSink');
  const sink = takeMethods(given, ['abort', 'close', 'start', 'write'], 'UnderlyingSink');
  const strategy = takeStrategy('WritableStream', 2, args[1], false);
  requireConstructors('WritableStream');
  return construct(NativeWritableStream, [sink, strategy], newTarget as never) as object;
}

function constructTransform(args: unknown[], newTarget: { prototype: object }): object {
  if (!compatFlag('transformstream_enable_standard_constructor')) return constructIdentity(newTarget, undefined);
  const given = takeDictionary('TransformStream', args[0], 'Transformer');
  const transformer = takeMethods(given, ['cancel', 'flush', 'start', 'transform'], 'Transformer');
  for (const key of ['readableType', 'writableType']) {
    if (given[key] !== undefined) throw new NativeTypeError(`transformer.${key} must be undefined.`);
  }
  const writable = takeStrategy('TransformStream', 2, args[1], false);
  const readable = takeStrategy('TransformStream', 3, args[2], false);
  return construct(NativeTransformStream, [transformer, writable, readable], newTarget as never) as object;
}

const nativeFrom = (NativeReadableStream as unknown as { from: AnyFunction }).from;
const stringIterator = uncurry(String.prototype[Symbol.iterator]);

const { from: readableFrom } = {
  from(source: unknown): ReadableStream {
    requireConstructors('ReadableStream');
    const isIterable =
      typeof source === 'string' ||
      (isObject(source) &&
        ((source as Options)[Symbol.asyncIterator as never] ?? (source as Options)[Symbol.iterator as never]) !==
          undefined);
    if (!isIterable) throw parameterError('from', 'ReadableStream', 1, 'AsyncGenerator');
    const iterable = typeof source === 'string' ? stringIterator(source) : source;
    return apply(nativeFrom, NativeReadableStream, [iterable] as never[]) as ReadableStream;
  },
};

// ---- methods

interface Tee {
  lastReason: unknown;
}
/** By the stream that was teed. */
const teed = new WeakMapConstructor<object, Tee>();
/** By each branch. */
const branches = new WeakMapConstructor<object, Tee>();
/** The branch that a reader reads. */
const branchReaders = new WeakMapConstructor<object, Tee>();

const released = new WeakSetConstructor();

function replaceMethods(prototype: object, methods: Record<string, AnyFunction>): void {
  for (const name of Object.keys(methods)) {
    const descriptor = getOwnPropertyDescriptor(prototype, name);
    defineProperty(prototype, name, {
      enumerable: true,
      configurable: true,
      writable: true,
      ...descriptor,
      value: methods[name],
    });
  }
}

function isLocked(stream: unknown): boolean {
  try {
    return readLocked(stream as ReadableStream);
  } catch {
    throw illegalInvocation();
  }
}

function requireUnlocked(stream: unknown, message = READ_LOCKED): void {
  if (isLocked(stream)) throw new NativeTypeError(message);
}

function isWritableLocked(stream: unknown): boolean {
  try {
    return writeLocked(stream as WritableStream);
  } catch {
    throw illegalInvocation();
  }
}

function isWritable(value: unknown): value is WritableStream {
  try {
    writeLocked(value as WritableStream);
    return true;
  } catch {
    return false;
  }
}

const rejectWith = (message: string): Promise<never> => promiseReject(new NativeTypeError(message));

/** Runs the check now, and answers with a rejection when it throws. */
function checked<T>(check: () => Promise<T>): Promise<T> {
  try {
    return check();
  } catch (error) {
    return promiseReject(error);
  }
}

const native = {
  getReader: uncurry(ReadableStream.prototype.getReader as (options?: object) => ReadableStreamReader<unknown>),
  cancel: uncurry(ReadableStream.prototype.cancel as (reason: unknown) => Promise<void>),
  tee: uncurry(ReadableStream.prototype.tee),
  pipeTo: uncurry(ReadableStream.prototype.pipeTo),
  values: uncurry((ReadableStream.prototype as unknown as { values(options?: object): AsyncIterator<unknown> }).values),
  read: uncurry(reader.read as () => Promise<ReadableStreamReadResult<unknown>>),
  readerCancel: uncurry(reader.cancel as (reason: unknown) => Promise<void>),
  readerRelease: uncurry(reader.releaseLock),
  byobRead: uncurry(
    byobReader.read as (view: ArrayBufferView, options?: object) => Promise<ReadableStreamReadResult<ArrayBufferView>>,
  ),
  byobCancel: uncurry(byobReader.cancel as (reason: unknown) => Promise<void>),
  byobRelease: uncurry(byobReader.releaseLock),
  enqueue: uncurry(ReadableStreamDefaultController.prototype.enqueue as (chunk: unknown) => void),
  close: uncurry(ReadableStreamDefaultController.prototype.close),
  error: uncurry(ReadableStreamDefaultController.prototype.error as (reason: unknown) => void),
  byteEnqueue: uncurry(byteController.enqueue as (chunk: ArrayBufferView) => void),
  byteClose: uncurry(byteController.close),
  getWriter: uncurry(WritableStream.prototype.getWriter),
  abort: uncurry(WritableStream.prototype.abort as (reason: unknown) => Promise<void>),
  closeWritable: uncurry(WritableStream.prototype.close),
  write: uncurry(writer.write as (chunk: unknown) => Promise<void>),
  writerClose: uncurry(writer.close),
  writerAbort: uncurry(writer.abort as (reason: unknown) => Promise<void>),
  writerRelease: uncurry(writer.releaseLock),
  writerReady: getterOf<WritableStreamDefaultWriter, Promise<undefined>>(writer, 'ready'),
};

const readableMethods = {
  getReader(this: ReadableStream, options?: unknown): ReadableStreamReader<unknown> {
    const locked = isLocked(this);
    if (options !== undefined && options !== null && !isObject(options)) {
      throw parameterError('getReader', 'ReadableStream', 1, 'GetReaderOptions');
    }
    const mode = (options as { mode?: unknown } | null | undefined)?.mode;
    if (mode !== undefined && mode !== 'byob') {
      throw new NativeTypeError("mode must be undefined or 'byob' in call to getReader().");
    }
    if (locked) throw new NativeTypeError(READ_LOCKED);
    const opened = mode === undefined ? native.getReader(this) : openByobReader(this);
    const tee = weakMapGet(branches, this) as Tee | undefined;
    if (tee !== undefined) weakMapSet(branchReaders, opened, tee);
    return opened;
  },

  cancel(this: ReadableStream, reason?: unknown): Promise<void> {
    return checked(() => {
      requireUnlocked(this);
      noteReason(branches, this, reason);
      return native.cancel(this, reason);
    });
  },

  tee(this: ReadableStream): [ReadableStream, ReadableStream] {
    requireUnlocked(this, 'This ReadableStream is currently locked to a reader,');
    const pair = native.tee(this);
    // At once, not with the first byte: a body that was split is used.
    markDisturbed(this);
    const length = declaredLength(this);
    if (length !== undefined) {
      declareLength(pair[0], length);
      declareLength(pair[1], length);
    }
    const tee: Tee = { lastReason: undefined };
    weakMapSet(teed, this, tee);
    weakMapSet(branches, pair[0], tee);
    weakMapSet(branches, pair[1], tee);
    return pair;
  },

  pipeTo(this: ReadableStream, destination?: unknown, options?: unknown): Promise<void> {
    return checked(() => {
      const locked = isLocked(this);
      if (!isWritable(destination)) throw parameterError('pipeTo', 'ReadableStream', 1, 'WritableStream');
      const taken = takePipeOptions('pipeTo', options);
      if (locked) throw new NativeTypeError(READ_LOCKED);
      if (writeLocked(destination)) throw new NativeTypeError(WRITE_LOCKED);
      return native.pipeTo(this, destination, taken);
    });
  },

  pipeThrough(this: ReadableStream, transform?: unknown, options?: unknown): ReadableStream {
    const locked = isLocked(this);
    if (!isObject(transform)) throw parameterError('pipeThrough', 'ReadableStream', 1, 'Transform');
    const { readable, writable } = transform as { readable: unknown; writable: unknown };
    if (!isReadable(readable)) throw fieldError('readable', 'Transform', 'ReadableStream');
    if (!isWritable(writable)) throw fieldError('writable', 'Transform', 'WritableStream');
    const taken = takePipeOptions('pipeThrough', options);
    if (locked) throw new NativeTypeError(READ_LOCKED);
    if (writeLocked(writable)) throw new NativeTypeError(WRITE_LOCKED);
    // The rejection is seen at the other end.
    void promiseThen(
      native.pipeTo(this, writable, taken),
      () => undefined,
      () => undefined,
    );
    return readable;
  },

  values(this: ReadableStream, options?: unknown): AsyncIterator<unknown> {
    requireUnlocked(this);
    return native.values(this, (options ?? undefined) as object);
  },
};

function isReadable(value: unknown): value is ReadableStream {
  try {
    readLocked(value as ReadableStream);
    return true;
  } catch {
    return false;
  }
}

function openByobReader(stream: ReadableStream): ReadableStreamReader<unknown> {
  try {
    return native.getReader(stream, { __proto__: null, mode: 'byob' } as object);
  } catch {
    throw new NativeTypeError(NO_BYOB);
  }
}

function takePipeOptions(method: string, options: unknown): StreamPipeOptions {
  const taken = { __proto__: null } as StreamPipeOptions;
  if (options === undefined || options === null) return taken;
  if (!isObject(options)) throw parameterError(method, 'ReadableStream', 2, 'PipeToOptions');
  const { preventAbort, preventCancel, preventClose, signal } = options as Options;
  taken.preventAbort = Boolean(preventAbort);
  taken.preventCancel = Boolean(preventCancel);
  taken.preventClose = Boolean(preventClose);
  if (signal === undefined) return taken;
  if (!isAbortSignal(signal)) throw fieldError('signal', 'PipeToOptions', 'AbortSignal');
  taken.signal = signal;
  return taken;
}

function noteReason(holder: WeakMap<object, Tee>, key: object, reason: unknown): void {
  const tee = weakMapGet(holder, key) as Tee | undefined;
  if (tee !== undefined) tee.lastReason = reason;
}

function cancelThrough(self: object, cancel: () => Promise<void>, reason: unknown): Promise<void> {
  if (weakSetHas(released, self)) return rejectWith(READER_RELEASED);
  noteReason(branchReaders, self, reason);
  return cancel();
}

const readerMethods = {
  read(this: ReadableStreamDefaultReader): Promise<ReadableStreamReadResult<unknown>> {
    return weakSetHas(released, this) ? rejectWith(READER_RELEASED) : native.read(this);
  },

  cancel(this: ReadableStreamDefaultReader, reason?: unknown): Promise<void> {
    return cancelThrough(this, () => native.readerCancel(this, reason), reason);
  },

  releaseLock(this: ReadableStreamDefaultReader): void {
    native.readerRelease(this);
    weakSetAdd(released, this);
  },
};

/** Bytes per element of the view; a DataView's are single. */
const elementBytes = (view: ArrayBufferView): number => (view as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;

function readInto(
  self: ReadableStreamBYOBReader,
  view: ArrayBufferView,
  minimumBytes: number | undefined,
): Promise<ReadableStreamReadResult<ArrayBufferView>> {
  if (weakSetHas(released, self)) return rejectWith(READER_RELEASED);
  const { byteLength } = view;
  if (byteLength === 0) {
    return rejectWith('You must call read() on a "byob" reader with a positive-sized TypedArray object.');
  }
  if (minimumBytes !== undefined && minimumBytes <= 0) {
    return rejectWith(`Requested invalid minimum number of bytes to read (${minimumBytes}).`);
  }
  if (minimumBytes !== undefined && minimumBytes > byteLength) {
    return rejectWith(`Minimum bytes to read (${minimumBytes}) exceeds size of buffer (${byteLength}).`);
  }
  const perElement = elementBytes(view);
  const min = minimumBytes === undefined ? 1 : -(-minimumBytes / perElement - ((-minimumBytes / perElement) % 1));
  const { constructor } = view as { constructor: unknown };
  const reading =
    min > 1 ? native.byobRead(self, view, { __proto__: null, min } as object) : native.byobRead(self, view);
  return promiseThen(reading, (result) => {
    if (!result.done) return result;
    // The last bytes of a stream that ends before the minimum is reached are bytes as others.
    if (result.value !== undefined) return result.value.byteLength > 0 ? { done: false, value: result.value } : result;
    // A cancelled stream keeps the buffer; the reader gets an empty view all the same.
    const empty = new (typeof constructor === 'function' ? (constructor as Uint8ArrayConstructor) : NativeUint8Array)(
      new ArrayBuffer(byteLength) as never,
      0 as never,
      0 as never,
    );
    return { done: true, value: empty } as ReadableStreamReadResult<ArrayBufferView>;
  });
}

const byobReaderMethods = {
  read(this: ReadableStreamBYOBReader, view?: unknown, options?: unknown): Promise<unknown> {
    return checked(() => {
      if (!arrayBufferView(view)) throw parameterError('read', 'ReadableStreamBYOBReader', 1, 'ArrayBufferView');
      const min = isObject(options) ? (options as { min?: unknown }).min : undefined;
      return readInto(this, view, min === undefined ? undefined : toUnsigned(min) * elementBytes(view));
    });
  },

  /** Cloudflare's own: settles when there are so many bytes, or when there will be no more. */
  readAtLeast(this: ReadableStreamBYOBReader, minimumBytes?: unknown, view?: unknown): Promise<unknown> {
    return checked(() => {
      if (minimumBytes === undefined) throw parameterError('readAtLeast', 'ReadableStreamBYOBReader', 1, 'integer');
      if (!arrayBufferView(view)) throw parameterError('readAtLeast', 'ReadableStreamBYOBReader', 2, 'ArrayBufferView');
      return readInto(this, view, +(minimumBytes as number));
    });
  },

  cancel(this: ReadableStreamBYOBReader, reason?: unknown): Promise<void> {
    return cancelThrough(this, () => native.byobCancel(this, reason), reason);
  },

  releaseLock(this: ReadableStreamBYOBReader): void {
    native.byobRelease(this);
    weakSetAdd(released, this);
  },
};

/** Deno's words for a controller whose stream takes nothing more. */
const CANNOT_ENQUEUE = 'The stream controller cannot close or enqueue';

const closing = new WeakSetConstructor();

const controllerMethods = {
  enqueue(this: ReadableStreamDefaultController, chunk?: unknown): void {
    try {
      native.enqueue(this, chunk);
    } catch (error) {
      if ((error as Error).message === CANNOT_ENQUEUE) throw new NativeTypeError('Unable to enqueue');
      // The strategy failed: the stream has the error, the caller does not get it.
    }
  },

  close(this: ReadableStreamDefaultController): void {
    try {
      native.close(this);
    } catch {
      throw new NativeTypeError('This ReadableStream is closed.');
    }
    weakSetAdd(closing, this);
  },

  /** What is still queued at `close()` is read whatever happens after. */
  error(this: ReadableStreamDefaultController, ...args: unknown[]): void {
    if (args.length === 0) throw parameterError('error', 'ReadableStreamDefaultController', 1, 'Value');
    if (!weakSetHas(closing, this)) native.error(this, args[0]);
  },
};

/** Requests that a closing stream has answered on its own. */
const answered = new WeakSetConstructor();

const byteControllerMethods = {
  enqueue(this: ReadableByteStreamController, chunk?: unknown): void {
    const bytes = chunk instanceof ArrayBuffer ? new NativeUint8Array(chunk) : chunk;
    if (!arrayBufferView(bytes)) throw parameterError('enqueue', 'ReadableByteStreamController', 1, 'BufferSource');
    if (bytes.byteLength === 0) throw new NativeTypeError('Cannot enqueue a zero-length ArrayBuffer.');
    try {
      native.byteEnqueue(this, bytes);
    } catch {
      throw new NativeTypeError('This ReadableByteStreamController is closed.');
    }
  },

  /** A read that waits is answered at once, with what there is. */
  close(this: ReadableByteStreamController): void {
    try {
      native.byteClose(this);
    } catch {
      throw new NativeTypeError('This ReadableByteStreamController is closed.');
    }
    const request = pendingRequest(this);
    if (request === null) return;
    respond(request, 0);
    weakSetAdd(answered, request);
  },
};

const byobRequestMethods = {
  respond(this: ReadableStreamBYOBRequest, bytesWritten?: unknown): void {
    const count = +(bytesWritten as number);
    if (count === 0 && weakSetHas(answered, this)) return;
    const room = byobView(this)?.byteLength;
    if (room !== undefined && count > room) {
      throw new RangeError(`Too many bytes [${count}] in response to a BYOB read request.`);
    }
    if (count < 0) throw new NativeTypeError('The bytesWritten must be more than zero while the stream is open.');
    try {
      respond(this, count);
    } catch (error) {
      throw count === 0
        ? new NativeTypeError('The bytesWritten must be more than zero while the stream is open.')
        : error;
    }
  },
};
const byobView = getterOf<ReadableStreamBYOBRequest, ArrayBufferView | null>(
  ReadableStreamBYOBRequest.prototype,
  'view',
);

const writableMethods = {
  getWriter(this: WritableStream): WritableStreamDefaultWriter {
    if (isWritableLocked(this)) throw new NativeTypeError(WRITE_LOCKED);
    return native.getWriter(this);
  },

  abort(this: WritableStream, reason?: unknown): Promise<void> {
    return checked(() => (isWritableLocked(this) ? rejectWith(WRITE_LOCKED) : native.abort(this, reason)));
  },

  close(this: WritableStream): Promise<void> {
    return checked(() => (isWritableLocked(this) ? rejectWith(WRITE_LOCKED) : native.closeWritable(this)));
  },
};

/** A stream that has failed says how; of one that is closed (or closing) nothing can be said but that. */
function afterClose(self: WritableStreamDefaultWriter, error: unknown): Promise<never> {
  if (desiredSize(self) === null) return promiseThen(writerClosed(self), () => promiseReject(error)) as Promise<never>;
  return desiredSize(self) === 0 && error instanceof TypeError ? rejectWith(WRITE_CLOSED) : promiseReject(error);
}

const writerMethods = {
  write(this: WritableStreamDefaultWriter, chunk?: unknown): Promise<void> {
    if (weakSetHas(released, this)) return rejectWith(WRITER_RELEASED);
    // A closing stream wants nothing more; any other that has room takes the chunk.
    if (desiredSize(this) !== 0) return native.write(this, chunk);
    return promiseThen(
      native.write(this, chunk),
      () => undefined,
      (error) => afterCloseMessage(error),
    ) as Promise<void>;
  },

  close(this: WritableStreamDefaultWriter): Promise<void> {
    if (weakSetHas(released, this)) return rejectWith(WRITER_RELEASED);
    return promiseThen(
      native.writerClose(this),
      () => undefined,
      (error) => afterClose(this, error),
    ) as Promise<void>;
  },

  abort(this: WritableStreamDefaultWriter, reason?: unknown): Promise<void> {
    return weakSetHas(released, this) ? rejectWith(WRITER_RELEASED) : native.writerAbort(this, reason);
  },

  releaseLock(this: WritableStreamDefaultWriter): void {
    native.writerRelease(this);
    weakSetAdd(released, this);
  },
};

const DENO_CLOSING = 'The stream is closing or is closed.';

const afterCloseMessage = (error: unknown): Promise<never> =>
  error instanceof TypeError && error.message === DENO_CLOSING ? rejectWith(WRITE_CLOSED) : promiseReject(error);

/** Replaces the global classes, and what user code calls on their instances. The harness keeps Deno's own. */
export function installStreams(): void {
  defineProperty(NativeReadableStream, 'from', { value: readableFrom });
  replaceConstructor('ReadableStream', NativeReadableStream, constructReadable as Construct);
  replaceConstructor('WritableStream', NativeWritableStream, constructWritable as Construct);
  replaceConstructor('TransformStream', NativeTransformStream, constructTransform as Construct);
  replaceMethods(NativeReadableStream.prototype, readableMethods as unknown as Record<string, AnyFunction>);
  defineProperty(NativeReadableStream.prototype, Symbol.asyncIterator, {
    value: readableMethods.values,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  replaceMethods(reader, readerMethods as unknown as Record<string, AnyFunction>);
  replaceMethods(byobReader, byobReaderMethods as unknown as Record<string, AnyFunction>);
  replaceMethods(ReadableStreamDefaultController.prototype, controllerMethods as never);
  replaceMethods(byteController, byteControllerMethods as never);
  replaceMethods(ReadableStreamBYOBRequest.prototype, byobRequestMethods as never);
  replaceMethods(NativeWritableStream.prototype, writableMethods as never);
  replaceMethods(writer, writerMethods as never);
  for (const side of ['readable', 'writable'] as const) {
    const get = getterOf<TransformStream, unknown>(NativeTransformStream.prototype, side);
    defineProperty(NativeTransformStream.prototype, side, {
      get(this: TransformStream) {
        const pair = weakMapGet(transformPairs, this) as TransformStream | undefined;
        return pair === undefined ? get(this) : pair[side];
      },
      enumerable: true,
      configurable: true,
    });
  }
}
