/**
 * What this node has read lately. An entry is forgotten when it is written, here or elsewhere, and what a read brings that began before
 * a write is not remembered. The bytes kept are bounded; what was not used for longest goes.
 */
import { KV_LIMITS } from '../../../shared/limits.ts';
import { kvHash } from '../../storage/kv/hash.ts';
import type { KvEntry, KvInvalidation } from '../../storage/kv/types.ts';

/** What an entry costs besides key, value and metadata: objects, map slots. Measured with a million small ones. */
const OVERHEAD_BYTES = 450;

interface Cached {
  readonly entry: KvEntry | null;
  readonly hash: string;
  readonly bytes: number;
  readonly readAtMs: number;
}

/** A read under way. */
export interface ReadTicket {
  readonly name: string;
  readonly hash: string;
}

export class KvCache {
  readonly #maxBytes: number;
  /** By name, least recently used first. */
  readonly #entries = new Map<string, Cached>();
  /** Names by hash: what messages say. */
  readonly #names = new Map<string, string>();
  /** Reads under way, by hash. One that was overtaken by a write is taken out. */
  readonly #reads = new Map<string, Set<ReadTicket>>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * What is known of an entry: `null` for one that does not exist, `undefined` for nothing.
   * @param maxAgeMs read anew what was read before that
   */
  find(namespace: number, key: string, maxAgeMs: number): KvEntry | null | undefined {
    const name = nameOf(namespace, key);
    const cached = this.#entries.get(name);
    if (cached === undefined || performance.now() - cached.readAtMs > maxAgeMs) return undefined;
    this.#entries.delete(name);
    this.#entries.set(name, cached);
    const { entry } = cached;
    return entry !== null && entry.expiresAt !== null && entry.expiresAt * 1000 <= Date.now() ? null : entry;
  }

  /** Before a read is sent. Give the ticket to `remember` or `forget` when it is over. */
  begin(namespace: number, key: string): ReadTicket {
    const ticket = { name: nameOf(namespace, key), hash: kvHash(namespace, key) };
    const others = this.#reads.get(ticket.hash);
    if (others === undefined) this.#reads.set(ticket.hash, new Set([ticket]));
    else others.add(ticket);
    return ticket;
  }

  /** What the read brought. */
  remember(ticket: ReadTicket, entry: KvEntry | null): void {
    if (!this.forget(ticket)) return;
    const bytes =
      OVERHEAD_BYTES +
      2 * ticket.name.length +
      (entry === null ? 0 : entry.value.length + (entry.metadata?.length ?? 0));
    this.#drop(ticket.name);
    if (bytes > this.#maxBytes) return;
    this.#entries.set(ticket.name, { entry, hash: ticket.hash, bytes, readAtMs: performance.now() });
    this.#names.set(ticket.hash, ticket.name);
    this.#bytes += bytes;
    for (const [oldest] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  /** The read failed, or its answer is not for keeping. False: a write has overtaken it. */
  forget(ticket: ReadTicket): boolean {
    const others = this.#reads.get(ticket.hash);
    if (others?.delete(ticket) !== true) return false;
    if (others.size === 0) this.#reads.delete(ticket.hash);
    return true;
  }

  /** Something was written. */
  invalidate(invalidation: KvInvalidation): void {
    if (invalidation.kind === 'everything') {
      this.#entries.clear();
      this.#names.clear();
      this.#reads.clear();
      this.#bytes = 0;
      return;
    }
    for (const hash of invalidation.hashes) {
      this.#reads.delete(hash);
      const name = this.#names.get(hash);
      if (name !== undefined) this.#drop(name);
    }
  }

  #drop(name: string): void {
    const cached = this.#entries.get(name);
    if (cached === undefined) return;
    this.#entries.delete(name);
    if (this.#names.get(cached.hash) === name) this.#names.delete(cached.hash);
    this.#bytes -= cached.bytes;
  }
}

/** Cached entries older than this are read anew, as long as the database answers. */
export const MAX_AGE_MS = KV_LIMITS.cacheSeconds * 1000;

const nameOf = (namespace: number, key: string): string => `${namespace}\0${key}`;
