/**
 * Who was guilty? A cell that is killed for a limit takes all its requests with it, and nobody can see from outside which of them it was.
 * Those that are safe to repeat run again, in two groups with a cell each; a group whose cell is killed again is halved, until
 * the guilty one dies alone. An innocent one waits for the logarithm of the number of suspects, not for all of them.
 */
import type { Cell } from './cell.ts';

/** A cell for a group of suspects. */
export interface IsolatedCell {
  readonly cell: Cell;
  /** This suspect has its answer, or its cell is dead. Idempotent. */
  readonly done: () => void;
}

export interface SuspectsContext {
  /** A cell that serves nobody else. */
  startCell(): Promise<Cell>;
  /** The cell has done its group no harm: it may join the others. */
  readonly onSurvived: (cell: Cell) => void;
  /** A cell was killed again. `convicts`: how many guilty ones were found since the first cell died. */
  readonly onDied: (cell: Cell, convicts: number) => void;
  /** Groups that run at the same time. */
  readonly parallelism: number;
  /** After this long the cell joins the others, whatever its group still does. */
  readonly probationMs: number;
}

/** The dead cell's requests hear of it within a moment, those on its HTTP socket a little later. */
const GATHER_MS = 3;

interface Suspect {
  resolve(isolated: IsolatedCell): void;
  reject(error: unknown): void;
}

/** All that follows from the death of one cell. */
interface Case {
  convicts: number;
}

interface Group {
  readonly suspects: readonly Suspect[];
  readonly origin: Case;
}

export class Suspects {
  readonly #context: SuspectsContext;
  readonly #gathering = new Map<Cell, Suspect[]>();
  readonly #cases = new WeakMap<Cell, Case>();
  readonly #queue: Group[] = [];
  #running = 0;

  constructor(context: SuspectsContext) {
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#running === 0 && this.#queue.length === 0 && this.#gathering.size === 0;
  }

  /** Waits for a cell in which the request may be repeated. `dead`: the cell it was in. */
  isolate(dead: Cell): Promise<IsolatedCell> {
    return new Promise((resolve, reject) => {
      const gathered = this.#gathering.get(dead);
      if (gathered !== undefined) {
        gathered.push({ resolve, reject });
        return;
      }
      this.#gathering.set(dead, [{ resolve, reject }]);
      setTimeout(() => this.#halve(dead), GATHER_MS);
    });
  }

  #halve(dead: Cell): void {
    const suspects = this.#gathering.get(dead) ?? [];
    this.#gathering.delete(dead);
    const origin = this.#cases.get(dead) ?? { convicts: 0 };
    const middle = Math.ceil(suspects.length / 2);
    for (const half of [suspects.slice(0, middle), suspects.slice(middle)]) {
      if (half.length > 0) this.#queue.push({ suspects: half, origin });
    }
    this.#runNext();
  }

  #runNext(): void {
    while (this.#running < this.#context.parallelism) {
      const group = this.#queue.shift();
      if (group === undefined) return;
      this.#running++;
      void this.#run(group).finally(() => {
        this.#running--;
        this.#runNext();
      });
    }
  }

  async #run({ suspects, origin }: Group): Promise<void> {
    let cell: Cell;
    try {
      cell = await this.#context.startCell();
    } catch (error) {
      for (const suspect of suspects) suspect.reject(error);
      return;
    }
    this.#cases.set(cell, origin);
    cell.onDead = () => {
      if (cell.inFlightAtDeath <= 1) origin.convicts++;
      this.#context.onDied(cell, origin.convicts);
    };
    await serve(cell, suspects, this.#context.probationMs);
    if (cell.state === 'serving') this.#context.onSurvived(cell);
  }
}

/** Until all of the group are done, or the cell is dead, or it has been well for long enough. */
function serve(cell: Cell, suspects: readonly Suspect[], probationMs: number): Promise<void> {
  return new Promise((resolve) => {
    const probation = setTimeout(resolve, probationMs);
    let left = suspects.length;
    const finish = (): void => {
      clearTimeout(probation);
      resolve();
    };
    void cell.exited.then(finish);
    for (const suspect of suspects) {
      let isDone = false;
      suspect.resolve({
        cell,
        done: () => {
          if (isDone) return;
          isDone = true;
          if (--left === 0) finish();
        },
      });
    }
  });
}
