/**
 * Bindings to other workers (`Fetcher`) and to the worker's own entrypoints (`ctx.exports`). Which worker a binding leads to only the
 * supervisor knows. `fetch` is a call like that to the internet; whatever else is read from a binding is a method of the other worker's
 * entrypoint, called through RPC (`cell/extras/rpc`).
 *
 * Unknown names reach the RPC part through a proxy at the end of the prototype chain: what a class has, and what user code puts on
 * an object, is found first, and `fetch` pays nothing for the rest.
 */
import type { InvocationTarget } from '../shared/protocol.ts';
import type { Destination } from './call-head.ts';
import { fetchThrough } from './fetch.ts';
import { compatFlag } from './compat.ts';
import { loadExtra } from './extras.ts';
import { bodyArrayBuffer, bodyJson, bodyText, type Response, setFetcherCheck, streamBehind } from './http/index.ts';
import { refuseClonesOf } from './scope-functions.ts';
import { connectThrough } from './sockets.ts';
import { closedClass, dressClass } from './jsg.ts';
import { illegalConstructor, illegalInvocation, isObject, parameterError } from './webidl.ts';
import {
  defineProperty,
  deleteProperty,
  NativeProxy,
  NativeTypeError,
  reflectGet,
  setPrototypeOf,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
} from './primordials.ts';
import { functionBind } from './value-primordials.ts';
import type { RpcRuntime } from './rpc-classes.ts';

const CREATE = {};

/** Where calls of a Fetcher go. Loopbacks are functions, which can hold nothing private: so a map. */
const destinations = new WeakMapConstructor<object, Destination>();

export const destinationOf = (fetcher: unknown): Destination | undefined =>
  (typeof fetcher === 'object' && fetcher !== null) || typeof fetcher === 'function'
    ? (weakMapGet(destinations, fetcher as object) as Destination | undefined)
    : undefined;

function requireDestination(fetcher: unknown): Destination {
  const destination = destinationOf(fetcher);
  if (destination === undefined) throw illegalInvocation();
  return destination;
}

/** A Fetcher that came over RPC leads to a stub. */
const isImported = (destination: Destination): boolean =>
  typeof destination === 'object' && destination !== null && 'hold' in destination;

export class Fetcher {
  constructor(key?: unknown) {
    if (key !== CREATE) throw illegalConstructor();
  }

  fetch(input?: unknown, init?: unknown): Promise<Response> {
    const destination = requireDestination(this);
    if (arguments.length === 0) throw parameterError('fetch', 'Fetcher', 1, 'Request or string');
    if (init !== undefined && init !== null && !isObject(init)) {
      throw parameterError('fetch', 'Fetcher', 2, 'RequestInitializerDict or Request');
    }
    return isImported(destination)
      ? rpc().fetchImported(destination, input, init)
      : fetchThrough(destination, input, init);
  }

  connect(...args: unknown[]): object {
    return connectThrough(requireDestination(this), args[0], args[1]);
  }
}
dressClass(Fetcher, 'Fetcher');
const PublicFetcher = closedClass(Fetcher);
refuseClonesOf(Fetcher, 'ServiceStub cannot be serialized in this context.');
setFetcherCheck((value) => destinationOf(value) !== undefined);

class LoopbackServiceStub extends Fetcher {}
dressClass(LoopbackServiceStub, 'LoopbackServiceStub');

const fetcherPrototype = Fetcher.prototype;
const loopbackPrototype = LoopbackServiceStub.prototype;

/** Before `fetcher_no_get_put_delete`: shorthands of the time when bindings were to be like KV. */
const shorthands = {
  async get(this: Fetcher, url: string, type: unknown = 'text'): Promise<unknown> {
    const response = await fetchThrough(requireDestination(this), url);
    if (type === 'text') return await bodyText(response);
    if (type === 'arrayBuffer') return await bodyArrayBuffer(response);
    if (type === 'json') return await bodyJson(response);
    if (type === 'stream') return streamBehind(response);
    throw new NativeTypeError('Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".');
  },
  async put(this: Fetcher, url: string, body: unknown): Promise<void> {
    await fetchThrough(requireDestination(this), url, { method: 'PUT', body });
  },
  async delete(this: Fetcher, url: string): Promise<void> {
    await fetchThrough(requireDestination(this), url, { method: 'DELETE' });
  },
};

