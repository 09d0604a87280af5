/**
 * Names of the worker's modules: how a specifier leads to one, and what the error says when it leads nowhere. There are two rules, as in
 * workerd: the old registry joins paths, the new one (flag `new_module_registry`) resolves URLs under `file:///bundle/`.
 */
import { compatFlag } from './compat.ts';
import {
  MapConstructor,
  mapGet,
  mapSet,
  NativeURL,
  stringIndexOf,
  stringLastIndexOf,
  stringSlice,
  stringSplit,
  stringStartsWith,
  urlHref,
} from './primordials.ts';

const SCHEME = 'cell:/';
/** Where modules live as the new registry tells it. */
const BUNDLE = 'file:///bundle/';
/** Specifiers with these prefixes name modules of the platform and are never joined to a path. */
const PLATFORM = ['node:', 'cloudflare:', 'workerd:'];

const nameByUrl = new MapConstructor<string, string>();

export const isNewRegistry = (): boolean => compatFlag('new_module_registry');

/** The URL under which the engine knows the module of this name. */
export function urlOf(name: string): string {
  let path = '';
  const parts = stringSplit(normalised('', name), '/');
  for (let index = 0; index < parts.length; index++)
    path += `${index === 0 ? '' : '/'}${encodeURIComponent(parts[index] as string)}`;
  const url = `${SCHEME}${path}`;
  if (mapGet(nameByUrl, url) === undefined) mapSet(nameByUrl, url, name);
  return url;
}

/** The name of the module that the engine knows by this URL; undefined when it is none of the worker's. */
export const nameOf = (url: string): string | undefined => mapGet(nameByUrl, url);

const preludes = new MapConstructor<string, number>();

/** How many columns the harness has put before the first line of the module with this URL; stack traces are told without them. */
export const preludeLength = (url: string): number => mapGet(preludes, url) ?? 0;
export const setPreludeLength = (url: string, columns: number): void => {
  mapSet(preludes, url, columns);
};

/** What a worker sees as the module's place in stack traces and `import.meta.url`. */
export const shownName = (name: string): string => (isNewRegistry() ? bundleUrl(name) : name);

const bundleUrl = (name: string): string => urlHref(new NativeURL(stringSlice(urlOf(name), SCHEME.length), BUNDLE));

/** Whether the specifier names a module of the platform by its prefix. */
export function isPlatformSpecifier(specifier: string): boolean {
  for (let index = 0; index < PLATFORM.length; index++) {
    if (stringStartsWith(specifier, PLATFORM[index] as string)) return true;
  }
  return false;
}

/** The name that a specifier means in the module called `parent`. */
export function targetName(specifier: string, parent: string): string {
  if (isPlatformSpecifier(specifier)) return specifier;
  if (!isNewRegistry()) return normalised(folderOf(parent), specifier);
  const href = targetHref(specifier, parent);
  return stringStartsWith(href, BUNDLE) ? decodeURIComponent(stringSlice(href, BUNDLE.length)) : href;
}

function targetHref(specifier: string, parent: string): string {
  try {
    return urlHref(new NativeURL(specifier, bundleUrl(parent)));
  } catch {
    return specifier;
  }
}

/** The text for an import that leads nowhere. `parent`: only where workerd names the importer, in static imports. */
export function missingModule(specifier: string, parent: string, isStatic: boolean): string {
  if (isNewRegistry())
    return `Module not found: ${isPlatformSpecifier(specifier) ? specifier : targetHref(specifier, parent)}`;
  return `No such module "${targetName(specifier, parent)}".${isStatic ? `\n  imported from "${parent}"` : ''}`;
}

function folderOf(name: string): string {
  const slash = stringLastIndexOf(name, '/');
  return slash < 0 ? '' : stringSlice(name, 0, slash);
}

/** Joins like a file path: `.` and empty parts vanish, `..` steps back, a leading slash starts at the root. */
function normalised(folder: string, path: string): string {
  const joined = stringIndexOf(path, '/') === 0 ? path : `${folder}/${path}`;
  const parts = stringSplit(joined, '/');
  const kept: string[] = [];
  let count = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] as string;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (count > 0) count--;
    } else kept[count++] = part;
  }
  let result = '';
  for (let index = 0; index < count; index++) result += `${index === 0 ? '' : '/'}${kept[index]}`;
  return result;
}

/** `__filename`, `__dirname` and `module.path` of a CommonJS module. */
export function commonJsPaths(name: string): { filename: string; dirname: string; path: string } {
  const filename = isNewRegistry() ? `/bundle/${name}` : `/${name}`;
  const folder = folderOf(filename);
  return { filename, dirname: folder === '' ? '/' : folder, path: isNewRegistry() ? bundleUrl(name) : filename };
}

/** Fills `import.meta`: empty in the old registry, as in Node in the new one. */
export function fillImportMeta(meta: Record<string, unknown>, name: string, isMain: boolean): void {
  delete meta.url;
  delete meta.main;
  delete meta.resolve;
  if (!isNewRegistry()) return;
  const { filename, dirname } = commonJsPaths(name);
  meta.main = isMain;
  meta.url = bundleUrl(name);
  meta.filename = filename;
  meta.dirname = dirname;
  meta.resolve = function resolve(specifier: unknown) {
    return targetHref(`${specifier as string}`, name);
  };
}
