/**
 * Deno's own implementations of Node modules, for those that are pure computation. They run inside the cell and reach nothing outside it;
 * what user code gets of them is what the lists in `exports.ts` name.
 */

export type Exports = Record<string, unknown>;

declare const require: (specifier: string) => Exports;

/** Deno's `node:<name>`. */
export const denoNode = (name: string): Exports => require(`node:${name}`);
