/**
 * The cells of one version: which one takes the next request, when another is started, and how long a version that keeps dying is
 * left alone.
 */
import { CELL_LIMITS } from '../../shared/limits.ts';
import type { WorkerVersion } from '../../shared/worker.ts';
import { type Cell, LoadError } from './cell.ts';
import { type CellSource, DispatchFailure } from './dispatch.ts';
import { type HealthReport, VersionHealth } from './health.ts';
import { type IsolatedCell, Suspects } from './suspects.ts';
import type { InvocationFailure } from './types.ts';

export interface PoolContext {
  /** A cell with the version loaded. Throws LoadError. */
  startCell(version: WorkerVersion): Promise<Cell>;
  /** The node is stopping: cells end because they are told to. */
  readonly isClosing: () => boolean;
  /** Cells one version may have: no more than processors. */
  readonly maxCells: number;
  /** CPU time of one invocation. */
  readonly budgetMs: number;
  /** How long a request waits for a cell. */
  readonly patienceMs: number;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

interface Waiter {
  resolve(cell: Cell): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

export class VersionPool implements CellSource {
  readonly version: WorkerVersion;
  readonly #context: PoolContext;
  readonly #cells: Cell[] = [];
  readonly #waiters: Waiter[] = [];
  #starting = 0;
  readonly #health: VersionHealth;
  readonly #suspects: Suspects;
  /** Set once the pool was drained. */
  #drainMs: number | undefined;

  constructor(version: WorkerVersion, context: PoolContext) {
    this.version = version;
    this.#context = context;
    this.#health = new VersionHealth(context.budgetMs);
    this.#suspects = new Suspects({
      startCell: () => this.#startForSuspects(),
      onSurvived: (cell) => this.#add(cell),
      onDied: (cell, convicts) => this.#suspectsDied(cell, convicts),
      parallelism: context.maxCells,
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
    return this.#cells.length === 0 && this.#starting === 0 && this.#waiters.length === 0 && this.#suspects.isEmpty;
  }

  pick(): Cell | undefined {
    let best: Cell | undefined;
    let usable = 0;
    for (const cell of this.#cells) {
      // One that is being killed stays in the list until its process is gone.
      if (cell.state !== 'serving') continue;
      usable++;
      if (best === undefined || cell.inFlight < best.inFlight) best = cell;
    }
    if (best !== undefined && best.inFlight < CELL_LIMITS.concurrency) return best;
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
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const index = this.#waiters.findIndex((waiter) => waiter.timer === timer);
        this.#waiters.splice(index, 1);
        reject(new DispatchFailure(noCell(this.#context.patienceMs)));
      }, this.#context.patienceMs);
      this.#waiters.push({ resolve, reject, timer });
    });
  }

  isolate(dead: Cell): Promise<IsolatedCell> {
    return this.#suspects.isolate(dead).catch((error: unknown) => {
      throw error instanceof DispatchFailure ? error : new DispatchFailure(failureOf(error));
    });
  }

  async #startForSuspects(): Promise<Cell> {
    const refusal = this.#health.refusal(performance.now());
    if (refusal !== undefined) throw new DispatchFailure(refusal);
    return await this.#context.startCell(this.version);
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
    if (this.#waiters.length > 0 && this.#starting === 0) this.#start();
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
    this.#context.startCell(this.version).then(
      (cell) => {
        this.#starting--;
        this.#add(cell);
      },
      (error: unknown) => {
        this.#starting--;
        const failure = failureOf(error);
        // A full machine is not the version's fault.
        if (failure.kind !== 'no-cell') this.#recordCrash(failure);
        this.#refuseWaiters(failure);
      },
    );
  }

  #add(cell: Cell): void {
    if (cell.state !== 'serving') return;
    this.#cells.push(cell);
    cell.onDead = () => this.#remove(cell);
    cell.onInvocationEnd = () => {
      if (this.#waiters.length > 0) this.#serveWaiters();
    };
    this.#serveWaiters();
    const drainMs = this.#drainMs;
    // Not at once: whoever was just given this cell begins in a microtask. Drained before that, the cell would end unused and
    // they would wait for another one, for ever.
    if (drainMs !== undefined) setImmediate(() => this.drain(drainMs));
  }

  #serveWaiters(): void {
    while (this.#waiters.length > 0) {
      const cell = this.pick();
      if (cell === undefined) return;
      const waiter = this.#waiters.shift() as Waiter;
      clearTimeout(waiter.timer);
      waiter.resolve(cell);
    }
  }

  #remove(cell: Cell): void {
    const index = this.#cells.indexOf(cell);
    // Drained or stopped on purpose: it is out of the list already.
    if (index < 0) return;
    this.#cells.splice(index, 1);
    if (this.#context.isClosing()) return;
    this.#context.log('warn', `A cell of ${this.version.workerName} ended: ${cell.deathOutcome}, ${cell.deathReason}`);
    this.#recordDeath(cell);
    if (this.#waiters.length === 0 || this.#cells.length + this.#starting > 0) return;
    const refusal = this.#health.refusal(performance.now());
    if (refusal === undefined) this.#start();
    else this.#refuseWaiters(refusal);
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

  #refuseWaiters(failure: InvocationFailure): void {
    for (const waiter of this.#waiters.splice(0)) {
      clearTimeout(waiter.timer);
      waiter.reject(new DispatchFailure(failure));
    }
  }
}

const noCell = (patienceMs: number): InvocationFailure => ({
  kind: 'no-cell',
  outcome: 'unknown',
  reason: `No cell became free within ${patienceMs / 1000} s`,
});

function failureOf(error: unknown): InvocationFailure {
  const reason = error instanceof Error ? error.message : String(error);
  if (!(error instanceof LoadError) || error.kind === 'no-cell') return { kind: 'no-cell', outcome: 'unknown', reason };
  if (error.kind === 'cpu') return { kind: 'limit', outcome: 'exceededCpu', reason };
  if (error.kind === 'memory') return { kind: 'limit', outcome: 'exceededMemory', reason };
  if (error.kind === 'hang') return { kind: 'limit', outcome: 'exceededWallTime', reason };
  return { kind: 'exception', outcome: 'exception', reason };
}
