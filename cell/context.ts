/**
 * The invocation that JavaScript runs for at this moment, and its clock. Kept apart from `invocation.ts` so that the console and
 * the clock can ask without knowing how invocations end.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { InvocationTarget } from '../shared/protocol.ts';
import { dateNow, uncurry } from './primordials.ts';

export interface Invocation {
  readonly id: number;
  /** Undefined: the default entrypoint, without props. */
  readonly target: InvocationTarget | undefined;
  /** What `Date.now()` reads: stands still while JavaScript runs, moves on at I/O. */
  clockMs: number;
  /** A timer has moved the clock: the supervisor must be told, or the caller's clock would lag behind what it reads here. */
  clockMoved: boolean;
  /** Promises given to `waitUntil` that have not settled. */
  pendingWaits: number;
  /** Called when the last of them has settled and the handler has not answered yet. */
  onWaitsOver: (() => void) | undefined;
  /** Ends the RPC session that it answers. */
  closeSession: (() => void) | undefined;
  /** What `ctx.abort()` does instead of ending the invocation at once. */
  onAbort: ((reason: unknown) => void) | undefined;
  /** The handler has answered; what is left is `waitUntil` work. */
  answered: boolean;
  passThrough: boolean;
  ended: boolean;
  /** Run when the invocation ends: timers and calls to stop. Created on first use. */
  onEnd: Set<() => void> | undefined;
  /** Created with the first timer. */
  timers: TimerCounts | undefined;
}

/** The timers of one invocation: those that may still fire, and those that fired for good or were cleared. */
export interface TimerCounts {
  active: number;
  finished: number;
}

const storage = new AsyncLocalStorage<Invocation>();
const getStore = uncurry(AsyncLocalStorage.prototype.getStore as () => Invocation | undefined);
const run = uncurry(
  AsyncLocalStorage.prototype.run as (
    invocation: Invocation,
    callback: (...args: never[]) => unknown,
    ...args: unknown[]
  ) => unknown,
);

export function createInvocation(id: number, clockMs: number, target?: InvocationTarget): Invocation {
  return {
    id,
    target,
    clockMs,
    clockMoved: false,
    pendingWaits: 0,
    onWaitsOver: undefined,
    closeSession: undefined,
    onAbort: undefined,
    answered: false,
    passThrough: false,
    ended: false,
    onEnd: undefined,
    timers: undefined,
  };
}

export const currentInvocation = (): Invocation | undefined => getStore(storage);

/** Arguments by name and not by spread: a spread walks Array's iterator, which user code may have patched. */
export const runInvocation = <T>(
  invocation: Invocation,
  callback: (...args: never[]) => T,
  first?: unknown,
  second?: unknown,
  third?: unknown,
): T => run(storage, invocation, callback as (...args: never[]) => unknown, first, second, third) as T;

/** Taken at the start of the cell: no worker's `AsyncLocalStorage` holds anything there. */
const inEmptyContext = AsyncLocalStorage.snapshot();

/** As `runInvocation`, for what comes from outside and from nobody's call: the worker's own stores are empty. */
export const runInvocationAnew = (invocation: Invocation, callback: () => void): void =>
  inEmptyContext(() => void run(storage, invocation, callback));

/** I/O from outside the isolate has arrived: the clock may move on, never back. */
export function advanceClock(invocation: Invocation | undefined, toMs: number): void {
  if (invocation !== undefined && toMs > invocation.clockMs) invocation.clockMs = toMs;
}

/** As `advanceClock`, to the real time: for timers, which are the cell's own I/O. */
export function advanceClockToNow(invocation: Invocation): void {
  invocation.clockMoved = true;
  advanceClock(invocation, dateNow());
}
