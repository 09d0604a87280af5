/** `WritableStream` and its writer. */
import {
  getterOf,
  NativeTypeError,
  promiseReject,
  promiseThen,
  uncurry,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
  weakSetAdd,
  weakSetHas,
} from '../primordials.ts';
import { takesBytes } from '../stream-facts.ts';
import { checked, isWritableLocked, rejectWith, released, WRITE_LOCKED } from './checks.ts';

const writer = WritableStreamDefaultWriter.prototype;

const WRITER_RELEASED = 'This WritableStream writer has been released.';
const WRITE_CLOSED = 'This WritableStream has been closed.';
/** Deno's words for it. */
const DENO_CLOSING = 'The stream is closing or is closed.';

const desiredSize = getterOf<WritableStreamDefaultWriter, number | null>(writer, 'desiredSize');
const writerClosed = getterOf<WritableStreamDefaultWriter, Promise<undefined>>(writer, 'closed');
const native = {
  getWriter: uncurry(WritableStream.prototype.getWriter),
  abort: uncurry(WritableStream.prototype.abort as (reason: unknown) => Promise<void>),
  closeWritable: uncurry(WritableStream.prototype.close),
  write: uncurry(writer.write as (chunk: unknown) => Promise<void>),
  writerClose: uncurry(writer.close),
  writerAbort: uncurry(writer.abort as (reason: unknown) => Promise<void>),
  writerRelease: uncurry(writer.releaseLock),
};

/** Writers of the platform's byte streams, and whether they were told why the stream failed: that is told once. */
const byteWriters = new WeakMapConstructor<object, { told: boolean }>();

function tellOnce(self: WritableStreamDefaultWriter, operation: () => Promise<void>): Promise<void> {
  const state = weakMapGet(byteWriters, self) as { told: boolean } | undefined;
  if (state === undefined) return operation();
  if (state.told) return rejectWith(WRITE_CLOSED);
  return promiseThen(operation(), undefined, (error) => {
    state.told ||= desiredSize(self) === null;
    return promiseReject(error);
  }) as Promise<unknown> as Promise<void>;
}

export const writableMethods = {
  getWriter(this: WritableStream): WritableStreamDefaultWriter {
    if (isWritableLocked(this)) throw new NativeTypeError(WRITE_LOCKED);
    const opened = native.getWriter(this);
    if (takesBytes(this)) weakMapSet(byteWriters, opened, { told: false });
    return opened;
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

export const writerMethods = {
  write(this: WritableStreamDefaultWriter, chunk?: unknown): Promise<void> {
    if (weakSetHas(released, this)) return rejectWith(WRITER_RELEASED);
    // A closing stream wants nothing more; any other that has room takes the chunk.
    if (desiredSize(this) !== 0) return tellOnce(this, () => native.write(this, chunk));
    return promiseThen(
      native.write(this, chunk),
      () => undefined,
      (error) => afterCloseMessage(error),
    ) as Promise<void>;
  },

  close(this: WritableStreamDefaultWriter): Promise<void> {
    if (weakSetHas(released, this)) return rejectWith(WRITER_RELEASED);
    return tellOnce(
      this,
      () =>
        promiseThen(
          native.writerClose(this),
          () => undefined,
          (error) => afterClose(this, error),
        ) as Promise<void>,
    );
  },

  abort(this: WritableStreamDefaultWriter, reason?: unknown): Promise<void> {
    if (weakSetHas(released, this)) return rejectWith(WRITER_RELEASED);
    const state = weakMapGet(byteWriters, this) as { told: boolean } | undefined;
    if (state !== undefined) state.told = true;
    return native.writerAbort(this, reason);
  },

  releaseLock(this: WritableStreamDefaultWriter): void {
    native.writerRelease(this);
    weakSetAdd(released, this);
  },
};

const afterCloseMessage = (error: unknown): Promise<never> =>
  error instanceof TypeError && error.message === DENO_CLOSING ? rejectWith(WRITE_CLOSED) : promiseReject(error);
