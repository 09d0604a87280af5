/**
 * What Request and Response share: a body, and the ways to read it. A body given as text or bytes stays that, and no stream is made,
 * until user code asks for one.
 */
import { compatFlag } from '../compat.ts';
import {
  NativeReadableStream,
  NativeTypeError,
  apply,
  exactUtf8Decode,
  jsonParse,
  streamGetReader,
  streamLocked,
  streamTee,
  uncurry,
  utf8Decode,
  utf8Encode,
} from '../primordials.ts';
import { type Blob, blobBytes, blobTypeOf, makeBlob } from './blob.ts';
import { copyOf } from './bytes.ts';
import { parseForm, serializeForm } from './form-codec.ts';
import { type FormData, formEntries } from './form-data.ts';
import { type HeaderList, listGet } from './headers.ts';
import { normalMime } from './mime.ts';
import { illegalConstructor, illegalInvocation, INTERNAL, NOTHING, publicConstructor } from './shape.ts';
import { type ByteStream, exhaust, isStream, readAll, streamOf, wholeOf } from './streams.ts';
import { currentOwner, NO_OWNER, requireOwner } from '../io-owner.ts';
import { refuseAtStartup } from '../startup.ts';
import { isDisturbed } from '../stream-facts.ts';
import { toText } from './text.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A body that is there as a whole. Text stays text: most bodies go out without ever being looked at. */
export type Whole = string | Bytes;

export interface BodyInit {
  readonly whole: Whole | null;
  readonly stream: ByteStream | null;
  /** The content type that comes with it. */
  readonly type: string | null;
}

export const NO_BODY: BodyInit = { whole: null, stream: null, type: null };

const TEXT_TYPE = 'text/plain;charset=UTF-8';
const FORM_TYPE = 'application/x-www-form-urlencoded;charset=UTF-8';

const searchParamsText = uncurry(URLSearchParams.prototype.toString);

/** A body that is made, not passed on, is I/O: a worker's top level may not begin any. */
function textBody(text: string): BodyInit {
  refuseAtStartup();
  return { whole: text, stream: null, type: TEXT_TYPE };
}

/** Fetch standard, "extract a body", for everything the runtime takes as one. */
export function extractBody(value: unknown): BodyInit {
  if (typeof value === 'string') return textBody(value);
  if (value === null || value === undefined) return NO_BODY;
  if (typeof value !== 'object') return textBody(toText(value));
  if (isStream(value)) return { whole: null, stream: usable(value), type: null };
  refuseAtStartup();
  const bytes = copyOf(value);
  if (bytes !== undefined) return { whole: bytes, stream: null, type: null };
  return extractObject(value);
}

function extractObject(value: object): BodyInit {
  const blob = blobBytes(value);
  if (blob !== undefined) {
    const type = blobTypeOf(value as Blob);
    return { whole: blob, stream: null, type: type === '' ? null : type };
  }
  const entries = formEntries(value);
  if (entries !== undefined) {
    const { bytes, type } = serializeForm(entries);
    return { whole: bytes, stream: null, type };
  }
  const parameters = searchText(value);
  if (parameters !== undefined) return { whole: parameters, stream: null, type: FORM_TYPE };
  if (compatFlag('fetch_iterable_type_support') && isIterable(value)) {
    return { whole: null, stream: streamFrom(value), type: null };
  }
  return { whole: toText(value), stream: null, type: TEXT_TYPE };
}

function searchText(value: object): string | undefined {
  try {
    return searchParamsText(value as URLSearchParams);
  } catch {
    return undefined;
  }
}

const stringValue = uncurry(String.prototype.valueOf);

/** A String object is text and not a sequence of characters. */
function isStringObject(value: object): boolean {
  try {
    stringValue(value as string & object);
    return true;
  } catch {
    return false;
  }
}

const isIterable = (value: object): boolean => {
  if (isStringObject(value)) return false;
  const iterable = value as { [Symbol.asyncIterator]?: unknown; [Symbol.iterator]?: unknown };
  return typeof iterable[Symbol.asyncIterator] === 'function' || typeof iterable[Symbol.iterator] === 'function';
};

