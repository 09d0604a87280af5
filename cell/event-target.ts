/**
 * `EventTarget` as Workers have it, on top of Deno's: the same arguments are refused with the same words, `this` of a listener goes by
 * `set_event_target_this`, and before `spec_compliant_dispatch_exceptions` what a listener throws comes out of `dispatchEvent()` and `abort()`.
 * Events that the platform itself dispatches reach the listeners the same way. The events themselves are in `event-classes.ts`.
 */
import { compatFlag } from './compat.ts';
import {
  apply,
  defineProperty,
  eventTargetAdd,
  eventTargetDispatch,
  eventTargetRemove,
  getterOf,
  isAbortSignal,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  NativeTypeError,
  signalAborted,
  uncurry,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
  weakSetAdd,
  WeakSetConstructor,
  weakSetDelete,
  weakSetHas,
  NativeDOMException,
} from './primordials.ts';
import { fieldError, illegalInvocation, isObject, parameterError } from './webidl.ts';

type AnyFunction = (...args: never[]) => unknown;

interface Registration {
  readonly run: (event: Event) => void;
  readonly signal: AbortSignal | undefined;
}

const nativePreventDefault = uncurry(Event.prototype.preventDefault);
const stopImmediately = uncurry(Event.prototype.stopImmediatePropagation);
const eventType = getterOf<Event, string>(Event.prototype, 'type');
const currentTarget = getterOf<Event, EventTarget | null>(Event.prototype, 'currentTarget');

/** By target, type and listener: what Deno was given in the listener's place. */
const registrations = new WeakMapConstructor<object, Map<string, Map<object, Registration>>>();
/** Events whose default somebody prevented; `dispatchEvent` says so even of those that cannot be cancelled. */
const prevented = new WeakSetConstructor();
const dispatching = new WeakSetConstructor();

/** What listeners throw while user code dispatches: the first error ends the dispatch. */
interface Collection {
  thrown: boolean;
  error: unknown;
}
/** A passive listener cannot prevent the default. */
let inPassiveListener = false;
let collecting: Collection | undefined;

/** Takes the registration of a worker's own event (`fetch`, `scheduled` …) on the global scope; says whether it did. */
export type WorkerListenerHook = (type: string, listener: unknown) => boolean;
let registerWorkerListener: WorkerListenerHook;

function targetOf(self: unknown): EventTarget {
  return (self ?? globalThis) as EventTarget;
}

function registrationsOf(target: EventTarget, type: string): Map<object, Registration> {
  let byType = weakMapGet(registrations, target) as Map<string, Map<object, Registration>> | undefined;
  if (byType === undefined) {
    byType = new MapConstructor<string, Map<object, Registration>>();
    weakMapSet(registrations, target, byType);
  }
  let byListener = mapGet(byType, type);
  if (byListener === undefined) {
    byListener = new MapConstructor<object, Registration>();
    mapSet(byType, type, byListener);
  }
  return byListener;
}

/** The function to call; of an object it is the `handleEvent` that it has now. */
function callableOf(listener: object): { call: AnyFunction; self: object | undefined } {
  if (typeof listener === 'function') return { call: listener as AnyFunction, self: undefined };
  const { handleEvent } = listener as { handleEvent?: unknown };
  if (typeof handleEvent !== 'function') throw fieldError('handleEvent', 'HandlerObject', 'function');
  return { call: handleEvent as AnyFunction, self: listener };
}

function refuseCapture(method: string, options: unknown): void {
  if (options === undefined || options === null) return;
  if (!isObject(options)) {
    if (options) throw new NativeTypeError(`${method}(): useCapture must be false.`);
  } else if ((options as { capture?: unknown }).capture) {
    throw new NativeTypeError(`${method}(): options.capture must be false.`);
  }
}

function signalOf(options: unknown): AbortSignal | undefined {
  if (!isObject(options)) return undefined;
  const { signal } = options as { signal?: unknown };
  if (signal === undefined) return undefined;
  if (!isAbortSignal(signal)) throw fieldError('signal', 'AddEventListenerOptions', 'AbortSignal');
  return signal;
}

function invoke(event: Event, call: AnyFunction, self: object | undefined): void {
  const boundTo = self ?? (compatFlag('set_event_target_this') ? currentTarget(event) : globalThis);
  if (collecting === undefined && onThrown === undefined) {
    apply(call, boundTo, [event]);
    return;
  }
  try {
    apply(call, boundTo, [event]);
  } catch (error) {
    if (collecting === undefined) {
      onThrown?.(error);
      return;
    }
    if (!collecting.thrown) {
      collecting.thrown = true;
      collecting.error = error;
    }
    stopImmediately(event);
  }
}

/** Told what listeners throw, while an `error` event is dispatched: Deno ends the process when its report of an error fails with another. */
let onThrown: ((error: unknown) => void) | undefined;

/** Dispatches an event whose listeners' exceptions go to `report` and nowhere else. */
export function dispatchReporting(target: EventTarget, event: Event, report: (error: unknown) => void): void {
  const outer = onThrown;
  const collected = collecting;
  onThrown = report;
  collecting = undefined;
  try {
    eventTargetDispatch(target, event);
  } finally {
    onThrown = outer;
    collecting = collected;
  }
}

