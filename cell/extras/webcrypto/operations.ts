/**
 * The operations of `SubtleCrypto` on converted arguments. Nearly all are synchronous, as in workerd; `subtle.ts` makes promises of them.
 */
import { compatFlag } from '../../compat.ts';
import { copyBytes, jsonParse, jsonStringify, stringStartsWith, utf8Decode, utf8Encode } from '../../primordials.ts';
import type { Algorithm, Bytes } from './algorithm.ts';
import {
  type DeriveAlgorithm,
  type EncryptAlgorithm,
  type GenerateAlgorithm,
  type ImportAlgorithm,
  type JsonWebKey,
  type SignAlgorithm,
  toJsonWebKey,
} from './convert.ts';
import { findHash } from './digest.ts';
import { dataError, invalidAccess, notSupported, operationError, syntaxError, typeError } from './errors.ts';
import { requirePrivateUsages } from './asymmetric.ts';
import { createKey, type CryptoKey, type KeyState } from './key.ts';
import { findAlgorithm } from './registry.ts';
import { includes } from './symmetric.ts';
import { sameName } from './text.ts';
import { DECRYPT, DERIVE_BITS, DERIVE_KEY, ENCRYPT, SIGN, UNWRAP_KEY, usageNames, VERIFY, WRAP_KEY } from './usages.ts';

export interface CryptoKeyPair {
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}

/** The implementation for a key's operation. @throws InvalidAccessError when the key is not for it */
function authorize(key: KeyState, requested: string, usage: number): Algorithm {
  const { name } = key.algorithm;
  if (!sameName(requested, name)) {
    throw invalidAccess(`Requested algorithm "${requested}" does not match this CryptoKey's algorithm "${name}".`);
  }
  if ((key.usages & usage) === 0) {
    throw invalidAccess(
      `Requested key usage "${usageNames(usage)[0]}" does not match any usage listed in this CryptoKey.`,
    );
  }
  return findAlgorithm(name) as Algorithm;
}

function requireOperation<T>(operation: T | undefined, what: string, key: KeyState): T {
  if (operation === undefined) {
    throw notSupported(`The ${what} operation is not implemented for "${key.algorithm.name}".`);
  }
  return operation;
}

export function encrypt(algorithm: EncryptAlgorithm, key: KeyState, data: Bytes): Bytes {
  const implementation = authorize(key, algorithm.name, ENCRYPT);
  return requireOperation(implementation.encrypt, 'encrypt', key)(key, algorithm, data);
}

export function decrypt(algorithm: EncryptAlgorithm, key: KeyState, data: Bytes): Bytes {
  const implementation = authorize(key, algorithm.name, DECRYPT);
  return requireOperation(implementation.decrypt, 'decrypt', key)(key, algorithm, data);
}

export function sign(algorithm: SignAlgorithm, key: KeyState, data: Bytes): Bytes | Promise<Bytes> {
  const implementation = authorize(key, algorithm.name, SIGN);
  return requireOperation(implementation.sign, 'sign', key)(key, algorithm, data);
}

export function verify(
  algorithm: SignAlgorithm,
  key: KeyState,
  signature: Bytes,
  data: Bytes,
): boolean | Promise<boolean> {
  const implementation = authorize(key, algorithm.name, VERIFY);
  return requireOperation(implementation.verify, 'verify', key)(key, algorithm, signature, data);
}

export function generateKey(
  algorithm: GenerateAlgorithm,
  extractable: boolean,
  usages: readonly string[],
): CryptoKey | CryptoKeyPair {
  const generate = findAlgorithm(algorithm.name)?.generate;
  if (generate === undefined) {
    throw notSupported(`Unrecognized key generation algorithm "${algorithm.name}" requested.`);
  }
  const generated = generate(algorithm, extractable, usages);
  if (!('publicKey' in generated)) {
    requireUsages(generated);
    return createKey(generated);
  }
  requirePrivateUsages(generated.privateKey.usages);
  return { publicKey: createKey(generated.publicKey), privateKey: createKey(generated.privateKey) };
}

function requireUsages(key: KeyState): void {
  if (key.usages === 0 && key.type !== 'public') {
    throw syntaxError('Secret/private CryptoKeys must have at least one usage.');
  }
}

export function deriveBits(algorithm: DeriveAlgorithm, key: KeyState, length: number | undefined): Bytes {
  const implementation = authorize(key, algorithm.name, DERIVE_BITS);
  return requireOperation(implementation.deriveBits, 'deriveBits', key)(key, algorithm, length);
}

export function deriveKey(
  algorithm: DeriveAlgorithm,
  baseKey: KeyState,
  derived: ImportAlgorithm,
  extractable: boolean,
  usages: readonly string[],
): CryptoKey {
  const implementation = authorize(baseKey, algorithm.name, DERIVE_KEY);
  const length = derivedLength(derived);
  const secret = requireOperation(implementation.deriveBits, 'deriveKey', baseKey)(baseKey, algorithm, length);
  return importKey('raw', secret, derived, extractable, usages);
}

/** Bits that a key of this kind needs; undefined when it takes what there is. */
function derivedLength(algorithm: ImportAlgorithm): number | undefined {
  const name = findAlgorithm(algorithm.name)?.name ?? '';
  if (stringStartsWith(name, 'AES-')) return derivedAesLength(algorithm.length);
  if (name === 'HMAC') return derivedHmacLength(algorithm);
  if (name === 'HKDF' || name === 'PBKDF2') return undefined;
  throw notSupported(`Unrecognized derived key type "${algorithm.name}" requested.`);
}

