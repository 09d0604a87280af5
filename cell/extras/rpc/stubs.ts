/**
 * The objects of RPC that user code holds: stubs, promises of calls, and properties of both. All are functions, because every one of them
 * can be called; what their classes do not have leads to the other side, through a proxy at the end of the prototype chain.
 */
import type { Destination } from '../../call-head.ts';
import { fetchThrough } from '../../fetch.ts';
import { compatFlag } from '../../compat.ts';
import { currentInvocation } from '../../context.ts';
import { Request, type Response } from '../../http/index.ts';
import { illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import {
  apply,
  defineProperty,
  deleteProperty,
  NativeError,
  NativePromise,
  NativeProxy,
  NativeTypeError,
  promiseThen,
  reflectGet,
  setPrototypeOf,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
} from '../../primordials.ts';
import { RpcPromise, RpcProperty, RpcStub } from '../../rpc-classes.ts';
import { createFetcher, destinationOf, Fetcher, isIndex } from '../../service.ts';
import {
  NativeFinalizationRegistry,
  functionBind,
  promiseFinally,
  promiseThenAny,
  registryRegister,
} from '../../value-primordials.ts';
import type { Answer } from './answer.ts';
import type { Import, RpcSession } from './session.ts';
import type { CallTarget } from './targets.ts';

export type Path = readonly string[];

/** Something that is given back when it is not needed any more. */
export interface Disposable {
  dispose(): void;
}

/** A hold on something on the other side. Given back once, by the worker or by the garbage collector. */
class Hold implements Disposable {
  readonly target: Import;
  isDisposed = false;

  constructor(target: Import) {
    this.target = target;
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.target.session.release(this.target);
  }

  dup(): Hold {
    this.require();
    this.target.references++;
    return new Hold(this.target);
  }

  require(): Import {
    if (this.isDisposed) throw new NativeError('RPC stub used after being disposed.');
    return this.target;
  }
}

/** What a call is made on. */
type State =
  | { readonly kind: 'stub'; readonly hold: Hold }
  | { readonly kind: 'promise'; readonly answer: Answer; disposed: boolean }
  | {
      readonly kind: 'property';
      readonly owner: State | ServiceState;
      readonly name: string;
      /** Of `toJSON` only: the object that it was read from. */
      readonly reader?: object;
    };
interface ServiceState {
  readonly kind: 'service';
  readonly destination: Destination;
}

/** Opens a session with a destination and makes its first call. Set by `index.ts`: sessions are made of what is here. */
export type OpenSession = (destination: Destination, call: (session: RpcSession) => Answer) => Answer;
let openSession: OpenSession;
export const setSessionOpener = (open: OpenSession): void => {
  openSession = open;
};

const states = new WeakMapConstructor<object, State>();
const stateOf = (value: unknown): State | undefined =>
  isObject(value) ? (weakMapGet(states, value) as State | undefined) : undefined;

const OTHER_REQUEST =
  "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler. This is a limitation of Cloudflare Workers which allows us to improve overall performance. (I/O type: Client)";

function requireOwn(session: RpcSession): void {
  const current = currentInvocation();
  if (current !== undefined && session.invocation !== current && session.invocation.id !== 0) {
    throw new NativeError(OTHER_REQUEST);
  }
}

// --- calls ---

/** Makes a call, or reads a property (`args` null), at a path from what the state stands for. */
function invoke(state: State | ServiceState, path: Path, args: readonly unknown[] | null): Answer {
  switch (state.kind) {
    case 'property':
      return invoke(state.owner, prepended(state.name, path), args);
    case 'service':
      requireShallow(path);
      return openSession(state.destination, (session) => session.callRoot(path, args));
    case 'stub': {
      requireShallow(path);
      const target = state.hold.require();
      requireOwn(target.session);
      return target.session.callImport(target, path, args);
    }
    default:
      if (state.disposed) throw new NativeError('RPC promise used after being disposed.');
      requireOwn(state.answer.session);
      requireShallow(path);
      return state.answer.session.callAnswer(state.answer, path, args);
  }
}

/** workerd counts the properties between what the path begins at and its last name. */
function requireShallow(path: Path): void {
  if (path.length <= MAX_PATH + 1) return;
  throw new NativeTypeError(`RPC pipelined property path is too deep (max ${MAX_PATH}).`);
}

const MAX_PATH = 64;

function prepended(name: string, path: Path): Path {
  const whole: string[] = [name];
  for (let index = 0; index < path.length; index++) whole[index + 1] = path[index] as string;
  return whole;
}

/** A call from another worker goes on to what a stub or service of ours stands for. */
export function forwardTo(value: object, path: Path, args: readonly unknown[] | null): unknown {
  const state = stateOf(value);
  if (state !== undefined) return invoke(state, path, args).promise;
  const destination = destinationOf(value) as Destination;
  if (path.length === 1 && path[0] === 'fetch' && args !== null) {
    return fetchThrough(destination, args[0]);
  }
  const imported = importedHold(destination);
  if (imported !== undefined) return invoke({ kind: 'stub', hold: imported }, path, args).promise;
  return invoke({ kind: 'service', destination }, path, args).promise;
}

export const isCallable = (value: unknown): boolean => stateOf(value) !== undefined;

/** The name of the class of what can be called but not sent. */
export function unsendableName(value: object): string | undefined {
  const state = stateOf(value);
  if (state === undefined || state.kind === 'stub') return undefined;
  return state.kind === 'promise' ? RpcPromise.name : RpcProperty.name;
}

// --- objects ---

/** The end of the prototype chain of all three classes. */
const remoteNames = new NativeProxy(
  {},
  {
    get: (target, key, receiver) => {
      if (typeof key === 'symbol' || key in target) return reflectGet(target, key, receiver) as unknown;
      const state = stateOf(receiver);
      // `await stub` gives the stub.
      if (state === undefined || key === 'then' || isIndex(key)) return undefined;
      return propertyOf(state, key, receiver as object);
    },
    has: (target, key) => key in target || (typeof key === 'string' && key !== 'then'),
    // Or writing to a stub would end here, in the prototype of everything.
    set: (_target, key, value, receiver) =>
      defineProperty(receiver as object, key, { value, writable: true, enumerable: true, configurable: true }),
  },
);
setPrototypeOf(RpcStub.prototype as object, remoteNames);
setPrototypeOf(RpcPromise.prototype, remoteNames);
setPrototypeOf(RpcProperty.prototype, remoteNames);
const stubPrototype = RpcStub.prototype as object;
const { prototype: promisePrototype } = RpcPromise;
const { prototype: propertyPrototype } = RpcProperty;

function callObject(state: State, ...args: unknown[]): unknown {
  if (state.kind === 'property' && state.reader !== undefined && mayBeJson(args)) return createJson(state, args);
  return createPromise(invoke(state, [], args));
}

function createObject(state: State, prototype: object): object {
  // Bound, it has no `prototype`, and can be called with `new` as well, which is the same here.
  const object = functionBind(callObject, undefined, state);
  deleteProperty(object, 'name');
  deleteProperty(object, 'length');
  setPrototypeOf(object, prototype);
  weakMapSet(states, object, state);
  return object;
}

const propertyOf = (owner: State | ServiceState, name: string, reader: object): object =>
  createObject(
    name === 'toJSON' ? { kind: 'property', owner, name, reader } : { kind: 'property', owner, name },
    propertyPrototype,
  );

/** `JSON.stringify` calls a `toJSON` that it finds with the name of a property. */
const mayBeJson = (args: readonly unknown[]): boolean => args.length === 1 && typeof args[0] === 'string';

/**
 * What such a call gives: for `JSON.stringify` the object as if it had no `toJSON`, for who awaits it what the other worker answers. The call
 * is made only then.
 */
function createJson(state: State & { kind: 'property' }, args: readonly unknown[]): unknown {
  let answer: Answer | undefined;
  const later: State = {
    kind: 'promise',
    disposed: false,
    get answer() {
      answer ??= invoke(state, [], args);
      return answer;
    },
  };
  if (typeof state.reader === 'function') return createObject(later, promisePrototype);
  const json = { ...state.reader };
  setPrototypeOf(json, promisePrototype);
  weakMapSet(states, json, later);
  return json;
}

const createPromise = (answer: Answer): object =>
  createObject({ kind: 'promise', answer, disposed: false }, promisePrototype);

/** Stubs that nobody holds any more are given back. */
const forgotten = new NativeFinalizationRegistry<Hold>((hold) => hold.dispose());

function createStub(hold: Hold): object {
  const stub = createObject({ kind: 'stub', hold }, stubPrototype);
  registryRegister(forgotten, stub, hold, hold);
  return stub;
}

/** A stub of something the other side has just given; `held` gets what gives it back. */
export function createStubFor(target: Import, held: Disposable[]): object {
  const hold = new Hold(target);
  held[held.length] = hold;
  return createStub(hold);
}

// --- services that came over RPC ---

/** A destination that is a stub: a Fetcher that was passed on by another worker. */
interface ImportedDestination {
  readonly hold: Hold;
}

const importedHold = (destination: Destination): Hold | undefined =>
  (destination as unknown as Partial<ImportedDestination> | null)?.hold;

/** A service that came over RPC, as user code sees it. */
export function createImportedService(target: Import, held: Disposable[]): object {
  const hold = new Hold(target);
  held[held.length] = hold;
  const fetcher = createFetcher({ hold } as unknown as Destination);
  registryRegister(forgotten, fetcher, hold, hold);
  return fetcher;
}

/** `fetch` of a Fetcher that came over RPC. */
export function fetchImported(destination: Destination, input: unknown, init?: unknown): Promise<Response> {
  const hold = importedHold(destination) as Hold;
  return attempt(() => {
    const request = new Request(input, init);
    return invoke({ kind: 'stub', hold }, ['fetch'], [request]).promise;
  }) as Promise<Response>;
}

// --- what the classes do ---

/** What user code gets when it reads a member of a service: something that can be called. */
export function serviceProperty(destination: Destination, name: string, reader: object): unknown {
  const hold = importedHold(destination);
  const owner: State | ServiceState = hold === undefined ? { kind: 'service', destination } : { kind: 'stub', hold };
  return propertyOf(owner, name, reader);
}

/** `dup()` of a stub. */
export function dup(stub: unknown): unknown {
  const state = stateOf(stub);
  if (state?.kind !== 'stub') throw illegalInvocation();
  return createStub(state.hold.dup());
}

/** `[Symbol.dispose]()` of a stub or of the promise of a call. */
export function dispose(object: unknown, kind: 'stub' | 'promise'): void {
  const state = stateOf(object);
  if (state?.kind !== kind) throw illegalInvocation();
  if (state.kind === 'stub') state.hold.dispose();
  else if (state.kind === 'promise') disposePromise(state);
}

function disposePromise(state: State & { kind: 'promise' }): void {
  if (state.disposed) return;
  state.disposed = true;
  const { answer } = state;
  if (answer.settled === 'value') disposeValue(answer.value);
  else void promiseThen(answer.promise, disposeValue, () => undefined);
}

/** Calls the value's own `[Symbol.dispose]`, if it has one. */
export function callDisposer(value: unknown): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
  const dispose: unknown = (value as { [Symbol.dispose]?: unknown })[Symbol.dispose];
  if (typeof dispose === 'function') apply(dispose as (...args: never[]) => unknown, value, []);
}

