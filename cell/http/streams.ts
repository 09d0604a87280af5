/** Streams of bodies: made from bytes that are there, read to their end, and what is known of one from outside. */
import {
  copyInto,
  getterOf,
  NativeReadableStream,
  NativeTypeError,
  promiseThen,
  readerCancel,
  readerRead,
  slotOf,
  streamGetReader,
  streamLocked,
  subarray,
  uncurry,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
} from '../primordials.ts';
import { currentOwner, requireOwner } from '../io-owner.ts';
import { declareLength, isDisturbed } from '../stream-facts.ts';
import { joinBytes, viewOf } from './bytes.ts';

export type ByteStream = ReadableStream<Uint8Array>;

/** What the runtime reads from a body that it holds, at a time. */
const CHUNK_BYTES = 4096;

const byobRequestOf = getterOf<ReadableByteStreamController, ReadableStreamBYOBRequest | null>(
  ReadableByteStreamController.prototype,
  'byobRequest',
);
const byobView = getterOf<ReadableStreamBYOBRequest, Uint8Array<ArrayBuffer>>(
  ReadableStreamBYOBRequest.prototype,
  'view',
);
const byobRespond = uncurry(ReadableStreamBYOBRequest.prototype.respond as (bytes: number) => void) as unknown as (
  request: ReadableStreamBYOBRequest,
  bytes: number,
) => void;
const byteClose = uncurry(ReadableByteStreamController.prototype.close) as (
  controller: ReadableByteStreamController,
) => void;

const resourceSlot = slotOf(new NativeReadableStream(), '[[resourceBacking]]');

export function isStream(value: unknown): value is ByteStream {
  if (typeof value !== 'object' || value === null) return false;
  try {
    streamLocked(value as ByteStream);
    return true;
  } catch {
    return false;
  }
}

/** Whether Deno itself fills the stream: then Deno can also send it without a turn through JavaScript. */
export function isNative(stream: ByteStream): boolean {
  const resource = (stream as unknown as Record<symbol, unknown>)[resourceSlot];
  return resource !== undefined && resource !== null;
}

interface HeldBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly owner: number;
}

/** Bytes that a stream will bring, while nobody has read from it. */
const wholes = new WeakMapConstructor<ByteStream, HeldBytes>();
/** A byte stream of bytes that are there; both kinds of readers work on it. Only its owner reads it (`io-owner.ts`). */
export function streamOf(bytes: Uint8Array<ArrayBuffer>, owner = currentOwner()): ByteStream {
  let at = 0;
  const cancel = (): void => requireOwner(owner);
  const pull = (controller: ReadableByteStreamController): void => {
    requireOwner(owner);
    const request = byobRequestOf(controller) as ReadableStreamBYOBRequest;
    const view = viewOf(byobView(request)) as Uint8Array<ArrayBuffer>;
    const left = bytes.length - at;
    const count = view.length < left ? view.length : left;
    if (count > 0) {
      copyInto(view, subarray(bytes, at, at + count), 0);
      at += count;
      byobRespond(request, count);
    }
    if (at === bytes.length) closeBytes(controller);
  };
  const source = { __proto__: null, type: 'bytes', autoAllocateChunkSize: CHUNK_BYTES, pull, cancel };
  const stream = new NativeReadableStream(source as unknown as UnderlyingByteSource) as ByteStream;
  weakMapSet(wholes, stream, { bytes, owner });
  declareLength(stream, bytes.length);
  return stream;
}

/** Closes the stream; a reader that waits with a buffer of its own must be answered too. */
export function closeBytes(controller: ReadableByteStreamController): void {
  byteClose(controller);
  const waiting = byobRequestOf(controller);
  if (waiting !== null) byobRespond(waiting, 0);
}

/** The bytes of a stream from `streamOf` that nobody has read from. */
export function wholeOf(stream: ByteStream): Uint8Array<ArrayBuffer> | undefined {
  if (isDisturbed(stream) || streamLocked(stream)) return undefined;
  const held = weakMapGet(wholes, stream) as HeldBytes | undefined;
  if (held === undefined) return undefined;
  requireOwner(held.owner);
  return held.bytes;
}

/** Makes the stream one that was read: locked and closed. */
export function exhaust(stream: ByteStream): void {
  void promiseThen(readerCancel(streamGetReader(stream)), undefined, () => undefined);
}

export const notBytes = (): TypeError => new NativeTypeError('This ReadableStream did not return bytes.');

/** Everything the stream brings. */
export async function readAll(stream: ByteStream): Promise<Uint8Array<ArrayBuffer>> {
  const reader = streamGetReader(stream);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await readerRead(reader);
    if (done) break;
    const chunk = viewOf(value);
    if (chunk === undefined) {
      const error = notBytes();
      void promiseThen(readerCancel(reader, error), undefined, () => undefined);
      throw error;
    }
    chunks[chunks.length] = chunk;
    length += chunk.length;
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array<ArrayBuffer>) : joinBytes(chunks, length);
}
