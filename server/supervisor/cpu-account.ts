/**
 * Who is charged for the CPU time of a cell. The kernel counts for the whole process; the watchdog shares it among those in flight and ends
 * the cell when the one charged longest is over the budget. Here it is put right by what the harness reports, by bytes that were
 * carried, and for what lasts.
 */
import { CELL_LIMITS } from '../../shared/limits.ts';
import type { TurnReport } from './cell-messages.ts';
import type { Invocation } from './invocation.ts';
import type { WatchedCell } from './watchdog.ts';

const MiB = 1024 * 1024;
/** A byte of RPC brings as much CPU time as so many of a body. */
const RPC_CARRYING_COST = CELL_LIMITS.carryingRpcCpuMsPerMiB / CELL_LIMITS.carryingCpuMsPerMiB;
/** How many carried bytes are put to an invocation's account at a time. */
const CARRIED_STEP_BYTES = 256 * 1024;
/** What lasts starts a new CPU budget so often … */
const RENEW_INTERVAL_MS = 1_000;
/** … and not before so many times the budget have passed. */
const RENEW_PER_BUDGET = 10;
/** How often what lasts starts a new CPU budget of so many milliseconds. */
export const renewalMs = (budgetMs: number): number => Math.max(RENEW_INTERVAL_MS, budgetMs * RENEW_PER_BUDGET);

export class CpuAccount {
  readonly #inFlight: ReadonlyMap<number, Invocation>;
  /** Undefined: the process has not said hello, and runs nothing of anybody's. */
  #watched: WatchedCell | undefined;
  #budgetMs = 0;
  /** The one in flight that has been charged most: its `shareStartMs` is the least. */
  #mostCharged: Invocation | undefined;
  #reportedAllMs = 0;
  #reportedShareMs = 0;

  constructor(inFlight: ReadonlyMap<number, Invocation>) {
    this.#inFlight = inFlight;
  }

  /** The kernel's counts come from here. */
  watch(watched: WatchedCell): void {
    this.#watched = watched;
  }

  /** The watchdog's reading: what an invocation that begins now starts at. */
  get shareMs(): number {
    return this.#watched?.shareMs ?? 0;
  }

  /** The top level of a version runs, as the only thing that is charged. */
  startupBegan(): void {
    const watched = this.#watched as WatchedCell;
    watched.budgetMs = CELL_LIMITS.startupCpuMs;
    watched.setLoad(1, watched.shareMs, performance.now());
  }

  /** From now on each invocation has `budgetMs`. `usedMs`: all CPU time of the process so far, none of which is theirs. */
  startupEnded(budgetMs: number, usedMs: number): void {
    const watched = this.#watched as WatchedCell;
    // In this order: the smaller budget must not meet what the start has used.
    watched.setLoad(0, 0, 0);
    watched.startedCpuMs = usedMs;
    watched.budgetMs = budgetMs;
    this.#budgetMs = budgetMs;
  }

  /** It is in flight from now on. */
  began(invocation: Invocation): void {
    // Whoever else is in flight began no later.
    if (this.#inFlight.size === 1) this.#mostCharged = invocation;
    this.#publishLoad();
  }

  /** It is no longer in flight. */
  ended(invocation: Invocation): void {
    if (invocation === this.#mostCharged) this.#mostCharged = this.#findMostCharged();
    this.#publishLoad();
  }

  /** All that an invocation has been charged, in milliseconds. */
  usedMs(invocation: Invocation): number {
    return invocation.settledCpuMs + Math.max(0, this.shareMs - invocation.shareStartMs);
  }

  /**
   * What lasts (a stream, a connection, a session) starts a new CPU budget every second; with a large budget less often, so that it has a tenth of a
   * processor at most. Returns the way to stop.
   */
  keepRenewing(invocation: Invocation): () => void {
    const renew = (): void => void this.#settle(invocation, Number.POSITIVE_INFINITY);
    const timer = setInterval(renew, renewalMs(this.#budgetMs)).unref();
    return () => clearInterval(timer);
  }

  /** Bytes of a body have passed between this cell and the server: see `CELL_LIMITS.carryingCpuMsPerMiB`. */
  carried(invocation: Invocation, size: number): void {
    invocation.carriedBytes += size;
    if (invocation.carriedBytes < CARRIED_STEP_BYTES) return;
    const earnedMs = (invocation.carriedBytes / MiB) * CELL_LIMITS.carryingCpuMsPerMiB;
    const settledMs = this.#settle(invocation, earnedMs);
    // What it has not used yet it may use later, up to one budget: no store of CPU time is laid in.
    const leftMs = Math.min(earnedMs - settledMs, this.#budgetMs);
    invocation.carriedBytes = (leftMs / CELL_LIMITS.carryingCpuMsPerMiB) * MiB;
  }

  /** The same for bytes of an RPC session. */
  carriedByRpc(invocation: Invocation, size: number): void {
    this.carried(invocation, size * RPC_CARRYING_COST);
  }

  /** Of what it has used, up to so much no longer counts against its budget. Returns how much. */
  #settle(invocation: Invocation, mostMs: number): number {
    if (!this.#inFlight.has(invocation.id)) return 0;
    const settledMs = Math.min(mostMs, Math.max(0, this.shareMs - invocation.shareStartMs));
    invocation.settledCpuMs += settledMs;
    invocation.shareStartMs += settledMs;
    this.#mostCharged = this.#findMostCharged();
    this.#publishLoad();
    return settledMs;
  }

  /**
   * Since the last report everybody in flight was charged alike; the harness tells whose the events were. What the kernel has
   * counted is divided by that: the harness may only shift CPU among requests of its own worker.
   */
  divide(report: TurnReport): void {
    const watched = this.#watched;
    if (watched === undefined) return;
    const { shareMs, chargedMs: allMs } = watched;
    const usedMs = allMs - this.#reportedAllMs;
    const sinceMs = this.#reportedShareMs;
    this.#reportedAllMs = allMs;
    this.#reportedShareMs = shareMs;
    if (report.total === 0) return;
    for (const invocation of this.#inFlight.values()) {
      const fairMs = (usedMs * (report.byInvocation.get(invocation.id) ?? 0)) / report.total;
      const chargedMs = shareMs - Math.max(invocation.shareStartMs, sinceMs);
      invocation.shareStartMs = Math.min(shareMs, invocation.shareStartMs + chargedMs - fairMs);
    }
    this.#mostCharged = this.#findMostCharged();
    this.#publishLoad();
  }

  #publishLoad(): void {
    const { shareStartMs = 0, startedAtMs = 0 } = this.#mostCharged ?? {};
    this.#watched?.setLoad(this.#inFlight.size, shareStartMs, startedAtMs);
  }

  #findMostCharged(): Invocation | undefined {
    let most: Invocation | undefined;
    for (const invocation of this.#inFlight.values())
      if (most === undefined || invocation.shareStartMs < most.shareStartMs) most = invocation;
    return most;
  }
}
