/**
 * What a call from another worker reaches here. Only what a class offers can be called: methods and getters of its prototype, never what
 * an instance holds; of plain objects and functions their own properties.
 */
import { destinationOf } from '../../service.ts';
import { isEntrypoint, isRpcTarget } from '../../entrypoints.ts';
import {
  apply,
  getPrototypeOf,
  hasOwn,
  NativePromise,
  NativeTypeError,
  objectPrototype,
  reflectGet,
} from '../../primordials.ts';
import { isProxy } from '../../value-primordials.ts';
import { rejection } from '../../thrown.ts';
import { isObject } from '../../webidl.ts';
import { type Entrypoint, instantiate } from '../../worker.ts';
import { callDisposer, forwardTo, isCallable, type Path } from './stubs.ts';

type AnyFunction = (...args: never[]) => unknown;

/** Something that can be called by path. */
export interface CallTarget {
  /** `args` null: the value at the path. May return a promise. May throw. */
  invoke(path: Path, args: readonly unknown[] | null): unknown;
  /** Nobody can call it any more. */
  dispose(): void;
  /** It leads on to another worker, and only passes the end on. */
  readonly isForwarder?: boolean;
}

const notImplemented = (name: string): TypeError =>
  new NativeTypeError(`The RPC receiver does not implement the method "${name}".`);

const notFunction = (path: Path): TypeError =>
  new NativeTypeError(`"${path.length === 0 ? '(this)' : joined(path)}" is not a function.`);

function joined(path: Path): string {
  let text = path[0] as string;
  for (let index = 1; index < path.length; index++) text += `.${path[index] as string}`;
  return text;
}

/** As a promise, also when it throws at once. */
export function runCall(target: CallTarget, path: Path, args: readonly unknown[] | null): Promise<unknown> {
  return new NativePromise((resolve) => resolve(target.invoke(path, args)));
}

/** A call on a value that came over RPC. */
export function runOnValue(value: unknown, path: Path, args: readonly unknown[] | null): Promise<unknown> {
  if (path.length > 0 && isTargetByItsWord(value)) return rejection(notImplemented(path[0] as string));
  return runCall(localTarget(value), path, args);
}

/** A proxy that calls itself an RpcTarget. workerd makes a stub of it, but leads no call on that has not waited for the stub. */
const isTargetByItsWord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && isProxy(value) && isRpcTarget(value);

export const localTarget = (value: unknown): CallTarget => ({
  invoke: (path, args) => invokeOn(value, path, args, undefined),
  dispose: () => callDisposer(value),
});

/** How the function at the end of a path is called when it is not simply a method. */
type CallWith = (owner: unknown, method: AnyFunction, args: readonly unknown[], depth: number) => unknown;

function invokeOn(root: unknown, path: Path, args: readonly unknown[] | null, callWith: CallWith | undefined): unknown {
  let owner: unknown;
  let current = root;
  for (let index = 0; ; index++) {
    if (isCallable(current) || destinationOf(current) !== undefined) {
      const rest = restOf(path, index);
      if (index > 0 && isOffered(root)) requireNoServiceName(current, rest);
      return forwardTo(current as object, rest, args);
    }
    if (index === path.length) break;
    if (index > 0 && !leadsOn(current)) throw notImplemented(path[index - 1] as string);
    owner = current;
    current = property(current, path[index] as string);
  }
  if (args === null) return typeof current === 'function' ? boundMethod(owner, current as AnyFunction) : current;
  if (typeof current !== 'function') throw notFunction(path);
  if (callWith !== undefined) return callWith(owner, current as AnyFunction, args, path.length);
  // As on Workers, a function that is called by itself is its own `this`.
  return apply(current as AnyFunction, path.length === 0 ? current : owner, args as unknown[]);
}

/** What was bound or given, as opposed to what a call has returned. */
const isOffered = (root: unknown): boolean => isObject(root) && (isEntrypoint(root) || isRpcTarget(root));

/** A binding that is a property is called through RPC: what it has beside that is not reached. */
function requireNoServiceName(value: unknown, rest: Path): void {
  const [name] = rest;
  if (destinationOf(value) !== undefined && (name === 'fetch' || name === 'connect')) throw reserved(name);
}

const reserved = (name: string): TypeError =>
  new NativeTypeError(`'${name}' is a reserved method and cannot be called over RPC.`);

function restOf(path: Path, start: number): Path {
  const rest: string[] = [];
  for (let index = start; index < path.length; index++) rest[index - start] = path[index] as string;
  return rest;
}

/** A method that is read without being called stays the method of its object. */
function boundMethod(owner: unknown, method: AnyFunction): unknown {
  if (typeof owner !== 'object' || owner === null || hasOwn(owner, method.name)) return method;
  return (...args: unknown[]) => apply(method, owner, args);
}

/** Of these something can be asked; an entrypoint only by who is bound to it. */
const leadsOn = (value: unknown): value is object =>
  isObject(value) && (typeof value === 'function' || getPrototypeOf(value) === objectPrototype || isRpcTarget(value));

function property(owner: unknown, name: string): unknown {
  if (!isObject(owner)) throw notImplemented(name);
  if (typeof owner === 'function' || getPrototypeOf(owner) === objectPrototype) {
    if (!hasOwn(owner, name)) throw notImplemented(name);
    return reflectGet(owner, name);
  }
  if (!isRpcTarget(owner) && !isEntrypoint(owner)) throw notImplemented(name);
  refuseReserved(name, isEntrypoint(owner));
  const value = hasOwn(owner, name) || name === '__proto__' ? undefined : reflectGet(owner, name);
  // What every object has is nothing that a class offers.
  if (value === undefined || value === reflectGet(objectPrototype, name)) throw notImplemented(name);
  return value;
}

/** Names that mean something else on a stub, and handlers that only the platform calls. */
function refuseReserved(name: string, ofEntrypoint: boolean): void {
  const isReserved =
    name === 'constructor' ||
    name === 'dup' ||
    (ofEntrypoint &&
      (name === 'alarm' || name === 'webSocketMessage' || name === 'webSocketClose' || name === 'webSocketError'));
  if (isReserved) throw reserved(name);
}

/** What an RPC session of another worker calls first: the entrypoint it is bound to, made when it is needed. */
export function entrypointTarget(find: () => { entrypoint: Entrypoint; context: object; env: object }): CallTarget {
  return {
    invoke(path, args) {
      const { entrypoint, context, env } = find();
      if (entrypoint.kind === 'class') {
        return invokeOn(instantiate(entrypoint.constructor, context, env), path, args, undefined);
      }
      if (path.length > 0) refuseReserved(path[0] as string, true);
      return invokeOn(entrypoint.handlers, path, args, (owner, method, given, depth) =>
        depth === 1
          ? callHandler(owner, method, path[0] as string, given, env, context)
          : apply(method, owner, given as unknown[]),
      );
    },
    dispose: () => undefined,
  };
}

/** A function of an object with handlers gets `env` and `ctx` as handlers do: behind its one argument. */
function callHandler(
  owner: unknown,
  method: AnyFunction,
  name: string,
  args: readonly unknown[],
  env: object,
  context: object,
): unknown {
  if (args.length !== 1) {
    throw new NativeTypeError(
      `Attempted to call RPC function "${name}" with the wrong number of arguments. When calling a top-level handler function that is not declared as part of a class, you must always send exactly one argument. In order to support variable numbers of arguments, the server must use class-based syntax (extending WorkerEntrypoint) instead.`,
    );
  }
  return apply(method, owner, [args[0], env, context]);
}
