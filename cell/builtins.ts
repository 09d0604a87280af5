/**
 * Modules that come with the platform: `cloudflare:*` and `node:*`. Each is known by its specifier, and made when it is first imported.
 */
import { MapConstructor, mapGet, mapSet, objectKeys } from './primordials.ts';

/** The exports of a module by name; `default` is the default export. */
export type BuiltinNamespace = Readonly<Record<string, unknown>>;

interface Builtin {
  readonly create: () => BuiltinNamespace;
  readonly names: (() => readonly string[]) | undefined;
  namespace: BuiltinNamespace | undefined;
}

const builtins = new MapConstructor<string, Builtin>();

/**
 * Makes `import … from '<specifier>'` work. Later registrations under the same name replace earlier ones.
 * @param names the names of the exports, for a module whose making starts modules of Deno: that must wait until the importing module runs
 */
export function registerBuiltin(
  specifier: string,
  create: () => BuiltinNamespace,
  names?: () => readonly string[],
): void {
  mapSet(builtins, specifier, { create, names, namespace: undefined });
}

/** The module's exports, or undefined when there is no such built-in for this worker. */
export function findBuiltin(specifier: string): BuiltinNamespace | undefined {
  const builtin = mapGet(builtins, specifier);
  if (builtin === undefined) return undefined;
  builtin.namespace ??= builtin.create();
  return builtin.namespace;
}

/** What `import * as module` of a built-in has; asked for while modules are loaded, before any of them runs. */
export function builtinNames(specifier: string): readonly string[] {
  const names = mapGet(builtins, specifier)?.names;
  return names === undefined ? objectKeys(findBuiltin(specifier) ?? {}) : names();
}

export const hasBuiltin = (specifier: string): boolean => mapGet(builtins, specifier) !== undefined;
