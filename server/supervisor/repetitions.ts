/**
 * What becomes of a request whose cell ended before any of its answer came: whether it is sent once more, and where.
 *
 * When a cell is killed with several requests in flight, one of them is guilty and nobody can see which. Those that are safe to
 * repeat run again among suspects (`suspects.ts`), until the guilty one dies alone and gets the blame.
 */
import { CELL_LIMITS } from '../../shared/limits.ts';
import type { Cell } from './cell.ts';
import type { Invocation } from './invocation.ts';
import type { FetchCall } from './types.ts';

/** Methods whose repetition changes nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
/** A request whose cells end for no limit's sake is given up after so many of them. */
const MAX_CRASHES = 3;
/** As often as the most suspects one cell can have are halved until one is left, and some more for suspects that come to be mixed. */
const MAX_SUSPICIONS = Math.ceil(Math.log2(CELL_LIMITS.concurrency)) + 4;
/** The process's exit, and a living cell's word on what broke its answer, come a moment after the connection breaks. */
const EXIT_WAIT_MS = 2_000;

/** Where a request goes next: nowhere, to a cell that serves only suspects, or to any. */
export type Repetition = 'none' | 'among suspects' | 'anywhere';

/** Of one request: how many cells have ended under it. */
export class Repetitions {
  #crashes = 0;
  #suspicions = 0;

  /** Counts the end of this cell, and says what comes next. */
  after(dead: Cell, call: FetchCall, invocation: Invocation): Repetition {
    const isByLimit = dead.deathOutcome !== 'unknown';
    if (isByLimit) this.#suspicions++;
    else this.#crashes++;
    const wasAlone = dead.inFlightAtDeath <= 1;
    if ((isByLimit && wasAlone) || this.#isGivenUp || !isSafeToRepeat(call, invocation)) return 'none';
    return isByLimit ? 'among suspects' : 'anywhere';
  }

  get #isGivenUp(): boolean {
    return this.#crashes >= MAX_CRASHES || this.#suspicions >= MAX_SUSPICIONS;
  }
}

/** Nothing of it was executed that a second execution would do twice. */
const isSafeToRepeat = ({ method, body }: FetchCall, { hasCalled }: Invocation): boolean =>
  SAFE_METHODS.has(method) && body === null && !hasCalled;

/**
 * Whether the cell is gone, asked when a connection to it has broken. Waits for its exit, or, with an invocation, until the living cell has
 * said what broke that one's answer.
 */
export function hasExited(cell: Cell, invocation?: Invocation): Promise<boolean> {
  if (cell.state === 'dead') return Promise.resolve(true);
  if (invocation?.answerError !== undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const settle = (exited: boolean): void => {
      clearTimeout(timer);
      cell.exitListeners.delete(onExit);
      resolve(exited);
    };
    const onExit = (): void => settle(true);
    const timer = setTimeout(settle, EXIT_WAIT_MS, false);
    cell.exitListeners.add(onExit);
    if (invocation !== undefined) invocation.onAnswerError = () => settle(false);
  });
}
