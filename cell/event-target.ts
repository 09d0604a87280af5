/**
 * `EventTarget` and `Event` as Workers have them, on top of Deno's: the same arguments are refused with the same words, `this` of a
 * listener goes by `set_event_target_this`, and before `spec_compliant_dispatch_exceptions` what a listener throws comes out of `dispatchEvent()`
 * and `abort()`. Events that the platform itself dispatches reach the listeners the same way.
 */
import { abortException } from './dom-exception.ts';
import { compatFlag, compatibilityIsKnown } from './compat.ts';
import { replaceConstructor } from './constructors.ts';
import { loadExtra } from './extras.ts';
import { defineGlobal, defineLazyGlobal } from './globals.ts';
import {
  apply,
  construct,
  defineProperty,
  deleteProperty,
  eventTargetAdd,
  eventTargetDispatch,
  eventTargetRemove,
  getOwnPropertyDescriptor,
  getterOf,
  isAbortSignal,
  isArray,
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
import {
  constructorParameterError,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  isObject,
  parameterError,
} from './webidl.ts';

type AnyFunction = (...args: never[]) => unknown;

interface Registration {
  readonly run: (event: Event) => void;
  readonly signal: AbortSignal | undefined;
}

const NativeEvent = Event;
/** Events that user code can make. */
const CONSTRUCTIBLE = () => [NativeEvent, OwnCustomEvent, NativeMessageEvent, NativeErrorEvent, NativeCloseEvent];
const NativeMessageEvent = MessageEvent;
const NativeErrorEvent = ErrorEvent;
const NativeCloseEvent = CloseEvent;
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
function collectThrown<T>(dispatch: () => T): T {
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

const { preventDefault } = {
  preventDefault(this: Event): void {
    if (inPassiveListener) return;
    weakSetAdd(prevented, this);
    nativePreventDefault(this);
  },
};

/** Named by its property: the bundler renames a class of its own that is called like a global. */
const OwnCustomEvent = {
  CustomEvent: class extends NativeEvent {
    readonly #detail: unknown;

    constructor(type: string, init?: CustomEventInit | null) {
      super(type, init ?? undefined);
      this.#detail = init?.detail as unknown;
    }

    get detail(): unknown {
      return this.#detail;
    }
  },
}.CustomEvent;

/**
 * @param hook what to do with listeners of the worker's own events
 */
export function installEventTarget(hook: WorkerListenerHook): void {
  registerWorkerListener = hook;
  for (const [name, value] of Object.entries(methods)) {
    defineProperty(EventTarget.prototype, name, { value, writable: true, enumerable: true, configurable: true });
  }
  defineProperty(OwnCustomEvent.prototype, 'detail', { enumerable: true });
  for (const event of CONSTRUCTIBLE()) defineTag(event);
  defineTag(PromiseRejectionEvent);
  replaceEventConstructors();
  shapeEvent();
  hideConstructor('PromiseRejectionEvent', PromiseRejectionEvent);
  installAbort();
  for (const name of ['MessageChannel', 'MessagePort']) defineLazyGlobal(name, () => loadMessageChannel()[name]);
}

const loadMessageChannel = (): Record<string, unknown> => loadExtra('message-channel');

/** All of them want a type, and options that are an object. */
function replaceEventConstructors(): void {
  for (const native of CONSTRUCTIBLE()) {
    replaceConstructor(native.name, native, (args, newTarget) => {
      if (args.length === 0) throw constructorParameterError(native.name, 1, 'string');
      const init = args[1];
      if (init !== undefined && init !== null && !isObject(init))
        throw constructorParameterError(native.name, 2, 'Init');
      const taken = init === undefined || init === null ? [`${args[0] as string}`] : [`${args[0] as string}`, init];
      return construct(native, taken, newTarget) as object;
    });
  }
}

/** Gives the class its `Symbol.toStringTag`, if this worker's platform objects have one. */
export function defineTag(constructor: { readonly name: string; readonly prototype: object }): void {
  if (compatibilityIsKnown() && !compatFlag('set_tostring_tag')) return;
  defineProperty(constructor.prototype, Symbol.toStringTag, {
    value: constructor.name,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

function shapeEvent(): void {
  const { prototype } = NativeEvent;
  defineProperty(prototype, 'preventDefault', {
    value: preventDefault,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  for (const key of ['stopPropagation', 'stopImmediatePropagation', 'composedPath', 'cancelBubble']) {
    defineProperty(prototype, key, { enumerable: true });
  }
  defineProperty(prototype, 'returnValue', { set: undefined } as unknown as PropertyDescriptor);
  for (const key of ['target', 'currentTarget'] as const) {
    const native = getterOf<Event, EventTarget | null>(prototype, key);
    // Nobody yet is nothing, not null.
    const get = function (this: Event): EventTarget | undefined {
      return native(this) ?? undefined;
    };
    defineProperty(prototype, key, { get, enumerable: true, configurable: true });
  }
  const { get } = getOwnPropertyDescriptor(prototype, 'target') as PropertyDescriptor;
  defineProperty(prototype, 'srcElement', { get, set: undefined } as unknown as PropertyDescriptor);
  // The real one would be a clock that runs while JavaScript does.
  defineProperty(prototype, 'timeStamp', { get: () => 0, enumerable: true, configurable: true });
  for (const [index, key] of ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'].entries()) {
    deleteProperty(prototype, key);
    defineProperty(prototype, key, { value: index, writable: false, enumerable: true, configurable: true });
  }
}

/** Puts a class in the global scope that only the platform makes objects of. */
function hideConstructor(name: string, native: { prototype: object }): void {
  const holder = {
    [name]: function (): never {
      throw illegalConstructor();
    },
  };
  const visible = holder[name] as unknown as object;
  defineProperty(visible, 'prototype', { value: native.prototype, writable: false });
  defineProperty(native.prototype, 'constructor', { value: visible });
  defineGlobal(name, visible);
}

const abortError = (): DOMException => abortException('The operation was aborted', 'AbortError');
const nativeAbort = uncurry(AbortController.prototype.abort as (reason: unknown) => void);
const nativeAborted = AbortSignal.abort;
const nativeAny = AbortSignal.any;

function installAbort(): void {
  // Deno's own there serve its own `AbortSignal.timeout`.
  for (const key of ['addEventListener', 'removeEventListener']) deleteProperty(AbortSignal.prototype, key);
  const { abort } = {
    abort(this: AbortController, reason?: unknown): void {
      collectThrown(() => nativeAbort(this, reason === undefined ? abortError() : reason));
    },
  };
  defineProperty(AbortController.prototype, 'abort', { value: abort });
  const statics = {
    any(signals?: unknown): AbortSignal {
      if (!isArray(signals)) throw parameterError('any', 'AbortSignal', 1, 'Array');
      for (let index = 0; index < signals.length; index++) {
        if (isAbortSignal(signals[index])) continue;
        throw new NativeTypeError(
          `Incorrect type for array element ${index}: the provided value is not of type 'AbortSignal'.`,
        );
      }
      return apply(nativeAny as AnyFunction, AbortSignal, [signals] as never[]) as AbortSignal;
    },
    abort(reason?: unknown): AbortSignal {
      return apply(nativeAborted as AnyFunction, AbortSignal, [reason === undefined ? abortError() : reason]) as never;
    },
  };
  defineProperty(AbortSignal, 'abort', { value: statics.abort });
  defineProperty(AbortSignal, 'any', { value: statics.any });
}

/** Aborts in the platform's name. */
export function abortWith(controller: AbortController, reason: unknown): void {
  nativeAbort(controller, reason);
}
