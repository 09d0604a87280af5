/**
 * The circuit breaker in front of an object store: one that has stopped answering costs the worker that meets it first its wait, and
 * those behind it nothing. Pure: times are given.
 */

/** How often a store that has stopped answering is tried. One try a second brings it back within about a second. */
const TRY_EVERY_MS = 1_000;

export class Circuit {
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** Undefined: closed, everything goes through. */
  #silentSince: number | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;

  /** Whether a request may be sent now: always while it is closed, else one in a while, to see whether the store is back. */
  admits(now: number): boolean {
    if (this.#silentSince === undefined) return true;
    if (now - this.#triedAt < TRY_EVERY_MS) return false;
    this.#triedAt = now;
    return true;
  }

  /** For how long nothing has been answered; 0 while it is closed. */
  silentMs(now: number): number {
    return this.#silentSince === undefined ? 0 : now - this.#silentSince;
  }

  /** The store has answered something, whatever it was. */
  answered(now: number): void {
    this.#answeredAt = now;
    this.#silentSince = undefined;
  }

  /** A request that was sent then has had no answer. Opens when no other has had one since, either: one slow request is no dead store. */
  gaveUp(sentAt: number, now: number): void {
    if (this.#answeredAt >= sentAt) return;
    this.#silentSince ??= sentAt;
    this.#triedAt = now;
  }
}
