/**
 * The cells of one version: which one takes the next request, when another is started, and how long a version that keeps dying is
 * left alone.
 */
import { CELL_LIMITS } from '../../shared/limits.ts';
import type { WorkerVersion } from '../../shared/worker.ts';
import type { Cell } from './cell.ts';
import { LoadError } from './load-error.ts';
import type { CellSource } from './dispatch.ts';
import { DispatchFailure } from './dispatch-failure.ts';
import { type HealthReport, VersionHealth } from './health.ts';
import { type IsolatedCell, Suspects } from './suspects.ts';
import type { Timings } from './timings.ts';
import type { InvocationFailure } from './types.ts';
import { WaitingLine, type WaitingLineOptions } from './waiting-line.ts';

export interface PoolContext {
  /** A cell with the version loaded. `givesWay`: the kernel is to run all others first. Throws LoadError. */
  startCell(version: WorkerVersion, givesWay: boolean): Promise<Cell>;
  /** The node is stopping: cells end because they are told to. */
  readonly isClosing: () => boolean;
  /** Cells one version may have: no more than processors. */
  readonly maxCells: number;
  /** CPU time of one invocation. */
  readonly budgetMs: number;
  readonly timings: Pick<Timings, 'patienceMs' | 'probationMs'>;
  /** Where its requests wait. */
  readonly waiting: Pick<WaitingLineOptions, 'places' | 'onWaited'>;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

export class VersionPool implements CellSource {
  readonly version: WorkerVersion;
  readonly #context: PoolContext;
  readonly #cells: Cell[] = [];
  readonly #line: WaitingLine;
  /** Given to somebody who begins in a microtask: as good as in flight. */
  readonly #promised = new Map<Cell, number>();
  #starting = 0;
  readonly #health: VersionHealth;
  readonly #suspects: Suspects;
  /** Set once the pool was drained. */
  #drainMs: number | undefined;

