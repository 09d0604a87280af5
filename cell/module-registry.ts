/** The worker's modules, in memory, and which module a specifier leads to. Filled once, before any of the worker's code runs. */
import { hasBuiltin } from './builtins.ts';
import { compatFlag } from './compat.ts';
import { isNewRegistry, isPlatformSpecifier, targetName, urlOf } from './module-names.ts';
import { MapConstructor, mapForEach, mapGet, mapHas, mapSet } from './primordials.ts';

export interface LoadedModule {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Modules of the platform; the specifier follows. */
export const BUILTIN = 'builtin:/';

/** By URL. */
const modules = new MapConstructor<string, LoadedModule>();

export function addModule(module: LoadedModule): void {
  mapSet(modules, urlOf(module.name), module);
}

/** The module that the engine knows by this URL. */
export const findModule = (url: string): LoadedModule | undefined => mapGet(modules, url);

/** Visits every module as it was uploaded. The bytes are not to be written to. */
export function forEachModule(visit: (module: LoadedModule) => void): void {
  mapForEach(modules, visit);
}

/** The URL of what the module `parent` gets when it asks for this specifier; undefined when there is no such module. */
export function resolveModule(specifier: string, parent: string): string | undefined {
  const own = urlOf(targetName(specifier, parent));
  if (mapHas(modules, own)) return own;
  if (hasBuiltin(specifier)) return `${BUILTIN}${specifier}`;
  const inNode = `node:${specifier}`;
  const isBare = !isPlatformSpecifier(specifier);
  if (isBare && (isNewRegistry() || compatFlag('nodejs_compat_v2')) && hasBuiltin(inNode)) return `${BUILTIN}${inNode}`;
  return undefined;
}
