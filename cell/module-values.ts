/**
 * What an import or a `require` gets from a module that is not an ES module: texts, data, JSON, WebAssembly, and CommonJS with its `require`.
 */
import { Script } from 'node:vm';
import { type BuiltinNamespace, findBuiltin, hasBuiltin } from './builtins.ts';
import { compatFlag } from './compat.ts';
import { boot } from './host.ts';
import { commonJsPaths, isNewRegistry, missingModule, setPreludeLength, urlOf } from './module-names.ts';
import { BUILTIN, findModule, forEachModule, type LoadedModule, resolveModule } from './module-registry.ts';
import {
  apply,
  defineProperty,
  hasOwn,
  jsonParse,
  MapConstructor,
  mapGet,
  mapHas,
  mapSet,
  NativeError,
  NativeTypeError,
  stringSlice,
  stringStartsWith,
  utf8Decode,
} from './primordials.ts';
import { NativeWasmModule } from './wasm.ts';

interface Evaluated {
  value: unknown;
  error: { readonly thrown: unknown } | undefined;
}

const evaluated = new MapConstructor<string, Evaluated>();

/** The value of a module that is not an ES module: made once, whoever asks. One that threw throws the same again. */
export function moduleValue(module: LoadedModule): unknown {
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
export function compileCommonJs({ name, bytes }: LoadedModule): void {
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
  const module = findModule(url) as LoadedModule;
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

function requiredEsmUrls(): string[] {
  const urls: string[] = [];
  forEachModule(({ name, type, bytes }) => {
    if (type !== 'commonjs') return;
    for (const [, double, single] of utf8Decode(bytes).matchAll(REQUIRE_CALL)) {
      const url = resolveModule((double ?? single) as string, name);
      if (url !== undefined && findModule(url)?.type === 'esm' && !urls.includes(url)) urls.push(url);
    }
  });
  return urls;
}

/**
 * Deno cannot load an ES module synchronously from memory, so those that CommonJS modules ask for by a literal name are loaded ahead. Which
 * these are is found out before any user code runs. One that throws does so when it is required.
 */
export async function loadRequiredEsm(): Promise<void> {
  const urls = requiredEsmUrls();
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

/** The value of a module bound to a global (`text_blob`, `data_blob`, `wasm_module`). */
export function readModuleValue(name: string): unknown {
  const module = findModule(urlOf(name));
  if (module === undefined) throw new NativeError(`No such module "${name}".`);
  return moduleValue(module);
}
