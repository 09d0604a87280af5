/** When a cell is asked to collect its garbage. */

const MiB = 1024 * 1024;
/** A cell that uses this part of what it may is asked when nobody waits for it … */
const FROM_IDLE = 0.5;
/** … and from here on also while a request runs, which pays for it: 10 to 25 ms of its CPU time … */
const FROM_BUSY = 0.75;
/** … and asked again when it has grown by so much. */
const STEP_BYTES = 16 * MiB;

/**
 * The watchdog cannot tell garbage from what is used, and V8 lets 64 MiB and more of buffers lie that nobody holds any more: left alone, a worker
 * that makes much garbage would be ended for memory it does not use. A collection costs the worker CPU time, so who really uses all its memory is
 * not asked for ever.
 */
export class GarbagePrompt {
  readonly #baselineBytes: number;
  readonly #memoryBytes: number;
  /** The least that was seen since the last time. */
  #leastBytes = 0;

  /** @param baselineBytes what the cell had before it saw user code @param memoryBytes what it may use above that */
  constructor(baselineBytes: number, memoryBytes: number) {
    this.#baselineBytes = baselineBytes;
    this.#memoryBytes = memoryBytes;
  }

  /** @param privateBytes what the process has now @param isBusy requests are in flight */
  isDue(privateBytes: number, isBusy: boolean): boolean {
    this.#leastBytes = Math.min(this.#leastBytes, privateBytes);
    const fromBytes = this.#baselineBytes + this.#memoryBytes * (isBusy ? FROM_BUSY : FROM_IDLE);
    if (privateBytes < Math.max(fromBytes, this.#leastBytes + STEP_BYTES)) return false;
    this.#leastBytes = privateBytes;
    return true;
  }
}
