/**
 * Timers as on Workers: ids are numbers, a firing timer moves the invocation's clock on, and none outlives its invocation.
 * At the top level of a module they are refused (Cloudflare: no asynchronous I/O in global scope).
 */
import { abortException, NativeDOMException } from './dom-exception.ts';
import { CELL_LIMITS } from '../shared/limits.ts';
import {
  advanceClockToNow,
  currentInvocation,
  type Invocation,
  runInvocation,
  runInvocationAnew,
  type TimerCounts,
} from './context.ts';
import { reportException } from './console.ts';
import { abortWith } from './abort.ts';
import { defineGlobal } from './globals.ts';
import { onInvocationEnd } from './invocation.ts';
import {
  apply,
  dateNow,
  defineProperty,
  eventTargetAdd,
  eventTargetRemove,
  getterOf,
  isAbortSignal,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  nativeClearImmediate,
  nativeClearInterval,
  nativeClearTimeout,
  NativeError,
  NativePromise,
  nativeSetImmediate,
  nativeSetInterval,
  nativeSetTimeout,
  nativeString,
  signalAborted,
  signalReason,
} from './primordials.ts';
import { startupError } from './startup.ts';
import { countEvent, mustWait, inOwnTurn } from './turns.ts';
import {
  fieldError,
  illegalConstructor,
  isObject,
  parameterError,
  requireScopeThis,
  SCOPE,
  toNumber,
} from './webidl.ts';

const NativeAbortController = AbortController;
const controllerSignal = getterOf<AbortController, AbortSignal>(AbortController.prototype, 'signal');

interface Timer {
  readonly counts: TimerCounts;
  readonly stop: () => void;
  readonly forget: () => void;
}

const timers = new MapConstructor<number, Timer>();
let nextId = 1;

/** The invocation that runs now, or the exception Workers throws for I/O at the top level. */
export function requireInvocation(): Invocation {
  const invocation = currentInvocation();
  if (invocation === undefined) throw startupError();
  return invocation;
}

/**
 * Starts a timer of the running invocation.
 * @param delayMs what is negative or not a number is 0
 * @returns the id for `clearTimer`
 * @throws QuotaExceededError when the invocation has as many as it may have
 */
export function startTimer(repeat: boolean, callback: () => void, delayMs: number): number {
  const invocation = requireInvocation();
  const counts = (invocation.timers ??= { active: 0, finished: 0 });
  if (counts.active >= CELL_LIMITS.activeTimers) throw tooManyTimers(counts);
  counts.active++;
  const id = nextId++;
  const fire = () => {
    if (!repeat) end(id);
    if (invocation.ended) return;
    advanceClockToNow(invocation);
    runInvocation(invocation, runTimer, callback);
  };
  let isWaiting = false;
  const fireInOwnTurn = () => {
    isWaiting = false;
    // Cleared while it waited.
    if (mapGet(timers, id) !== undefined) fire();
  };
  const due = () => {
    if (!mustWait()) {
      countEvent(invocation.id);
      fire();
    } else if (!isWaiting) {
      isWaiting = true;
      inOwnTurn(invocation.id, fireInOwnTurn);
    }
  };
  mapSet(timers, id, {
    counts,
    stop: startNative(repeat, due, delayMs),
    forget: onInvocationEnd(invocation, () => clearTimer(id)),
  });
  return id;
}

/** In workerd's words. */
function tooManyTimers({ active, finished }: TimerCounts): DOMException {
  const counts = `max active timeouts: ${CELL_LIMITS.activeTimers}, current active timeouts: ${active}, finished timeouts: ${finished}`;
  const message = `You have exceeded the number of active timeouts you may set. ${counts}`;
  return new NativeDOMException(message, 'QuotaExceededError');
}

/** What a timer's callback throws is told to the operator and goes no further: workerd dispatches no `error` event for it. */
function runTimer(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    reportException(error);
  }
}

/** The engine takes a longer one for 1 ms; no cell lives as long as this. */
const MAX_DELAY_MS = 2 ** 31 - 1;
/** Immediates that stand for timers and have not run yet, and from when on there have been any. */
let immediates = 0;
let immediatesSince = 0;

/**
 * A worker sees what is due first fire first. The engine fires what is due in 0 ms as if it were 1 ms, so the former are immediates here;
 * these it runs after the timers of the same turn, so what was due later queues up behind them.
 */
function startNative(repeat: boolean, fire: () => void, delayMs: number): () => void {
  const waitMs = delayMs > MAX_DELAY_MS ? MAX_DELAY_MS : delayMs;
  if (repeat) {
    const interval = nativeSetInterval(fire, waitMs);
    return () => nativeClearInterval(interval);
  }
  if (!(waitMs >= 1)) return startImmediate(fire);
  const dueMs = dateNow() + waitMs;
  let stop = (): void => nativeClearTimeout(timeout);
  const timeout = nativeSetTimeout(() => {
    if (immediates === 0 || immediatesSince >= dueMs) fire();
    else stop = startImmediate(fire);
  }, waitMs);
  return () => stop();
}

