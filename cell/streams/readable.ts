/** `ReadableStream` and its readers. */
import { compatFlag } from '../compat.ts';
import {
  arrayBufferView,
  isAbortSignal,
  NativeTypeError,
  NativeUint8Array,
  promiseThen,
  uncurry,
  weakMapGet,
  weakMapSet,
  weakSetAdd,
  WeakSetConstructor,
  weakSetHas,
} from '../primordials.ts';
import { declaredLength, declareLength, hasUserSource, markDisturbed, noteUserSource } from '../stream-facts.ts';
import { fieldError, isObject, parameterError } from '../webidl.ts';
import { type Options, toUnsigned } from './arguments.ts';
import {
  checked,
  isLocked,
  isReadable,
  isWritable,
  ownByteStreams,
  READ_LOCKED,
  rejectWith,
  released,
  requireUnlocked,
  WRITE_LOCKED,
  writeLocked,
} from './checks.ts';
import { branches, branchReaders, noteReason, type Tee, teed } from './tee-reasons.ts';

const reader = ReadableStreamDefaultReader.prototype;
const byobReader = ReadableStreamBYOBReader.prototype;

const READER_RELEASED = 'This ReadableStream reader has been released.';
const NO_BYOB = 'This ReadableStream does not support BYOB reads.';

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
};

/** Readers that at the end give no view back: those of the platform's streams, before a certain date. */
const viewless = new WeakSetConstructor();

export const readableMethods = {
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
    if (mode !== undefined && !compatFlag('internal_stream_byob_return_view') && !weakSetHas(ownByteStreams, this)) {
      weakSetAdd(viewless, opened);
    }
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
    if (hasUserSource(this)) {
      noteUserSource(pair[0]);
      noteUserSource(pair[1]);
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

function cancelThrough(self: object, cancel: () => Promise<void>, reason: unknown): Promise<void> {
  if (weakSetHas(released, self)) return rejectWith(READER_RELEASED);
  noteReason(branchReaders, self, reason);
  return cancel();
}

export const readerMethods = {
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
    if ((result.value === undefined || result.value.byteLength === 0) && weakSetHas(viewless, self))
      return { done: true, value: undefined };
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

export const byobReaderMethods = {
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
