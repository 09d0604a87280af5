/**
 * What this node has read lately. An entry is forgotten when it is written, here or elsewhere, and what a read brings that began before
 * a write is not remembered. After messages of other nodes were missed everything is read anew, and kept for the time that the database
 * is gone again. The bytes kept are bounded. When they are all used, the account that has most of them gives up what it has not used
 * for longest: one account may have the whole cache while nobody else wants it, and pushes nobody below his even share.
 */
import { KV_LIMITS } from '../../../shared/limits.ts';
import { kvHash } from '../../storage/kv/hash.ts';
import type { KvEntry, KvInvalidation, KvNamespace } from '../../storage/kv/types.ts';

/** What an entry costs besides key, value and metadata: objects, map slots. Measured with a million small ones. */
const OVERHEAD_BYTES = 640;

/** Whose entries are read. */
export type KvOwner = Pick<KvNamespace, 'number' | 'accountId'>;

interface Cached {
  readonly shelf: Shelf;
  readonly entry: KvEntry | null;
  readonly hash: string;
  readonly bytes: number;
  readonly readAtMs: number;
}

/** What is kept for one account, by name, least recently used first. */
interface Shelf {
  readonly accountId: string;
  readonly entries: Map<string, Cached>;
  bytes: number;
}

/** A read under way. */
export interface ReadTicket {
  readonly accountId: string;
  readonly name: string;
  readonly hash: string;
  readonly beganAtMs: number;
}

export class KvCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Cached>();
  readonly #shelves = new Map<string, Shelf>();
  /** Names by hash: what messages say. */
  readonly #names = new Map<string, string>();
  /** Reads under way, by hash. One that was overtaken by a write is taken out. */
  readonly #reads = new Map<string, Set<ReadTicket>>();
  #bytes = 0;
  /** What was read up to then may have been written since, unheard. */
  #unsureUntilMs = Number.NEGATIVE_INFINITY;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * What is known of an entry: `null` for one that does not exist, `undefined` for nothing.
   * @param maxAgeMs read anew what was read before that, or before something may have been missed; ANY_AGE: better old than nothing
   */
  find(namespace: number, key: string, maxAgeMs: number): KvEntry | null | undefined {
    const name = nameOf(namespace, key);
    const cached = this.#entries.get(name);
    if (cached === undefined) return undefined;
    const isTooOld = cached.readAtMs <= this.#unsureUntilMs || performance.now() - cached.readAtMs > maxAgeMs;
    if (isTooOld && maxAgeMs !== ANY_AGE) return undefined;
    const { entry, shelf } = cached;
    shelf.entries.delete(name);
    shelf.entries.set(name, cached);
    return entry !== null && entry.expiresAt !== null && entry.expiresAt * 1000 <= Date.now() ? null : entry;
  }

  /** Before a read is sent. Give the ticket to `remember` or `forget` when it is over. */
  begin({ number: namespace, accountId }: KvOwner, key: string): ReadTicket {
    const beganAtMs = performance.now();
    const ticket = { accountId, name: nameOf(namespace, key), hash: kvHash(namespace, key), beganAtMs };
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
    const shelf = this.#shelfOf(ticket.accountId);
    const cached = { shelf, entry, hash: ticket.hash, bytes, readAtMs: ticket.beganAtMs };
    this.#entries.set(ticket.name, cached);
    shelf.entries.set(ticket.name, cached);
    shelf.bytes += bytes;
    this.#names.set(ticket.hash, ticket.name);
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) this.#dropOldest(this.#fullest());
  }

  #shelfOf(accountId: string): Shelf {
    let shelf = this.#shelves.get(accountId);
    if (shelf === undefined) this.#shelves.set(accountId, (shelf = { accountId, entries: new Map(), bytes: 0 }));
    return shelf;
  }

  /** Whose share is the largest. There is one: something is kept. */
  #fullest(): Shelf {
    let fullest: Shelf | undefined;
    for (const shelf of this.#shelves.values())
      if (fullest === undefined || shelf.bytes > fullest.bytes) fullest = shelf;
    return fullest as Shelf;
  }

  #dropOldest(shelf: Shelf): void {
    const [oldest] = shelf.entries.keys();
    this.#drop(oldest as string);
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
    if (invalidation.kind === 'any') {
      this.#unsureUntilMs = performance.now();
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
    const { shelf } = cached;
    shelf.entries.delete(name);
    shelf.bytes -= cached.bytes;
    if (shelf.entries.size === 0) this.#shelves.delete(shelf.accountId);
  }
}

/** Cached entries older than this are read anew, as long as the database answers. */
export const MAX_AGE_MS = KV_LIMITS.cacheSeconds * 1000;
/** For whoever has nobody left to ask. */
export const ANY_AGE = Number.POSITIVE_INFINITY;

const nameOf = (namespace: number, key: string): string => `${namespace}\0${key}`;
