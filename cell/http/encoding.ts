/**
 * Content-Encoding as the Workers runtime has it: a response's header says how its body travels, and user code reads and writes it plain.
 * What comes in encoded is decoded when somebody reads it; what goes out is encoded by its header, unless `encodeBody` is "manual".
 * A body that is passed on unread, under the same header, goes through as it is.
 */
import { compatFlag } from '../compat.ts';
import { declaredLength, isDisturbed } from '../stream-facts.ts';
import {
  NativeReadableStream,
  readerCancel,
  readerRead,
  streamGetReader,
  streamLocked,
  uncurry,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
} from '../primordials.ts';
import { bytesOf, take } from './body.ts';
import { listGet } from './headers.ts';
import { type Response, responseEncodes, responseList } from './response.ts';
import { type ByteStream, closeBytes, streamOf } from './streams.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const NativeCompression = CompressionStream;
const NativeDecompression = DecompressionStream;
const pipeThrough = uncurry(ReadableStream.prototype.pipeThrough as (transform: unknown) => ByteStream);
const byteEnqueue = uncurry(
  ReadableByteStreamController.prototype.enqueue as (chunk: Uint8Array) => void,
) as unknown as (controller: ReadableByteStreamController, chunk: Uint8Array) => void;

/** The compression that a Content-Encoding names, as the engine calls it; undefined for what the runtime leaves alone. */
function formatOf(encoding: string): CompressionFormat | undefined {
  if (encoding === 'gzip') return 'gzip';
  return encoding === 'br' && compatFlag('brotli_content_encoding') ? ('brotli' as CompressionFormat) : undefined;
}

interface Encoded {
  readonly encoding: string;
  readonly raw: Bytes | ByteStream;
}

/** Of decoded bodies that nobody has read from: what they are made of. */
const encodedBodies = new WeakMapConstructor<ByteStream, Encoded>();

/** A body that came in under this Content-Encoding, as it is to be read. */
export function decodeBody(raw: Bytes | ByteStream, encoding: string): Bytes | ByteStream {
  const format = formatOf(encoding);
  if (format === undefined) return raw;
  const open = (): ByteStream => {
    const stream = raw instanceof NativeReadableStream ? raw : streamOf(raw);
    return pipeThrough(stream, new NativeDecompression(format));
  };
  const stream = lazyStream(open);
  weakMapSet(encodedBodies, stream, { encoding, raw });
  return stream;
}

/** A byte stream over one that is only opened when somebody reads. */
function lazyStream(open: () => ByteStream): ByteStream {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const source = {
    __proto__: null,
    type: 'bytes',
    async pull(controller: ReadableByteStreamController): Promise<void> {
      reader ??= streamGetReader(open());
      const { done, value } = await readerRead(reader);
      if (done) closeBytes(controller);
      else byteEnqueue(controller, value);
    },
    cancel(reason: unknown): Promise<void> {
      reader ??= streamGetReader(open());
      return readerCancel(reader, reason);
    },
  };
  return new NativeReadableStream(source as unknown as UnderlyingByteSource) as ByteStream;
}

/** What a stream is in its encoded form, when it has not been touched and the header asks for that form. */
function unreadForm(stream: ByteStream, encoding: string): Bytes | ByteStream | undefined {
  if (isDisturbed(stream) || streamLocked(stream)) return undefined;
  const encoded = weakMapGet(encodedBodies, stream) as Encoded | undefined;
  if (encoded === undefined || encoded.encoding !== encoding) return undefined;
  // Its reader would wait for bytes that go elsewhere now.
  streamGetReader(stream);
  return encoded.raw;
}

/** A body on its way out under this Content-Encoding. An empty one stays empty. */
function encodeBody(body: Bytes | ByteStream, encoding: string): Bytes | ByteStream {
  const format = formatOf(encoding);
  if (format === undefined) return body;
  if (!(body instanceof NativeReadableStream)) {
    return body.length === 0 ? body : pipeThrough(streamOf(body), new NativeCompression(format));
  }
  if (declaredLength(body) === 0) return body;
  return unreadForm(body, encoding) ?? pipeThrough(body, new NativeCompression(format));
}

/** Takes a response's body as it is to travel: encoded by its header, unless the response says that it is already. */
export function takeEncoded(response: Response): Bytes | ByteStream | null {
  const body = take(response);
  if (body === null) return null;
  const plain = typeof body === 'string' ? bytesOf(body) : body;
  const encoding = responseEncodes(response) ? listGet(responseList(response), 'content-encoding') : null;
  return encoding === null ? plain : encodeBody(plain, encoding);
}
