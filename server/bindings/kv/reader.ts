/** Reading through the cache. */
import type { KvEntry, KvStore } from '../../storage/kv/types.ts';
import { isUnavailable } from '../../storage/errors.ts';
import { ANY_AGE, type KvCache, type KvOwner, MAX_AGE_MS } from './cache.ts';

export interface KvReaderOptions {
  readonly store: Pick<KvStore, 'read' | 'isDown'>;
  readonly cache: KvCache;
  /** False: writes of other nodes are not heard of now. */
  readonly hearsOthers: () => boolean;
}

/** Keys that were read. */
export interface KvReadCounts {
  readonly cached: number;
  readonly asked: number;
}

export interface KvReader {
  readonly counts: KvReadCounts;
  /** At once when it is known; in the order of the keys, null where there is none. */
  read(namespace: KvOwner, keys: readonly string[]): (KvEntry | null)[] | Promise<(KvEntry | null)[]>;
}

/**
 * While the other nodes are heard of, what is cached is the answer. While they are not, the database is asked first; what is cached then
 * answers only when the database cannot.
 */
export function createKvReader({ store, cache, hearsOthers }: KvReaderOptions): KvReader {
  const counts = { cached: 0, asked: 0 };
  const isFresh = (): boolean => hearsOthers() && !store.isDown;

  const find = ({ number: namespace }: KvOwner, key: string, maxAgeMs: number): KvEntry | null | undefined => {
    const found = cache.find(namespace, key, maxAgeMs);
    if (found !== undefined) counts.cached++;
    return found;
  };

  const readAll = async (namespace: KvOwner, keys: readonly string[]): Promise<(KvEntry | null)[]> => {
    const tickets = keys.map((key) => cache.begin(namespace, key));
    try {
      counts.asked += keys.length;
      const entries = await store.read(namespace.number, keys);
      for (const [index, entry] of entries.entries()) {
        const ticket = tickets[index] as (typeof tickets)[number];
        // A large one is no more than a pointer, and what it points to may be gone a minute later.
        if (entry !== null && entry.largeValueId !== null) cache.forget(ticket);
        else cache.remember(ticket, entry);
      }
      return entries;
    } catch (error) {
      for (const ticket of tickets) cache.forget(ticket);
      if (!isUnavailable(error)) throw error;
      return keys.map((key) => {
        const known = find(namespace, key, ANY_AGE);
        if (known === undefined) throw error;
        return known;
      });
    }
  };

  return {
    counts,
    read(namespace, keys) {
      if (store.isDown) {
        // Asking would take the time of a time-out. Somebody asks for what is not known, and hears when it is back.
        const known = keys.map((key) => find(namespace, key, ANY_AGE));
        if (known.every((entry) => entry !== undefined)) return known;
        return readAll(namespace, keys);
      }
      if (!isFresh()) return readAll(namespace, keys);
      const known = keys.map((key) => find(namespace, key, MAX_AGE_MS));
      const unknown = [...new Set(keys.filter((_key, index) => known[index] === undefined))];
      if (unknown.length === 0) return known as (KvEntry | null)[];
      return readAll(namespace, unknown).then((entries) => {
        const byKey = new Map(unknown.map((key, index) => [key, entries[index] ?? null]));
        return keys.map((key, index) => known[index] ?? byKey.get(key) ?? null);
      });
    },
  };
}
