/** KV namespaces, as in https://developers.cloudflare.com/kv/api/. What is stored lies with the server; a cell only asks. */
import {
  type KvOperationLabel,
  type KvProblem,
  kvFailure,
  kvKeyProblem,
  kvLengthProblem,
  kvMetadataProblem,
} from '../../../shared/kv.ts';
import { callData, type DataAnswer } from '../../calls.ts';
import { compatFlag } from '../../compat.ts';
import { copyOfAny } from '../../http/bytes.ts';
import { type ByteStream, readAll, streamOf } from '../../http/index.ts';
import {
  defineProperty,
  deleteProperty,
  exactUtf8Decode,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  getterOf,
  isArray,
  jsonParse,
  jsonStringify,
  MapConstructor,
  mapSet,
  NativeError,
  NativePromise,
  NativeTypeError,
  NativeUint8Array,
  streamLocked,
  symbolToStringTag,
  utf8Decode,
  utf8Encode,
} from '../../primordials.ts';
import { hasUserSource, isDisturbed } from '../../stream-facts.ts';
import { asStored, isWellFormed, wtf8Encode } from '../../lone-surrogates.ts';
import { refuseClonesOf } from '../../scope-functions.ts';
import { illegalConstructor, illegalInvocation, isObject, parameterError } from '../../webidl.ts';

type Args = readonly unknown[];
type Bytes = Uint8Array<ArrayBuffer>;

const OWNER = 'KvNamespace';
/** Known here only: nobody else makes namespaces. */
const CREATE = {};
const bufferOf = getterOf<Bytes, ArrayBuffer>(getPrototypeOf(NativeUint8Array.prototype) as object, 'buffer');

const errorOf = ({ name, message }: KvProblem): Error =>
  name === 'TypeError' ? new NativeTypeError(message) : new NativeError(message);

function check(problem: KvProblem | undefined): void {
  if (problem !== undefined) throw errorOf(problem);
}

/** As the server checks it, but before anything is sent: a longer key would not fit into the head of a call. */
function checkKey(label: KvOperationLabel, key: string): void {
  check(kvKeyProblem(label, key, utf8Encode(key).length));
  // The text is Cloudflare's: there a key travels in a URL.
  if (!isWellFormed(key)) throw errorOf(kvFailure(label, 400, 'Could not URL-decode key name'));
}

/** An `int` of WebIDL as workerd converts it; undefined stays absent. */
function toInt(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = +(value as number);
  if (number !== number || number === Infinity || number === -Infinity) return 0;
  const whole = number - (number % 1);
  if (whole < -2147483648 || whole > 2147483647) {
    throw new NativeTypeError('Value out of range. Must be between -2147483648 and 2147483647 (inclusive).');
  }
  // Not -0, which JSON would keep.
  return whole + 0;
}

const toText = (value: unknown): string => `${value as string}`;

interface GetOptions {
  /** Undefined: text. */
  readonly type: string | undefined;
  readonly cacheTtl: number | undefined;
}

/** The second argument of `get` and `getWithMetadata`: a type, or an object. */
function getOptions(value: unknown): GetOptions {
  if (value === undefined || value === null) return { type: undefined, cacheTtl: undefined };
  if (!isObject(value)) return { type: toText(value), cacheTtl: undefined };
  const { type } = value as { type?: unknown };
  const wanted = type === undefined ? undefined : toText(type);
  return { type: wanted, cacheTtl: toInt((value as { cacheTtl?: unknown }).cacheTtl) };
}

/** The first argument of `get` and `getWithMetadata`: a key, or several. */
function keyOrKeys(value: unknown): string | string[] {
  if (!isArray(value)) return toText(value);
  const keys: string[] = [];
  for (let index = 0; index < value.length; index++) keys[index] = asStored(toText(value[index]));
  return keys;
}

interface Found {
  readonly value: unknown;
  readonly metadata: unknown;
}

const NOT_FOUND: Found = { value: null, metadata: null };

async function getOne(binding: string, key: string, { type, cacheTtl }: GetOptions): Promise<Found> {
  checkKey('GET', key);
  const answer = await callData(binding, { name: 'get', args: { key, cacheTtl } });
  const result = answer.result as { readonly metadata: string | null } | null;
  if (result === null) return NOT_FOUND;
  const value = await readValue(answer.body, type ?? 'text');
  return { value, metadata: result.metadata === null ? null : jsonParse(result.metadata) };
}

async function readValue(body: DataAnswer['body'], type: string): Promise<unknown> {
  if (type === 'stream') return body instanceof NativeUint8Array ? streamOf(body) : body;
  if (type !== 'text' && type !== 'json' && type !== 'arrayBuffer') {
    throw new NativeTypeError('Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".');
  }
  const bytes = body instanceof NativeUint8Array ? body : await readAll(body);
  if (type === 'arrayBuffer') return bufferOf(bytes);
  const text = exactUtf8Decode(bytes);
  return type === 'text' ? text : jsonParse(text);
}

