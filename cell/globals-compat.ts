/** What of the global scope depends on the worker's compatibility date and flags. Applied once, before its first line runs. */
import { compatFlag } from './compat.ts';
import { loadExtra } from './extras.ts';
import { defineLazyGlobal, removeGlobal, watchLazyGlobals } from './globals.ts';
import { applyNavigatorCompatibility } from './navigator.ts';
import { defineProperty, deleteProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } from './primordials.ts';

/** Globals that exist only when a flag is on. */
const BY_FLAG: readonly (readonly [flag: string, names: readonly string[]])[] = [
  ['enable_weak_ref', ['WeakRef', 'FinalizationRegistry']],
  ['expose_global_message_channel', ['MessageChannel', 'MessagePort']],
  ['temporal', ['Temporal']],
  [
    'streams_enable_constructors',
    [
      'ReadableStreamBYOBRequest',
      'ReadableStreamDefaultController',
      'ReadableByteStreamController',
      'WritableStreamDefaultController',
      'TransformStreamDefaultController',
    ],
  ],
];

export function applyGlobalsCompatibility(): void {
  for (const [flag, names] of BY_FLAG) {
    if (compatFlag(flag)) continue;
    for (const name of names) removeGlobal(name);
  }
  if (!compatFlag('no_global_importscripts')) offerImportScripts();
  applyNavigatorCompatibility();
  applyPerformanceCompatibility();
  applyUrlSearchParamsCompatibility();
  if (!compatFlag('urlpattern_standard')) deleteProperty(URLPattern.prototype, 'hasRegExpGroups');
  if (!compatFlag('set_tostring_tag')) removeToStringTags();
}

const PERFORMANCE_CLASSES = [
  'Performance',
  'PerformanceEntry',
  'PerformanceMark',
  'PerformanceMeasure',
  'PerformanceResourceTiming',
  'PerformanceObserver',
  'PerformanceObserverEntryList',
];

interface PerformanceExtra {
  readonly classes: Record<string, unknown>;
  readonly performance: object;
}

function applyPerformanceCompatibility(): void {
  if (!compatFlag('enable_global_performance_classes')) return;
  const extra = (): PerformanceExtra => loadExtra('performance');
  for (const name of PERFORMANCE_CLASSES) defineLazyGlobal(name, () => extra().classes[name]);
  defineLazyGlobal('performance', () => extra().performance);
}

/** On the prototype of all worker scopes, as on Workers. */
function offerImportScripts(): void {
  defineProperty(getPrototypeOf(getPrototypeOf(globalThis) as object) as object, 'importScripts', {
    value: importScripts,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

const { importScripts } = {
  importScripts(): never {
    throw new Error('importScripts is not implemented');
  },
};

/** Before the flag, `delete` and `has` did not look at a value. */
function applyUrlSearchParamsCompatibility(): void {
  if (compatFlag('urlsearchparams_delete_has_value_arg')) return;
  const prototype = URLSearchParams.prototype as unknown as Record<string, (name: string) => unknown>;
  for (const key of ['delete', 'has']) {
    const native = prototype[key] as (name: string) => unknown;
    const method = {
      [key](this: unknown, name: string) {
        return Reflect.apply(native, this, [name]);
      },
    }[key];
    Object.defineProperty(prototype, key, { value: method, writable: true, enumerable: true, configurable: true });
  }
}

/** Before the flag, platform objects were plain `[object Object]`s. Only what the engine itself tags stays. */
function removeToStringTags(): void {
  watchLazyGlobals(removeToStringTag);
  const scope = getPrototypeOf(globalThis) as object;
  const workerScope = getPrototypeOf(scope) as object;
  for (const holder of [scope, workerScope]) {
    deleteProperty(holder, Symbol.toStringTag);
    for (const name of ownKeys(holder)) {
      if (name !== 'constructor') removeToStringTag(getOwnPropertyDescriptor(holder, name)?.value);
    }
  }
  for (const name of ['scheduler', 'performance', 'Cloudflare', 'crypto', 'caches']) {
    const value = getOwnPropertyDescriptor(globalThis, name)?.value as object | undefined;
    if (value !== undefined) deleteProperty(getPrototypeOf(value) as object, Symbol.toStringTag);
  }
}

function removeToStringTag(value: unknown): void {
  if (typeof value !== 'function') return;
  const { prototype } = value as { prototype?: object };
  if (prototype !== undefined) deleteProperty(prototype, Symbol.toStringTag);
}
