/** How long the supervisor waits for what. The numbers below hold in production; tests shorten them. */
import { CELL_LIMITS } from '../../shared/limits.ts';

export interface Timings {
  /** A process that has not said hello by then is killed. Generous: the machine may be full. */
  readonly helloMs: number;
  /** Wall time of a version's top level. */
  readonly startupMs: number;
  /** What `waitUntil` has after the response. */
  readonly waitUntilMs: number;
  /** What a retired version's cells have to finish their requests. */
  readonly drainMs: number;
  /** So long before that their visitors' WebSockets are closed. */
  readonly closeMs: number;
  /** How long a request waits for a cell before it is told to come back. */
  readonly patienceMs: number;
  /** How long a start waits for another cell to end when the node is full. */
  readonly roomMs: number;
  /** A cell whose event loop has not turned for so long, with work in flight and no CPU used, is blocked for good. */
  readonly hangMs: number;
  /** After this long a cell with suspects in it takes others, too, whatever they still do: a suspect may be a stream that lasts for hours. */
  readonly probationMs: number;
}

export const TIMINGS: Timings = {
  helloMs: 15_000,
  startupMs: CELL_LIMITS.startupWallMs,
  waitUntilMs: CELL_LIMITS.waitUntilMs,
  drainMs: CELL_LIMITS.waitUntilMs,
  closeMs: 5_000,
  patienceMs: 10_000,
  roomMs: 5_000,
  hangMs: 20_000,
  probationMs: 10_000,
};
