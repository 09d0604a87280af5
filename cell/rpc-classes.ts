/**
 * `RpcStub`, `RpcPromise` and `RpcProperty` as classes that can be named. What their objects do is in `cell/extras/rpc`, which is loaded
 * when the first of them is made.
 */
import type { Destination } from './call-head.ts';
import { loadExtra } from './extras.ts';
import type { Response } from './http/index.ts';
import { closedClass, dressClass, needsNew } from './jsg.ts';
import { defineProperty, setPrototypeOf } from './primordials.ts';

/** What the RPC part offers to the rest of the harness (`cell/extras/rpc/index.ts`). */
export interface RpcRuntime {
  /** A method or property of another worker's entrypoint. */
  serviceProperty(destination: Destination, name: string, reader: object): unknown;
  /** `new RpcStub(target)`. */
  createStub(args: readonly unknown[]): object;
  dup(stub: unknown): unknown;
  dispose(object: unknown, kind: 'stub' | 'promise'): void;
  /** `then`, `catch` and `finally` of promises and properties. */
  settle(
    promise: unknown,
    kind: 'promise' | 'property',
    how: 'then' | 'catch' | 'finally',
    onSettled: unknown,
    onRejected: unknown,
  ): Promise<unknown>;
  /** `fetch` of a Fetcher that another worker has passed on. */
  fetchImported(destination: Destination, input: unknown, init?: unknown): Promise<Response>;
  encodeProps(props: object): string;
  decodeProps(encoded: string): unknown;
  /** What was thrown, as RPC would send it: in base64. */
  encodeThrownValue(thrown: unknown): string;
  /** Throws on what is malformed. */
  decodeThrownValue(encoded: string): unknown;
  /** A session that another cell opens with this worker: the supervisor's SESSION_ACCEPT frame. */
  accept(invocation: number, head: Uint8Array, first: Uint8Array): void;
}

const runtime = (): RpcRuntime => loadExtra<RpcRuntime>('rpc');

/** A function and no class: without `new` it says what workerd says. What it makes is a function too, since a stub can be called. */
export function RpcStub(...args: unknown[]): object {
  if (new.target === undefined) throw needsNew('JsRpcStub');
  const stub = runtime().createStub(args);
  // Of a class that extends it.
  if (new.target !== RpcStub) setPrototypeOf(stub, (new.target as { prototype: object }).prototype);
  return stub;
}

const stubMethods = {
  dup(): unknown {
    return runtime().dup(this);
  },
  [Symbol.dispose](): void {
    runtime().dispose(this, 'stub');
  },
};
for (const key of ['dup', Symbol.dispose] as const) {
  defineProperty(RpcStub.prototype as object, key, { value: stubMethods[key], writable: true, configurable: true });
}

class PromiseMembers {
  [Symbol.dispose](): void {
    runtime().dispose(this, 'promise');
  }
}

// oxlint-disable-next-line no-extraneous-class -- user code sees a class; its methods are given below
class PropertyMembers {}

export const RpcPromise = closedClass(PromiseMembers);
export const RpcProperty = closedClass(PropertyMembers);

/** Both can be awaited; each has methods of its own. */
function addReactions({ prototype }: { readonly prototype: object }, kind: 'promise' | 'property'): void {
  const reactions = {
    // oxlint-disable-next-line no-thenable -- it is a promise
    then(onFulfilled?: unknown, onRejected?: unknown): Promise<unknown> {
      return runtime().settle(this, kind, 'then', onFulfilled, onRejected);
    },
    catch(onRejected?: unknown): Promise<unknown> {
      return runtime().settle(this, kind, 'catch', onRejected, undefined);
    },
    finally(onFinally?: unknown): Promise<unknown> {
      return runtime().settle(this, kind, 'finally', onFinally, undefined);
    },
  };
  for (const [name, value] of Object.entries(reactions)) {
    defineProperty(prototype, name, { value, writable: true, configurable: true });
  }
}
addReactions(RpcPromise, 'promise');
addReactions(RpcProperty, 'property');

dressClass(RpcStub as unknown as { prototype: object }, 'JsRpcStub', 'JsRpcStub');
dressClass(RpcPromise, 'JsRpcPromise');
dressClass(RpcProperty, 'JsRpcProperty');

/** As a part of `cloudflare:workers` the classes have the names under which they are exported there. */
export function nameRpcClasses(): void {
  for (const [name, constructor] of Object.entries({ RpcStub, RpcPromise, RpcProperty })) {
    defineProperty(constructor, 'name', { value: name, configurable: true });
  }
}
