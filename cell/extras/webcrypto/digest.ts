/** Hash algorithms by their Web Crypto names. */
import { createHash } from 'node:crypto';
import { stringToUpperCase } from './text.ts';
import { notSupported } from './errors.ts';

export interface HashInfo {
  /** As Web Crypto spells it. */
  readonly name: string;
  /** As `node:crypto` spells it. */
  readonly node: string;
  readonly bytes: number;
  readonly blockBytes: number;
}

const HASHES: readonly HashInfo[] = [
  { name: 'SHA-1', node: 'sha1', bytes: 20, blockBytes: 64 },
  { name: 'SHA-256', node: 'sha256', bytes: 32, blockBytes: 64 },
  { name: 'SHA-384', node: 'sha384', bytes: 48, blockBytes: 128 },
  { name: 'SHA-512', node: 'sha512', bytes: 64, blockBytes: 128 },
  { name: 'MD5', node: 'md5', bytes: 16, blockBytes: 64 },
];

/** @throws NotSupportedError */
export function findHash(name: string): HashInfo {
  const wanted = stringToUpperCase(name);
  for (let index = 0; index < HASHES.length; index++) {
    const hash = HASHES[index] as HashInfo;
    if (hash.name === wanted) return hash;
  }
  throw notSupported('Unrecognized or unimplemented digest algorithm requested.');
}

export const digest = (name: string, data: Uint8Array): Uint8Array<ArrayBuffer> =>
  createHash(findHash(name).node).update(data).digest();
