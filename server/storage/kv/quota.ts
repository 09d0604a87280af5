/**
 * What an account's entries take, held against its quota. The sum is asked for once in a while; what this node writes in between is added to it in
 * full, also where it replaces something, until the sum is asked for anew. So a node never lets its own writes pass the quota, and learns of what
 * others wrote within REFRESH_MS.
 */
import { KvRefused } from './types.ts';
import { KV_LIMITS } from '../../../shared/limits.ts';

const REFRESH_MS = 5_000;
/** Whoever writes to a full account asks no more often than this. */
const RECHECK_MS = 250;

interface Account {
  /** When it was asked for. */
  bytes: number;
  measuredMs: number;
  /** Written by this node since. */
  written: number;
  /** Of that, not known to be in a later sum. */
  underWay: number;
  measuring: Promise<void> | undefined;
}

export class KvQuota {
  readonly #quotaBytes: number;
  readonly #measure: (accountId: string) => Promise<number>;
  readonly #accounts = new Map<string, Account>();

  /** `measure`: bytes that the entries of an account take now. */
  constructor(quotaBytes: number, measure: (accountId: string) => Promise<number>) {
    this.#quotaBytes = quotaBytes;
    this.#measure = measure;
  }

  /** Runs `write` when so many bytes more have room: at once, but for an account that is new here or full. @throws {KvRefused} */
  async admit<T>(accountId: string, bytes: number, write: () => Promise<T>): Promise<T> {
    if (!Number.isFinite(this.#quotaBytes)) return await write();
    const account = this.#accountOf(accountId);
    if (!this.#take(account, bytes)) {
      await this.#refreshIfOld(accountId, account);
      if (!this.#take(account, bytes)) throw this.#full(account, bytes);
    }
    this.#refreshSoon(accountId, account);
    try {
      return await write();
    } finally {
      account.underWay -= bytes;
    }
  }

  /** @throws {KvRefused} when so many bytes more have no room */
  async requireRoom(accountId: string, bytes: number): Promise<void> {
    if (!Number.isFinite(this.#quotaBytes)) return;
    const account = this.#accountOf(accountId);
    if (this.#hasRoom(account, bytes)) return;
    await this.#refreshIfOld(accountId, account);
    if (!this.#hasRoom(account, bytes)) throw this.#full(account, bytes);
  }

  #accountOf(accountId: string): Account {
    let account = this.#accounts.get(accountId);
    if (account === undefined) {
      if (this.#accounts.size >= KV_LIMITS.maxAccountsRemembered) this.#accounts.clear();
      const never = Number.NEGATIVE_INFINITY;
      account = { bytes: 0, measuredMs: never, written: 0, underWay: 0, measuring: undefined };
      this.#accounts.set(accountId, account);
    }
    return account;
  }

  #hasRoom({ bytes, written, measuredMs }: Account, more: number): boolean {
    return Number.isFinite(measuredMs) && bytes + written + more <= this.#quotaBytes;
  }

  /** In one step, so that two cannot take the same room. */
  #take(account: Account, bytes: number): boolean {
    if (!this.#hasRoom(account, bytes)) return false;
    account.written += bytes;
    account.underWay += bytes;
    return true;
  }

  #full({ bytes, written }: Account, more: number): KvRefused {
    return new KvRefused(
      507,
      `The KV namespaces of this account are full: with this they would take ${bytes + written + more} bytes, ${this.#quotaBytes} are allowed. Delete keys, or have the quota raised.`,
    );
  }

  async #refreshIfOld(accountId: string, account: Account): Promise<void> {
    if (performance.now() - account.measuredMs > RECHECK_MS) await this.#refresh(accountId, account);
  }

  /** Without anybody waiting for it: writes keep their order. */
  #refreshSoon(accountId: string, account: Account): void {
    if (performance.now() - account.measuredMs < REFRESH_MS) return;
    // A database that does not answer is told by the write itself.
    this.#refresh(accountId, account).catch(() => undefined);
  }

  #refresh(accountId: string, account: Account): Promise<void> {
    account.measuring ??= this.#ask(accountId, account).finally(() => (account.measuring = undefined));
    return account.measuring;
  }

  async #ask(accountId: string, account: Account): Promise<void> {
    const writtenBefore = account.written;
    // Nobody knows whether the sum has these.
    const unknown = account.underWay;
    const bytes = await this.#measure(accountId);
    account.bytes = bytes;
    account.written += unknown - writtenBefore;
    account.measuredMs = performance.now();
  }
}
