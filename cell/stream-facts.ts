/** What the harness knows about single streams and cannot ask the streams themselves, and the chunks of byte streams. */
import { copyOfAny } from './http/bytes.ts';
import {
  NativeReadableStream,
  NativeTypeError,
  NativeUint8Array,
  slotOf,
  utf8Encode,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
  weakSetAdd,
  WeakSetConstructor,
  weakSetHas,
} from './primordials.ts';

/** The ends of transform streams that are not Deno's own (`IdentityTransformStream` and its kin). */
export const transformPairs = new WeakMapConstructor<object, { readable: ReadableStream; writable: WritableStream }>();

const byteSinks = new WeakSetConstructor<object>();

/** Says which are the ends of such a transform stream. Bytes go into it and come out of it. */
export function registerBytePair(stream: object, pair: { readable: ReadableStream; writable: WritableStream }): void {
  weakMapSet(transformPairs, stream, pair);
  weakSetAdd(byteSinks, pair.writable);
}

/** Whether the stream is the writable end of one of these. */
export const takesBytes = (stream: WritableStream): boolean => weakSetHas(byteSinks, stream);

const lengths = new WeakMapConstructor<object, number>();

/** Says that exactly so many bytes will come out of the stream: a body made of it has that `content-length`. */
export function declareLength(stream: ReadableStream, bytes: number): void {
  weakMapSet(lengths, stream, bytes);
}

/** How many bytes the stream has promised, if it has. */
export const declaredLength = (stream: ReadableStream): number | undefined =>
  weakMapGet(lengths, stream) as number | undefined;

const disturbedSlot = slotOf(new NativeReadableStream(), '[[disturbed]]');

/** Whether somebody has read from the stream, cancelled it or split it: what it brings is no longer whole. */
export const isDisturbed = (stream: ReadableStream): boolean =>
  (stream as unknown as Record<symbol, boolean>)[disturbedSlot] === true;

/** Makes it count as read from. */
export const markDisturbed = (stream: ReadableStream): void => {
  (stream as unknown as Record<symbol, boolean>)[disturbedSlot] = true;
};

const ownSources = new WeakSetConstructor<object>();

/** Says that user code fills the stream. */
export const noteUserSource = (stream: ReadableStream): void => void weakSetAdd(ownSources, stream);

/** Whether user code fills the stream, and not the runtime: of such a one workerd stores what is left after somebody has read from it. */
export const hasUserSource = (stream: ReadableStream): boolean => weakSetHas(ownSources, stream);

/** workerd's words for a chunk that is no bytes. */
export const notConvertible = (): TypeError =>
  new NativeTypeError('Draining read encountered a value that cannot be converted to bytes');

export const notBytes = (): TypeError =>
  new NativeTypeError(
    'This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.',
  );

/** The bytes of a chunk, in a buffer of their own: text as UTF-8, nothing as no bytes. */
export function chunkBytes(chunk: unknown): Uint8Array<ArrayBuffer> {
  if (typeof chunk === 'string') return utf8Encode(chunk);
  if (chunk === undefined) return new NativeUint8Array(0);
  const bytes = copyOfAny(chunk);
  if (bytes === undefined) throw notBytes();
  return bytes;
}
