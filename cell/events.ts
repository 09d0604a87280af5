/** `addEventListener('fetch', …)` of the service-worker syntax, and the events that keep uncaught errors from ending the process. */
import { reportException } from './console.ts';
import type { Invocation } from './context.ts';
import { isResponse, type Request } from './http/index.ts';
import { installErrorEvents } from './error-events.ts';
import { waitUntil } from './invocation.ts';
import { defineGlobal } from './globals.ts';
import { illegalConstructor, isObject, parameterError } from './webidl.ts';
import { installAbort } from './abort.ts';
import { defineTag } from './constructors.ts';
import { installEventClasses } from './event-classes.ts';
import { installEventTarget } from './event-target.ts';
import {
  apply,
  defineProperty,
  hasOwn,
  MapConstructor,
  mapForEach,
  mapGet,
  mapSet,
  NativeError,
  NativeTypeError,
  objectKeys,
} from './primordials.ts';

type Listener = (event: unknown) => unknown;

/** Events that invoke a worker. Each keeps the listeners in the order registered. */
const WORKER_EVENTS = {
  __proto__: null,
  fetch: true,
  scheduled: true,
  queue: true,
  email: true,
  tail: true,
  trace: true,
  alarm: true,
} as unknown as Record<string, boolean>;
const workerListeners = new MapConstructor<string, Listener[]>();

const nativeAdd = globalThis.addEventListener;

export function installEvents(): void {
  // With a listener that prevents the default, Deno does not end the process.
  nativeAdd('unhandledrejection', (event) => {
    event.preventDefault();
    show(event, { cancelable: false });
    reportException((event as PromiseRejectionEvent).reason);
  });
  // Only that it is handled now is told: the reason was.
  nativeAdd('rejectionhandled', (event) => show(event, { cancelable: false, reason: undefined }));
  installErrorEvents();
  installEventTarget((type, listener) => {
    if (!WORKER_EVENTS[type]) return false;
    addWorkerListener(type, listener);
    return true;
  });
  installEventClasses();
  installAbort();
  for (const event of [ExtendableEvent, FetchEvent, ScheduledEvent, TraceEvent, TailEvent]) {
    defineTag(event);
    for (const key of ['waitUntil', 'respondWith', 'passThroughOnException', 'noRetry']) {
      if (hasOwn(event.prototype, key)) defineProperty(event.prototype, key, { enumerable: true });
    }
    defineGlobal(event.name, event);
  }
}

/** What the worker reads of an event of the engine's, where that on Workers says something else. */
function show(event: Event, shown: Readonly<Record<string, unknown>>): void {
  const names = objectKeys(shown);
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    defineProperty(event, name, { value: shown[name], writable: true, enumerable: false, configurable: true });
  }
}

function addWorkerListener(type: string, listener: unknown): void {
  if (typeof listener !== 'function') {
    throw new NativeTypeError(`addEventListener('${type}'): the listener is not a function.`);
  }
  const listeners = mapGet(workerListeners, type) ?? [];
  listeners[listeners.length] = listener as Listener;
  mapSet(workerListeners, type, listeners);
}

/** Event types somebody listens to. */
export function registeredEvents(): string[] {
  const types: string[] = [];
  mapForEach(workerListeners, (_listeners, type) => {
    types[types.length] = type;
  });
  return types;
}

const CREATE = {};

/** An event whose invocation can be made to last longer. */
class ExtendableEvent extends Event {
  readonly #invocation: Invocation;

  constructor(key: unknown, type: string, invocation: Invocation) {
    if (key !== CREATE) throw illegalConstructor();
    super(type);
    this.#invocation = invocation;
  }

  waitUntil(promise: unknown): void {
    waitUntil(this.#invocation, promise);
  }
}

/** Of the handlers that only the module syntax can have so far: there as interfaces. */
class ScheduledEvent extends ExtendableEvent {
  noRetry(): void {}
}
class TraceEvent extends ExtendableEvent {}
class TailEvent extends ExtendableEvent {}

/** What the worker did with the event. */
let answer: (event: FetchEvent) => { responded: boolean; response: unknown };

class FetchEvent extends ExtendableEvent {
  readonly request: Request;
  readonly #invocation: Invocation;
  #response: unknown;
  #responded = false;

  constructor(key: unknown, invocation: Invocation, request: Request) {
    super(key, 'fetch', invocation);
    this.#invocation = invocation;
    this.request = request;
  }

  respondWith(response?: unknown): void {
    if (!isThenable(response) && !isResponse(response)) throw parameterError('respondWith', 'FetchEvent', 1, 'Promise');
    if (this.#responded)
      throw new NativeError('FetchEvent.respondWith() has already been called; it can only be called once.');
    this.#responded = true;
    this.#response = response;
  }

  passThroughOnException(): void {
    this.#invocation.passThrough = true;
  }

  static {
    answer = (event) => ({ responded: event.#responded, response: event.#response });
  }
}

const isThenable = (value: unknown): boolean =>
  isObject(value) && typeof (value as { then?: unknown }).then === 'function';

/** Runs the fetch listeners in turn until one has called `respondWith`. */
export function dispatchFetch(invocation: Invocation, request: Request): unknown {
  const event = new FetchEvent(CREATE, invocation, request);
  const listeners = mapGet(workerListeners, 'fetch') ?? [];
  for (let index = 0; index < listeners.length; index++) {
    apply(listeners[index] as (...args: never[]) => unknown, globalThis, [event]);
    const { responded, response } = answer(event);
    if (responded) return response;
  }
  throw new NativeError('No event handler responded: call event.respondWith() in a "fetch" listener.');
}
