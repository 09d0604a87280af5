/** What a compatibility date and flags mean: the set of behaviours that are on for a worker. Pure. */
import { COMPATIBILITY_FLAGS, type CompatibilityFlag } from './compatibility-flags.ts';

/** The newest compatibility date whose meaning is known here: that of the workerd this was taken from. */
export const NEWEST_COMPATIBILITY_DATE = '2026-11-17';

/**
 * Names (the enabling ones) of all flags that are on for a worker.
 * @param date compatibility date, YYYY-MM-DD
 * @param flags compatibility flags as uploaded, enabling and disabling ones; unknown ones are ignored (`flagProblem` names them)
 */
export function enabledFlags(date: string, flags: readonly string[]): Set<string> {
  const named = new Set(flags);
  const enabled = new Set<string>();
  // A flag may be implied by one that stands further down in the table: two rounds more than reach every chain there is.
  for (let round = 0; round < 3; round++) {
    for (const flag of COMPATIBILITY_FLAGS) if (isEnabled(flag, date, named, enabled)) enabled.add(flag.enable);
  }
  return enabled;
}

function isEnabled(flag: CompatibilityFlag, date: string, named: Set<string>, enabled: Set<string>): boolean {
  if (named.has(flag.enable)) return true;
  if (flag.disable !== undefined && named.has(flag.disable)) return false;
  if (flag.since !== undefined && date >= flag.since) return true;
  if (flag.impliedBy === undefined || date < (flag.impliedSince as string)) return false;
  return flag.impliedBy.some((name) => enabled.has(name));
}

/** Why this list of flags cannot be taken, as a sentence for the person who deploys; `null` when it can. */
export function flagProblem(flags: readonly string[]): string | null {
  for (const name of flags) {
    const flag = COMPATIBILITY_FLAGS.find(({ enable, disable }) => enable === name || disable === name);
    if (flag === undefined) return `No such compatibility flag: ${name.slice(0, 100)}.`;
    if (flag.experimental === true && flag.enable === name) {
      return `The compatibility flag ${name} is experimental and cannot be used by deployed Workers.`;
    }
    if (flag.disable !== undefined && flags.includes(flag.enable) && flags.includes(flag.disable)) {
      return `Compatibility flags ${flag.enable} and ${flag.disable} are mutually contradictory.`;
    }
  }
  return null;
}
