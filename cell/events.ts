/** `addEventListener('fetch', …)` of the service-worker syntax, and the events that keep uncaught errors from ending the process. */
import { reportException } from './console.ts';
import type { Invocation } from './context.ts';
import { waitUntil } from './invocation.ts';
import {
  apply,
  defineProperty,
  MapConstructor,
  mapForEach,
  mapGet,
  mapSet,
  NativeError,
  NativeTypeError,
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
    reportException((event as PromiseRejectionEvent).reason);
  });
  nativeAdd('error', (event) => {
    event.preventDefault();
    reportException((event as ErrorEvent).error);
  });
  defineProperty(globalThis, 'addEventListener', {
    value: function addEventListener(type: unknown, listener: unknown, options?: unknown) {
      const name = `${type as string}`;
      if (WORKER_EVENTS[name]) addWorkerListener(name, listener);
      else apply(nativeAdd as (...args: never[]) => unknown, globalThis, [name, listener, options]);
    },
    writable: true,
    enumerable: true,
    configurable: true,
  });
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

class FetchEvent extends Event {
  readonly request: Request;
  readonly #invocation: Invocation;
  #response: unknown;
  #responded = false;

  constructor(key: unknown, invocation: Invocation, request: Request) {
    if (key !== CREATE) throw new NativeTypeError('Illegal constructor');
    super('fetch');
    this.#invocation = invocation;
    this.request = request;
  }

  respondWith(response: unknown): void {
    if (this.#responded)
      throw new NativeError('FetchEvent.respondWith() has already been called; it can only be called once.');
    this.#responded = true;
    this.#response = response;
  }

  waitUntil(promise: unknown): void {
    waitUntil(this.#invocation, promise);
  }

  passThroughOnException(): void {
    this.#invocation.passThrough = true;
  }

  static answer(event: FetchEvent): { responded: boolean; response: unknown } {
    return { responded: event.#responded, response: event.#response };
  }
}
const { answer } = FetchEvent;

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