/** What a call gave that nobody will take. */
function disposeValue(value: unknown): void {
  const state = stateOf(value);
  if (state?.kind === 'stub') state.hold.dispose();
  else callDisposer(value);
}

function promiseOf(object: unknown, kind: 'promise' | 'property'): Promise<unknown> {
  const state = stateOf(object);
  if (state === undefined || state.kind === 'stub' || state.kind !== kind) throw illegalInvocation();
  if (state.kind === 'property') return attempt(() => invoke(state, [], null).promise);
  return state.answer.promise;
}

const attempt = (make: () => Promise<unknown>): Promise<unknown> => new NativePromise((resolve) => resolve(make()));

/** `then`, `catch` and `finally` take functions and nothing else. */
export type Reaction = 'then' | 'catch' | 'finally';

/** `then`, `catch` and `finally` of the promise of a call, or of a property. */
export function settle(
  promise: unknown,
  kind: 'promise' | 'property',
  how: Reaction,
  onSettled: unknown,
  onRejected: unknown,
): Promise<unknown> {
  const native = promiseOf(promise, kind);
  requireFunction(promise, how, 1, onSettled);
  if (onRejected !== undefined) requireFunction(promise, how, 2, onRejected);
  if (how === 'finally') return promiseFinally(native, onSettled);
  return how === 'then' ? promiseThenAny(native, onSettled, onRejected) : promiseThenAny(native, undefined, onSettled);
}

