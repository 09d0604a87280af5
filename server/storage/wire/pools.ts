/** The pools of a node, one for each database, and the places they share. */
import { BackendPool, type PoolOptions } from './pool.ts';

export type NewPool = Omit<PoolOptions, 'takePlace' | 'freePlace'>;

export class BackendPools {
  readonly #pools = new Map<string, BackendPool>();
  readonly #maxConnections: number;
  #taken = 0;

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
      });
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** Connections open and operations waiting, by key. */
  *counts(): Iterable<{ readonly key: string; readonly connections: number; readonly waiting: number }> {
    for (const [key, { connections, waiting }] of this.#pools) yield { key, connections, waiting };
  }

  #takePlace(): boolean {
    if (this.#taken >= this.#maxConnections && !this.#makeRoom()) return false;
    this.#taken++;
    return true;
  }

  /** Its place is free only once it is closed: whoever wants it is told then. */
  #makeRoom(): boolean {
    for (const pool of this.#pools.values()) if (pool.giveUpPlace()) break;
    return false;
  }

  #freePlace(): void {
    this.#taken--;
    // Longest-waiting pools first would be fairer; with a place a connection the order of creation is enough.
    for (const pool of this.#pools.values()) if (pool.waiting > 0) pool.placeIsFree();
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