async function wholeBody({ body }: DataAnswer): Promise<Bytes> {
  return body instanceof NativeUint8Array ? body : await readAll(body);
}

async function getValue(binding: string, key: string, { type, cacheTtl }: GetOptions): Promise<unknown> {
  checkKey('GET', key);
  const { result, body } = await callData(binding, { name: 'get', args: { key, cacheTtl } });
  if (result === null) return null;
  // Without a promise more for what is there already.
  if (type === undefined && body instanceof NativeUint8Array) return exactUtf8Decode(body);
  return await readValue(body, type ?? 'text');
}

/** The values of several keys, as a Map with null for those that do not exist. */
async function getMany(
  binding: string,
  keys: readonly string[],
  { type, cacheTtl }: GetOptions,
  withMetadata: boolean,
): Promise<Map<string, unknown>> {
  const body = utf8Encode(jsonStringify(keys));
  const answer = await callData(binding, { name: 'getMany', args: { type, cacheTtl } }, body);
  const rows = jsonParse(utf8Decode(await wholeBody(answer))) as (readonly [string, string | null, string | null])[];
  const map = new MapConstructor<string, unknown>();
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] as (typeof rows)[number];
    // Not destructured: that would go through an iterator that user code may have replaced.
    const key = row[0];
    const text = row[1];
    const metadata = row[2];
    const value = text !== null && type === 'json' ? jsonParse(text) : text;
    if (!withMetadata || value === null) mapSet(map, key, value);
    else mapSet(map, key, { value, metadata: metadata === null ? null : jsonParse(metadata) });
  }
  return map;
}

const NOT_STORABLE = 'KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.';

/** What is stored: bytes as they are now, or a stream that is read from now on. */
function toBody(value: string | object): Bytes | ByteStream {
  if (typeof value === 'string') return wtf8Encode(value);
  const bytes = copyOfAny(value);
  if (bytes !== undefined) return bytes;
  let isLocked: boolean;
  try {
    isLocked = streamLocked(value as ByteStream);
  } catch {
    // As in workerd, which makes text of it before it finds that it may not: some objects refuse that in their own words.
    void toText(value);
    throw new NativeTypeError(NOT_STORABLE);
  }
  if (isLocked) throw new NativeTypeError('The ReadableStream has been locked to a reader.');
  if (isDisturbed(value as ByteStream) && !hasUserSource(value as ByteStream))
    throw new NativeTypeError('This ReadableStream is disturbed.');
  return value as ByteStream;
}

interface PutOptions {
  readonly expiration: number | undefined;
  readonly expirationTtl: number | undefined;
  /** As it was given. */
  readonly metadata: unknown;
}

function putOptions(value: unknown): PutOptions {
  if (value === undefined || value === null) {
    return { expiration: undefined, expirationTtl: undefined, metadata: undefined };
  }
  if (!isObject(value)) throw parameterError('put', OWNER, 3, 'PutOptions');
  const { expiration, expirationTtl, metadata } = value as Record<string, unknown>;
  return { expiration: toInt(expiration), expirationTtl: toInt(expirationTtl), metadata };
}

/** JSON. */
function metadataText(metadata: unknown): string | undefined {
  if (metadata === undefined || metadata === null) return undefined;
  const text = jsonStringify(metadata) as string | undefined;
  if (text === undefined) throw errorOf(kvFailure('PUT', 400, 'Metadata has to be JSON.'));
  check(kvMetadataProblem(utf8Encode(text).length));
  return text;
}

async function put(binding: string, args: Args): Promise<void> {
  if (args.length === 0) throw parameterError('put', OWNER, 1, 'string');
  const key = toText(args[0]);
  if (args.length === 1) throw parameterError('put', OWNER, 2, 'string or Object');
  const value = isObject(args[1]) ? args[1] : toText(args[1]);
  const { expiration, expirationTtl, metadata } = putOptions(args[2]);
  checkKey('PUT', key);
  const options = { key, expiration, expirationTtl, metadata: metadataText(metadata) };
  const body = toBody(value);
  try {
    await callData(binding, { name: 'put', args: options }, body);
  } catch (error) {
    // What a stream failed with may be anything; as on Workers an Error comes of it.
    if (!isObject(error)) throw new NativeError(toText(error));
    throw error;
  }
}

async function deleteKey(binding: string, args: Args): Promise<void> {
  if (args.length === 0) throw parameterError('delete', OWNER, 1, 'string');
  const key = toText(args[0]);
  checkKey('DELETE', key);
  await callData(binding, { name: 'delete', args: { key } });
}

interface ListOptions {
  readonly limit: number | undefined;
  readonly prefix: string | undefined;
  readonly cursor: string | undefined;
}

