/** HKDF and PBKDF2: keys that can only give other keys. */
import { hkdfSync, pbkdf2Sync } from 'node:crypto';
import { NativeUint8Array } from '../../primordials.ts';
import type { Algorithm, Bytes, KeyImport } from './algorithm.ts';
import type { DeriveAlgorithm } from './convert.ts';
import { findHash } from './digest.ts';
import { notSupported, operationError, requireField, syntaxError } from './errors.ts';
import type { KeyState, SecretKeyState } from './key.ts';
import { checkUsages, DERIVATION } from './usages.ts';

function importSecret(name: string, { format, data, extractable, usages: names }: KeyImport): KeyState {
  const usages = checkUsages(name, 'import secret', names, DERIVATION);
  if (extractable) throw syntaxError(`${name} key cannot be extractable.`);
  if (format !== 'raw' && format !== 'raw-secret') {
    throw notSupported(
      `${name} key must be imported in "raw" format (requested "${format}")${name === 'PBKDF2' ? '.' : ''}`,
    );
  }
  return { type: 'secret', algorithm: { name }, secret: data as Bytes, extractable, usages };
}

function checkLength(name: string, length: number | undefined): number {
  if (length === undefined) throw operationError(`${name} cannot derive a key with null length.`);
  if (length % 8 !== 0) {
    throw operationError(`${name} requires a derived key length that is a multiple of eight (requested ${length}).`);
  }
  return length / 8;
}

function deriveWithHkdf(key: KeyState, algorithm: DeriveAlgorithm, length: number | undefined): Bytes {
  const hash = findHash(requireField(algorithm.hash, 'hash'));
  const salt = requireField(algorithm.salt, 'salt');
  const info = requireField(algorithm.info, 'info');
  const bytes = checkLength('HKDF', length);
  if (bytes > 255 * hash.bytes) throw operationError('HKDF deriveBits failed.');
  if (bytes === 0) return new NativeUint8Array(0);
  return new NativeUint8Array(hkdfSync(hash.node, (key as SecretKeyState).secret, salt, info, bytes));
}

function deriveWithPbkdf2(key: KeyState, algorithm: DeriveAlgorithm, length: number | undefined): Bytes {
  const hash = findHash(requireField(algorithm.hash, 'hash'));
  const salt = requireField(algorithm.salt, 'salt');
  const iterations = requireField(algorithm.iterations, 'iterations');
  const bytes = checkLength('PBKDF2', length);
  if (iterations <= 0) {
    throw operationError(`PBKDF2 requires a positive iteration count (requested ${iterations}).`);
  }
  if (bytes > 255 * hash.bytes) {
    throw operationError('Pbkdf2 failed: derived key length exceeds maximum for this hash');
  }
  if (bytes === 0) return new NativeUint8Array(0);
  return pbkdf2Sync((key as SecretKeyState).secret, salt, iterations, bytes, hash.node);
}

export const HKDF: Algorithm = {
  name: 'HKDF',
  importKey: (input) => importSecret('HKDF', input),
  deriveBits: deriveWithHkdf,
};

export const PBKDF2: Algorithm = {
  name: 'PBKDF2',
  importKey: (input) => importSecret('PBKDF2', input),
  deriveBits: deriveWithPbkdf2,
};
