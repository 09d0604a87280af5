/** `cloudflare:workers`. */
import { markPlatform } from './function-text.ts';
import { AsyncLocalStorage } from 'node:async_hooks';
import { registerBuiltin } from './builtins.ts';
import { stopProcess } from './channel.ts';
import { DurableObject, RpcTarget, WorkerEntrypoint, WorkflowEntrypoint } from './entrypoints.ts';
import { workerExports } from './execution-context.ts';
import { waitUntil as extendInvocation } from './invocation.ts';
import {
  apply,
  defineProperty,
  deleteProperty,
  getOwnPropertyDescriptor,
  NativeError,
  NativeProxy,
  ownKeys,
  reflectGet,
  reflectHas,
  uncurry,
} from './primordials.ts';
import { nameRpcClasses, RpcPromise, RpcProperty, RpcStub } from './rpc-classes.ts';
import { serviceStubClass } from './service.ts';
import { requireInvocation } from './timers.ts';
import { createTracing } from './tracing.ts';
import { parameterError } from './webidl.ts';

interface Overrides {
  readonly env: object;
  readonly exports: object;
}

type Callback = (...args: never[]) => unknown;

/** What `withEnv` and `withExports` put in place of the worker's own. */
let overrides: AsyncLocalStorage<Overrides> | undefined;
const getStore = uncurry(AsyncLocalStorage.prototype.getStore as () => Overrides | undefined);
const run = uncurry(AsyncLocalStorage.prototype.run as (store: Overrides, callback: Callback) => unknown);

function currentOf(env: object): Overrides {
  const store = overrides === undefined ? undefined : getStore(overrides);
  return store ?? { env, exports: workerExports };
}

/** An object that is, at each use, the one that holds at that moment. */
function proxyTo(current: () => object): object {
  return new NativeProxy(
    {},
    {
      get: (_, key) => reflectGet(current(), key),
      has: (_, key) => reflectHas(current(), key),
      set: (_, key, value) => {
        (current() as Record<PropertyKey, unknown>)[key] = value;
        return true;
      },
      deleteProperty: (_, key) => deleteProperty(current(), key),
      defineProperty: (_, key, descriptor) => defineProperty(current(), key, { ...descriptor, configurable: true }),
      ownKeys: () => ownKeys(current()),
      getOwnPropertyDescriptor: (_, key) => {
        const descriptor = getOwnPropertyDescriptor(current(), key);
        // The proxy's own target has no properties: to it they are all configurable.
        return descriptor === undefined ? undefined : { ...descriptor, configurable: true };
      },
    },
  );
}

const orElse = (value: unknown, fallback: object): object =>
  typeof value === 'object' && value !== null ? value : fallback;

function runWith(store: Overrides, callback: unknown, method: string, parameter: number): unknown {
  if (typeof callback !== 'function') throw parameterError(method, 'EnvModule', parameter, 'function');
  overrides ??= new AsyncLocalStorage();
  return run(overrides, store, () => apply(callback as Callback, undefined, []));
}

/** `cloudflare:workflows`: how the step of a workflow says that trying again is of no use. */
class NonRetryableError extends NativeError {
  override name: string;

  constructor(message: string, name = 'NonRetryableError') {
    super(message);
    this.name = name;
  }
}

/** Makes the module importable; `env` is what handlers get. */
export function provideWorkersModule(env: object): void {
  registerBuiltin('cloudflare:workflows', () => ({ NonRetryableError }));
  registerBuiltin('cloudflare:workers', () => {
    nameRpcClasses();
    return {
      DurableObject,
      RpcPromise,
      RpcProperty,
      RpcStub,
      RpcTarget,
      ServiceStub: serviceStubClass(),
      WorkerEntrypoint,
      WorkflowEntrypoint,
      abortIsolate,
      cache: {},
      env: proxyTo(() => currentOf(env).env),
      exports: proxyTo(() => currentOf(env).exports),
      restore: Symbol('cloudflare:workers:restore'),
      tracing: createTracing(),
      waitUntil,
      withEnv: (wanted: unknown, callback: unknown) => {
        const now = currentOf(env);
        return runWith({ env: orElse(wanted, now.env), exports: now.exports }, callback, 'withEnv', 2);
      },
      withEnvAndExports: (wantedEnv: unknown, wantedExports: unknown, callback: unknown) => {
        const now = currentOf(env);
        const store = { env: orElse(wantedEnv, now.env), exports: orElse(wantedExports, now.exports) };
        return runWith(store, callback, 'withEnvAndExports', 3);
      },
      withExports: (wanted: unknown, callback: unknown) => {
        const now = currentOf(env);
        return runWith({ env: now.env, exports: orElse(wanted, now.exports) }, callback, 'withExports', 2);
      },
    };
  });
}

/** Ends the isolate, which here is the process; the next request gets a fresh one. */
const abortIsolate = (_reason: unknown): void => {
  stopProcess();
};

const waitUntil = (...args: unknown[]): void => {
  if (args.length === 0) throw parameterError('waitUntil', 'EntrypointsModule', 1, 'Promise');
  extendInvocation(requireInvocation(), args[0]);
};
defineProperty(waitUntil, 'name', { value: 'bound waitUntil', configurable: true });
markPlatform(waitUntil);
