/** What a key may be used for, as a set of bits in the order in which `CryptoKey.usages` lists them. */
import { syntaxError } from './errors.ts';

export const ENCRYPT = 1;
export const DECRYPT = 2;
export const SIGN = 4;
export const VERIFY = 8;
export const DERIVE_KEY = 16;
export const DERIVE_BITS = 32;
export const WRAP_KEY = 64;
export const UNWRAP_KEY = 128;

export const DERIVATION = DERIVE_KEY | DERIVE_BITS;
export const SIGNING = SIGN | VERIFY;
export const OF_PUBLIC_KEYS = ENCRYPT | VERIFY | WRAP_KEY;
export const OF_PRIVATE_KEYS = DECRYPT | SIGN | UNWRAP_KEY | DERIVATION;

const NAMES = ['encrypt', 'decrypt', 'sign', 'verify', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey'];

export function usageNames(usages: number): string[] {
  const names: string[] = [];
  for (let bit = 0; bit < NAMES.length; bit++) {
    if ((usages & (1 << bit)) !== 0) names[names.length] = NAMES[bit] as string;
  }
  return names;
}

function usageByName(name: string): number {
  for (let bit = 0; bit < NAMES.length; bit++) if (NAMES[bit] === name) return 1 << bit;
  return 0;
}

export type UsageContext = 'generate' | 'import secret' | 'import public' | 'import private';

/** @throws SyntaxError for a usage that keys of this algorithm do not have */
export function checkUsages(
  algorithm: string,
  context: UsageContext,
  names: readonly string[],
  allowed: number,
): number {
  let usages = 0;
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const usage = usageByName(name);
    if (usage === 0 || (usage & allowed) === 0) {
      throw syntaxError(`Attempt to ${context} ${algorithm} key with invalid usage "${name}".`);
    }
    usages |= usage;
  }
  return usages;
}
