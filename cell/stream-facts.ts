/** What the harness knows about single streams and cannot ask the streams themselves. */
import { NativeReadableStream, slotOf, WeakMapConstructor, weakMapGet, weakMapSet } from './primordials.ts';

/** The ends of transform streams that are not Deno's own (`IdentityTransformStream` and its kin). */
export const transformPairs = new WeakMapConstructor<object, { readable: ReadableStream; writable: WritableStream }>();

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
