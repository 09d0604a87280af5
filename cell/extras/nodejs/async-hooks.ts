/**
 * `node:async_hooks` as Workers has it (https://developers.cloudflare.com/workers/runtime-apis/nodejs/asynclocalstorage/): storage and
 * resources, no hooks. A captured context brings back the worker's own stores only: which request the code runs for is the harness's
 * knowledge, and stays what it is at the time of the call.
 */
import { currentInvocation, runInvocation } from '../../context.ts';
import { denoNode, type Exports } from './deno-node.ts';
import { shaped } from './errors.ts';

type Callback = (...args: never[]) => unknown;
type RunInContext = (callback: Callback, ...args: unknown[]) => unknown;

interface NativeStorage {
  run(store: unknown, callback: Callback, ...args: unknown[]): unknown;
  exit(callback: Callback, ...args: unknown[]): unknown;
  getStore(): unknown;
}

const native = denoNode('async_hooks') as {
  AsyncLocalStorage: (new () => NativeStorage) & { snapshot(): RunInContext };
  asyncWrapProviders: unknown;
};
const { snapshot } = native.AsyncLocalStorage;
const none = Symbol('no value');

/** Runs callbacks in the context of this moment, for the invocation that is current when they are called. */
function captureContext(): RunInContext {
  const run = snapshot();
  return (callback, ...args) => {
    const invocation = currentInvocation();
    if (invocation === undefined) return run(callback, ...args);
    return run((() => runInvocation(invocation, () => Reflect.apply(callback, undefined, args))) as Callback);
  };
}

function requireFunction(value: unknown, name: string, type: string, index: number, shown: string): void {
  if (typeof value === 'function') return;
  throw new TypeError(`Failed to execute '${name}' on '${type}': parameter ${index} is not of type '${shown}'.`);
}

function bindFunction(callback: Callback, type: string): Callback {
  requireFunction(callback, 'bind', type, 1, 'Function');
  const run = captureContext();
  return shaped(
    function (this: unknown, ...args: unknown[]) {
      return run((() => Reflect.apply(callback, this, args)) as Callback);
    } as Callback,
    callback.name,
    0,
  );
}

class AsyncLocalStorage {
  readonly #storage = new native.AsyncLocalStorage();
  readonly #name: string;
  readonly #default: unknown;

  constructor(options?: { name?: unknown; defaultValue?: unknown }) {
    this.#name = options?.name === undefined ? '' : `${options.name as string}`;
    this.#default = options?.defaultValue;
  }

  run(store: unknown, callback: Callback, ...args: unknown[]): unknown {
    requireFunction(callback, 'run', 'AsyncLocalStorage', 2, 'function');
    return this.#storage.run({ store }, callback, ...args);
  }

  exit(callback: Callback, ...args: unknown[]): unknown {
    requireFunction(callback, 'exit', 'AsyncLocalStorage', 1, 'function');
    return this.#storage.run(none, callback, ...args);
  }

  getStore(): unknown {
    const held = this.#storage.getStore();
    if (held === undefined || held === none) return this.#default;
    return (held as { store: unknown }).store;
  }

  enterWith(): never {
    throw new Error('asyncLocalStorage.enterWith() is not implemented');
  }

  disable(): never {
    throw new Error('asyncLocalStorage.disable() is not implemented');
  }

  get name(): string {
    return this.#name;
  }

  static bind(callback: Callback): Callback {
    return bindFunction(callback, 'AsyncLocalStorage');
  }

  static snapshot(): RunInContext {
    return captureContext();
  }
}

class AsyncResource {
  readonly #run = captureContext();

  constructor(_type?: unknown, options?: { triggerAsyncId?: unknown }) {
    if (options?.triggerAsyncId !== undefined) {
      throw new Error("The 'triggerAsyncId' field on 'Options' is not implemented.");
    }
  }

  asyncId(): number {
    return 0;
  }

  triggerAsyncId(): number {
    return 0;
  }

  bind(callback: Callback, thisArg?: unknown): Callback {
    requireFunction(callback, 'bind', 'AsyncResource', 1, 'function');
    const run = (self: unknown, args: unknown[]) => this.runInAsyncScope(callback, thisArg ?? self, ...args);
    const bound = shaped(
      function (this: unknown, ...args: unknown[]) {
        return run(this, args);
      } as Callback,
      callback.name,
      0,
    );
    return Object.assign(bound, { asyncResource: this });
  }

  runInAsyncScope(callback: Callback, thisArg?: unknown, ...args: unknown[]): unknown {
    requireFunction(callback, 'runInAsyncScope', 'AsyncResource', 1, 'function');
    return this.#run((() => Reflect.apply(callback, thisArg, args)) as Callback);
  }

  emitDestroy(): void {}

  static bind(callback: Callback, type?: unknown, thisArg?: unknown): Callback {
    requireFunction(callback, 'bind', 'AsyncResource', 1, 'function');
    return new AsyncResourceClass(type ?? callback.name).bind(callback, thisArg);
  }
}

/** The class under another name: one that speaks of itself is renamed by the bundler. */
const AsyncResourceClass = AsyncResource;

class AsyncHook {
  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

for (const Class of [AsyncLocalStorage, AsyncResource]) {
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: Class.name, configurable: true });
}

/** A class of the platform: it says so when it is called without `new`. */
function platformClass<C extends abstract new (...args: never[]) => unknown>(Class: C): C {
  return new Proxy(Class, {
    apply() {
      throw new TypeError(
        `Failed to construct '${Class.name}': Please use the 'new' operator, this object constructor cannot be called as a function.`,
      );
    },
  });
}

export function asyncHooks(): Exports {
  const resource = {};
  return {
    AsyncLocalStorage: platformClass(AsyncLocalStorage),
    AsyncResource: platformClass(AsyncResource),
    asyncWrapProviders: native.asyncWrapProviders,
    createHook: shaped(() => new AsyncHook(), 'createHook', 0),
    executionAsyncId: () => 0,
    executionAsyncResource: () => resource,
    triggerAsyncId: () => 0,
  };
}