function derivedAesLength(length: number | undefined): number {
  if (length === undefined) throw typeError('Missing field "length" in "derivedKeyParams".');
  if (length !== 128 && length !== 192 && length !== 256) {
    throw operationError(`Derived AES key must be 128, 192, or 256 bits in length but provided ${length}.`);
  }
  return length;
}

function derivedHmacLength({ length, hash }: ImportAlgorithm): number {
  if (length !== undefined) {
    if (length > 0) return length;
    throw typeError('HMAC key length must be a non-zero unsigned long integer.');
  }
  if (hash === undefined) throw typeError('Missing field "hash" in "derivedKeyParams".');
  return findHash(hash).blockBytes * 8;
}

const BYTE_FORMATS = ['raw', 'pkcs8', 'spki'];
const MODERN_FORMATS = ['raw-public', 'raw-private', 'raw-seed', 'raw-secret'];

function isByteFormat(format: string): boolean {
  if (includes(BYTE_FORMATS, format)) return true;
  if (!includes(MODERN_FORMATS, format)) return false;
  if (compatFlag('webcrypto_modern_algorithms')) return true;
  throw notSupported(`Key format "${format}" requires the webcrypto_modern_algorithms flag.`);
}

const isBytes = (data: Bytes | JsonWebKey): data is Bytes => !('kty' in data);

export function importKey(
  format: string,
  data: Bytes | JsonWebKey,
  algorithm: ImportAlgorithm,
  extractable: boolean,
  usages: readonly string[],
): CryptoKey {
  const copy = checkKeyData(format, data, algorithm, extractable);
  const implementation = findAlgorithm(algorithm.name);
  if (implementation === undefined) {
    throw notSupported(`Unrecognized key import algorithm "${algorithm.name}" requested.`);
  }
  const state = implementation.importKey({ format, data: copy, algorithm, extractable, usages });
  requireUsages(state);
  return createKey(state);
}

/** Key material that fits the format; bytes are copied, so that later changes do not reach the key. */
function checkKeyData(
  format: string,
  data: Bytes | JsonWebKey,
  algorithm: ImportAlgorithm,
  extractable: boolean,
): Bytes | JsonWebKey {
  if (isByteFormat(format)) {
    if (isBytes(data)) return copyBytes(data);
    throw typeError('Import data provided for buffer-based import formats must be a buffer source.');
  }
  if (format !== 'jwk') throw notSupported(`Unrecognized key import format "${format}".`);
  if (isBytes(data)) throw typeError('Import data provided for "jwk" import format must be a JsonWebKey.');
  if (data.ext === false && extractable) {
    throw dataError(`JWK ext field for "${algorithm.name}" is set to false but extractable is true`);
  }
  return data;
}

export function exportKey(format: string, key: KeyState): Bytes | JsonWebKey {
  // For the exception of a format that is not there yet.
  isByteFormat(format);
  const { name } = key.algorithm;
  if (!key.extractable) throw invalidAccess(`Attempt to export non-extractable ${name} key.`);
  const implementation = findAlgorithm(name) as Algorithm;
  if (implementation.exportKey === undefined) {
    throw notSupported(`Unrecognized or unimplemented export of "${name}" requested.`);
  }
  return implementation.exportKey(key, format);
}

export function wrapKey(format: string, key: KeyState, wrappingKey: KeyState, algorithm: EncryptAlgorithm): Bytes {
  const implementation = authorize(wrappingKey, algorithm.name, WRAP_KEY);
  const exported = exportKey(format, key);
  const bytes = isBytes(exported) ? exported : utf8Encode(jsonStringify(exported));
  if (implementation.wrap !== undefined) return implementation.wrap(wrappingKey, bytes);
  return requireOperation(implementation.encrypt, 'wrapKey', wrappingKey)(wrappingKey, algorithm, bytes);
}

export interface Unwrapping {
  readonly format: string;
  readonly wrapped: Bytes;
  readonly key: KeyState;
  readonly unwrapAlgorithm: EncryptAlgorithm;
  readonly keyAlgorithm: ImportAlgorithm;
  readonly extractable: boolean;
  readonly usages: readonly string[];
}

export function unwrapKey({ format, wrapped, key, ...rest }: Unwrapping): CryptoKey {
  const { unwrapAlgorithm, keyAlgorithm, extractable, usages } = rest;
  const implementation = authorize(key, unwrapAlgorithm.name, UNWRAP_KEY);
  const bytes =
    implementation.unwrap === undefined
      ? requireOperation(implementation.decrypt, 'unwrapKey', key)(key, unwrapAlgorithm, wrapped)
      : implementation.unwrap(key, wrapped);
  const data = format === 'jwk' ? parseJwk(bytes) : bytes;
  return importKey(format, data, keyAlgorithm, extractable, usages);
}

function parseJwk(bytes: Bytes): JsonWebKey {
  const parsed = jsonParse(utf8Decode(bytes)) as unknown;
  if (typeof parsed !== 'object') {
    throw dataError('Missing "kty" field or corrupt JSON unwrapping key?');
  }
  return toJsonWebKey(parsed);
}