function startImmediate(fire: () => void): () => void {
  if (immediates++ === 0) immediatesSince = dateNow();
  let hasRun = false;
  const immediate = nativeSetImmediate(() => {
    hasRun = true;
    immediates--;
    fire();
  });
  return () => {
    if (hasRun) return;
    immediates--;
    nativeClearImmediate(immediate);
  };
}

function end(id: number): Timer | undefined {
  const timer = mapGet(timers, id);
  if (timer === undefined) return undefined;
  mapDelete(timers, id);
  timer.counts.active--;
  timer.counts.finished++;
  timer.forget();
  return timer;
}

/** Stops a timer. An id that is none, or no longer one, is ignored. */
export const clearTimer = (id: number): void => {
  end(id)?.stop();
};

function startFor(method: string, repeat: boolean, callback: unknown, delay: unknown, args: unknown[]): number {
  if (typeof callback !== 'function') throw parameterError(method, SCOPE, 1, 'function');
  const delayMs = delay === undefined ? 0 : toNumber(delay);
  const call = () => apply(callback as (...args: never[]) => unknown, globalThis, args);
  return startTimer(repeat, call, delayMs);
}

function clearFor(method: string, args: unknown[]): void {
  requireInvocation();
  if (args.length === 0) throw parameterError(method, SCOPE, 1, 'Number');
  clearTimer(toNumber(args[0]));
}

// Methods, so that they are no constructors; `this` is checked as workerd does.
const functions = {
  setTimeout(this: unknown, callback: unknown, delay?: unknown, ...args: unknown[]): number {
    requireScopeThis(this);
    return startFor('setTimeout', false, callback, delay, args);
  },
  clearTimeout(this: unknown, ...args: unknown[]): void {
    requireScopeThis(this);
    clearFor('clearTimeout', args);
  },
  setInterval(this: unknown, callback: unknown, delay?: unknown, ...args: unknown[]): number {
    requireScopeThis(this);
    return startFor('setInterval', true, callback, delay, args);
  },
  clearInterval(this: unknown, ...args: unknown[]): void {
    requireScopeThis(this);
    clearFor('clearInterval', args);
  },
};

let mayConstruct = false;

/** The class of the global `scheduler`; it has no other name than its constructor's. */
class Scheduler {
  constructor() {
    if (!mayConstruct) throw illegalConstructor();
  }

  /** Resolves after `delay` ms; an abort of `options.signal` rejects it. */
  async wait(delay: unknown, options?: unknown): Promise<void> {
    if (delay === undefined) throw parameterError('wait', 'Scheduler', 1, 'number');
    const delayMs = toNumber(delay);
    if (options !== undefined && options !== null && !isObject(options)) {
      throw parameterError('wait', 'Scheduler', 2, 'WaitOptions');
    }
    const signal = (options as { signal?: unknown } | null | undefined)?.signal;
    if (signal !== undefined && !isAbortSignal(signal)) throw fieldError('signal', 'WaitOptions', 'AbortSignal');
    requireInvocation();
    if (signal !== undefined && signalAborted(signal)) throw abortErrorOf(signal);
    await waitFor(delayMs, signal);
  }
}

/** What the wait ends with: the reason of the abort, in an Error when it is no object. */
function abortErrorOf(signal: AbortSignal): unknown {
  const reason = signalReason(signal);
  return isObject(reason) ? reason : new NativeError(nativeString(reason));
}

function waitFor(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new NativePromise<void>((resolve, reject) => {
    const onAbort = () => {
      clearTimer(id);
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is the user's
      reject(abortErrorOf(signal as AbortSignal));
    };
    const id = startTimer(
      false,
      () => {
        if (signal !== undefined) eventTargetRemove(signal, 'abort', onAbort);
        resolve();
      },
      delayMs,
    );
    if (signal !== undefined) eventTargetAdd(signal, 'abort', onAbort);
  });
}

const { timeout } = {
  timeout(...args: unknown[]): AbortSignal {
    if (args.length === 0) throw parameterError('timeout', 'AbortSignal', 1, 'number');
    const controller = new NativeAbortController();
    const signal = controllerSignal(controller);
    const invocation = requireInvocation();
    const expire = () =>
      runInvocationAnew(invocation, () =>
        abortWith(controller, abortException('The operation was aborted due to timeout', 'TimeoutError')),
      );
    startTimer(false, expire, toNumber(args[0]));
    return signal;
  },
};

export function installTimers(): void {
  defineProperty(AbortSignal, 'timeout', { value: timeout });
  defineGlobal('setTimeout', functions.setTimeout);
  defineGlobal('clearTimeout', functions.clearTimeout);
  defineGlobal('setInterval', functions.setInterval);
  defineGlobal('clearInterval', functions.clearInterval);
  mayConstruct = true;
  const scheduler = new Scheduler();
  mayConstruct = false;
  defineProperty(Scheduler.prototype, 'wait', { enumerable: true });
  defineProperty(Scheduler.prototype, Symbol.toStringTag, { value: 'Scheduler', writable: true, configurable: true });
  defineGlobal('scheduler', scheduler);
}
