/**
 * Timers as on Workers: ids are numbers, a firing timer moves the invocation's clock on, and none outlives its invocation.
 * At the top level of a module they are refused (Cloudflare: no asynchronous I/O in global scope).
 */
import { advanceClockToNow, currentInvocation, type Invocation, runInvocation } from './context.ts';
import { onInvocationEnd } from './invocation.ts';
import {
  apply,
  defineProperty,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  NativeError,
  nativeClearInterval,
  nativeClearTimeout,
  nativeSetInterval,
  nativeSetTimeout,
  NativeTypeError,
} from './primordials.ts';

interface Timer {
  readonly stop: () => void;
  readonly forget: () => void;
}

const timers = new MapConstructor<number, Timer>();
let nextId = 1;

const OUTSIDE =
  'Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler.';

/** The invocation that runs now, or the exception Workers throws for I/O at the top level. */
export function requireInvocation(): Invocation {
  const invocation = currentInvocation();
  if (invocation === undefined) throw new NativeError(OUTSIDE);
  return invocation;
}

function start(repeat: boolean, callback: unknown, delay: unknown, args: unknown[]): number {
  const invocation = requireInvocation();
  if (typeof callback !== 'function') {
    throw new NativeTypeError(
      `Failed to execute '${repeat ? 'setInterval' : 'setTimeout'}': parameter 1 is not of type 'Function'.`,
    );
  }
  const id = nextId++;
  const fire = () => {
    if (!repeat) end(id);
    if (invocation.ended) return;
    advanceClockToNow(invocation);
    runInvocation(invocation, () => apply(callback as (...args: never[]) => unknown, undefined, args));
  };
  const native = repeat ? nativeSetInterval(fire, delay as number) : nativeSetTimeout(fire, delay as number);
  const stop = repeat ? () => nativeClearInterval(native) : () => nativeClearTimeout(native);
  mapSet(timers, id, { stop, forget: onInvocationEnd(invocation, () => clear(id)) });
  return id;
}

function end(id: number): Timer | undefined {
  const timer = mapGet(timers, id);
  if (timer === undefined) return undefined;
  mapDelete(timers, id);
  timer.forget();
  return timer;
}

const clear = (id: unknown): void => {
  end(+(id as number))?.stop();
};

export function installTimers(): void {
  const functions = {
    setTimeout: (callback: unknown, delay?: unknown, ...args: unknown[]) => start(false, callback, delay, args),
    setInterval: (callback: unknown, delay?: unknown, ...args: unknown[]) => start(true, callback, delay, args),
    clearTimeout: (id?: unknown) => clear(id),
    clearInterval: (id?: unknown) => clear(id),
  };
  for (const [name, value] of Object.entries(functions)) {
    defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
  }
}
