/** When a cell is asked to collect its garbage. */

const MiB = 1024 * 1024;
/** A cell that uses this part of what it may is asked … */
const FROM = 0.5;
/** … and asked again when it has grown by so much. */
const STEP_BYTES = 16 * MiB;

/**
 * The watchdog cannot tell garbage from what is used, and V8 lets 64 MiB and more of buffers lie that nobody holds any more: left alone, a worker
 * that makes much garbage would be ended for memory it does not use. A collection costs the worker CPU time, so who really uses all its memory is
 * not asked for ever.
 */
export class GarbagePrompt {
  readonly #fromBytes: number;
  /** The least that was seen since the last time. */
  #leastBytes = 0;

  /** @param baselineBytes what the cell had before it saw user code @param memoryBytes what it may use above that */
  constructor(baselineBytes: number, memoryBytes: number) {
    this.#fromBytes = baselineBytes + memoryBytes * FROM;
  }

  /** @param privateBytes what the process has now */
  isDue(privateBytes: number): boolean {
    this.#leastBytes = Math.min(this.#leastBytes, privateBytes);
    if (privateBytes < Math.max(this.#fromBytes, this.#leastBytes + STEP_BYTES)) return false;
    this.#leastBytes = privateBytes;
    return true;
  }
}
