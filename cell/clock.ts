/**
 * The clock a worker sees. It stands still while JavaScript runs and moves on at I/O only (as on Cloudflare, against
 * timing side channels), and it is shared along a pipeline: a callee starts from its caller's reading. At the top level of
 * a module, outside any invocation, it reads 0.
 */
import { currentInvocation } from './context.ts';
import { illegalInvocation } from './webidl.ts';
import { apply, construct, defineProperty, NativeDate, NativeProxy, setPrototypeOf, uncurry } from './primordials.ts';

const now = (): number => currentInvocation()?.clockMs ?? 0;
/** What `Date.now()` and `performance.now()` read, in ms. */
export const workerNow = now;

export function installClock(): void {
  const toStringOf = uncurry(NativeDate.prototype.toString);
  const FrozenDate = new NativeProxy(NativeDate, {
    __proto__: null,
    apply: () => toStringOf(new NativeDate(now())),
    construct: (target, args: unknown[], newTarget) =>
      construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
  } as ProxyHandler<DateConstructor>);
  defineProperty(NativeDate, 'now', {
    value: named('now', now),
    writable: true,
    enumerable: false,
    configurable: true,
  });
  defineProperty(NativeDate.prototype, 'constructor', {
    value: FrozenDate,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  defineProperty(globalThis, 'Date', { value: FrozenDate, writable: true, enumerable: false, configurable: true });
  installPerformance();
  installIntl();
}

function installPerformance(): void {
  const prototype = Performance.prototype;
  const instance = performance;
  // No event target, as long as it has no entries to tell of.
  setPrototypeOf(prototype, Object.prototype);
  const { now: nowOfPerformance } = {
    now(this: unknown): number {
      if (this !== instance) throw illegalInvocation();
      return now();
    },
  };
  defineProperty(prototype, 'now', { value: nowOfPerformance, writable: true, enumerable: true, configurable: true });
  defineProperty(prototype, 'timeOrigin', { get: () => 0, enumerable: true, configurable: true });
  // They read the real clock and Workers does not have them in this form.
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name === 'now' || name === 'timeOrigin' || name === 'constructor') continue;
    Reflect.deleteProperty(prototype, name);
  }
}

/** `format()` without a date reads the real clock inside the engine. */
function installIntl(): void {
  const prototype = Intl.DateTimeFormat.prototype;
  const formatGetter = Object.getOwnPropertyDescriptor(prototype, 'format')?.get as () => (date?: unknown) => string;
  defineProperty(prototype, 'format', {
    get(this: Intl.DateTimeFormat) {
      const format = apply(formatGetter, this, []) as (date?: unknown) => string;
      return (date?: unknown) => format(date === undefined ? now() : date);
    },
    enumerable: false,
    configurable: true,
  });
  const formatToParts = prototype.formatToParts;
  defineProperty(prototype, 'formatToParts', {
    value: named('formatToParts', function (this: Intl.DateTimeFormat, date?: Date | number) {
      return apply(formatToParts, this, [date === undefined ? now() : date]);
    }),
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

const named = <F extends (...args: never[]) => unknown>(name: string, f: F): F => {
  defineProperty(f, 'name', { value: name, configurable: true });
  return f;
};
