/** CryptoKey and the KeyObject of `node:crypto` as two views of one key. */
import type { KeyObject } from 'node:crypto';
import { copyBytes } from '../../primordials.ts';
import { toImportAlgorithm, toTexts, jwkForUser } from './convert.ts';
import { invalidAccess, typeError } from './errors.ts';
import { type CryptoKey, keyState } from './key.ts';
import { importKey } from './operations.ts';

/** What a CryptoKey holds, extractable or not: the KeyObject of a pair, the bytes of a secret. Undefined when it is no CryptoKey. */
export function keyObjectOf(key: unknown): KeyObject | Uint8Array | undefined {
  const state = keyState(key);
  if (state === undefined) return undefined;
  return state.type === 'secret' ? copyBytes(state.secret) : state.keyObject;
}

export const isExtractable = (key: unknown): boolean => keyState(key)?.extractable === true;

/** What `toCryptoKey` says of a KeyObject whose key must not be read. */
export const sealedKeyError = (): Error =>
  invalidAccess('Cannot create an extractable CryptoKey from a non-extractable key.');

/** `keyObject.toCryptoKey(algorithm, extractable, usages)` */
export function importKeyObject(key: KeyObject, algorithm: unknown, extractable: unknown, usages: unknown): CryptoKey {
  const converted = toImportAlgorithm(algorithm);
  const names = toTexts(usages);
  if (names === undefined) throw typeError('The key usages must be an array.');
  if (key.type === 'secret') {
    const secret = (key as unknown as { export(): Uint8Array<ArrayBuffer> }).export();
    return importKey('raw', copyBytes(secret), converted, Boolean(extractable), names);
  }
  const format = key.type === 'private' ? 'pkcs8' : 'spki';
  const bytes = copyBytes(key.export({ format: 'der', type: format }));
  return importKey(format, bytes, converted, Boolean(extractable), names);
}

export { jwkForUser };
