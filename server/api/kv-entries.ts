/** The checks that entries of KV pass on their way in through the API. The limits are those of the binding. */
import { KV_LIMITS } from '../../shared/limits.ts';
import { type ApiError, fail } from './errors.ts';

export const invalid = (reason: string): ApiError => fail('kvInvalid', { reason });

/** The key, if it may be one. Throws ApiError. */
export function checkKey(key: string): string {
  if (key === '') throw invalid('The key is empty.');
  if (key === '.' || key === '..') throw invalid(`"${key}" is not allowed as a key.`);
  const bytes = Buffer.byteLength(key);
  if (bytes > KV_LIMITS.maxKeyBytes) {
    throw invalid(`The key '${key.slice(0, 40)}…' has ${bytes} bytes; ${KV_LIMITS.maxKeyBytes} are allowed.`);
  }
  return key;
}

/** Throws ApiError when the value or its metadata is too large. */
export function checkEntry({
  key,
  valueBytes,
  metadata,
}: {
  readonly key?: string;
  readonly valueBytes: number;
  readonly metadata: string | null;
}): void {
  const of = key === undefined ? '' : ` of key '${key.slice(0, 100)}'`;
  if (valueBytes > KV_LIMITS.maxValueBytes) {
    throw invalid(`The value${of} has ${valueBytes} bytes; ${KV_LIMITS.maxValueBytes} are allowed.`);
  }
  const bytes = Buffer.byteLength(metadata ?? '');
  if (bytes > KV_LIMITS.maxMetadataBytes) {
    throw invalid(`The metadata${of} has ${bytes} bytes as JSON; ${KV_LIMITS.maxMetadataBytes} are allowed.`);
  }
}

/** Metadata as it came in a form. Throws ApiError when it is no JSON. */
export function metadataText(text: string | null): string | null {
  if (text === null || text === 'null') return null;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    throw invalid('The metadata is no JSON.');
  }
}

/** When the entry expires: from a time to live (which goes first) or a time, both in seconds. Throws ApiError. */
export function entryOptions(
  expiration: string | number | null,
  expirationTtl: string | number | null,
): { readonly expiresAt: number | null } {
  const now = Math.floor(Date.now() / 1000);
  const least = KV_LIMITS.minExpirationTtlSeconds;
  const ttl = wholeNumber('expiration_ttl', expirationTtl);
  if (ttl !== null) {
    if (ttl < least) throw invalid(`expiration_ttl is ${ttl}; it has to be at least ${least} seconds.`);
    return { expiresAt: now + ttl };
  }
  const at = wholeNumber('expiration', expiration);
  if (at !== null && at < now + least) {
    throw invalid(`expiration is ${at}; it has to be at least ${least} seconds after now, which is ${now}.`);
  }
  return { expiresAt: at };
}

function wholeNumber(name: string, value: string | number | null): number | null {
  if (value === null || value === '') return null;
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw invalid(`${name} is '${String(value).slice(0, 40)}'; it has to be a whole number of seconds.`);
}
