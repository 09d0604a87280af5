/** Generic cells that wait for a version: started ahead, one at a time so as not to disturb requests. */
import type { Cell } from './cell.ts';

/** A cell that does not start is tried again after this. */
const RETRY_PAUSE_MS = 1_000;

export interface PrestartedCellsOptions {
  /** How many are kept. */
  readonly wanted: number;
  /** Whether the node may start one more now. */
  readonly mayStart: () => boolean;
  readonly start: () => Promise<Cell>;
  /** One did not start; it will be tried again. */
  readonly onFailure: (error: Error) => void;
}

export class PrestartedCells {
  readonly #options: PrestartedCellsOptions;
  readonly #cells: Cell[] = [];
  #isStarting = false;

  constructor(options: PrestartedCellsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#cells.length;
  }

  get isStarting(): boolean {
    return this.#isStarting;
  }

  /** The one that waited longest, and starts another in its place; undefined when none is ready. */
  take(): Cell | undefined {
    for (let cell = this.#cells.shift(); cell !== undefined; cell = this.#cells.shift()) {
      if (cell.state !== 'warm') continue;
      this.refill();
      return cell;
    }
    return undefined;
  }

  /** Starts what is missing, as far as there is room. */
  refill(): void {
    const { wanted, mayStart, start, onFailure } = this.#options;
    if (this.#isStarting || this.#cells.length >= wanted || !mayStart()) return;
    this.#isStarting = true;
    start().then(
      (cell) => {
        this.#isStarting = false;
        this.#cells.push(cell);
        this.refill();
      },
      (error: unknown) => {
        this.#isStarting = false;
        onFailure(error as Error);
        setTimeout(() => this.refill(), RETRY_PAUSE_MS).unref();
      },
    );
  }

  /** Forgets those that died while they waited, and starts others. */
  replaceDead(): void {
    for (let index = this.#cells.length - 1; index >= 0; index--) {
      if (this.#cells[index]?.state !== 'warm') this.#cells.splice(index, 1);
    }
    this.refill();
  }
}
