/**
 * Deno's own implementations of Node modules, for those that are pure computation. They run inside the cell and reach nothing outside it;
 * what user code gets of them is what the lists in `exports.ts` name.
 */
import { defineProperty, deleteProperty } from '../../primordials.ts';

export type Exports = Record<string, unknown>;

declare const require: (specifier: string) => Exports;

/** What Deno's modules read of the global `Deno` while they start. It is gone from the global scope by then, so they are shown this. */
const DENO_AT_START = Object.freeze({
  __proto__: null,
  build: Object.freeze({ os: 'linux', arch: 'x86_64', target: 'x86_64-unknown-linux-gnu', vendor: 'unknown' }),
  errors: Object.freeze({}),
  args: Object.freeze([]),
  env: Object.freeze({ get: () => undefined, toObject: () => ({}) }),
  version: Object.freeze({ deno: '', v8: '', typescript: '' }),
});

/** What they read of the global `process`, which a worker without the second version of Node's compatibility does not have. */
const PROCESS_AT_START = Object.freeze({ __proto__: null, emitWarning: () => undefined });

/** Runs code that may make Deno's modules start: loading one, or reading an export that loads another. */
export function whileModulesStart<T>(run: () => T): T {
  return whileGlobal('Deno', DENO_AT_START, () => whileGlobal('process', PROCESS_AT_START, run));
}

function whileGlobal<T>(name: string, value: object, run: () => T): T {
  if (name in globalThis) return run();
  defineProperty(globalThis, name, { value, enumerable: false, configurable: true });
  try {
    return run();
  } finally {
    deleteProperty(globalThis, name);
  }
}

/** Deno's `node:<name>`. */
export const denoNode = (name: string): Exports => whileModulesStart(() => require(`node:${name}`));
