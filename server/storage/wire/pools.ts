/** The pools of a node, one for each database, and the places they share. */
import { BackendPool, type PoolOptions } from './pool.ts';

export type NewPool = Omit<PoolOptions, 'takePlace' | 'freePlace' | 'othersStarve' | 'onFull'>;

export class BackendPools {
  readonly #pools = new Map<string, BackendPool>();
  readonly #maxConnections: number;
  #taken = 0;
  /** Some pool may have found no place. Looked into when a connection becomes free; false saves the look. */
  #isShort = false;

  /** `maxConnections`: of all pools together. */
  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  /** The pool of a database; `create` is asked when there is none. */
  of(key: string, create: () => NewPool): BackendPool {
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new BackendPool({
        ...create(),
        takePlace: () => this.#takePlace(),
        freePlace: () => this.#freePlace(),
        othersStarve: (one) => this.#isShort && this.#starve(one),
        onFull: (one) => {
          this.#isShort = true;
          for (const other of this.#pools.values()) {
            if (other !== one && other.server === one.server && other.giveUpPlace()) break;
          }
        },
      });
      this.#pools.set(key, pool);
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

  #takePlace(): boolean {
    if (this.#taken < this.#maxConnections) {
      this.#taken++;
      return true;
    }
    this.#isShort = true;
    // Its place is free only once it is closed: whoever wants it is told then.
    for (const pool of this.#pools.values()) if (pool.giveUpPlace()) break;
    return false;
  }

  /** Whether others have nothing, and would get what this pool gives back: its place here, or the one at their common server. */
  #starve(pool: BackendPool): boolean {
    const starving = [...this.#pools.values()].filter((other) => other !== pool && other.isStarving);
    if (starving.length === 0) this.#isShort = false;
    const areAllTaken = this.#taken >= this.#maxConnections;
    return starving.some((other) => areAllTaken || (other.foundServerFull && other.server === pool.server));
  }

  #freePlace(): void {
    this.#taken--;
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
    this.#pools.get(key)?.close(how);
    this.#pools.delete(key);
  }

  close(): void {
    for (const key of [...this.#pools.keys()]) this.drop(key, { isDraining: false });
  }
}