const nativeFrom = (NativeReadableStream as unknown as { from(source: unknown): ByteStream }).from;
const streamFrom = (source: object): ByteStream =>
  apply(nativeFrom as (...args: never[]) => unknown, NativeReadableStream, [source]) as ByteStream;

function usable(stream: ByteStream): ByteStream {
  if (isDisturbed(stream)) {
    throw new NativeTypeError(
      'This ReadableStream is disturbed (has already been read from), and cannot be used as a body.',
    );
  }
  if (streamLocked(stream)) {
    throw new NativeTypeError('This ReadableStream is locked to a reader, and cannot be used as a body.');
  }
  return stream;
}

const bodyUsedError = (): TypeError =>
  new NativeTypeError(
    'Body has already been used. It can only be used once. Use tee() first if you need to read it twice.',
  );

let streamBehind: (body: Body) => ByteStream | null;
/** Somebody reads it. Makes no stream: nobody can have locked one that is not there. */
let isBodyLocked: (body: Body) => boolean;
let isUsed: (body: Body) => boolean;
let isBodyless: (body: Body) => boolean;
let ownBody: (body: Body, owner: number) => void;
let take: (body: Body) => Whole | ByteStream | null;
let copyBody: (body: Body) => BodyInit;
let moveBody: (body: Body) => BodyInit;
let peekWhole: (body: Body) => Whole | null;

/** A Body's constructor takes this pair from its subclasses; anybody else gets "Illegal constructor". */
export abstract class Body {
  #whole: Whole | null;
  #stream: ByteStream | null;
  /** The whole body was read, or moved to another Request. */
  #taken = false;
  /** Whose the body is, unless it is a stream of the worker's own making. */
  #owner = NO_OWNER;

  constructor(key?: unknown, init?: BodyInit) {
    if (key !== INTERNAL) throw illegalConstructor();
    const { whole, stream } = init as BodyInit;
    this.#whole = whole;
    this.#stream = stream;
    if (whole !== null) this.#owner = currentOwner();
  }

