/** Loading a version: its modules, its `env`, and the handlers it offers. */
import type { EnvEntry, InvocationTarget, LoadedMessage, LoadMessage } from '../shared/protocol.ts';
import { fetchThrough } from './fetch.ts';
import { setCompatibility } from './compat.ts';
import type { Invocation } from './context.ts';
import { isEntrypointClass } from './entrypoints.ts';
import { dispatchFetch, registeredEvents } from './events.ts';
import { addExport, applyContextCompatibility, createExecutionContext } from './execution-context.ts';
import { loadExtra } from './extras.ts';
import { defineGlobal } from './globals.ts';
import { applyGlobalsCompatibility } from './globals-compat.ts';
import { applyHttpCompatibility, type Request, type Response } from './http/index.ts';
import { readModuleValue } from './module-values.ts';
import { importMain, provideModules, runScript } from './modules.ts';
import { applyNodejsCompatibility } from './nodejs.ts';
import {
  apply,
  defineProperty,
  MapConstructor,
  mapGet,
  mapSet,
  NativeError,
  NativeTypeError,
  nativeString,
  objectKeys,
} from './primordials.ts';
import type { RpcRuntime } from './rpc-classes.ts';
import { applyServiceCompatibility, createFetcher, createLoopback } from './service.ts';
import { beginStartup, endStartup } from './startup.ts';
import { provideWorkersModule } from './workers-module.ts';

const HANDLERS = ['fetch', 'scheduled', 'queue', 'email', 'tail', 'trace', 'test'];

export type FetchHandler = (invocation: Invocation, request: Request) => unknown;

let fetchHandler: FetchHandler | undefined;

/** Calls the worker's fetch handler; its result is whatever user code returned. */
export function callFetchHandler(invocation: Invocation, request: Request): unknown {
  if (invocation.target !== undefined) return fetchEntrypoint(invocation, request);
  if (fetchHandler === undefined) throw new NativeError('Handler does not export a fetch() function.');
  return fetchHandler(invocation, request);
}

export async function loadWorker(
  message: LoadMessage,
  contents: readonly Uint8Array<ArrayBuffer>[],
): Promise<LoadedMessage> {
  setCompatibility(message.compatibilityDate, message.compatibilityFlags);
  applyHttpCompatibility();
  applyGlobalsCompatibility();
  applyContextCompatibility();
  applyServiceCompatibility();
  applyNodejsCompatibility(message.env);
  provideModules(message, contents);
  beginStartup();
  try {
    return message.format === 'service-worker' ? loadScript(message) : await loadModules(message);
  } finally {
    endStartup();
  }
}

function loadScript(message: LoadMessage): LoadedMessage {
  for (const entry of message.env) defineBindingGlobal(entry.name, bindingValue(entry));
  runScript(message.mainModule);
  const handlers = registeredEvents();
  if (isListed(handlers, 'fetch')) fetchHandler = dispatchFetch;
  return { handlers, entrypoints: [] };
}

