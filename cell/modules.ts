/**
 * The worker's modules, served from memory: there is no bundle folder and no right to read files. `registerHooks` sees
 * every import (static, dynamic, in `data:` URLs, with attributes); what is not in the list does not exist.
 */
import mod from 'node:module';
import { Script } from 'node:vm';
import type { LoadMessage } from '../shared/protocol.ts';
import {
  defineProperty,
  hasOwn,
  jsonParse,
  jsonStringify,
  MapConstructor,
  mapDelete,
  mapGet,
  mapHas,
  mapSet,
  NativeError,
  NativeURL,
  objectKeys,
  stringSlice,
  stringStartsWith,
  urlHref,
  utf8Decode,
} from './primordials.ts';
import { type BuiltinNamespace, findBuiltin, hasBuiltin } from './builtins.ts';
import { userStack } from './console.ts';

interface LoadedModule {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const SCHEME = 'cell:/';
/** Modules of the platform; the specifier follows. */
const BUILTIN = 'builtin:/';
/** Resolved to by imports that lead nowhere; loading it throws. */
const REFUSED = 'refused:/';
/** How a generated module reaches its value; worth nothing to user code but its own data. */
const HANDOVER = Symbol.for('skep.module');
const HANDOVER_SOURCE = "globalThis[Symbol.for('skep.module')]";

const modules = new MapConstructor<string, LoadedModule>();
const values = new MapConstructor<number, unknown>();
let valueCount = 0;
/** Until the worker's modules are there the harness itself may still load what it needs. */
let sealed = false;

const WasmModule = WebAssembly.Module;

export function installModuleHooks(): void {
  defineProperty(globalThis, HANDOVER, {
    value: (key: number) => mapGet(values, key),
    enumerable: false,
    configurable: false,
    writable: false,
  });
  mod.registerHooks({
    resolve(specifier, context, next) {
      if (!sealed) return next(specifier, context);
      return { url: resolveOrRefuse(specifier, context.parentURL), format: 'module', shortCircuit: true };
    },
    load(url, context, next) {
      if (!sealed) return next(url, context);
      return { source: moduleSource(url), format: 'module', shortCircuit: true };
    },
  });
}

const refusals = new MapConstructor<string, Error>();
let refusalCount = 0;
let lastRefusal: Error | undefined;

/**
 * Must not throw: Deno (2.9.6) takes a hook that throws for "not interested" when the specifier is a `node:` built-in in a static
 * import, and hands out the real one.
 */
function resolveOrRefuse(specifier: string, parent: string | undefined): string {
  try {
    return resolveModule(specifier, parent);
  } catch (error) {
    const url = `${REFUSED}${++refusalCount}`;
    // Its frames are the loader's, which say nothing to the user; the message names the importer.
    const { message } = error as Error;
    defineProperty(error as Error, 'stack', { value: `Error: ${message}`, configurable: true });
    mapSet(refusals, url, error as Error);
    return url;
  }
}

function throwRefusal(url: string): void {
  const refusal = mapGet(refusals, url);
  if (refusal === undefined) return;
  mapDelete(refusals, url);
  lastRefusal = refusal;
  throw refusal;
}

/** Relative to the importing module, or by the very name it was uploaded under. */
function resolveModule(specifier: string, parent: string | undefined): string {
  if (mapHas(modules, specifier)) return specifier;
  const relative = stringStartsWith(specifier, './') || stringStartsWith(specifier, '../');
  const base = parent !== undefined && stringStartsWith(parent, SCHEME) ? parent : SCHEME;
  const near = relative ? tryResolve(specifier, base) : null;
  if (near !== null && mapHas(modules, near)) return near;
  const named = tryResolve(specifier, SCHEME);
  if (named !== null && mapHas(modules, named)) return named;
  if (hasBuiltin(specifier)) return `${BUILTIN}${specifier}`;
  const importer = parent === undefined ? '' : `\n  imported from "${userStack(parent)}"`;
  throw new NativeError(`No such module "${specifier}".${importer}`);
}

function tryResolve(specifier: string, base: string): string | null {
  try {
    // A bare name is the name of a module as uploaded, not a URL of its own.
    return urlHref(new NativeURL(stringStartsWith(specifier, '.') ? specifier : `./${specifier}`, base));
  } catch {
    return null;
  }
}

function moduleSource(url: string): string {
  throwRefusal(url);
  if (stringStartsWith(url, BUILTIN)) return builtinSource(stringSlice(url, BUILTIN.length));
  const found = mapGet(modules, url);
  if (found === undefined) throw new NativeError(`No such module "${userStack(url)}".`);
  if (found.type === 'esm') return utf8Decode(found.bytes);
  const key = ++valueCount;
  mapSet(values, key, moduleValue(url, found));
  return `export default ${HANDOVER_SOURCE}(${key});`;
}

/** An ES module whose exports are those of the namespace object; export names may be any string. */
function builtinSource(specifier: string): string {
  const namespace = findBuiltin(specifier);
  if (namespace === undefined) throw new NativeError(`No such module "${specifier}".`);
  const key = ++valueCount;
  mapSet(values, key, namespace);
  let source = `const m = ${HANDOVER_SOURCE}(${key});\n`;
  const names = objectKeys(namespace);
  for (let index = 0; index < names.length; index++) {
    const name = jsonStringify(names[index]);
    source += `const _${index} = m[${name}]; export { _${index} as ${name} };\n`;
  }
  return source;
}

function moduleValue(url: string, module: LoadedModule): unknown {
  if (module.type === 'text') return utf8Decode(module.bytes);
  if (module.type === 'data') return module.bytes.buffer;
  if (module.type === 'json') return jsonParse(utf8Decode(module.bytes));
  if (module.type === 'wasm') return new WasmModule(module.bytes);
  if (module.type === 'commonjs') return runCommonJs(url, module);
  throw new NativeError(`Module "${userStack(url)}" has the type "${module.type}", which cannot be imported.`);
}

const commonJsExports = new MapConstructor<string, { exports: unknown }>();

/** A CommonJS module runs when first required, once; a cycle sees what is exported so far. */
function runCommonJs(url: string, module: LoadedModule): unknown {
  const running = mapGet(commonJsExports, url);
  if (running !== undefined) return running.exports;
  const record = { exports: {} as unknown };
  mapSet(commonJsExports, url, record);
  const wrapper = `(function (module, exports, require) {${utf8Decode(module.bytes)}\n})`;
  const run = new Script(wrapper, { filename: url }).runInThisContext() as (...args: unknown[]) => void;
  const require = (specifier: string) => requireModule(`${specifier}`, url);
  Reflect.apply(run, record.exports, [record, record.exports, require]);
  return record.exports;
}

function requireModule(specifier: string, parent: string): unknown {
  const url = resolveModule(specifier, parent);
  if (stringStartsWith(url, BUILTIN)) return requireBuiltin(stringSlice(url, BUILTIN.length));
  const module = mapGet(modules, url) as LoadedModule;
  if (module.type === 'esm') throw new NativeError(`require("${specifier}"): an ES module cannot be required.`);
  return moduleValue(url, module);
}

/** As in Node: `require` of a built-in gives the object that `import` has as the default export. */
function requireBuiltin(specifier: string): unknown {
  const namespace = findBuiltin(specifier) as BuiltinNamespace;
  return hasOwn(namespace, 'default') ? namespace.default : namespace;
}

/** Takes the modules over and closes the door: from here on nothing else can be imported. */
export function provideModules(message: LoadMessage, contents: readonly Uint8Array<ArrayBuffer>[]): void {
  for (const [index, { name, type }] of message.modules.entries()) {
    mapSet(modules, urlOf(name), { type, bytes: contents[index] as Uint8Array<ArrayBuffer> });
  }
  sealed = true;
}

const urlOf = (name: string): string => urlHref(new NativeURL(`./${name}`, SCHEME));

/** Computed on purpose: a literal specifier would be loaded while the graph is built, outside every check. */
export async function importMain(name: string): Promise<Record<string, unknown>> {
  try {
    return (await import(urlOf(name))) as Record<string, unknown>;
  } catch (error) {
    // The engine wraps what a hook throws into a TypeError of its own.
    const isRefusal = lastRefusal !== undefined && (error as Error)?.message === `Error: ${lastRefusal.message}`;
    throw isRefusal ? lastRefusal : error;
  }
}

/** Runs a service-worker script: classic, sloppy, in the global scope. */
export function runScript(name: string): void {
  const module = mapGet(modules, urlOf(name));
  if (module === undefined) throw new NativeError(`No such module "${name}".`);
  new Script(utf8Decode(module.bytes), { filename: urlOf(name) }).runInThisContext();
}

/** The value of a module bound to a global (`text_blob`, `data_blob`, `wasm_module`). */
export function readModuleValue(name: string): unknown {
  const url = urlOf(name);
  const module = mapGet(modules, url);
  if (module === undefined) throw new NativeError(`No such module "${name}".`);
  return moduleValue(url, module);
}
