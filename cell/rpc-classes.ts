/**
 * `RpcStub`, `RpcPromise` and `RpcProperty` as classes that can be named. What their objects do is in `cell/extras/rpc`, which is loaded
 * when the first of them is made.
 */
import type { Destination } from './calls.ts';
import { loadExtra } from './extras.ts';
import { dressClass, illegalConstructor } from './jsg.ts';
import { defineProperty } from './primordials.ts';

/** What the RPC part offers to the rest of the harness (`cell/extras/rpc/index.ts`). */
export interface RpcRuntime {
  /** A method or property of another worker's entrypoint. */
  serviceProperty(destination: Destination, name: string): unknown;
  /** `new RpcStub(target)`. */
  createStub(args: readonly unknown[]): object;
  dup(stub: unknown): unknown;
  dispose(stub: unknown): void;
  /** `then`, `catch` and `finally` of promises and properties. */
  settle(promise: unknown, onFulfilled: unknown, onRejected: unknown): Promise<unknown>;
  lastly(promise: unknown, onFinally: unknown): Promise<unknown>;
  encodeProps(props: object): string;
  decodeProps(encoded: string): unknown;
  /** A session that another cell opens with this worker: the supervisor's SESSION_ACCEPT frame. */
  accept(invocation: number, head: Uint8Array, first: Uint8Array): void;
}

const runtime = (): RpcRuntime => loadExtra<RpcRuntime>('rpc');

export class RpcStub {
  constructor(...args: unknown[]) {
    // biome-ignore lint/correctness/noConstructorReturn: a stub can be called, so it is a function
    return runtime().createStub(args) as RpcStub;
  }

  dup(): unknown {
    return runtime().dup(this);
  }

  [Symbol.dispose](): void {
    runtime().dispose(this);
  }
}

export class RpcPromise {
  constructor() {
    throw illegalConstructor();
  }

  // oxlint-disable-next-line no-thenable -- it is a promise
  then(onFulfilled?: unknown, onRejected?: unknown): Promise<unknown> {
    return runtime().settle(this, onFulfilled, onRejected);
  }

  catch(onRejected?: unknown): Promise<unknown> {
    return runtime().settle(this, undefined, onRejected);
  }

  finally(onFinally?: unknown): Promise<unknown> {
    return runtime().lastly(this, onFinally);
  }

  [Symbol.dispose](): void {
    runtime().dispose(this);
  }
}

export class RpcProperty {
  constructor() {
    throw illegalConstructor();
  }

  // oxlint-disable-next-line no-thenable -- it can be awaited
  then(onFulfilled?: unknown, onRejected?: unknown): Promise<unknown> {
    return runtime().settle(this, onFulfilled, onRejected);
  }

  catch(onRejected?: unknown): Promise<unknown> {
    return runtime().settle(this, undefined, onRejected);
  }

  finally(onFinally?: unknown): Promise<unknown> {
    return runtime().lastly(this, onFinally);
  }
}

dressClass(RpcStub, 'JsRpcStub');
dressClass(RpcPromise, 'JsRpcPromise');
dressClass(RpcProperty, 'JsRpcProperty');

/** As a part of `cloudflare:workers` the classes have the names under which they are exported there. */
export function nameRpcClasses(): void {
  for (const [name, constructor] of Object.entries({ RpcStub, RpcPromise, RpcProperty })) {
    defineProperty(constructor, 'name', { value: name, configurable: true });
  }
}
