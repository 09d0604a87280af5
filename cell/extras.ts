/**
 * Parts of the harness that most workers never need (`cell/extras/`): they lie in one file beside it, which is opened before the sandbox
 * closes and read from when a worker first touches what they provide. So a feature that is not used costs no time and no memory.
 *
 * The file: u32 length of the index (little endian) | index as JSON `{name: [offset, length]}` | bytes. `tools/build.mjs` writes it.
 */
import { Script } from 'node:vm';
import { markPlatform } from './function-text.ts';
import { boot } from './host.ts';
import {
  apply,
  defineProperty,
  deleteProperty,
  freeze,
  getOwnPropertyDescriptor,
  hasOwn,
  MapConstructor,
  mapForEach,
  mapGet,
  mapSet,
  NativeError,
  NativeUint8Array,
  objectKeys,
  stringStartsWith,
  subarray,
  uncurry,
  utf8Decode,
} from './primordials.ts';

const { file, index, base } = boot.extras;
const readSync = uncurry(file.readSync as (buffer: Uint8Array) => number | null);
const seekSync = uncurry(file.seekSync as (offset: number, whence: number) => number);
let harness: Readonly<Record<string, unknown>>;
const loaded = new MapConstructor<string, unknown>();

/** @param modules what extras may use of the harness: by path from the project root without `.ts`, e.g. `cell/primordials` */
export function offerToExtras(modules: Readonly<Record<string, unknown>>): void {
  harness = modules;
}

function readAt(offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new NativeUint8Array(length);
  seekSync(file, offset, 0);
  for (let at = 0; at < length; ) {
    const count = readSync(file, subarray(bytes, at, length));
    if (count === null) throw new NativeError('The file of extras is too short');
    at += count;
  }
  return bytes;
}

/** The bytes of an asset that an extra imports (`import name from './x.wasm'` gives the name). */
export function readExtra(name: string): Uint8Array<ArrayBuffer> {
  if (!hasOwn(index, name)) throw new NativeError(`There is no extra "${name}"`);
  const entry = index[name] as readonly [offset: number, length: number];
  return readAt(base + entry[0], entry[1]);
}

let onLoaded: (exports: object) => void = () => undefined;

/** Calls the hook with the exports of each extra: of those that are loaded now, and of others when they are. */
export function watchExtras(hook: (exports: object) => void): void {
  mapForEach(loaded, (exports) => hook(exports as object));
  onLoaded = hook;
}

/** The modules of Node are JavaScript on Workers, too. */
const NODE_EXTRAS = 'nodejs';

function markExports(exports: object): void {
  const names = objectKeys(exports);
  for (let index = 0; index < names.length; index++) markPlatform(exports[names[index] as never]);
}

/** The exports of `cell/extras/<name>/index.ts`, which runs at the first call. */
export function loadExtra<T>(name: string): T {
  const known = mapGet(loaded, name);
  if (known !== undefined) return known as T;
  const source = utf8Decode(readExtra(`${name}.js`));
  const run = new Script(`(function (module, exports, require) {${source}\n})`, {
    filename: `skep:${name}`,
  }).runInThisContext() as (...args: never[]) => unknown;
  const module = { exports: {} };
  apply(run, undefined, [module, module.exports, requireHarness]);
  mapSet(loaded, name, module.exports);
  if (!stringStartsWith(name, NODE_EXTRAS)) markExports(module.exports);
  onLoaded(module.exports);
  return module.exports as T;
}

/** Deno's own implementation of a Node module; asked for by extras only, never handed to user code as it is. */
const { getBuiltinModule } = (globalThis as unknown as { process: { getBuiltinModule(name: string): unknown } })
  .process;

/** What Deno's modules read of the global `Deno` while they start. It is gone from the global scope by then, so they are shown this. */
const DENO_AT_START = freeze({
  __proto__: null,
  build: freeze({ os: 'linux', arch: 'x86_64', target: 'x86_64-unknown-linux-gnu', vendor: 'unknown' }),
  errors: freeze({}),
  args: freeze([]),
  env: freeze({ get: () => undefined, toObject: () => ({}) }),
  version: freeze({ deno: '', v8: '', typescript: '' }),
});

/** What they read of the global `process`, which a worker without the second version of Node's compatibility does not have. */
const PROCESS_AT_START = freeze({ __proto__: null, emitWarning: () => undefined });

/** Runs code that may make Deno's modules start: loading one, or reading an export that loads another. */
export function whileModulesStart<T>(run: () => T): T {
  const withProcess = (): T => ('process' in globalThis ? run() : whileGlobal('process', PROCESS_AT_START, run));
  return whileGlobal('Deno', DENO_AT_START, withProcess);
}

function whileGlobal<T>(name: string, value: object, run: () => T): T {
  const before = getOwnPropertyDescriptor(globalThis, name);
  defineProperty(globalThis, name, { value, enumerable: false, configurable: true });
  try {
    return run();
  } finally {
    deleteProperty(globalThis, name);
    if (before !== undefined) defineProperty(globalThis, name, before);
  }
}

function requireHarness(name: string): unknown {
  if (stringStartsWith(name, 'node:')) return whileModulesStart(() => getBuiltinModule(name));
  if (!hasOwn(harness, name)) throw new NativeError(`"${name}" is not offered to extras: add it in cell/main.ts`);
  return harness[name];
}
