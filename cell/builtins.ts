/**
 * Modules that come with the platform: `cloudflare:*` and `node:*`. Each is known by its specifier, and made when it is first imported.
 */
import { MapConstructor, mapGet, mapSet } from './primordials.ts';

/** The exports of a module by name; `default` is the default export. */
export type BuiltinNamespace = Readonly<Record<string, unknown>>;

interface Builtin {
  readonly create: () => BuiltinNamespace;
  namespace: BuiltinNamespace | undefined;
}

const builtins = new MapConstructor<string, Builtin>();

/** Makes `import … from '<specifier>'` work. Later registrations under the same name replace earlier ones. */
export function registerBuiltin(specifier: string, create: () => BuiltinNamespace): void {
  mapSet(builtins, specifier, { create, namespace: undefined });
}

/** The module's exports, or undefined when there is no such built-in for this worker. */
export function findBuiltin(specifier: string): BuiltinNamespace | undefined {
  const builtin = mapGet(builtins, specifier);
  if (builtin === undefined) return undefined;
  builtin.namespace ??= builtin.create();
  return builtin.namespace;
}

export const hasBuiltin = (specifier: string): boolean => mapGet(builtins, specifier) !== undefined;
