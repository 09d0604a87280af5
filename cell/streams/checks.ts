/** What is checked before Deno's streams are asked, with workerd's words for what is refused. */
import { getterOf, NativeTypeError, promiseReject, WeakSetConstructor } from '../primordials.ts';
import { illegalInvocation } from '../webidl.ts';

export const READ_LOCKED = 'This ReadableStream is currently locked to a reader.';
export const WRITE_LOCKED = 'This WritableStream is currently locked to a writer.';

const readLocked = getterOf<ReadableStream, boolean>(ReadableStream.prototype, 'locked');
export const writeLocked = getterOf<WritableStream, boolean>(WritableStream.prototype, 'locked');

/** Readers and writers that have let go of their streams. */
export const released = new WeakSetConstructor();

/** Byte streams of the worker's own making; all others are the platform's. */
export const ownByteStreams = new WeakSetConstructor();

/** Of a ReadableStream. Throws 'Illegal invocation' for anything else. */
export function isLocked(stream: unknown): boolean {
  try {
    return readLocked(stream as ReadableStream);
  } catch {
    throw illegalInvocation();
  }
}

/** Throws TypeError when the stream has a reader. */
export function requireUnlocked(stream: unknown, message = READ_LOCKED): void {
  if (isLocked(stream)) throw new NativeTypeError(message);
}

/** Of a WritableStream. Throws 'Illegal invocation' for anything else. */
export function isWritableLocked(stream: unknown): boolean {
  try {
    return writeLocked(stream as WritableStream);
  } catch {
    throw illegalInvocation();
  }
}

/** Asks the engine, not the prototype. */
export function isWritable(value: unknown): value is WritableStream {
  try {
    writeLocked(value as WritableStream);
    return true;
  } catch {
    return false;
  }
}

export const rejectWith = (message: string): Promise<never> => promiseReject(new NativeTypeError(message));

/** Runs the check now, and answers with a rejection when it throws. */
export function checked<T>(check: () => Promise<T>): Promise<T> {
  try {
    return check();
  } catch (error) {
    return promiseReject(error);
  }
}

/** Asks the engine, not the prototype. */
export function isReadable(value: unknown): value is ReadableStream {
  try {
    readLocked(value as ReadableStream);
    return true;
  } catch {
    return false;
  }
}