async function loadModules(message: LoadMessage): Promise<LoadedMessage> {
  for (const entry of message.env) {
    // Not an assignment: a binding may be called `__proto__`.
    defineProperty(env, entry.name, {
      value: bindingValue(entry),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  provideWorkersModule(env);
  const namespace = await importMain(message.mainModule);
  checkExports(namespace);
  const names = registerEntrypoints(namespace);
  const main = mapGet(entrypoints, 'default');
  if (main === undefined) {
    const registered = registeredEvents();
    if (isListed(registered, 'fetch')) fetchHandler = dispatchFetch;
    return { handlers: registered, entrypoints: names };
  }
  const handlers = functionsOf(
    main.kind === 'object'
      ? main.handlers
      : ((main.constructor as { prototype?: Record<string, unknown> }).prototype ?? {}),
  );
  if (isListed(handlers, 'fetch')) fetchHandler = main.kind === 'object' ? fetchOf(main.handlers) : fetchEntrypoint;
  return { handlers, entrypoints: names };
}

/** The hot path: the default export is an object with a `fetch`. */
const fetchOf =
  (handlers: Record<string, unknown>): FetchHandler =>
  (invocation, request) =>
    apply(handlers.fetch as AnyFunction, handlers, [request, env, createExecutionContext(invocation, {})]);

/** As workerd: what a main module exports is a handler, a class or an object of handlers. */
function checkExports(namespace: Record<string, unknown>): void {
  const names = objectKeys(namespace);
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const value = namespace[name];
    if (typeof value === 'function' || (typeof value === 'object' && value !== null)) continue;
    if (value === null || value === undefined) {
      throw new NativeTypeError(
        `The export "${name}" is ${nativeString(value)}: what a main module exports is a handler, a class or an object of handlers.`,
      );
    }
    throw new NativeTypeError(
      `Incorrect type for map entry '${name}': the provided value is not of type 'function or ExportedHandler'.`,
    );
  }
}

type EntrypointClass = new (ctx: unknown, env: unknown) => Record<string, unknown>;

/** What a main module exports under one name: an object with handlers, or a class of which each call gets an instance. */
export type Entrypoint =
  | { readonly kind: 'object'; readonly handlers: Record<string, unknown> }
  | { readonly kind: 'class'; readonly constructor: EntrypointClass };

const entrypoints = new MapConstructor<string, Entrypoint>();
const env: Record<string, unknown> = {};

function toEntrypoint(value: unknown): Entrypoint {
  return typeof value === 'function'
    ? { kind: 'class', constructor: value as EntrypointClass }
    : { kind: 'object', handlers: value as Record<string, unknown> };
}

/** Takes in what the main module exports. Throws what Workers throws for an export that nothing can be called on. */
function registerEntrypoints(namespace: Record<string, unknown>): string[] {
  const names: string[] = [];
  const keys = objectKeys(namespace);
  for (let index = 0; index < keys.length && names.length < MAX_ENTRYPOINTS; index++) {
    const name = keys[index] as string;
    const value = namespace[name];
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
      throw new NativeTypeError(
        `Incorrect type for map entry '${name}': the provided value is not of type 'function or ExportedHandler'.`,
      );
    }
    if (name.length > MAX_NAME_LENGTH) continue;
    mapSet(entrypoints, name, toEntrypoint(value));
    addExport(name, createLoopback(name));
    if (name !== 'default' || typeof value === 'function') names[names.length] = name;
  }
  return names;
}

/** The entrypoint that an invocation names, with what its handlers get. Throws when the worker has none of that name. */
export function findEntrypoint(invocation: Invocation): { entrypoint: Entrypoint; context: object; env: object } {
  const name = invocation.target?.entrypoint ?? 'default';
  const entrypoint = mapGet(entrypoints, name);
  if (entrypoint === undefined) throw new NativeError(`The Worker has no entrypoint named "${name}".`);
  return { entrypoint, context: createExecutionContext(invocation, propsOf(invocation.target)), env };
}

/** One instance of an entrypoint class. */
export function instantiate(constructor: EntrypointClass, context: object, own: object): Record<string, unknown> {
  if (!isEntrypointClass(constructor)) {
    throw new NativeTypeError(
      `The exported class "${constructor.name}" cannot be called: an entrypoint has to extend WorkerEntrypoint.`,
    );
  }
  return new constructor(context, own);
}

function propsOf(target: InvocationTarget | undefined): unknown {
  const props = target?.props ?? null;
  if (props === null) return {};
  return 'json' in props ? props.json : loadExtra<RpcRuntime>('rpc').decodeProps(props.encoded);
}

/** A fetch that names an entrypoint. Handlers are looked up at each call: a worker may replace its own. */
function fetchEntrypoint(invocation: Invocation, request: Request): unknown {
  const { entrypoint, context, env: own } = findEntrypoint(invocation);
  if (entrypoint.kind === 'class') {
    const instance = instantiate(entrypoint.constructor, context, own);
    return apply(functionNamed(instance, 'fetch'), instance, [request]);
  }
  const { handlers } = entrypoint;
  return apply(functionNamed(handlers, 'fetch'), handlers, [request, own, context]);
}

type AnyFunction = (...args: never[]) => unknown;

function functionNamed(object: Record<string, unknown>, name: string): AnyFunction {
  const value = object[name];
  if (typeof value !== 'function') throw new NativeError(`Handler does not export a ${name}() function.`);
  return value as AnyFunction;
}

const MAX_ENTRYPOINTS = 500;
const MAX_NAME_LENGTH = 200;

/** The handlers that an object has. User code has run by now and may have patched Array.prototype: no method of it is used. */
function functionsOf(object: Record<string, unknown>): string[] {
  const names: string[] = [];
  for (let index = 0; index < HANDLERS.length; index++) {
    const name = HANDLERS[index] as string;
    if (typeof object[name] === 'function') names[names.length] = name;
  }
  return names;
}

function isListed(names: readonly string[], wanted: string): boolean {
  for (let index = 0; index < names.length; index++) if (names[index] === wanted) return true;
  return false;
}

/** What a part of the harness that speaks for data bindings exports. */
export interface DataRuntime {
  /** The object in `env`. `config`: what `server/supervisor/load-message.ts` says of the binding. */
  createBinding(name: string, config: unknown): object;
}

function bindingValue(entry: EnvEntry): unknown {
  if (entry.kind === 'value') return entry.value;
  if (entry.kind === 'module') return readModuleValue(entry.module);
  if (entry.kind === 'data') return loadExtra<DataRuntime>(entry.extra).createBinding(entry.name, entry.config);
  return createFetcher(entry.name);
}

/** A binding is a variable of the global scope: it covers a global of the platform with the same name. */
function defineBindingGlobal(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
}

const { fetch: globalFetch } = {
  fetch(input: unknown, init?: unknown): Promise<Response> {
    return fetchThrough(null, input, init);
  },
};

/** The global `fetch()`: to the internet, through the supervisor's egress policy. */
export function installFetch(): void {
  defineGlobal('fetch', globalFetch);
}