/** Flags that change what a binding has. */
export function applyServiceCompatibility(): void {
  if (!compatFlag('fetcher_no_get_put_delete')) {
    for (const [name, value] of Object.entries(shorthands)) {
      defineProperty(fetcherPrototype, name, { value, writable: true, enumerable: true, configurable: true });
    }
  }
  if (compatFlag('rpc') || compatFlag('js_rpc')) setPrototypeOf(fetcherPrototype, rpcMethods);
}

/** Names that are read from a binding and that nothing before in the prototype chain has. */
const rpcMethods = new NativeProxy(
  {},
  {
    get: (target, key, receiver) => {
      if (typeof key === 'symbol' || key in target) return reflectGet(target, key, receiver) as unknown;
      // A binding is no promise: `await env.X` gives the binding. Nor is it a list.
      if (key === 'then' || isIndex(key)) return undefined;
      const destination = destinationOf(receiver);
      return destination === undefined ? undefined : rpc().serviceProperty(destination, key, receiver as object);
    },
    has: (target, key) => key in target || (typeof key === 'string' && key !== 'then'),
    // Or writing to a binding would end here, in the prototype of everything.
    set: (_target, key, value, receiver) =>
      defineProperty(receiver as object, key, { value, writable: true, enumerable: true, configurable: true }),
  },
);

/** Properties by number are not passed on, as on Workers. */
export const isIndex = (key: string): boolean => `${+key >>> 0}` === key;

const rpc = (): RpcRuntime => loadExtra<RpcRuntime>('rpc');

let hasFetchers = false;

/**
 * `ServiceStub` of `cloudflare:workers`. As in workerd the class is named after who comes first: a binding of the worker, or the
 * module that exports it under the other name.
 */
export function serviceStubClass(): typeof Fetcher {
  if (!hasFetchers) defineProperty(PublicFetcher, 'name', { value: 'ServiceStub', configurable: true });
  return PublicFetcher;
}

/** The object that user code finds in `env`. */
export function createFetcher(destination: Destination): Fetcher {
  hasFetchers = true;
  const fetcher = new Fetcher(CREATE);
  weakMapSet(destinations, fetcher, destination);
  return fetcher;
}

/** An entry of `ctx.exports`: calls the worker's own entrypoint, and is called itself to give it props. */
export function createLoopback(entrypoint: string | null): unknown {
  // Bound, it has no `prototype`, and can be called with `new` as well, which is the same.
  const stub = functionBind(loopbackWithProps, undefined, entrypoint);
  deleteProperty(stub, 'name');
  deleteProperty(stub, 'length');
  setPrototypeOf(stub, loopbackPrototype);
  weakMapSet(destinations, stub, { entrypoint, props: null });
  return stub;
}

function loopbackWithProps(entrypoint: string | null, ...args: unknown[]): Fetcher {
  return withProps(entrypoint, args[0]);
}

function withProps(entrypoint: string | null, options: unknown): Fetcher {
  if ((typeof options !== 'object' && typeof options !== 'function') || options === null) {
    throw parameterError('(called as function)', 'LoopbackServiceStub', 1, 'Options');
  }
  const { props } = options as { props?: unknown };
  if (props === undefined) return createFetcher({ entrypoint, props: null });
  if ((typeof props !== 'object' && typeof props !== 'function') || props === null) {
    throw new NativeTypeError(
      "Incorrect type for the 'props' field on 'Options': the provided value is not of type 'Object'.",
    );
  }
  const target: InvocationTarget = { entrypoint, props: { encoded: rpc().encodeProps(props) } };
  return createFetcher(target);
}