  static {
    ownBody = (body, owner) => {
      body.#owner = owner;
    };
    isBodyless = (body) => body.#whole === null && body.#stream === null;
    isUsed = (body) => body.#taken || (body.#stream !== null && isDisturbed(body.#stream));
    streamBehind = (body) => {
      if (body.#stream === null && body.#whole !== null) {
        const stream = streamOf(bytesOf(body.#whole), body.#owner);
        if (body.#taken) exhaust(stream);
        body.#stream = stream;
      }
      return body.#stream;
    };
    isBodyLocked = (body) => body.#stream !== null && streamLocked(body.#stream);
    peekWhole = (body) => {
      if (body.#taken) return null;
      if (body.#stream === null) return body.#whole;
      return wholeOf(body.#stream) ?? null;
    };
    take = (body) => {
      if (isUsed(body)) throw bodyUsedError();
      const stream = body.#stream;
      if (stream === null) {
        if (body.#whole !== null) body.#taken = true;
        requireOwner(body.#owner);
        return body.#whole;
      }
      if (streamLocked(stream)) throw new NativeTypeError('This ReadableStream is currently locked to a reader.');
      requireOwner(body.#owner);
      const whole = wholeOf(stream);
      if (whole === undefined) return stream;
      exhaust(stream);
      return whole;
    };
    copyBody = (body) => {
      if (isBodyless(body)) return NO_BODY;
      if (body.#taken || (body.#stream !== null && streamLocked(body.#stream))) {
        throw new NativeTypeError('This ReadableStream is currently locked to a reader,');
      }
      requireOwner(body.#owner);
      const stream = body.#stream;
      if (stream === null) return { whole: body.#whole, stream: null, type: null };
      const whole = wholeOf(stream);
      if (whole !== undefined) {
        streamGetReader(stream);
        body.#stream = null;
        body.#whole = whole;
        return { whole, stream: null, type: null };
      }
      const branches = streamTee(stream);
      body.#stream = branches[0] as ByteStream;
      return { whole: null, stream: branches[1] as ByteStream, type: null };
    };
    moveBody = (body) => {
      if (isBodyless(body)) return NO_BODY;
      if (isUsed(body)) throw new NativeTypeError('Cannot reconstruct a Request with a used body.');
      requireOwner(body.#owner);
      const stream = body.#stream;
      if (stream === null) {
        body.#taken = true;
        return { whole: body.#whole, stream: null, type: null };
      }
      if (streamLocked(stream)) throw new NativeTypeError('The ReadableStream has been locked to a reader.');
      const whole = wholeOf(stream);
      if (whole === undefined) {
        body.#taken = true;
        return { whole: null, stream, type: null };
      }
      exhaust(stream);
      return { whole, stream: null, type: null };
    };
  }

  get body(): ByteStream | null {
    if (!(#whole in (this ?? NOTHING))) throw illegalInvocation();
    return streamBehind(this);
  }

  get bodyUsed(): boolean {
    if (!(#whole in (this ?? NOTHING))) throw illegalInvocation();
    return isUsed(this);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    if (!(#whole in (this ?? NOTHING))) throw illegalInvocation();
    return readBuffer(this);
  }

  bytes(): Promise<Bytes> {
    if (!(#whole in (this ?? NOTHING))) throw illegalInvocation();
    return readBytes(this);
  }

  text(): Promise<string> {
    if (!(#whole in (this ?? NOTHING))) throw illegalInvocation();
    return readText(this);
  }

  json(): Promise<unknown> {
    if (!(#whole in (this ?? NOTHING))) throw illegalInvocation();
    return readJson(this);
  }

  formData(): Promise<FormData> {
    if (!(#whole in (this ?? NOTHING))) throw illegalInvocation();
    return readForm(this);
  }

  blob(): Promise<Blob> {
    if (!(#whole in (this ?? NOTHING))) throw illegalInvocation();
    return readBlob(this);
  }
}
export { copyBody, isBodyless, isBodyLocked, isUsed, moveBody, ownBody, peekWhole, streamBehind, take };

export const bytesOf = (whole: Whole): Bytes => (typeof whole === 'string' ? utf8Encode(whole) : whole);

/** Where the headers of a Body are; set by the classes, which know. */
let headersOf: (body: Body) => HeaderList;
export const setHeadersOf = (lookUp: (body: Body) => HeaderList): void => {
  headersOf = lookUp;
};

/** Bytes that nobody else holds, but for those of a whole body. */
async function readWhole(body: Body): Promise<Whole | null> {
  const taken = take(body);
  return isStreamTaken(taken) ? await readAll(taken) : taken;
}

const isStreamTaken = (taken: Whole | ByteStream | null): taken is ByteStream =>
  taken !== null && typeof taken !== 'string' && !(taken instanceof Uint8Array);

async function readBytes(body: Body): Promise<Bytes> {
  const whole = await readWhole(body);
  if (whole === null) return utf8Encode('');
  // A clone may share the bytes, and the reader may write into what it gets.
  return typeof whole === 'string' ? utf8Encode(whole) : (copyOf(whole) as Bytes);
}

async function readBuffer(body: Body): Promise<ArrayBuffer> {
  return (await readBytes(body)).buffer;
}

async function readText(body: Body): Promise<string> {
  const whole = await readWhole(body);
  if (whole === null) return '';
  const dropsMark = compatFlag('strip_bom_in_read_all_text');
  if (typeof whole !== 'string') return dropsMark ? utf8Decode(whole) : exactUtf8Decode(whole);
  const text = toText(whole);
  return text[0] === '\ufeff' && dropsMark ? utf8Decode(utf8Encode(text)) : text;
}

async function readJson(body: Body): Promise<unknown> {
  return jsonParse(await readText(body));
}

async function readForm(body: Body): Promise<FormData> {
  const type = listGet(headersOf(body), 'content-type');
  const whole = await readWhole(body);
  return parseForm(bytesOf(whole ?? ''), type);
}

async function readBlob(body: Body): Promise<Blob> {
  const bytes = await readBytes(body);
  const type = listGet(headersOf(body), 'content-type') ?? '';
  return makeBlob(bytes, compatFlag('blob_standard_mime_type') ? normalMime(type) : type);
}

export {
  readBlob as bodyBlob,
  readBuffer as bodyArrayBuffer,
  readBytes as bodyBytes,
  readJson as bodyJson,
  readText as bodyText,
};

export const PublicBody = publicConstructor(Body, 'Body');
