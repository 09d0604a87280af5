/**
 * The Cache API, as in https://developers.cloudflare.com/workers/runtime-apis/cache/. What is cached lies with the server; a cell only asks.
 */
import { callCache } from '../../calls.ts';
import { compatFlag } from '../../compat.ts';
import {
  type ByteStream,
  type HeaderList,
  isRequest,
  isResponse,
  isUsed,
  listGet,
  listToWire,
  requestList,
  requestMethod,
  requestUrl,
  type Request as HttpRequest,
  type Response,
  responseList,
  responseStatus,
  responseStatusText,
  responseType,
  takeEncoded,
} from '../../http/index.ts';
import {
  defineProperty,
  getOwnPropertyDescriptor,
  NativeError,
  NativeTypeError,
  NativeURL,
  stringIndexOf,
  symbolToStringTag,
  urlHref,
  utf8Encode,
} from '../../primordials.ts';
import { illegalConstructor, illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import { CACHE_LIMITS } from '../../../shared/limits.ts';

/** Known here only: nobody else makes caches. */
const CREATE = {};

type Args = readonly unknown[];

/** What a request, or a URL in its place, says to the cache. */
interface Key {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderList | undefined;
}

/** A `Request`, or anything that is a URL as text. Arguments are judged before anything else. */
function keyParameter(method: string, args: Args): unknown {
  if (args.length === 0) throw parameterError(method, 'Cache', 1, 'Request or string');
  const input = args[0];
  return isRequest(input) ? input : `${input as string}`;
}

function keyOf(input: unknown): Key {
  if (typeof input !== 'string') {
    const request = input as HttpRequest;
    return { method: requestMethod(request), url: requestUrl(request), headers: requestList(request) };
  }
  try {
    return { method: 'GET', url: urlHref(new NativeURL(input)), headers: undefined };
  } catch {
    throw new NativeTypeError(`Invalid URL: ${input}`);
  }
}

/** The cache is asked over HTTP, which has no word for a URL without a host. */
function checkUrl(url: string): string {
  const colon = stringIndexOf(url, ':');
  if (url[colon + 1] !== '/' || url[colon + 2] !== '/') {
    throw new NativeTypeError('Invalid URL. Cache API keys must be fully-qualified, valid URLs.');
  }
  return url;
}

/** `CacheQueryOptions`: whether the request's method is of no account. */
function ignoresMethod(method: string, args: Args): boolean {
  const options = args[1];
  if (options === undefined || options === null) return false;
  if (!isObject(options)) throw parameterError(method, 'Cache', 2, 'CacheQueryOptions');
  const { ignoreMethod, ignoreSearch, ignoreVary } = options as Record<string, unknown>;
  if (ignoreSearch !== undefined) throw unimplementedField('ignoreSearch');
  if (ignoreVary !== undefined) throw unimplementedField('ignoreVary');
  return !!ignoreMethod;
}

const unimplementedField = (field: string): Error =>
  new NativeError(`The '${field}' field on 'CacheQueryOptions' is not implemented.`);

/** The conditions and the range of a request: all that the cache asks about. */
const ASKED = ['range', 'if-none-match', 'if-modified-since'];

function askedHeaders(headers: HeaderList | undefined): string[] {
  const flat: string[] = [];
  if (headers === undefined) return flat;
  for (let index = 0; index < ASKED.length; index++) {
    const name = ASKED[index] as string;
    const value = listGet(headers, name);
    if (value === null) continue;
    flat[flat.length] = name;
    flat[flat.length] = value;
  }
  return flat;
}

let nameOf: (cache: Cache) => string | null;

export class Cache {
  readonly #name: string | null;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#name = args[1] as string | null;
  }

  static {
    // Not a method: the class would have to name itself, and the bundler gives a class that does another name.
    nameOf = (cache) => {
      if (!isObject(cache) || !(#name in cache)) throw illegalInvocation();
      return cache.#name;
    };
  }

  async match(...args: unknown[]): Promise<Response | undefined> {
    const name = nameOf(this);
    const input = keyParameter('match', args);
    const ignoreMethod = ignoresMethod('match', args);
    const { method, url, headers } = keyOf(input);
    if (method !== 'GET' && !ignoreMethod) return undefined;
    const answer = await callCache({
      cache: { name },
      method: 'GET',
      url: checkUrl(url),
      headers: askedHeaders(headers),
      body: null,
    });
    return listGet(responseList(answer), 'cf-cache-status') === 'HIT' ? answer : undefined;
  }

  async put(...args: unknown[]): Promise<void> {
    const name = nameOf(this);
    const input = keyParameter('put', args);
    const response = args[1];
    if (!isResponse(response)) throw parameterError('put', 'Cache', 2, 'Response');
    if (responseType(response) === 'error') throw new NativeTypeError('Cache is unable to store an error response');
    const { method, url } = keyOf(input);
    checkStorable(method, response);
    const status = responseStatus(response);
    if (status === 304) return;
    const body = takeBody(response);
    const head = { status, statusText: responseStatusText(response) };
    const headers = listToWire(responseList(response));
    await callCache({ cache: { name, put: head }, method: 'PUT', url: checkUrl(url), headers, body });
  }

  async delete(...args: unknown[]): Promise<boolean> {
    const name = nameOf(this);
    const input = keyParameter('delete', args);
    const ignoreMethod = ignoresMethod('delete', args);
    const { method, url } = keyOf(input);
    if (method !== 'GET' && !ignoreMethod) return false;
    const answer = await callCache({
      cache: { name },
      method: 'PURGE',
      url: checkUrl(url),
      headers: [],
      body: null,
    });
    return responseStatus(answer) === 200;
  }
}

function checkStorable(method: string, response: Response): void {
  if (method !== 'GET') throw new NativeTypeError('Cannot cache response to non-GET request.');
  if (responseStatus(response) === 206) {
    throw new NativeTypeError('Cannot cache response to a range request (206 Partial Content).');
  }
  if (responseStatus(response) === 101) throw new NativeTypeError('Cannot cache WebSocket upgrade response.');
  if (stringIndexOf(listGet(responseList(response), 'vary') ?? '', '*') !== -1) {
    throw new NativeTypeError("Cannot cache response with 'Vary: *' header.");
  }
}

/** The response's body, which is used from now on. */
function takeBody(response: Response): ByteStream | Uint8Array<ArrayBuffer> | null {
  try {
    return takeEncoded(response);
  } catch (error) {
    if (isUsed(response)) throw error;
    throw new NativeTypeError('The ReadableStream has been locked to a reader.');
  }
}

export class CacheStorage {
  readonly #default = new Cache(CREATE, null);

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    const value = this.#default;
    defineProperty(this, 'default', {
      get: () => value,
      set: () => {
        throw new NativeTypeError("Cannot assign to read only property 'default' of object '#<CacheStorage>'");
      },
      enumerable: true,
      configurable: true,
    });
  }

  async open(...args: unknown[]): Promise<Cache> {
    if (!isObject(this) || !(#default in this)) throw illegalInvocation();
    if (args.length === 0) throw parameterError('open', 'CacheStorage', 1, 'string');
    const name = `${args[0] as string}`;
    if (utf8Encode(name).length >= CACHE_LIMITS.maxNameBytes) throw new NativeTypeError('Cache name is too long.');
    return new Cache(CREATE, name);
  }
}

/** Methods of the standard that Workers has by name only. */
function unimplemented(type: { readonly prototype: object; readonly name: string }, names: readonly string[]): void {
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const value = (): never => {
      throw new NativeError(`Failed to execute '${name}' on '${type.name}': the method is not implemented.`);
    };
    defineProperty(value, 'name', { value: name, configurable: true });
    defineProperty(type.prototype, name, { value, writable: true, enumerable: true, configurable: true });
  }
}

/** As on Workers: methods are enumerable, and the class has its name as a tag. */
function publish(type: { readonly prototype: object; readonly name: string }, methods: readonly string[]): void {
  for (let index = 0; index < methods.length; index++) {
    const name = methods[index] as string;
    const { value } = getOwnPropertyDescriptor(type.prototype, name) as { value: unknown };
    defineProperty(type.prototype, name, { value, writable: true, enumerable: true, configurable: true });
  }
  if (!compatFlag('set_tostring_tag')) return;
  defineProperty(type.prototype, symbolToStringTag, { value: type.name, configurable: true });
}

publish(Cache, ['match', 'put', 'delete']);
unimplemented(Cache, ['add', 'addAll', 'keys', 'matchAll']);
publish(CacheStorage, ['open']);
unimplemented(CacheStorage, ['delete', 'has', 'keys', 'match']);

export const caches = new CacheStorage(CREATE);
