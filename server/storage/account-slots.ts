/**
 * Work that takes much memory: at most so much of it at once, and so much of one account; the rest waits, in order. What waits has not been
 * read: an upload stays in the kernel's buffers.
 */
import { addTo } from '../../shared/counts.ts';

export class AccountSlots {
  readonly #perAccount: number;
  readonly #taken = new Map<string, number>();
  readonly #waiting: { readonly accountId: string; readonly start: () => void }[] = [];
  #free: number;

  constructor(count: number, perAccount: number) {
    this.#free = count;
    this.#perAccount = perAccount;
  }

  async run<T>(accountId: string, work: () => Promise<T>): Promise<T> {
    // Whoever waits may have a place as soon as one is free: a newcomer cannot slip in before.
    if (this.#free > 0 && this.#mayStart(accountId)) this.#take(accountId);
    else await new Promise<void>((start) => this.#waiting.push({ accountId, start }));
    try {
      return await work();
    } finally {
      this.#release(accountId);
    }
  }

  #mayStart(accountId: string): boolean {
    return (this.#taken.get(accountId) ?? 0) < this.#perAccount;
  }

  #take(accountId: string): void {
    this.#free -= 1;
    addTo(this.#taken, accountId, 1);
  }

  /** Hands the place to the first in line whose account has not its share yet. */
  #release(accountId: string): void {
    this.#free += 1;
    addTo(this.#taken, accountId, -1);
    const next = this.#waiting.findIndex((waiter) => this.#mayStart(waiter.accountId));
    if (next === -1) return;
    const [waiter] = this.#waiting.splice(next, 1);
    this.#take((waiter as { accountId: string }).accountId);
    waiter?.start();
  }
}