/** `preventDefault()` of an event that the platform dispatched. */
export function markPrevented(event: Event): void {
  weakSetAdd(prevented, event);
  nativePreventDefault(event);
}

/** Runs what may call listeners of user code, and throws what one of them threw. */
export function collectThrown<T>(dispatch: () => T): T {
  if (compatFlag('spec_compliant_dispatch_exceptions')) return dispatch();
  const outer = collecting;
  const collection: Collection = { thrown: false, error: undefined };
  collecting = collection;
  let result: T;
  try {
    result = dispatch();
  } finally {
    collecting = outer;
  }
  if (collection.thrown) throw collection.error;
  return result;
}

const methods = {
  addEventListener(this: unknown, ...args: unknown[]): void {
    const target = targetOf(this);
    if (args.length === 0) throw parameterError('addEventListener', 'EventTarget', 1, 'string');
    const type = `${args[0] as string}`;
    const listener = args[1];
    const isNone = args.length > 1 && (listener === undefined || listener === null);
    if (!isNone && !isObject(listener)) {
      throw parameterError('addEventListener', 'EventTarget', 2, 'function or HandlerObject');
    }
    if (target === globalThis && registerWorkerListener(type, listener)) return;
    if (isNone) return;
    const { call, self } = callableOf(listener as object);
    refuseCapture('addEventListener', args[2]);
    const signal = signalOf(args[2]);
    if (signal !== undefined && signalAborted(signal)) return;
    const options = (isObject(args[2]) ? args[2] : {}) as { once?: unknown; passive?: unknown };
    const once = Boolean(options.once);
    const passive = Boolean(options.passive);
    register(target, type, listener as object, { call, self, once, passive, signal });
  },

  removeEventListener(this: unknown, ...args: unknown[]): void {
    const target = targetOf(this);
    if (args.length === 0) throw parameterError('removeEventListener', 'EventTarget', 1, 'string');
    const type = `${args[0] as string}`;
    const listener = args[1];
    if (args.length === 1) throw parameterError('removeEventListener', 'EventTarget', 2, 'Object');
    refuseCapture('removeEventListener', args[2]);
    if (!isObject(listener)) return;
    const known = mapGet(registrationsOf(target, type), listener);
    if (known === undefined) return;
    mapDelete(registrationsOf(target, type), listener);
    eventTargetRemove(target, type, known.run);
  },

  dispatchEvent(this: unknown, event: unknown): boolean {
    const target = targetOf(this);
    if (!isEvent(event)) throw parameterError('dispatchEvent', 'EventTarget', 1, 'Event');
    if (weakSetHas(dispatching, event)) {
      throw new NativeDOMException('The event is already being dispatched.', 'InvalidStateError');
    }
    weakSetAdd(dispatching, event);
    try {
      collectThrown(() => eventTargetDispatch(target, event));
    } finally {
      weakSetDelete(dispatching, event);
    }
    return !weakSetHas(prevented, event);
  },
};

interface Listening {
  readonly call: AnyFunction;
  readonly self: object | undefined;
  readonly once: boolean;
  readonly passive: boolean;
  readonly signal: AbortSignal | undefined;
}

function register(target: EventTarget, type: string, listener: object, listening: Listening): void {
  const { call, self, once, passive, signal } = listening;
  const known = registrationsOf(target, type);
  const earlier = mapGet(known, listener);
  // Registering twice is once; but a registration that its signal has ended is none.
  if (earlier !== undefined && (earlier.signal === undefined || !signalAborted(earlier.signal))) return;
  const run = (event: Event) => {
    if (once) mapDelete(known, listener);
    const outer = inPassiveListener;
    inPassiveListener = passive;
    try {
      invoke(event, call, self);
    } finally {
      inPassiveListener = outer;
    }
  };
  try {
    eventTargetAdd(target, type, run, { __proto__: null, once } as AddEventListenerOptions);
  } catch {
    throw illegalInvocation();
  }
  mapSet(known, listener, { run, signal });
  if (signal === undefined) return;
  // Not Deno's own `signal` option: it would take the listener off with a method that user code can see.
  const stop = () => {
    if (mapGet(known, listener)?.run === run) mapDelete(known, listener);
    eventTargetRemove(target, type, run);
  };
  eventTargetAdd(signal, 'abort', stop, { __proto__: null, once: true } as AddEventListenerOptions);
}

function isEvent(value: unknown): value is Event {
  try {
    eventType(value as Event);
    return true;
  } catch {
    return false;
  }
}

/** `preventDefault()` as user code calls it. */
export const { preventDefault } = {
  preventDefault(this: Event): void {
    if (inPassiveListener) return;
    weakSetAdd(prevented, this);
    nativePreventDefault(this);
  },
};

/**
 * @param hook what to do with listeners of the worker's own events
 */
export function installEventTarget(hook: WorkerListenerHook): void {
  registerWorkerListener = hook;
  for (const [name, value] of Object.entries(methods)) {
    defineProperty(EventTarget.prototype, name, { value, writable: true, enumerable: true, configurable: true });
  }
}
