/** What the source of a `ReadableStream` is given: its controllers, and requests for bytes. */
import {
  arrayBufferView,
  getterOf,
  NativeTypeError,
  NativeUint8Array,
  uncurry,
  weakSetAdd,
  WeakSetConstructor,
  weakSetHas,
} from '../primordials.ts';
import { parameterError } from '../webidl.ts';

const byteController = ReadableByteStreamController.prototype;
const pendingRequest = getterOf<ReadableByteStreamController, ReadableStreamBYOBRequest | null>(
  byteController,
  'byobRequest',
);
const respond = uncurry(ReadableStreamBYOBRequest.prototype.respond);
const byobView = getterOf<ReadableStreamBYOBRequest, ArrayBufferView | null>(
  ReadableStreamBYOBRequest.prototype,
  'view',
);
const native = {
  enqueue: uncurry(ReadableStreamDefaultController.prototype.enqueue as (chunk: unknown) => void),
  close: uncurry(ReadableStreamDefaultController.prototype.close),
  error: uncurry(ReadableStreamDefaultController.prototype.error as (reason: unknown) => void),
  byteEnqueue: uncurry(byteController.enqueue as (chunk: ArrayBufferView) => void),
  byteClose: uncurry(byteController.close),
};

/** Deno's words for a controller whose stream takes nothing more. */
const CANNOT_ENQUEUE = 'The stream controller cannot close or enqueue';

const closing = new WeakSetConstructor();

export const controllerMethods = {
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

export const byteControllerMethods = {
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

export const byobRequestMethods = {
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
