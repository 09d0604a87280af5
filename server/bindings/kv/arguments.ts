/** The arguments of KV's operations: a cell's own words, so nothing of them is believed. */
import { KV_LIMITS } from '../../../shared/limits.ts';
import {
  type KvOperationLabel,
  type KvProblem,
  kvFailure,
  kvKeyProblem,
  kvLengthProblem,
  kvMetadataProblem,
} from '../../../shared/kv.ts';
import { OperationError } from '../data-binding.ts';

/** Ends the operation with what the worker is to hear. */
export function refuse(problem: KvProblem): never {
  throw new OperationError(problem.message, problem.name);
}

export const refuseWith = (label: KvOperationLabel, status: number, text: string): never =>
  refuse(kvFailure(label, status, text));

function check(problem: KvProblem | undefined): void {
  if (problem !== undefined) refuse(problem);
}

/** The harness never sends such arguments; whoever does has taken it over. */
const malformed = (): never => {
  throw new OperationError('The arguments of this operation have a wrong shape.', 'TypeError');
};

function fieldsOf(args: unknown): Readonly<Record<string, unknown>> {
  return typeof args === 'object' && args !== null ? (args as Record<string, unknown>) : malformed();
}

const text = (value: unknown): string => (typeof value === 'string' ? value : malformed());

const textOrNull = (value: unknown): string | null => (value === undefined || value === null ? null : text(value));

const integerOrNull = (value: unknown): number | null =>
  value === undefined || value === null ? null : Number.isSafeInteger(value) ? (value as number) : malformed();

/** A key within its limits. @throws OperationError in workerd's words */
export function readKey(label: KvOperationLabel, value: unknown): string {
  const key = text(value);
  check(kvKeyProblem(label, key, Buffer.byteLength(key)));
  return key;
}

function checkCacheTtl(label: KvOperationLabel, value: unknown): void {
  const cacheTtl = integerOrNull(value);
  if (cacheTtl !== null && cacheTtl < KV_LIMITS.minCacheTtlSeconds) {
    refuseWith(
      label,
      400,
      `Invalid cache_ttl of ${cacheTtl}. Cache TTL must be at least ${KV_LIMITS.minCacheTtlSeconds}.`,
    );
  }
}

/** The arguments of `get` of one key. @throws OperationError */
export function readGet(args: unknown): { readonly key: string } {
  const { key, cacheTtl } = fieldsOf(args);
  const checked = readKey('GET', key);
  checkCacheTtl('GET', cacheTtl);
  return { key: checked };
}

export interface BulkGet {
  readonly keys: readonly string[];
  readonly type: 'text' | 'json';
}

/** @param args those of the call, with `keys` from its body */
export function readBulkGet(args: unknown): BulkGet {
  const { keys, type, cacheTtl } = fieldsOf(args);
  const wanted = textOrNull(type) ?? '';
  if (wanted !== '' && wanted !== 'text' && wanted !== 'json') {
    refuseWith('GET_BULK', 400, `"${wanted.slice(0, 100)}" is not a valid type. Use "json" or "text"`);
  }
  if (!Array.isArray(keys)) return malformed();
  if (keys.length > KV_LIMITS.maxBulkReadKeys) {
    refuseWith('GET_BULK', 400, `You can request a maximum of ${KV_LIMITS.maxBulkReadKeys} keys`);
  }
  if (keys.length < 1) refuseWith('GET_BULK', 400, 'You must request a minimum of 1 key');
  const checked = keys.map((key) => readKey('GET_BULK', key));
  checkCacheTtl('GET_BULK', cacheTtl);
  return { keys: [...new Set(checked)], type: wanted === 'json' ? 'json' : 'text' };
}

export interface PutArguments {
  readonly key: string;
  readonly metadata: string | null;
  readonly expiresAt: number | null;
}

/** The arguments of `put`; times are seconds since the epoch. @throws OperationError */
export function readPut(args: unknown, nowSeconds: number): PutArguments {
  const { key, metadata, expiration, expirationTtl } = fieldsOf(args);
  const checked = readKey('PUT', key);
  const expiresAt = expiryOf(integerOrNull(expirationTtl), integerOrNull(expiration), nowSeconds);
  return { key: checked, expiresAt, metadata: readMetadata(metadata) };
}

function readMetadata(value: unknown): string | null {
  const metadata = textOrNull(value);
  if (metadata === null) return null;
  check(kvMetadataProblem(Buffer.byteLength(metadata)));
  try {
    JSON.parse(metadata);
  } catch {
    refuseWith('PUT', 400, 'Metadata has to be JSON.');
  }
  return metadata;
}

/** Seconds since 1970, or null: it does not expire. A time to live goes before a time. */
export function expiryOf(ttl: number | null, at: number | null, nowSeconds: number): number | null {
  const minimum = KV_LIMITS.minExpirationTtlSeconds;
  if (ttl !== null) {
    if (ttl <= 0) refuseWith('PUT', 400, `Invalid expiration_ttl of ${ttl}. Please specify integer greater than 0.`);
    if (ttl < minimum) {
      refuseWith('PUT', 400, `Invalid expiration_ttl of ${ttl}. Expiration TTL must be at least ${minimum}.`);
    }
    return nowSeconds + ttl;
  }
  if (at === null) return null;
  if (at <= nowSeconds) {
    refuseWith(
      'PUT',
      400,
      `Invalid expiration of ${at}. Please specify integer greater than the current number of seconds since the UNIX epoch.`,
    );
  }
  if (at < nowSeconds + minimum) {
    refuseWith(
      'PUT',
      400,
      `Invalid expiration of ${at}. Expiration times must be at least ${minimum} seconds in the future.`,
    );
  }
  return at;
}

export interface ListArguments {
  readonly prefix: string;
  readonly cursor: string | null;
  readonly limit: number;
}

/** The arguments of `list`; a limit of 0 is the default. @throws OperationError */
export function readList(args: unknown): ListArguments {
  const { prefix, cursor, limit } = fieldsOf(args);
  const checked = textOrNull(prefix) ?? '';
  check(kvLengthProblem('GET', Buffer.byteLength(checked)));
  const wanted = integerOrNull(limit) ?? 0;
  if (wanted > KV_LIMITS.maxListKeys) {
    refuseWith(
      'GET',
      400,
      `Invalid key_count_limit of ${wanted}. Please specify an integer less than ${KV_LIMITS.maxListKeys}.`,
    );
  }
  return {
    prefix: checked,
    cursor: textOrNull(cursor) || null,
    limit: wanted > 0 ? wanted : KV_LIMITS.maxListKeys,
  };
}
