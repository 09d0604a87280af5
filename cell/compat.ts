/** The compatibility flags of the worker in this cell. Set once, when the worker is loaded, before any of its code runs. */
import { enabledFlags } from '../shared/compatibility.ts';
import { COMPATIBILITY_FLAGS } from '../shared/compatibility-flags.ts';
import { defineGlobal } from './globals.ts';
import { defineProperty, freeze, setHas } from './primordials.ts';

let enabled: ReadonlySet<string> = enabledFlags('1970-01-01', []);

/** Whether the flag with this (enabling) name is on for the worker: named by it, or meant by its compatibility date. */
export const compatFlag = (name: string): boolean => setHas(enabled as Set<string>, name);

let known = false;

/** Whether a worker is loaded, so that flags mean something. */
export const compatibilityIsKnown = (): boolean => known;

export function setCompatibility(date: string, flags: readonly string[]): void {
  enabled = enabledFlags(date, flags);
  known = true;
  defineGlobal('Cloudflare', cloudflare(flagsForUser()));
}

// oxlint-disable-next-line typescript/no-extraneous-class -- user code sees its name
class Cloudflare {}

/** The object behind the global `Cloudflare`. */
function cloudflare(compatibilityFlags: Record<string, boolean>): object {
  defineProperty(Cloudflare.prototype, Symbol.toStringTag, { value: 'Cloudflare', writable: true, configurable: true });
  const object = new Cloudflare();
  defineProperty(object, 'compatibilityFlags', {
    value: compatibilityFlags,
    writable: false,
    enumerable: true,
    configurable: true,
  });
  return object;
}

/** `Cloudflare.compatibilityFlags`: every flag that is known, and whether it is on. */
function flagsForUser(): Record<string, boolean> {
  const flags: Record<string, boolean> = {};
  for (const { enable } of COMPATIBILITY_FLAGS) flags[enable] = enabled.has(enable);
  return freeze(flags);
}
