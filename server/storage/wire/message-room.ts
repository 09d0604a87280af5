/**
 * Memory for large messages of PostgreSQL's protocol that have not come whole, or not gone on. Each connection may have some of them, and a
 * tenant has thousands of connections: what they hold together is bounded, for each account and for the node.
 */
import { addTo } from '../../../shared/counts.ts';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';

/** What one account may take of it. */
export interface MessageRoom {
  /** False: there is not so much left. */
  take(bytes: number): boolean;
  free(bytes: number): void;
}

export class MessageRooms {
  readonly #byAccount = new Map<string, number>();
  #total = 0;

  /** Bytes taken, of all accounts. */
  get taken(): number {
    return this.#total;
  }

  of(accountId: string): MessageRoom {
    return {
      take: (bytes) => this.#take(accountId, bytes),
      free: (bytes) => this.#change(accountId, -bytes),
    };
  }

  #take(accountId: string, bytes: number): boolean {
    const own = this.#byAccount.get(accountId) ?? 0;
    if (own + bytes > DATABASE_LIMITS.maxHeldMessageBytesPerAccount) return false;
    if (this.#total + bytes > DATABASE_LIMITS.maxHeldMessageBytes) return false;
    this.#change(accountId, bytes);
    return true;
  }

  #change(accountId: string, bytes: number): void {
    addTo(this.#byAccount, accountId, bytes);
    this.#total += bytes;
  }
}
