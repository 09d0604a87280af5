/**
 * `MessageChannel` and `MessagePort` within one isolate, as workerd has them: a message is a structured clone, delivered in a microtask
 * of its own, and nothing can be transferred.
 */
import { defineTag } from '../../constructors.ts';
import {
  apply,
  defineProperty,
  eventTargetDispatch,
  NativeError,
  promiseResolve,
  promiseThen,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
} from '../../primordials.ts';
import { illegalConstructor, isObject, parameterError } from '../../webidl.ts';

const NativeMessageEvent = MessageEvent;
const NativeEvent = Event;
const clone = structuredClone;
const addListener = EventTarget.prototype.addEventListener as (...args: never[]) => unknown;
const removeListener = EventTarget.prototype.removeEventListener as (...args: never[]) => unknown;
const CREATE = {};
/** More messages than this wait for `start()`: the sender is told. */
const MAX_WAITING = 10_000;

type Handler = ((event: Event) => unknown) | null;

/** What is registered in the place of a handler: it is called on the global scope, and what it throws is lost. */
const listeners = new WeakMapConstructor<object, object>();

let entangle: (a: MessagePort, b: MessagePort) => void;

class MessagePort extends EventTarget {
  #peer: MessagePort | undefined;
  #started = false;
  #closed = false;
  #waiting: unknown[] = [];
  #onmessage: Handler = null;
  #onmessageerror: Handler = null;
  #onclose: Handler = null;

  constructor(key?: unknown) {
    if (key !== CREATE) throw illegalConstructor();
    super();
  }

  static {
    entangle = (a, b) => {
      a.#peer = b;
      b.#peer = a;
    };
  }

  postMessage(message?: unknown, options?: unknown): void {
    if (options !== undefined && options !== null && !isObject(options)) {
      throw parameterError('postMessage', 'MessagePort', 2, 'Array or PostMessageOptions');
    }
    const transfer = Array.isArray(options)
      ? options
      : (options as { transfer?: unknown[] } | null | undefined)?.transfer;
    if (transfer !== undefined && transfer.length > 0) throw new NativeError('Transfer list is not supported');
    const data = clone(message);
    const peer = this.#peer;
    if (this.#closed || peer === undefined || peer.#closed) return;
    if (!peer.#started) {
      if (peer.#waiting.length >= MAX_WAITING) throw new NativeError('Too many messages wait for start()');
      peer.#waiting[peer.#waiting.length] = data;
      return;
    }
    void promiseThen(promiseResolve(undefined), () => peer.#deliver(data));
  }

  #deliver(data: unknown): void {
    const event = new NativeMessageEvent('message', { __proto__: null, data } as MessageEventInit);
    // Deno makes null of it.
    if (data === undefined) defineProperty(event, 'data', { value: undefined, enumerable: true, configurable: true });
    defineProperty(event, 'origin', { value: null, configurable: true });
    defineProperty(event, 'source', { value: this, configurable: true });
    eventTargetDispatch(this, event);
  }

  /** As on Workers, a listener is enough to start a port. */
  override addEventListener(...args: unknown[]): void {
    apply(addListener, this, args);
    if (args[0] === 'message') this.start();
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let index = 0; index < waiting.length; index++) {
      const data = waiting[index];
      void promiseThen(promiseResolve(undefined), () => this.#deliver(data));
    }
  }

  close(): void {
    const peer = this.#peer;
    this.#finish();
    if (peer !== undefined) peer.#finish();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    this.#peer = undefined;
    eventTargetDispatch(this, new NativeEvent('close'));
  }

  get onmessage(): Handler {
    return this.#onmessage;
  }

  /** With a handler the port is started; without one messages wait for the next. */
  set onmessage(handler: unknown) {
    this.#onmessage = replaceHandler(this, 'message', this.#onmessage, handler);
    if (this.#onmessage === null) this.#started = false;
    else this.start();
  }

  get onmessageerror(): Handler {
    return this.#onmessageerror;
  }

  set onmessageerror(handler: unknown) {
    this.#onmessageerror = replaceHandler(this, 'messageerror', this.#onmessageerror, handler);
  }

  get onclose(): Handler {
    return this.#onclose;
  }

  set onclose(handler: unknown) {
    this.#onclose = replaceHandler(this, 'close', this.#onclose, handler);
  }
}

/** A handler property is a listener like others; what is no function takes it off. */
function replaceHandler(port: MessagePort, type: string, earlier: Handler, value: unknown): Handler {
  const known = weakMapGet(listeners, port) as Record<string, unknown> | undefined;
  const registered: Record<string, unknown> = known ?? { __proto__: null };
  if (known === undefined) weakMapSet(listeners, port, registered);
  if (earlier !== null) apply(removeListener, port, [type, registered[type]] as never[]);
  if (typeof value !== 'function') return null;
  const run = (event: Event) => {
    try {
      apply(value as (...args: never[]) => unknown, globalThis, [event]);
    } catch {
      // As on Workers, nobody is told.
    }
  };
  registered[type] = run;
  apply(addListener, port, [type, run] as never[]);
  return value as Handler;
}

class MessageChannel {
  declare readonly port1: MessagePort;
  declare readonly port2: MessagePort;

  constructor() {
    const port1 = new MessagePort(CREATE);
    const port2 = new MessagePort(CREATE);
    entangle(port1, port2);
    defineProperty(this, 'port2', { value: port2, writable: false, enumerable: true, configurable: true });
    defineProperty(this, 'port1', { value: port1, writable: false, enumerable: true, configurable: true });
  }
}

for (const key of ['postMessage', 'close', 'start', 'onmessage']) {
  defineProperty(MessagePort.prototype, key, { enumerable: true });
}
defineTag(MessagePort);
defineTag(MessageChannel);

export { MessageChannel, MessagePort };
