/**
 * Requests that wait for a cell of their version: first come, first served, for a bounded time and in bounded number. Places are the
 * node's: no account may take them all.
 */
import { addTo } from '../../shared/counts.ts';
import { QUEUE_LIMITS } from '../../shared/limits.ts';
import type { Cell } from './cell.ts';
import { DispatchFailure } from './dispatch-failure.ts';
import type { InvocationFailure } from './types.ts';

/** How many may wait on the whole node. */
export class WaitingPlaces {
  readonly #byAccount = new Map<string, number>();
  #taken = 0;

  /** Why nobody of this account may wait now; undefined: a place was taken. */
  take(accountId: string): string | undefined {
    const own = this.#byAccount.get(accountId) ?? 0;
    if (this.#taken >= QUEUE_LIMITS.waitingPerNode) return `${this.#taken} requests wait on this node`;
    if (own >= QUEUE_LIMITS.waitingPerAccount) return `${own} requests of this account wait`;
    this.#taken++;
    addTo(this.#byAccount, accountId, 1);
    return undefined;
  }

  free(accountId: string): void {
    this.#taken--;
    addTo(this.#byAccount, accountId, -1);
  }

  get taken(): number {
    return this.#taken;
  }
}

export interface WaitingLineOptions {
  readonly accountId: string;
  readonly places: WaitingPlaces;
  readonly patienceMs: number;
  /** Somebody waited, and has a cell now or has given up. */
  readonly onWaited: (ms: number, gotCell: boolean) => void;
}

interface Waiter {
  readonly sinceMs: number;
  readonly timer: NodeJS.Timeout;
  settle(result: Cell | DispatchFailure): void;
}

/** The line of one version. */
export class WaitingLine {
  readonly #options: WaitingLineOptions;
  /** In the order they came. */
  readonly #waiters = new Set<Waiter>();

  constructor(options: WaitingLineOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#waiters.size;
  }

  /** Rejects with DispatchFailure: at once when too many wait, or when the patience is over. */
  join(): Promise<Cell> {
    const { places, accountId, patienceMs, onWaited } = this.#options;
    const refusal =
      this.length >= QUEUE_LIMITS.waitingPerVersion
        ? `${this.length} requests of this worker wait`
        : places.take(accountId);
    if (refusal !== undefined) return Promise.reject(noCell(`Too many wait for a cell: ${refusal}`));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        sinceMs: performance.now(),
        timer: setTimeout(() => waiter.settle(noCell(`No cell became free within ${patienceMs / 1000} s`)), patienceMs),
        settle: (result) => {
          clearTimeout(waiter.timer);
          this.#waiters.delete(waiter);
          places.free(accountId);
          const isCell = !(result instanceof DispatchFailure);
          onWaited(performance.now() - waiter.sinceMs, isCell);
          if (isCell) resolve(result);
          else reject(result);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Gives cells to those who came first, until `pick` has none. */
  serve(pick: () => Cell | undefined): void {
    for (const waiter of this.#waiters) {
      const cell = pick();
      if (cell === undefined) return;
      waiter.settle(cell);
    }
  }

  /** Nobody gets one. */
  refuse(failure: InvocationFailure): void {
    for (const waiter of [...this.#waiters]) waiter.settle(new DispatchFailure(failure));
  }
}

const noCell = (reason: string): DispatchFailure =>
  new DispatchFailure({ kind: 'no-cell', outcome: 'unknown', reason });
