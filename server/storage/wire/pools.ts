/** The pools of a node, one for each database, and the places they share. */
import { addTo } from '../../../shared/counts.ts';
import { BackendPool, type PoolOptions } from './pool.ts';

export type NewPool = Omit<PoolOptions, 'takePlace' | 'freePlace' | 'othersStarve' | 'onFull'>;

export class BackendPools {
  readonly #pools = new Map<string, BackendPool>();
  readonly #accounts = new Map<BackendPool, string>();
  readonly #maxConnections: number;
  readonly #maxPerAccount: number;
  #taken = 0;
  readonly #takenByAccount = new Map<string, number>();
  /** Some pool may have found no place. Looked into when a connection becomes free; false saves the look. */
  #isShort = false;

  /** `maxConnections`: of all pools together; `maxPerAccount`: of those of one account. */
  constructor(maxConnections: number, maxPerAccount: number) {
    this.#maxConnections = maxConnections;
    this.#maxPerAccount = maxPerAccount;
  }

  /** The pool of a database of an account; `create` is asked when there is none. */
  of(key: string, accountId: string, create: () => NewPool): BackendPool {
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new BackendPool({
        ...create(),
        takePlace: () => this.#takePlace(accountId),
        freePlace: () => this.#freePlace(accountId),
        othersStarve: (one) => this.#isShort && this.#starve(one),
        onFull: (one) => {
          this.#isShort = true;
          for (const other of this.#pools.values()) {
            if (other !== one && other.server === one.server && other.giveUpPlace()) break;
          }
        },
      });
      this.#pools.set(key, pool);
      this.#accounts.set(pool, accountId);
    }
    return pool;
  }

  /** The pool of a database, when it was ever asked for. */
  find(key: string): BackendPool | undefined {
    return this.#pools.get(key);
  }

  /** Connections open and operations waiting, by key. */
  *counts(): Iterable<{ readonly key: string; readonly connections: number; readonly waiting: number }> {
    for (const [key, { connections, waiting }] of this.#pools) yield { key, connections, waiting };
  }

  /** The server's processes behind all connections, and whose they are. */
  *processes(): Iterable<{ readonly accountId: string; readonly processId: number }> {
    for (const [pool, accountId] of this.#accounts) {
      for (const processId of pool.processIds) yield { accountId, processId };
    }
  }

  #takePlace(accountId: string): boolean {
    const hasShare = !this.#isShareTaken(accountId);
    if (hasShare && this.#taken < this.#maxConnections) {
      this.#taken++;
      addTo(this.#takenByAccount, accountId, 1);
      return true;
    }
    this.#isShort = true;
    // Its place is free only once it is closed: whoever wants it is told then.
    for (const pool of this.#pools.values()) {
      if ((hasShare || this.#accounts.get(pool) === accountId) && pool.giveUpPlace()) break;
    }
    return false;
  }

  #isShareTaken(accountId: string): boolean {
    return (this.#takenByAccount.get(accountId) ?? 0) >= this.#maxPerAccount;
  }

  /** Whether others have nothing, and would get what this pool gives back: its place here, or the one at their common server. */
  #starve(pool: BackendPool): boolean {
    const starving = [...this.#pools.values()].filter((other) => other !== pool && other.isStarving);
    if (starving.length === 0) this.#isShort = false;
    const accountId = this.#accounts.get(pool) as string;
    return starving.some((other) => {
      const account = this.#accounts.get(other) as string;
      if (other.foundServerFull && other.server === pool.server) return true;
      return this.#isShareTaken(account) ? account === accountId : this.#taken >= this.#maxConnections;
    });
  }

  #freePlace(accountId: string): void {
    this.#taken--;
    addTo(this.#takenByAccount, accountId, -1);
    const waiting = [...this.#pools.values()].filter((pool) => pool.waiting > 0);
    // Who has least comes first: one with many waiting must not take what others have nothing of.
    waiting.sort((one, other) => one.connections - other.connections);
    for (const pool of waiting) {
      if (this.#taken >= this.#maxConnections) break;
      pool.placeIsFree();
    }
  }

  /** Closes what leads to a database: it is deleted, or its address has changed. */
  drop(key: string, how: { readonly isDraining: boolean }): void {
    const pool = this.#pools.get(key);
    if (pool === undefined) return;
    pool.close(how);
    this.#pools.delete(key);
    this.#accounts.delete(pool);
  }

  close(): void {
    for (const key of [...this.#pools.keys()]) this.drop(key, { isDraining: false });
  }
}
