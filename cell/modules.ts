/**
 * The worker's modules, served from memory: there is no bundle folder and no right to read files. `registerHooks` sees
 * every import (static, dynamic, in `data:` URLs, with attributes); what is not in the list does not exist.
 */
import mod from 'node:module';
import { boot } from './host.ts';
import { Script } from 'node:vm';
import type { LoadMessage } from '../shared/protocol.ts';
import { type BuiltinNamespace, builtinNames, findBuiltin, hasBuiltin } from './builtins.ts';
import { compatFlag } from './compat.ts';
import { noteImport, unlessHung } from './hang.ts';
import {
  commonJsPaths,
  fillImportMeta,
  isNewRegistry,
  isPlatformSpecifier,
  missingModule,
  nameOf,
  setPreludeLength,
  shownName,
  targetName,
  urlOf,
} from './module-names.ts';
import {
  apply,
  defineProperty,
  deleteProperty,
  hasOwn,
  jsonParse,
  jsonStringify,
  MapConstructor,
  mapDelete,
  mapForEach,
  mapGet,
  mapHas,
  mapSet,
  mapSize,
  NativeError,
  NativeTypeError,
  stringIncludes,
  stringSlice,
  stringStartsWith,
  utf8Decode,
} from './primordials.ts';
import { originalSpecifier, renameNodeImports } from './static-imports.ts';
import { NativeWasmModule } from './wasm.ts';

