/** What a worker is told of objects: `HeadResult` (R2Object), `GetResult` (R2ObjectBody) and their checksums, as workerd makes them. */
import { type Checksums as ChecksumTexts, HASH_NAMES, type ObjectHead } from '../../../shared/r2.ts';
import { compatFlag } from '../../compat.ts';
import {
  bodyArrayBuffer,
  bodyBytes,
  bodyJson,
  bodyText,
  type ByteStream,
  Headers,
  isUsed,
  makeBlob,
  listOf,
  makeReceivedResponse,
  type Response,
  streamBehind,
} from '../../http/index.ts';
import {
  defineProperty,
  NativeDate,
  NativeUint8Array,
  numberParseInt,
  promiseThen,
  stringSlice,
  uncurry,
} from '../../primordials.ts';
import type { R2ObjectParts } from '../../r2-objects.ts';
import { illegalConstructor, illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import { HTTP_HEADERS } from './arguments.ts';

/** Known here only: nobody else makes objects. */
const CREATE = {};
const headersSet = uncurry(Headers.prototype.set as (name: string, value: string) => void) as unknown as (
  headers: object,
  name: string,
  value: string,
) => void;
const toUtcText = uncurry(NativeDate.prototype.toUTCString);

/** Used again for each property: to make a descriptor costs more than to define with it, and a page of a list has 17,000 of them. */
const READ_ONLY = { __proto__: null, value: undefined, writable: false, enumerable: true, configurable: true } as {
  value: unknown;
};

/** Own and read-only, as workerd's lazy instance properties are. */
export function ownProperty(target: object, name: string, value: unknown): void {
  READ_ONLY.value = value;
  defineProperty(target, name, READ_ONLY);
  READ_ONLY.value = undefined;
}

let checksumsOf: (value: object) => ChecksumTexts | undefined;

export class Checksums {
  readonly #texts!: ChecksumTexts;

  static {
    checksumsOf = (value) => (#texts in value ? value.#texts : undefined);
  }

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    const texts = args[1] as ChecksumTexts;
    this.#texts = texts;
    for (let index = HASH_NAMES.length - 1; index >= 0; index--) {
      const name = HASH_NAMES[index] as (typeof HASH_NAMES)[number];
      const hex = texts[name];
      ownProperty(this, name, hex === undefined ? undefined : fromHex(hex));
    }
  }

  /** With `enable_fast_jsg_struct` what comes from workerd has every member, undefined or not: here and in `range`, `httpMetadata`. */
  toJSON(): ChecksumTexts {
    if (!isObject(this) || !(#texts in this)) throw illegalInvocation();
    const shown: Record<string, string | undefined> = {};
    const all = compatFlag('enable_fast_jsg_struct');
    for (let index = 0; index < HASH_NAMES.length; index++) {
      const name = HASH_NAMES[index] as (typeof HASH_NAMES)[number];
      const hex = this.#texts[name];
      if (all || hex !== undefined) shown[name] = hex;
    }
    return shown as ChecksumTexts;
  }
}

function fromHex(hex: string): ArrayBuffer {
  const bytes = new NativeUint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = numberParseInt(stringSlice(hex, index * 2, index * 2 + 2), 16);
  }
  return bytes.buffer;
}

let headOf: (value: object) => ObjectHead | undefined;
let responseOf: (value: object) => Response | null;

export class HeadResult {
  readonly #head!: ObjectHead;

  static {
    headOf = (value) => (#head in value ? value.#head : undefined);
  }

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    const head = args[1] as ObjectHead;
    this.#head = head;
    ownProperty(this, 'ssecKeyMd5', undefined);
    ownProperty(this, 'storageClass', head.storageClass);
    ownProperty(this, 'range', shownRange(head));
    ownProperty(this, 'customMetadata', head.customMetadata);
    ownProperty(this, 'httpMetadata', shownHttpMetadata(head));
    ownProperty(this, 'uploaded', new NativeDate(head.uploaded));
    ownProperty(this, 'checksums', new Checksums(CREATE, head.checksums));
    ownProperty(this, 'httpEtag', `"${head.etag}"`);
    ownProperty(this, 'etag', head.etag);
    ownProperty(this, 'size', head.size);
    ownProperty(this, 'version', head.version);
    ownProperty(this, 'key', head.key);
  }

  writeHttpMetadata(...args: unknown[]): void {
    if (!isObject(this) || !(#head in this)) throw illegalInvocation();
    const headers = args[0];
    if (listOf(headers) === undefined) throw parameterError('writeHttpMetadata', 'HeadResult', 1, 'Headers');
    const { httpMetadata } = this.#head;
    for (let index = 0; index < HTTP_HEADERS.length; index++) {
      const [field, name] = HTTP_HEADERS[index] as (typeof HTTP_HEADERS)[number];
      const value = httpMetadata[field];
      if (value !== undefined) headersSet(headers as object, name, value);
    }
    const { cacheExpiry } = httpMetadata;
    if (cacheExpiry !== undefined) headersSet(headers as object, 'expires', toUtcText(new NativeDate(cacheExpiry)));
  }
}

function shownRange({ range }: ObjectHead): object | undefined {
  if (range === undefined || !compatFlag('enable_fast_jsg_struct')) return range;
  return { offset: range.offset, length: range.length, suffix: undefined };
}

function shownHttpMetadata({ httpMetadata }: ObjectHead): object {
  const shown: Record<string, unknown> = {};
  const all = compatFlag('enable_fast_jsg_struct');
  for (let index = 0; index < HTTP_HEADERS.length; index++) {
    const [field] = HTTP_HEADERS[index] as (typeof HTTP_HEADERS)[number];
    if (all || httpMetadata[field] !== undefined) shown[field] = httpMetadata[field];
  }
  if (httpMetadata.cacheExpiry !== undefined) shown.cacheExpiry = new NativeDate(httpMetadata.cacheExpiry);
  else if (all) shown.cacheExpiry = undefined;
  return shown;
}

export class GetResult extends HeadResult {
  /** Its body is the object's: what reads bodies reads this one. */
  readonly #response!: Response;

  static {
    responseOf = (value) => (#response in value ? value.#response : null);
  }

  constructor(...args: unknown[]) {
    super(...args);
    this.#response = args[2] as Response;
  }

  get body(): ByteStream | null {
    if (!isObject(this) || !(#response in this)) throw illegalInvocation();
    return streamBehind(this.#response);
  }

  get bodyUsed(): boolean {
    if (!isObject(this) || !(#response in this)) throw illegalInvocation();
    return isUsed(this.#response);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    if (!isObject(this) || !(#response in this)) throw illegalInvocation();
    return bodyArrayBuffer(this.#response);
  }

  bytes(): Promise<Uint8Array> {
    if (!isObject(this) || !(#response in this)) throw illegalInvocation();
    return bodyBytes(this.#response);
  }

  text(): Promise<string> {
    if (!isObject(this) || !(#response in this)) throw illegalInvocation();
    return bodyText(this.#response);
  }

  json(): Promise<unknown> {
    if (!isObject(this) || !(#response in this)) throw illegalInvocation();
    return bodyJson(this.#response);
  }

  /** Its type is the one in the metadata, as it was written there. */
  blob(): Promise<unknown> {
    if (!isObject(this) || !(#response in this)) throw illegalInvocation();
    const type = headOf(this)?.httpMetadata.contentType ?? '';
    return promiseThen(bodyBytes(this.#response), (bytes) => makeBlob(bytes, type));
  }
}

/** As RPC sends it. */
export function partsOf(value: object): R2ObjectParts | undefined {
  const head = headOf(value);
  if (head !== undefined) return { head, response: responseOf(value) };
  const checksums = checksumsOf(value);
  return checksums === undefined ? undefined : { head: null, checksums };
}

export const makeChecksums = (texts: ChecksumTexts): Checksums => new Checksums(CREATE, texts);

/** The server's record as it came: keys of metadata may be called anything, `__proto__` too. */
export const makeHead = (head: ObjectHead): HeadResult => new HeadResult(CREATE, head);

export function makeBody(head: ObjectHead, content: Uint8Array<ArrayBuffer> | ByteStream): GetResult {
  const { contentType } = head.httpMetadata;
  const isWhole = content instanceof NativeUint8Array;
  const response = makeReceivedResponse({
    status: 200,
    statusText: '',
    list: contentType === undefined ? [] : ['content-type', contentType],
    body: { whole: isWhole ? content : null, stream: isWhole ? null : content, type: null },
    url: '',
    redirected: false,
    webSocket: null,
  });
  return new GetResult(CREATE, head, response);
}
