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

/** Runs code that may make Deno's modules start: loading one, or reading an export that loads another. */
export function whileModulesStart<T>(run: () => T): T {
  if ('Deno' in globalThis) return run();
  defineProperty(globalThis, 'Deno', { value: DENO_AT_START, enumerable: false, configurable: true });
  try {
    return run();
  } finally {
    deleteProperty(globalThis, 'Deno');
  }
}

/** Deno's `node:<name>`. */
export const denoNode = (name: string): Exports => whileModulesStart(() => require(`node:${name}`));