const optionalText = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : asStored(toText(value));

function listOptions(value: unknown): ListOptions {
  if (value === undefined || value === null) return { limit: undefined, prefix: undefined, cursor: undefined };
  if (!isObject(value)) throw parameterError('list', OWNER, 1, 'ListOptions');
  const options = value as Record<string, unknown>;
  const limit = toInt(options.limit);
  const prefix = optionalText(options.prefix);
  return { limit, prefix, cursor: optionalText(options.cursor) };
}

interface ListedKey {
  name: string;
  expiration?: number;
  metadata?: unknown;
}

async function list(binding: string, args: Args): Promise<unknown> {
  const options = listOptions(args[0]);
  check(kvLengthProblem('GET', utf8Encode(options.prefix ?? '').length));
  const answer = await callData(binding, { name: 'list', args: options });
  const { keys: rows, cursor } = jsonParse(utf8Decode(await wholeBody(answer))) as {
    readonly keys: readonly (readonly [name: string, expiration: number | null, metadata: string | null])[];
    readonly cursor: string | null;
  };
  const keys: ListedKey[] = [];
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] as (typeof rows)[number];
    const key: ListedKey = { name: row[0] };
    if (row[1] !== null) key.expiration = row[1];
    if (row[2] !== null) key.metadata = jsonParse(row[2]);
    keys[index] = key;
  }
  if (cursor === null) return { keys, list_complete: true, cacheStatus: null };
  return { keys, list_complete: false, cursor, cacheStatus: null };
}

/** What goes wrong within is what the promise is rejected with. */
const promised = <T>(run: () => Promise<T>): Promise<T> => new NativePromise((resolve) => resolve(run()));

let bindingOf: (namespace: KvNamespace) => string;

class KvNamespace {
  readonly #binding: string;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#binding = args[1] as string;
  }

  static {
    // Not a method: the class would have to name itself, and the bundler gives a class that does another name.
    bindingOf = (namespace) => {
      if (!isObject(namespace) || !(#binding in namespace)) throw illegalInvocation();
      return namespace.#binding;
    };
  }

  // These throw at once, as on Workers, when an argument has a wrong type; the others give a promise that is rejected.

  get(...args: unknown[]): Promise<unknown> {
    const binding = bindingOf(this);
    if (args.length === 0) throw parameterError('get', OWNER, 1, 'string or Array');
    const keys = keyOrKeys(args[0]);
    const options = getOptions(args[1]);
    if (typeof keys !== 'string') return promised(() => getMany(binding, keys, options, false));
    return getValue(binding, keys, options);
  }

  list(...args: unknown[]): Promise<unknown> {
    const binding = bindingOf(this);
    return promised(() => list(binding, args));
  }

  put(...args: unknown[]): Promise<void> {
    const binding = bindingOf(this);
    return promised(() => put(binding, args));
  }

  getWithMetadata(...args: unknown[]): Promise<unknown> {
    const binding = bindingOf(this);
    if (args.length === 0) throw parameterError('getWithMetadata', OWNER, 1, 'Array or string');
    const keys = keyOrKeys(args[0]);
    const options = getOptions(args[1]);
    if (typeof keys !== 'string') return promised(() => getMany(binding, keys, options, true));
    // Of this method alone the wrong names are thrown at once, as on Workers.
    if (keys === '' || keys === '.' || keys === '..') checkKey('GET', keys);
    return promised(async () => {
      const { value, metadata } = await getOne(binding, keys, options);
      return { value, metadata, cacheStatus: null };
    });
  }

  delete(...args: unknown[]): Promise<void> {
    const binding = bindingOf(this);
    return promised(() => deleteKey(binding, args));
  }
}

/** As on Workers: methods are enumerable and stand before the constructor, and the class has its name as a tag. */
function publish(methods: readonly string[]): void {
  const { constructor } = KvNamespace.prototype;
  deleteProperty(KvNamespace.prototype, 'constructor');
  for (let index = 0; index < methods.length; index++) {
    const name = methods[index] as string;
    const { value } = getOwnPropertyDescriptor(KvNamespace.prototype, name) as { value: unknown };
    defineProperty(KvNamespace.prototype, name, { value, writable: true, enumerable: true, configurable: true });
  }
  const hidden = { value: constructor, writable: true, enumerable: false, configurable: true };
  defineProperty(KvNamespace.prototype, 'constructor', hidden);
  if (!compatFlag('set_tostring_tag')) return;
  defineProperty(KvNamespace.prototype, symbolToStringTag, { value: OWNER, configurable: true });
}

publish(['get', 'list', 'put', 'getWithMetadata', 'delete']);
refuseClonesOf(KvNamespace, 'A KV namespace binding cannot be serialized.');

/** The namespace that `env` has under this name. */
export const createBinding = (name: string): object => new KvNamespace(CREATE, name);
