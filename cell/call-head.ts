/** What goes in front of a call: where it goes, its URL, headers and `cf`, as the server may see them. */
import { HOP_BY_HOP } from '../shared/http.ts';
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import type { InvocationTarget } from '../shared/protocol.ts';
import {
  listGet,
  listHas,
  listToWire,
  type Request,
  requestCache,
  requestCf,
  requestList,
  requestMethod,
} from './http/index.ts';
import {
  jsonStringify,
  MapConstructor,
  mapGet,
  mapSet,
  NativeTypeError,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  utf8Encode,
  nativeString,
} from './primordials.ts';

/** Where a call goes: a binding by its name, an entrypoint of the worker itself, or (null) the internet. */
export type Destination = string | InvocationTarget | null;

/** As the head of a call or session names it. */
export const toWire = (destination: Destination): { binding: string | null; loopback?: InvocationTarget } =>
  typeof destination === 'object' && destination !== null
    ? { binding: null, loopback: destination }
    : { binding: destination };

/** The URL as it goes out: a fragment stays with the caller, and so do user name and password. */
export function sentUrl(url: string): string {
  if (stringIndexOf(url, '#') < 0 && stringIndexOf(url, '@') < 0) return url;
  const fragment = stringIndexOf(url, '#');
  const whole = fragment < 0 ? url : stringSlice(url, 0, fragment);
  const start = stringIndexOf(whole, '://') + 3;
  const path = stringIndexOf(stringSlice(whole, start), '/');
  const authority = path < 0 ? whole.length : start + path;
  const at = stringIndexOf(stringSlice(whole, start, authority), '@');
  return at < 0 ? whole : stringSlice(whole, 0, start) + stringSlice(whole, start + at + 1);
}

/** What `cache` says to those who read `cf`. */
const CACHE_CF = {
  __proto__: null,
  'no-store': { cacheTtl: -1, cacheLevel: 'bypass', cacheControl: 'no-store' },
  'no-cache': { cacheForceRevalidate: true, cacheControl: 'no-cache' },
} as unknown as Readonly<Record<string, object>>;

interface CacheOptions {
  readonly cacheTtl?: unknown;
  readonly cacheControl?: unknown;
}

/** A whole number of seconds is also said in the words of the header, as workerd does it. */
function withCacheControl(given: CacheOptions | undefined): CacheOptions | undefined {
  const ttl = given?.cacheTtl;
  if (typeof ttl !== 'number' || (ttl | 0) !== ttl) return given;
  return { ...given, cacheControl: ttl === -1 ? 'no-store' : `max-age=${ttl}` };
}

function requireCompatible({ cacheTtl, cacheControl }: CacheOptions, cache: string): void {
  if (cacheTtl !== undefined && cache === 'no-store' && cacheTtl !== -1) {
    throw new NativeTypeError(`CacheTtl: ${nativeString(cacheTtl)}, is not compatible with cache: ${cache} header.`);
  }
  if (cacheControl !== undefined) {
    throw new NativeTypeError(
      "The 'cacheControl' option on cf cannot be used together with the 'cache' request option. The 'cache' option ('no-store'/'no-cache') maps to cache TTL behavior internally, which conflicts with explicit Cache-Control directives.",
    );
  }
}

/**
 * Another worker sees the `cf` that its caller gave or was given; the internet has no use for it. Without one a request that names a host
 * would pass for a visitor's, so it says that there is none.
 */
export function callCf(request: Request, destination: Destination): { cf?: string } {
  if (destination === null) return {};
  const cache = requestCache(request);
  const byCache = cache === undefined ? undefined : CACHE_CF[cache];
  const given = requestCf(request) as CacheOptions | undefined;
  if (byCache !== undefined && given !== undefined) requireCompatible(given, cache as string);
  const cf = byCache === undefined ? withCacheControl(given) : { ...given, ...byCache };
  if (cf !== undefined) return { cf: jsonStringify(cf) };
  return listHas(requestList(request), 'host') ? { cf: 'null' } : {};
}

/** A request that wants nothing out of a cache says so to those on the way. */
export function callHeaders(request: Request): string[] {
  const flat = listToWire(requestList(request));
  if (requestCache(request) === undefined) return flat;
  if (!listHas(flat, 'cache-control')) appendHeader(flat, 'cache-control', 'no-cache');
  if (!listHas(flat, 'pragma')) appendHeader(flat, 'pragma', 'no-cache');
  return flat;
}

function appendHeader(flat: string[], name: string, value: string): void {
  flat[flat.length] = name;
  flat[flat.length] = value;
}

export function asksForWebSocket(request: Request, isOutside: boolean): boolean {
  const upgrade = listGet(requestList(request), 'upgrade');
  if (upgrade === null || stringToLowerCase(upgrade) !== 'websocket') return false;
  if (requestMethod(request) !== 'GET' && isOutside) {
    throw new NativeTypeError('WebSocket must be initiated with a GET request.');
  }
  return true;
}

const names = new MapConstructor<string, Uint8Array>();

/** A destination as a frame names it. */
export function nameOf(destination: Exclude<Destination, null>): Uint8Array {
  if (typeof destination !== 'string') return utf8Encode(jsonStringify(destination));
  const known = mapGet(names, destination);
  if (known !== undefined) return known;
  const name = utf8Encode(destination);
  // As many as the worker has bindings.
  mapSet(names, destination, name);
  return name;
}

/** What belongs to whoever sends a body. The server lets none of it pass. */
const FRAMING = { __proto__: null, 'content-length': true } as unknown as Record<string, boolean>;
for (const name of HOP_BY_HOP) FRAMING[name] = true;

/** Takes them out of the list itself. */
export function withoutFraming(flat: string[]): string[] {
  let kept = 0;
  for (let index = 0; index < flat.length; index += 2) {
    if (FRAMING[flat[index] as string]) continue;
    flat[kept++] = flat[index] as string;
    flat[kept++] = flat[index + 1] as string;
  }
  flat.length = kept;
  return flat;
}

/** @throws {TypeError} when it is too long */
export function encodeHead(head: string): Uint8Array {
  const encoded = utf8Encode(head);
  if (encoded.length > CHANNEL_LIMITS.maxHeadBytes) {
    throw new NativeTypeError(`URL and headers of a request may have ${CHANNEL_LIMITS.maxHeadBytes} bytes together.`);
  }
  return encoded;
}
