/**
 * The worker's modules, served from memory: there is no bundle folder and no right to read files. `registerHooks` sees
 * every import (static, dynamic, in `data:` URLs, with attributes); what is not in the list does not exist.
 */
import mod from 'node:module';
import { Script } from 'node:vm';
import type { LoadMessage } from '../shared/protocol.ts';
import { builtinNames, findBuiltin } from './builtins.ts';
import { compatFlag } from './compat.ts';
import { noteImport, unlessHung } from './hang.ts';
import { boot } from './host.ts';
import {
  fillImportMeta,
  isNewRegistry,
  missingModule,
  nameOf,
  setPreludeLength,
  shownName,
  urlOf,
} from './module-names.ts';
import { addModule, BUILTIN, findModule, type LoadedModule, resolveModule } from './module-registry.ts';
import { compileCommonJs, loadRequiredEsm, moduleValue } from './module-values.ts';
import {
  defineProperty,
  deleteProperty,
  jsonStringify,
  MapConstructor,
  mapDelete,
  mapGet,
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

/** Resolved to by imports that lead nowhere; loading it throws. */
const REFUSED = 'refused:/';
/** How a generated module reaches its value; worth nothing to user code but its own data. */
const HANDOVER = Symbol.for('skep.module');
const HANDOVER_SOURCE = "globalThis[Symbol.for('skep.module')]";

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
  return findModule(url) !== undefined || stringStartsWith(url, BUILTIN) || stringStartsWith(url, REFUSED)
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
  const module = findModule(urlOf(parent));
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
  const module = findModule(url);
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
  const found = findModule(url);
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

/** Takes the modules over and closes the door: from here on nothing else can be imported. */
export function provideModules(message: LoadMessage, contents: readonly Uint8Array<ArrayBuffer>[]): void {
  for (const [index, { name, type }] of message.modules.entries()) {
    const module = { name, type, bytes: contents[index] as Uint8Array<ArrayBuffer> };
    addModule(module);
    if (type === 'commonjs') compileCommonJs(module);
  }
  sealed = true;
}

export async function importMain(name: string): Promise<Record<string, unknown>> {
  mainUrl = urlOf(name);
  try {
    if (findModule(mainUrl)?.type === 'commonjs') throw new NativeTypeError('Main module must be an ES module.');
    await loadRequiredEsm();
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
  const module = findModule(urlOf(name));
  if (module === undefined) throw new NativeError(`No such module "${name}".`);
  new Script(utf8Decode(module.bytes), { filename: urlOf(name) }).runInThisContext();
}
