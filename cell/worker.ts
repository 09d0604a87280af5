/** Loading a version: its modules, its `env`, and the handlers it offers. */
import type { EnvEntry, LoadedMessage, LoadMessage } from '../shared/protocol.ts';
import { fetchThrough } from './calls.ts';
import { setCompatibility } from './compat.ts';
import type { Invocation } from './context.ts';
import { dispatchFetch, registeredEvents } from './events.ts';
import { defineGlobal } from './globals.ts';
import { applyGlobalsCompatibility } from './globals-compat.ts';
import { waitUntil } from './invocation.ts';
import { importMain, provideModules, readModuleValue, runScript } from './modules.ts';
import { apply, defineProperty, NativeError, NativeTypeError, objectKeys } from './primordials.ts';
import { beginStartup, endStartup } from './startup.ts';

const HANDLERS = ['fetch', 'scheduled', 'queue', 'email', 'tail', 'trace', 'test'];

export type FetchHandler = (invocation: Invocation, request: Request) => unknown;

let fetchHandler: FetchHandler | undefined;

/** Calls the worker's fetch handler; its result is whatever user code returned. */
export function callFetchHandler(invocation: Invocation, request: Request): unknown {
  if (fetchHandler === undefined) throw new NativeError('Handler does not export a fetch() function.');
  return fetchHandler(invocation, request);
}

export async function loadWorker(
  message: LoadMessage,
  contents: readonly Uint8Array<ArrayBuffer>[],
): Promise<LoadedMessage> {
  setCompatibility(message.compatibilityDate, message.compatibilityFlags);
  applyGlobalsCompatibility();
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
  const env: Record<string, unknown> = {};
  for (const entry of message.env) {
    // Not an assignment: a binding may be called `__proto__`.
    defineProperty(env, entry.name, {
      value: bindingValue(entry),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  const namespace = await importMain(message.mainModule);
  const main = namespace.default;
  const registered = registeredEvents();
  if (main === undefined || main === null) {
    if (isListed(registered, 'fetch')) fetchHandler = dispatchFetch;
    return { handlers: registered, entrypoints: classNames(namespace) };
  }
  if (typeof main === 'function') return loadEntrypointClass(main as EntrypointClass, env, namespace);
  const handlers = functionsOf(main as Record<string, unknown>);
  if (isListed(handlers, 'fetch')) {
    // Looked up at each call: a worker may replace its own handler.
    fetchHandler = (invocation, request) =>
      apply((main as Record<string, (...args: never[]) => unknown>).fetch as (...args: never[]) => unknown, main, [
        request,
        env,
        new ExecutionContext(CREATE, invocation),
      ]);
  }
  return { handlers, entrypoints: classNames(namespace) };
}

type EntrypointClass = new (ctx: unknown, env: unknown) => Record<string, unknown>;

function loadEntrypointClass(main: EntrypointClass, env: object, namespace: Record<string, unknown>): LoadedMessage {
  const handlers = functionsOf((main.prototype as Record<string, unknown> | undefined) ?? {});
  if (isListed(handlers, 'fetch')) {
    fetchHandler = (invocation, request) => {
      const instance = new main(new ExecutionContext(CREATE, invocation), env);
      return apply(instance.fetch as (...args: never[]) => unknown, instance, [request]);
    };
  }
  return { handlers, entrypoints: classNames(namespace) };
}

const MAX_ENTRYPOINTS = 500;
const MAX_NAME_LENGTH = 200;

/** Named exports that could be entrypoints: functions, so that a class is among them. */
function classNames(namespace: Record<string, unknown>): string[] {
  const names: string[] = [];
  const keys = objectKeys(namespace);
  for (let index = 0; index < keys.length && names.length < MAX_ENTRYPOINTS; index++) {
    const name = keys[index] as string;
    if (name === 'default' || name.length > MAX_NAME_LENGTH || typeof namespace[name] !== 'function') continue;
    names[names.length] = name;
  }
  return names;
}

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

const CREATE = {};

/** The third argument of a handler. Its methods work detached from it, as on Workers they do not: `this` is checked. */
class ExecutionContext {
  readonly #invocation: Invocation;
  readonly props = {};

  constructor(key: unknown, invocation: Invocation) {
    if (key !== CREATE) throw new NativeTypeError('Illegal constructor');
    this.#invocation = invocation;
  }

  waitUntil(promise: unknown): void {
    waitUntil(this.#invocation, promise);
  }

  passThroughOnException(): void {
    this.#invocation.passThrough = true;
  }
}

/** A binding to another worker. Which worker that is only the supervisor knows. */
class Fetcher {
  readonly #binding: string;

  constructor(key: unknown, binding: string) {
    if (key !== CREATE) throw new NativeTypeError('Illegal constructor');
    this.#binding = binding;
  }

  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    return fetchThrough(this.#binding, input, init);
  }
}

function bindingValue(entry: EnvEntry): unknown {
  if (entry.kind === 'value') return entry.value;
  if (entry.kind === 'module') return readModuleValue(entry.module);
  return new Fetcher(CREATE, entry.name);
}

/** A binding is a variable of the global scope: it covers a global of the platform with the same name. */
function defineBindingGlobal(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
}

const { fetch: globalFetch } = {
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    return fetchThrough(null, input, init);
  },
};

/** The global `fetch()`: to the internet, through the supervisor's egress policy. */
export function installFetch(): void {
  defineGlobal('fetch', globalFetch);
}
