/** The supervisor's side of the watchdog thread: slots, and what the thread has found out. */
import { Worker } from 'node:worker_threads';
import {
  BUDGET_MS,
  BUSY_COUNT,
  CHARGED_MS,
  clockOriginMs,
  CONTROL_ASLEEP,
  CONTROL_BYTES,
  CONTROL_HEARTBEAT,
  CONTROL_STOP,
  CONTROL_WAKE,
  CPU_MS,
  FIELDS,
  GENERATION,
  GIVES_WAY,
  IN_FLIGHT,
  KILL_REASON,
  MAX_SLOTS,
  MEMORY_LIMIT,
  OLDEST_BEGAN,
  OLDEST_START,
  PID,
  PING_OUTSTANDING,
  PRIVATE_BYTES,
  SEEN_GENERATION,
  SHARE_MS,
  STARTED_CPU_MS,
  STEPS_BEHIND,
  TABLE_BYTES,
  TURN_EVENTS,
  type WatchdogData,
} from './watchdog-layout.ts';

export class Watchdog {
  readonly #table: Float64Array;
  readonly #control: Int32Array;
  readonly #thread: Worker;
  readonly #free: number[] = [];
  #generation = 0;

  /** `threadFile`: the built thread program. `hangMs`: see `Timings`. */
  constructor(threadFile: string | URL, hangMs: number, onError: (error: Error) => void) {
    const memory = new SharedArrayBuffer(TABLE_BYTES + CONTROL_BYTES);
    this.#table = new Float64Array(memory, 0, MAX_SLOTS * FIELDS);
    this.#control = new Int32Array(memory, TABLE_BYTES);
    for (let slot = MAX_SLOTS - 1; slot >= 0; slot--) this.#free.push(slot);
    this.#thread = new Worker(threadFile, {
      workerData: { memory, hangMs, originMs: clockOriginMs() } satisfies WatchdogData,
      name: 'skep-watchdog',
    });
    this.#thread.on('error', onError);
    this.#thread.unref();
  }

  /** Watches a process. `givesWay`: it was started so. Throws when all slots are taken. */
  watch(pid: number, givesWay: boolean): WatchedCell {
    const slot = this.#free.pop();
    if (slot === undefined) throw new Error(`The watchdog watches ${MAX_SLOTS} cells already`);
    const row = slot * FIELDS;
    this.#table.fill(0, row, row + FIELDS);
    this.#table[row + GIVES_WAY] = givesWay ? 1 : 0;
    this.#table[row + GENERATION] = ++this.#generation;
    this.#table[row + PID] = pid;
    return new WatchedCell(
      this.#table,
      row,
      () => this.#wakeIfAsleep(),
      () => {
        this.#table[row + PID] = 0;
        this.#table[row + GENERATION] = ++this.#generation;
        this.#free.push(slot);
      },
    );
  }

  /** Says that the supervisor's event loop turns; to be called every 20 ms while cells are busy. */
  beat(): void {
    Atomics.add(this.#control, CONTROL_HEARTBEAT, 1);
  }

  async close(): Promise<void> {
    Atomics.store(this.#control, CONTROL_STOP, 1);
    this.#wake();
    await this.#thread.terminate();
  }

  #wakeIfAsleep(): void {
    if (this.#control[CONTROL_ASLEEP] === 1) this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#control, CONTROL_WAKE, 1);
    Atomics.notify(this.#control, CONTROL_WAKE);
  }
}

/** One cell's row. */
export class WatchedCell {
  readonly #table: Float64Array;
  readonly #row: number;
  readonly #wake: () => void;
  readonly #release: () => void;
  #released = false;

  constructor(table: Float64Array, row: number, wake: () => void, release: () => void) {
    this.#table = table;
    this.#row = row;
    this.#wake = wake;
    this.#release = release;
  }

  /** What an invocation that starts now begins at, in milliseconds of shared CPU. */
  get shareMs(): number {
    return this.#seen() ? (this.#table[this.#row + SHARE_MS] as number) : 0;
  }

  /** What all that were in flight have been charged together. */
  get chargedMs(): number {
    return this.#seen() ? (this.#table[this.#row + CHARGED_MS] as number) : 0;
  }

  get cpuMs(): number {
    return this.#seen() ? (this.#table[this.#row + CPU_MS] as number) : 0;
  }

  get privateBytes(): number {
    return this.#seen() ? (this.#table[this.#row + PRIVATE_BYTES] as number) : 0;
  }

  get killReason(): number {
    return this.#table[this.#row + KILL_REASON] as number;
  }

  set budgetMs(value: number) {
    this.#table[this.#row + BUDGET_MS] = value;
  }

  /** See `FairShare`. Takes effect at the next look. */
  set stepsBehind(value: number) {
    if (!this.#released) this.#table[this.#row + STEPS_BEHIND] = value;
  }

  /** Whether it gives way to all other cells, whatever it uses. Takes effect at the next look: at once when an invocation begins. */
  set givesWay(value: boolean) {
    // The row may be another cell's by now.
    if (!this.#released) this.#table[this.#row + GIVES_WAY] = value ? 1 : 0;
  }

  set memoryLimitBytes(value: number) {
    this.#table[this.#row + MEMORY_LIMIT] = value;
  }

  /** `events`: how many may lie in the turn in which the ping waits. */
  pinged(events: number): void {
    this.#table[this.#row + TURN_EVENTS] = events;
    this.#table[this.#row + PING_OUTSTANDING] = 1;
  }

  ponged(): void {
    this.#table[this.#row + PING_OUTSTANDING] = 0;
  }

  /** What it has used up to now, in milliseconds of CPU, is not charged to those who begin from now on. */
  set startedCpuMs(value: number) {
    this.#table[this.#row + STARTED_CPU_MS] = value;
  }

  /**
   * Called whenever an invocation begins or ends.
   * @param oldestStartMs `shareMs` at which the one began that has been charged most @param oldestBeganMs when that was (`performance.now()`)
   */
  setLoad(inFlight: number, oldestStartMs: number, oldestBeganMs: number): void {
    const row = this.#row;
    // The thread reads IN_FLIGHT first and this a few system calls later: when the last invocation ended in between, it must
    // not take all that the cell ever used for that invocation's.
    this.#table[row + OLDEST_START] = inFlight === 0 ? Number.POSITIVE_INFINITY : oldestStartMs;
    this.#table[row + OLDEST_BEGAN] = oldestBeganMs;
    const wasIdle = this.#table[row + IN_FLIGHT] === 0;
    this.#table[row + IN_FLIGHT] = inFlight;
    if (wasIdle && inFlight > 0) {
      this.#table[row + BUSY_COUNT] = (this.#table[row + BUSY_COUNT] as number) + 1;
      this.#wake();
    }
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#release();
  }

  #seen(): boolean {
    return this.#table[this.#row + SEEN_GENERATION] === this.#table[this.#row + GENERATION];
  }
}