interface LoadedModule {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Modules of the platform; the specifier follows. */
const BUILTIN = 'builtin:/';
/** Resolved to by imports that lead nowhere; loading it throws. */
const REFUSED = 'refused:/';
/** How a generated module reaches its value; worth nothing to user code but its own data. */
const HANDOVER = Symbol.for('skep.module');
const HANDOVER_SOURCE = "globalThis[Symbol.for('skep.module')]";

/** By URL. */
const modules = new MapConstructor<string, LoadedModule>();
/** What generated modules ask for when they are evaluated. */
const handovers = new MapConstructor<number, (argument: unknown) => unknown>();
let handoverCount = 0;
/** Until the worker's modules are there the harness itself may still load what it needs. */
let sealed = false;
let mainUrl = '';

export function installModuleHooks(): void {
  mod.registerHooks({
    resolve(specifier, context, next) {
      if (!sealed) return next(specifier, context);
      noteImport();
      return {
        url: resolveOrRefuse(originalSpecifier(specifier), context.parentURL),
        format: 'module',
        shortCircuit: true,
      };
    },
    load(url, context, next) {
      if (!sealed) return next(url, context);
      noteImport();
      const type = context.importAttributes?.type;
      if (type === undefined) return { source: moduleSource(url), format: 'module', shortCircuit: true };
      return { source: typedSource(url, type), format: 'json', shortCircuit: true };
    },
  });
}

/** Ready for a generated module, which takes it once. The way to it is on the global object only while something waits to be taken. */
function handOver(give: (argument: unknown) => unknown): number {
  mapSet(handovers, ++handoverCount, give);
  defineProperty(globalThis, HANDOVER, { value: take, enumerable: false, configurable: true, writable: false });
  return handoverCount;
}

function take(key: number, argument: unknown): unknown {
  const give = mapGet(handovers, key);
  mapDelete(handovers, key);
  if (mapSize(handovers) === 0) deleteProperty(globalThis, HANDOVER);
  return give?.(argument);
}

interface Refusal {
  readonly error: Error;
  /** A static import fails while modules are linked, before the generated module could throw. */
  readonly isStatic: boolean;
}

const refusals = new MapConstructor<string, Refusal>();
let refusalCount = 0;
let lastRefusal: Error | undefined;

/**
 * Must not throw: Deno (2.9.6) takes a hook that throws for "not interested" when the specifier is a `node:` built-in in a static
 * import, and hands out the real one.
 */
function resolveOrRefuse(specifier: string, parentUrl: string | undefined): string {
  const parent = parentUrl === undefined ? undefined : nameOf(parentUrl);
  if (parent === undefined) return resolveFromHarness(specifier);
  const url = resolveModule(specifier, parent);
  if (url !== undefined) {
    mapSet(specifiers, url, specifier);
    return url;
  }
  const isStatic = importsStatically(parent, specifier);
  return refuse(new NativeError(missingModule(specifier, parent, isStatic)), isStatic);
}

/** Imports of the harness itself name a module by its URL. */
function resolveFromHarness(url: string): string {
  return mapHas(modules, url) || stringStartsWith(url, BUILTIN) || stringStartsWith(url, REFUSED)
    ? url
    : refuse(new NativeError(`No such module "${url}".`), true);
}

function refuse(error: Error, isStatic: boolean): string {
  const url = `${REFUSED}${++refusalCount}`;
  mapSet(refusals, url, { error, isStatic });
  return url;
}

/**
 * Whether the module's text holds a static import of the specifier. The engine does not tell a static import from a dynamic one; asked only
 * when an import fails. Wrong for a module that does both: its dynamic import then rejects with the engine's own wrapper.
 */
function importsStatically(parent: string, specifier: string): boolean {
  const module = mapGet(modules, urlOf(parent));
  if (module === undefined || module.type !== 'esm') return true;
  const text = utf8Decode(module.bytes);
  const spaces = ['', ' '];
  const words = ['from', 'import'];
  const quotes = ['"', "'"];
  for (let space = 0; space < 2; space++) {
    for (let word = 0; word < 2; word++) {
      for (let quote = 0; quote < 2; quote++) {
        const mark = quotes[quote] as string;
        if (stringIncludes(text, `${words[word]}${spaces[space]}${mark}${specifier}${mark}`)) return true;
      }
    }
  }
  return false;
}

/** How each module was last asked for: the hook that loads is not told. */
const specifiers = new MapConstructor<string, string>();

/**
 * The text of a module imported with an attribute `type`, which the engine then reads itself. What is thrown becomes the message of a TypeError
 * of the engine's: an error without a name adds nothing to it.
 */
function typedSource(url: string, type: string): string {
  // Before the flag attributes meant nothing. Deno heeds them all the same, so this serves only those that say what the module is.
  const isIgnored = !compatFlag('throw_on_unrecognized_import_assertion') && type === 'json';
  if (!isNewRegistry() && !isIgnored) throw unnamed('Unrecognized import attributes specified');
  if (type !== 'json') throw unnamed(`Import attribute type "${type}" is not yet supported`);
  const refusal = mapGet(refusals, url);
  if (refusal !== undefined) throw unnamed(refusal.error.message);
  const module = mapGet(modules, url);
  if (module?.type !== 'json') {
    throw unnamed(`Module "${mapGet(specifiers, url) ?? url}" is not of type "json"`);
  }
  return utf8Decode(module.bytes);
}

function unnamed(message: string): Error {
  const error = new NativeError(message);
  error.name = '';
  return error;
}

function resolveModule(specifier: string, parent: string): string | undefined {
  const own = urlOf(targetName(specifier, parent));
  if (mapHas(modules, own)) return own;
  if (hasBuiltin(specifier)) return `${BUILTIN}${specifier}`;
  const inNode = `node:${specifier}`;
  const isBare = !isPlatformSpecifier(specifier);
  if (isBare && (isNewRegistry() || compatFlag('nodejs_compat_v2')) && hasBuiltin(inNode)) return `${BUILTIN}${inNode}`;
  return undefined;
}

/** An import that leads nowhere: a dynamic one rejects with the error itself, thrown by the module that stands in. */
function refusedSource(url: string, { error, isStatic }: Refusal): string {
  mapDelete(refusals, url);
  if (isStatic) {
    lastRefusal = error;
    throw error;
  }
  const key = handOver(() => {
    throw error;
  });
  return `${HANDOVER_SOURCE}(${key});`;
}

function moduleSource(url: string): string {
  const refusal = mapGet(refusals, url);
  if (refusal !== undefined) return refusedSource(url, refusal);
  if (stringStartsWith(url, BUILTIN)) return builtinSource(stringSlice(url, BUILTIN.length));
  const found = mapGet(modules, url);
  if (found === undefined) throw new NativeError(`No such module "${url}".`);
  if (found.type === 'esm') return esmSource(url, found);
  return `export default ${HANDOVER_SOURCE}(${handOver(() => moduleValue(found))});`;
}

/** The engine fills `import.meta` with its own view of the world; a module that reads it first puts that right. */
function esmSource(url: string, { name, bytes }: LoadedModule): string {
  const text = renameNodeImports(utf8Decode(bytes));
  if (!stringIncludes(text, 'import.meta') || stringStartsWith(text, '#!')) return text;
  const key = handOver((meta) => fillImportMeta(meta as Record<string, unknown>, name, url === mainUrl));
  const prelude = `${HANDOVER_SOURCE}(${key},import.meta);`;
  setPreludeLength(url, prelude.length);
  return prelude + text;
}

/**
 * An ES module whose exports are those of the namespace object; export names may be any string. The namespace is made when the module
 * runs, not here: while the engine loads modules, none of Deno's own may be started (2.9.6 panics).
 */
function builtinSource(specifier: string): string {
  const names = builtinNames(specifier);
  let source = `const m = ${HANDOVER_SOURCE}(${handOver(() => findBuiltin(specifier))});\n`;
  for (let index = 0; index < names.length; index++) {
    const name = jsonStringify(names[index]);
    source += `const _${index} = m[${name}]; export { _${index} as ${name} };\n`;
  }
  return source;
}

interface Evaluated {
  value: unknown;
  error: { readonly thrown: unknown } | undefined;
}

const evaluated = new MapConstructor<string, Evaluated>();

/** The value of a module that is not an ES module: made once, whoever asks. One that threw throws the same again. */
function moduleValue(module: LoadedModule): unknown {
  if (module.type === 'commonjs') return commonJsExports(module);
  const known = mapGet(evaluated, module.name);
  if (known !== undefined) return known.value;
  const value = readValue(module);
  mapSet(evaluated, module.name, { value, error: undefined });
  return value;
}

function readValue({ name, type, bytes }: LoadedModule): unknown {
  if (type === 'text') return utf8Decode(bytes);
  if (type === 'data') return bytes.buffer;
  if (type === 'json') return jsonParse(utf8Decode(bytes));
  if (type === 'wasm') return new NativeWasmModule(bytes);
  throw new NativeError(`Module "${name}" has the type "${type}", which cannot be imported.`);
}

class CommonJsModuleObject {
  declare readonly path: string;
  declare exports: unknown;
  declare readonly [Symbol.toStringTag]: string;
}
defineProperty(CommonJsModuleObject.prototype, Symbol.toStringTag, {
  value: 'CommonJsModuleObject',
  configurable: true,
});

type CommonJsBody = (this: undefined) => void;
type CommonJsFactory = (
  module: unknown,
  exports: unknown,
  require: unknown,
  filename: string,
  dirname: string,
) => CommonJsBody;

const factories = new MapConstructor<string, CommonJsFactory>();
const runningModules = new MapConstructor<string, CommonJsModuleObject>();

/** The body is a function of its own: it has no arguments, and `this` is the global object, as in workerd. */
const COMMONJS_HEAD = '(function(module,exports,require,__filename,__dirname){return function(){';

/** All are compiled when the worker is loaded: a syntax error stops the deployment, whoever requires the module. */
function compileCommonJs({ name, bytes }: LoadedModule): void {
  const url = urlOf(name);
  setPreludeLength(url, COMMONJS_HEAD.length);
  const script = new Script(`${COMMONJS_HEAD}${utf8Decode(bytes)}\n}})`, { filename: url });
  mapSet(factories, name, script.runInThisContext() as CommonJsFactory);
}

/** A CommonJS module runs when first asked for, once; a cycle sees what is exported so far. */
function commonJsExports(module: LoadedModule): unknown {
  const { name } = module;
  const known = mapGet(evaluated, name);
  if (known?.error !== undefined) throw known.error.thrown;
  const running = mapGet(runningModules, name);
  if (running !== undefined) return running.exports;
  const { filename, dirname, path } = commonJsPaths(name);
  const record = new CommonJsModuleObject();
  defineProperty(record, 'path', { value: path, enumerable: true, configurable: true, writable: false });
  record.exports = {};
  mapSet(runningModules, name, record);
  const factory = mapGet(factories, name) as CommonJsFactory;
  const body = factory(record, record.exports, makeRequire(name), filename, dirname);
  try {
    apply(body, undefined, []);
  } catch (thrown) {
    mapSet(evaluated, name, { value: undefined, error: { thrown } });
    throw thrown;
  }
  return record.exports;
}

function makeRequire(parent: string): (specifier: string) => unknown {
  // A method, not a function: it has no `prototype` and cannot be constructed.
  const { require } = {
    require(...args: unknown[]) {
      if (args.length === 0 || args[0] === undefined) {
        throw new NativeTypeError(
          "Failed to execute 'require' on 'CommonJsModuleContext': parameter 1 is not of type 'string'.",
        );
      }
      return requireModule(`${args[0] as string}`, parent);
    },
  };
  return require;
}

/** `require` as made by `createRequire`: for modules of the platform, and those of the worker by name. */
export const requireFromRoot = (specifier: string): unknown => requireModule(specifier, '');

function requireModule(specifier: string, parent: string): unknown {
  const url = isRequirable(specifier) ? resolveModule(specifier, parent) : undefined;
  if (url === undefined) {
    throw new NativeError(isNewRegistry() ? `Module not found: ${specifier}` : missingModule(specifier, parent, false));
  }
  if (stringStartsWith(url, BUILTIN)) return requireBuiltin(stringSlice(url, BUILTIN.length));
  const module = mapGet(modules, url) as LoadedModule;
  if (module.type === 'esm') return requireEsm(url, specifier);
  const value = moduleValue(module);
  return isNewRegistry() || requireGivesDefault() ? value : { default: value };
}

/** The old registry's `require`: the default export, or for workers from before 2022-10-31 the namespace. */
const requireGivesDefault = (): boolean =>
  compatFlag('export_commonjs_default') || compatFlag('require_returns_default_export');

/** The new registry takes only relative specifiers for modules of the worker, bare ones for those of the platform. */
const isRequirable = (specifier: string): boolean =>
  !isNewRegistry() || stringStartsWith(specifier, '.') || hasBuiltin(specifier) || hasBuiltin(`node:${specifier}`);

/** As in Node: `require` of a built-in gives the object that `import` has as the default export. */
function requireBuiltin(specifier: string): unknown {
  const namespace = findBuiltin(specifier) as BuiltinNamespace;
  if (hasOwn(namespace, 'default')) return namespace.default;
  return isNewRegistry() || !requireGivesDefault() ? namespace : undefined;
}

type EsmResult = { readonly namespace: Record<string, unknown> } | { readonly thrown: unknown };
const requiredEsm = new MapConstructor<string, EsmResult>();

function requireEsm(url: string, specifier: string): unknown {
  const result = mapGet(requiredEsm, url);
  if (result === undefined) {
    throw new NativeError(
      `require("${specifier}"): an ES module can be required only by its literal name, when the worker starts.`,
    );
  }
  if (!('namespace' in result)) throw result.thrown;
  if (isNewRegistry() || !requireGivesDefault()) return result.namespace;
  return result.namespace.default;
}

const REQUIRE_CALL = /\brequire\s*\(\s*(?:"([^"\n]+)"|'([^'\n]+)')\s*\)/g;

/**
 * Deno cannot load an ES module synchronously from memory, so those that CommonJS modules ask for by a literal name are loaded ahead. Runs
 * before any user code.
 */
function requiredEsmUrls(): string[] {
  const urls: string[] = [];
  for (const module of modules.values()) {
    if (module.type !== 'commonjs') continue;
    for (const [, double, single] of utf8Decode(module.bytes).matchAll(REQUIRE_CALL)) {
      const url = resolveModule((double ?? single) as string, module.name);
      if (url !== undefined && mapGet(modules, url)?.type === 'esm' && !urls.includes(url)) urls.push(url);
    }
  }
  return urls;
}

async function loadRequiredEsm(urls: readonly string[]): Promise<void> {
  for (let index = 0; index < urls.length; index++) {
    const url = urls[index] as string;
    if (mapHas(requiredEsm, url)) continue;
    try {
      mapSet(requiredEsm, url, { namespace: await boot.importModule(url) });
    } catch (thrown) {
      mapSet(requiredEsm, url, { thrown });
    }
  }
}

/** Takes the modules over and closes the door: from here on nothing else can be imported. */
export function provideModules(message: LoadMessage, contents: readonly Uint8Array<ArrayBuffer>[]): void {
  for (const [index, { name, type }] of message.modules.entries()) {
    const module = { name, type, bytes: contents[index] as Uint8Array<ArrayBuffer> };
    mapSet(modules, urlOf(name), module);
    if (type === 'commonjs') compileCommonJs(module);
  }
  sealed = true;
}

/** The modules as uploaded, for the file system of `node:fs`. The bytes are not to be written to. */
export function forEachModule(visit: (name: string, bytes: Uint8Array<ArrayBuffer>) => void): void {
  mapForEach(modules, ({ name, bytes }) => visit(name, bytes));
}

export async function importMain(name: string): Promise<Record<string, unknown>> {
  mainUrl = urlOf(name);
  try {
    if (mapGet(modules, mainUrl)?.type === 'commonjs') throw new NativeTypeError('Main module must be an ES module.');
    await loadRequiredEsm(requiredEsmUrls());
    return await unlessHung(boot.importModule(mainUrl), unsettled);
  } catch (error) {
    // The engine wraps what a hook throws into a TypeError of its own.
    const isRefusal =
      lastRefusal !== undefined && (error as Error)?.message === `${lastRefusal.name}: ${lastRefusal.message}`;
    throw isRefusal ? lastRefusal : error;
  }
}

/** A top-level await that nothing can settle. */
const unsettled = (): Error =>
  new NativeError(
    isNewRegistry()
      ? `Use of top-level await in a synchronously required module is restricted to promises that are resolved synchronously. This includes any top-level awaits in the entrypoint module for a worker. Specifier: "${shownName(nameOf(mainUrl) ?? '')}".`
      : 'Top-level await in module is unsettled.',
  );

/** Runs a service-worker script: classic, sloppy, in the global scope. */
export function runScript(name: string): void {
  const module = mapGet(modules, urlOf(name));
  if (module === undefined) throw new NativeError(`No such module "${name}".`);
  new Script(utf8Decode(module.bytes), { filename: urlOf(name) }).runInThisContext();
}

/** The value of a module bound to a global (`text_blob`, `data_blob`, `wasm_module`). */
export function readModuleValue(name: string): unknown {
  const module = mapGet(modules, urlOf(name));
  if (module === undefined) throw new NativeError(`No such module "${name}".`);
  return moduleValue(module);
}
