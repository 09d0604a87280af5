/**
 * `node:diagnostics_channel` as Workers has it: `hasSubscribers` is a method, a function subscribed twice is called once, and what a subscriber
 * throws reaches the publisher. Without subscribers and stores a channel does nothing.
 */
import type { Exports } from './deno-node.ts';
import { invalidArgType } from './errors.ts';

type Subscriber = (message: unknown, name: string | symbol) => unknown;
type AnyFunction = (...args: unknown[]) => unknown;
type Transform = (data: unknown) => unknown;
interface Store {
  run(value: unknown, body: () => unknown): unknown;
}
type Context = Record<string, unknown>;

function requireFunction(method: string, parameter: number, value: unknown): void {
  if (typeof value === 'function') return;
  throw new TypeError(`Failed to execute '${method}' on 'Channel': parameter ${parameter} is not of type 'function'.`);
}

/** Named subscribers and the stores that `runStores` fills; made by `channel(name)` only. */
class Channel {
  readonly #name: string | symbol;
  readonly #subscribers = new Set<Subscriber>();
  readonly #stores = new Map<Store, Transform | undefined>();

  constructor(name: string | symbol, key?: symbol) {
    if (key !== CREATE) throw new TypeError('Illegal constructor');
    this.#name = name;
  }

  get [Symbol.toStringTag](): string {
    return 'Channel';
  }

  hasSubscribers(): boolean {
    return this.#subscribers.size > 0;
  }

  publish(message: unknown): void {
    for (const subscriber of [...this.#subscribers]) subscriber(message, this.#name);
  }

  subscribe(subscriber: Subscriber): void {
    requireFunction('subscribe', 1, subscriber);
    this.#subscribers.add(subscriber);
  }

  unsubscribe(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  bindStore(store: Store, transform?: Transform): void {
    this.#stores.set(store, transform);
  }

  unbindStore(store: Store): void {
    this.#stores.delete(store);
  }

  /** Publishes `data` and runs the function inside every bound store. */
  runStores(data: unknown, callback: AnyFunction, thisArg?: unknown, ...args: unknown[]): unknown {
    requireFunction('runStores', 2, callback);
    let run = (): unknown => {
      this.publish(data);
      return Reflect.apply(callback, thisArg, args);
    };
    for (const [store, transform] of this.#stores) {
      const inner = run;
      const value = transform === undefined ? data : transform(data);
      run = () => store.run(value, inner);
    }
    return run();
  }
}

const CREATE = Symbol('create');
const channels = new Map<string | symbol, Channel>();

function channel(name: string | symbol): Channel {
  const key = typeof name === 'symbol' ? name : String(name);
  let found = channels.get(key);
  if (found === undefined) {
    found = new Channel(key, CREATE);
    channels.set(key, found);
  }
  return found;
}

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
type Event = (typeof EVENTS)[number];
type Handlers = Partial<Record<Event, Subscriber>>;

/** Five channels that tell the life of one operation. */
class TracingChannel {
  readonly #channels: Record<Event, Channel>;

  constructor(named: string | Partial<Record<Event, Channel>>) {
    const of = (event: Event): Channel =>
      typeof named === 'string' ? channel(`tracing:${named}:${event}`) : (named[event] as Channel);
    this.#channels = {
      start: of('start'),
      end: of('end'),
      asyncStart: of('asyncStart'),
      asyncEnd: of('asyncEnd'),
      error: of('error'),
    };
  }

  get start(): Channel {
    return this.#channels.start;
  }
  get end(): Channel {
    return this.#channels.end;
  }
  get asyncStart(): Channel {
    return this.#channels.asyncStart;
  }
  get asyncEnd(): Channel {
    return this.#channels.asyncEnd;
  }
  get error(): Channel {
    return this.#channels.error;
  }

  subscribe(handlers: Handlers): void {
    for (const event of EVENTS) if (handlers[event] !== undefined) this.#channels[event].subscribe(handlers[event]);
  }

  unsubscribe(handlers: Handlers): void {
    for (const event of EVENTS) if (handlers[event] !== undefined) this.#channels[event].unsubscribe(handlers[event]);
  }

  hasSubscribers(): boolean {
    return EVENTS.some((event) => this.#channels[event].hasSubscribers());
  }

  traceSync(callback: AnyFunction, context: Context = {}, thisArg?: unknown, ...args: unknown[]): unknown {
    const { start, end } = this.#channels;
    return start.runStores(context, () => {
      try {
        const result = Reflect.apply(callback, thisArg, args);
        context.result = result;
        return result;
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        end.publish(context);
      }
    });
  }

  tracePromise(callback: AnyFunction, context: Context = {}, thisArg?: unknown, ...args: unknown[]): unknown {
    const { start, end, asyncStart, asyncEnd } = this.#channels;
    const settled = (): void => {
      asyncStart.publish(context);
      asyncEnd.publish(context);
    };
    const resolved = (result: unknown): unknown => {
      context.result = result;
      settled();
      return result;
    };
    const rejected = (error: unknown): never => {
      this.#fail(context, error);
      settled();
      throw error;
    };
    return start.runStores(context, () => {
      try {
        return Promise.resolve(Reflect.apply(callback, thisArg, args)).then(resolved, rejected);
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        end.publish(context);
      }
    });
  }

  traceCallback(
    callback: AnyFunction,
    position = -1,
    context: Context = {},
    thisArg?: unknown,
    ...args: unknown[]
  ): unknown {
    const { start, end, asyncStart, asyncEnd } = this.#channels;
    const index = position < 0 ? args.length + position : position;
    const done = args[index];
    if (typeof done !== 'function') throw invalidArgType('callback', 'of type function', done);
    const fail = (error: unknown): void => this.#fail(context, error);
    args[index] = function (this: unknown, error: unknown, result: unknown, ...rest: unknown[]): unknown {
      if (error) fail(error);
      else context.result = result;
      return asyncStart.runStores(context, () => {
        try {
          return Reflect.apply(done, this, [error, result, ...rest]);
        } finally {
          asyncEnd.publish(context);
        }
      });
    };
    return start.runStores(context, () => {
      try {
        return Reflect.apply(callback, thisArg, args);
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        end.publish(context);
      }
    });
  }

  #fail(context: Context, error: unknown): void {
    context.error = error;
    this.#channels.error.publish(context);
  }
}

/** The module's exports. */
export const diagnosticsChannel = (): Exports => ({
  Channel,
  TracingChannel,
  channel,
  hasSubscribers: (name: string | symbol) => channels.get(name)?.hasSubscribers() ?? false,
  subscribe: (name: string | symbol, subscriber: Subscriber) => channel(name).subscribe(subscriber),
  tracingChannel: (named: string | Partial<Record<Event, Channel>>) => new TracingChannel(named),
  unsubscribe: (name: string | symbol, subscriber: Subscriber) => channel(name).unsubscribe(subscriber),
});
