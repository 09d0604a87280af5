/** What of the global scope depends on the worker's compatibility date and flags. Applied once, before its first line runs. */
import { compatFlag } from './compat.ts';
import { defineGlobal, removeGlobal } from './globals.ts';
import { applyNavigatorCompatibility } from './navigator.ts';
import { deleteProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } from './primordials.ts';

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
  if (!compatFlag('no_global_importscripts')) defineGlobal('importScripts', importScripts);
  applyNavigatorCompatibility();
  applyUrlSearchParamsCompatibility();
  if (!compatFlag('set_tostring_tag')) removeToStringTags();
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
  const scope = getPrototypeOf(globalThis) as object;
  for (const holder of [scope, getPrototypeOf(scope) as object]) {
    for (const name of ownKeys(holder)) {
      if (name === 'constructor') continue;
      const value: unknown = getOwnPropertyDescriptor(holder, name)?.value;
      if (typeof value !== 'function') continue;
      const { prototype } = value as { prototype?: object };
      if (prototype !== undefined) deleteProperty(prototype, Symbol.toStringTag);
    }
  }
  for (const name of ['scheduler', 'performance', 'Cloudflare', 'crypto', 'caches']) {
    const value = getOwnPropertyDescriptor(globalThis, name)?.value as object | undefined;
    if (value !== undefined) deleteProperty(getPrototypeOf(value) as object, Symbol.toStringTag);
  }
}