  constructor(version: WorkerVersion, context: PoolContext) {
    this.version = version;
    this.#context = context;
    this.#line = new WaitingLine({
      accountId: version.accountId,
      patienceMs: context.timings.patienceMs,
      ...context.waiting,
    });
    this.#health = new VersionHealth(context.budgetMs);
    this.#suspects = new Suspects({
      startCell: () => this.#startForSuspects(),
      onSurvived: (cell) => {
        cell.givesWay = false;
        this.#add(cell);
      },
      onDied: (cell, convicts) => this.#suspectsDied(cell, convicts),
      parallelism: context.maxCells,
      probationMs: context.timings.probationMs,
    });
  }

  /** Whether it may have new cells; times are those of `performance.now()`. */
  get health(): HealthReport {
    return this.#health.report(performance.now());
  }

  get cells(): readonly Cell[] {
    return this.#cells;
  }

  get isEmpty(): boolean {
    return this.#cells.length === 0 && this.#starting === 0 && this.#line.length === 0 && this.#suspects.isEmpty;
  }

  pick(): Cell | undefined {
    let best: Cell | undefined;
    let usable = 0;
    for (const cell of this.#cells) {
      // One that is being killed stays in the list until its process is gone.
      if (cell.state !== 'serving') continue;
      usable++;
      if (best === undefined || this.#loadOf(cell) < this.#loadOf(best)) best = cell;
    }
    if (best !== undefined && this.#loadOf(best) < CELL_LIMITS.concurrency) return best;
    if (usable > 0 && usable + this.#starting < this.#context.maxCells && !this.#isPaused()) this.#start();
    return undefined;
  }

  wait(): Promise<Cell> {
    const cell = this.pick();
    if (cell !== undefined) return Promise.resolve(cell);
    if (this.#starting === 0 && !this.#cells.some((one) => one.state === 'serving')) {
      const refusal = this.#health.refusal(performance.now());
      if (refusal !== undefined) return Promise.reject(new DispatchFailure(refusal));
      this.#start();
    }
    return this.#line.join();
  }

  #loadOf(cell: Cell): number {
    return cell.inFlight + (this.#promised.get(cell) ?? 0);
  }

  isolate(dead: Cell): Promise<IsolatedCell> {
    return this.#suspects.isolate(dead).catch((error: unknown) => {
      throw error instanceof DispatchFailure ? error : new DispatchFailure(failureOf(error));
    });
  }

  async #startForSuspects(): Promise<Cell> {
    const refusal = this.#health.refusal(performance.now());
    if (refusal !== undefined) throw new DispatchFailure(refusal);
    return await this.#context.startCell(this.version, true);
  }

  #suspectsDied(cell: Cell, convicts: number): void {
    if (this.#context.isClosing()) return;
    this.#context.log('warn', `A cell of suspects of ${this.version.workerName} ended: ${cell.deathOutcome}`);
    // The death that made them suspects has counted for the first convict.
    if (convicts > 1 && cell.inFlightAtDeath <= 1) this.#recordDeath(cell);
  }

  /** Makes sure that a cell is there. Rejects with DispatchFailure. */
  async warm(): Promise<void> {
    await this.wait();
  }

  /** All cells finish what they have and take nothing new; so does one that is still starting for somebody who waits. */
  drain(deadlineMs: number): void {
    this.#drainMs = deadlineMs;
    for (const cell of this.#cells.splice(0)) cell.drain(deadlineMs);
    if (this.#line.length > 0 && this.#starting === 0) this.#start();
  }

  /** Ends a cell that serves nobody. False when it got work in between. */
  stopIdle(cell: Cell, reason: string): boolean {
    if (cell.inFlight > 0) return false;
    const index = this.#cells.indexOf(cell);
    if (index >= 0) this.#cells.splice(index, 1);
    cell.kill(reason);
    return true;
  }

  #start(): void {
    this.#starting++;
    // What keeps ending its cells is most likely to end this one, too.
    const givesWay = this.health.state !== 'healthy';
    this.#context.startCell(this.version, givesWay).then(
      (cell) => {
        this.#starting--;
        if (givesWay) setTimeout(() => (cell.givesWay = false), this.#context.timings.probationMs).unref();
        this.#add(cell);
      },
      (error: unknown) => {
        this.#starting--;
        const failure = failureOf(error);
        // A full machine is not the version's fault.
        if (failure.kind !== 'no-cell') this.#recordCrash(failure);
        this.#line.refuse(failure);
      },
    );
  }

  #add(cell: Cell): void {
    if (cell.state !== 'serving') return;
    this.#cells.push(cell);
    cell.onDead = () => this.#remove(cell);
    cell.onInvocationEnd = () => {
      if (this.#line.length > 0) this.#serveWaiters();
    };
    this.#serveWaiters();
    const drainMs = this.#drainMs;
    // Not at once: whoever was just given this cell begins in a microtask. Drained before that, the cell would end unused and
    // they would wait for another one, for ever.
    if (drainMs !== undefined) setImmediate(() => this.drain(drainMs));
  }

  #serveWaiters(): void {
    this.#line.serve(() => {
      const cell = this.pick();
      if (cell !== undefined) this.#promise(cell);
      return cell;
    });
  }

  /** Else all who wait would be given the same place. */
  #promise(cell: Cell): void {
    if (this.#promised.size === 0) {
      setImmediate(() => {
        this.#promised.clear();
        if (this.#line.length > 0) this.#serveWaiters();
      });
    }
    this.#promised.set(cell, (this.#promised.get(cell) ?? 0) + 1);
  }

  #remove(cell: Cell): void {
    const index = this.#cells.indexOf(cell);
    // Drained or stopped on purpose: it is out of the list already.
    if (index < 0) return;
    this.#cells.splice(index, 1);
    if (this.#context.isClosing()) return;
    this.#context.log('warn', `A cell of ${this.version.workerName} ended: ${cell.deathOutcome}, ${cell.deathReason}`);
    this.#recordDeath(cell);
    if (this.#line.length === 0 || this.#cells.length + this.#starting > 0) return;
    const refusal = this.#health.refusal(performance.now());
    if (refusal === undefined) this.#start();
    else this.#line.refuse(refusal);
  }

  #recordDeath(cell: Cell): void {
    this.#recordCrash({
      kind: cell.deathOutcome === 'unknown' ? 'exception' : 'limit',
      outcome: cell.deathOutcome,
      reason: `The worker's cell keeps ending: ${cell.deathOutcome}, ${cell.deathReason}`,
    });
  }

  #recordCrash(failure: InvocationFailure): void {
    const pauseMs = this.#health.recordCrash(performance.now(), failure);
    if (pauseMs === undefined) return;
    this.#context.log('warn', `${this.version.workerName} keeps failing; next start in ${pauseMs} ms`);
  }

  #isPaused(): boolean {
    return this.#health.refusal(performance.now()) !== undefined;
  }
}

function failureOf(error: unknown): InvocationFailure {
  const reason = error instanceof Error ? error.message : String(error);
  if (!(error instanceof LoadError) || error.kind === 'no-cell') return { kind: 'no-cell', outcome: 'unknown', reason };
  if (error.kind === 'cpu') return { kind: 'limit', outcome: 'exceededCpu', reason };
  if (error.kind === 'memory') return { kind: 'limit', outcome: 'exceededMemory', reason };
  if (error.kind === 'hang') return { kind: 'limit', outcome: 'exceededWallTime', reason };
  return { kind: 'exception', outcome: 'exception', reason };
}