function requireFunction(promise: unknown, how: Reaction, index: number, given: unknown): void {
  if (typeof given === 'function') return;
  const name = stateOf(promise)?.kind === 'promise' ? 'JsRpcPromise' : 'JsRpcProperty';
  throw parameterError(how, name, index, 'Function');
}

// --- ownership ---

/**
 * A stub that is sent: the session that sends it gets a hold of its own. `owned`: whoever gives it gives it away (results always,
 * arguments before `rpc_params_dup_stubs`), so it is disposed when the message is out.
 */
export function dupForSending(value: object, owned: Disposable[] | undefined): CallTarget | undefined {
  const state = stateOf(value);
  return state?.kind === 'stub' ? dupHold(state.hold, owned) : undefined;
}

/** As `dupForSending`, of a binding that another worker has passed on. */
export function dupServiceForSending(value: object, owned: Disposable[] | undefined): CallTarget | undefined {
  const hold = importedHold(destinationOf(value) as Destination);
  return hold === undefined ? undefined : dupHold(hold, owned);
}

function dupHold(given: Hold, owned: Disposable[] | undefined): CallTarget {
  if (owned !== undefined) owned[owned.length] = given;
  if (given.isDisposed) return { invoke: () => given.require(), dispose: () => undefined };
  const hold = given.dup();
  const own: State = { kind: 'stub', hold };
  return {
    invoke: (path, args) => invoke(own, path, args).promise,
    dispose: () => hold.dispose(),
    isForwarder: true,
  };
}

/** In the order in which they came. */
export function disposeAll(items: readonly Disposable[]): void {
  for (let index = 0; index < items.length; index++) (items[index] as Disposable).dispose();
}

/** A function without a name, as workerd's. */
function disposerOf(stubs: readonly Disposable[]): () => void {
  return () => disposeAll(stubs);
}

/** Results that are objects can be disposed as a whole: with them go the stubs in them. */
export function withDisposer(value: unknown, stubs: readonly Disposable[]): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Fetcher) return value;
  defineProperty(value, Symbol.dispose, {
    value: disposerOf(stubs),
    writable: true,
    enumerable: false,
    configurable: true,
  });
  return value;
}

/** Before `rpc_params_dup_stubs` a stub that is an argument is given away. */
export const givesArgumentsAway = (): boolean => !compatFlag('rpc_params_dup_stubs');

export { createStub, Hold };
