/** AES and HMAC keys. */
import { createHmac } from 'node:crypto';
import { fillRandomInInvocation } from '../../random.ts';
import { NativeUint8Array, stringSlice, stringStartsWith } from '../../primordials.ts';
import {
  applyCtr,
  counterRepeats,
  decryptCbc,
  decryptGcm,
  encryptCbc,
  encryptGcm,
  sameBytes,
  unwrapWithAes,
  wrapWithAes,
} from './aes.ts';
import { type Algorithm, type Bytes, type KeyImport, uint16 } from './algorithm.ts';
import { fromBase64Url, toBase64Url } from './bytes.ts';
import type { EncryptAlgorithm, GenerateAlgorithm, JsonWebKey } from './convert.ts';
import { findHash, type HashInfo } from './digest.ts';
import { dataError, notSupported, operationError, requireField, typeError } from './errors.ts';
import type { KeyState, SecretKeyState } from './key.ts';
import { checkUsages, DECRYPT, ENCRYPT, SIGNING, UNWRAP_KEY, usageNames, WRAP_KEY } from './usages.ts';

const NONE = new NativeUint8Array(0);
const secretOf = (key: KeyState): Bytes => (key as SecretKeyState).secret;
const isRaw = (format: string): boolean => format === 'raw' || format === 'raw-secret';

// AES

const aesUsages = (name: string): number =>
  name === 'AES-KW' ? WRAP_KEY | UNWRAP_KEY : WRAP_KEY | UNWRAP_KEY | ENCRYPT | DECRYPT;
const isAesLength = (bits: number): boolean => bits === 128 || bits === 192 || bits === 256;

function aesKey(name: string, secret: Bytes, extractable: boolean, usages: number): KeyState {
  return { type: 'secret', algorithm: { name, length: secret.length * 8 }, secret, extractable, usages };
}

function generateAes(
  name: string,
  algorithm: GenerateAlgorithm,
  extractable: boolean,
  names: readonly string[],
): KeyState {
  const usages = checkUsages(name, 'generate', names, aesUsages(name));
  const length = requireField(algorithm.length, 'length');
  if (!isAesLength(length)) {
    throw operationError(`Generated AES key length must be 128, 192, or 256 bits but requested ${length}.`);
  }
  const secret = new NativeUint8Array(length / 8);
  fillRandomInInvocation(secret);
  return aesKey(name, secret, extractable, usages);
}

function importAes(name: string, input: KeyImport): KeyState {
  const usages = checkUsages(name, 'import secret', input.usages, aesUsages(name));
  if (isRaw(input.format)) {
    const secret = input.data as Bytes;
    checkAesLength(secret);
    return aesKey(name, secret, input.extractable, usages);
  }
  if (input.format !== 'jwk') throw notSupported(`Unrecognized key import format "${input.format}".`);
  return aesKey(name, readAesJwk(name, input), input.extractable, usages);
}

function checkAesLength(secret: Bytes): void {
  const length = secret.length * 8;
  if (!isAesLength(length)) {
    throw dataError(`Imported AES key length must be 128, 192, or 256 bits but provided ${length}.`);
  }
}

function readAesJwk(name: string, { data, usages, extractable }: KeyImport): Bytes {
  const jwk = data as JsonWebKey;
  if (jwk.kty !== 'oct') {
    throw dataError(
      `Symmetric "jwk" key import requires a JSON Web Key with Key Type parameter "kty" equal to "oct" (encountered "${jwk.kty}").`,
    );
  }
  const secret = jwk.k === undefined ? undefined : fromBase64Url(jwk.k);
  if (secret === undefined) throw dataError('Symmetric "jwk" key import requires a base64Url encoding of the key.');
  checkAesLength(secret);
  const expected = `A${secret.length * 8}${stringSlice(name, 4)}`;
  if (jwk.alg !== undefined && jwk.alg !== expected) {
    throw dataError(`Symmetric "jwk" key contains invalid "alg" value "${jwk.alg}", expected "${expected}".`);
  }
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== 'enc') {
    throw dataError(`Symmetric "jwk" key must have a "use" of "enc", not "${jwk.use}".`);
  }
  checkAesKeyOps(jwk.key_ops, usages);
  if (jwk.ext === false && extractable) {
    throw dataError(
      '"jwk" key has value "false", for "ext" that is incompatible with import extractability value "true".',
    );
  }
  return secret;
}

export function includes(list: readonly string[], wanted: string): boolean {
  for (let index = 0; index < list.length; index++) if (list[index] === wanted) return true;
  return false;
}

/** The smallest value that is there twice, as a sorted list would show it first. */
export function duplicateIn(list: readonly string[]): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < list.length; index++) {
    for (let other = index + 1; other < list.length; other++) {
      const value = list[index] as string;
      if (list[other] === value && (found === undefined || value < found)) found = value;
    }
  }
  return found;
}

function checkAesKeyOps(ops: readonly string[] | undefined, usages: readonly string[]): void {
  if (ops === undefined) return;
  const duplicate = duplicateIn(ops);
  if (duplicate !== undefined) {
    throw dataError(`Symmetric "jwk" key contains duplicate value "${duplicate}", in "key_op".`);
  }
  for (let index = 0; index < usages.length; index++) {
    const usage = usages[index] as string;
    if (!includes(ops, usage)) throw dataError(`"jwk" key missing usage "${usage}", in "key_ops".`);
  }
}

function exportAes(key: KeyState, format: string): Bytes | JsonWebKey {
  const { name } = key.algorithm;
  const secret = secretOf(key);
  if (isRaw(format)) return secret;
  if (format !== 'jwk') {
    throw notSupported(`${name} key only supports exporting "raw", "raw-secret" & "jwk", not "${format}".`);
  }
  return {
    kty: 'oct',
    key_ops: usageNames(key.usages),
    alg: `A${secret.length * 8}${stringSlice(name, 4)}`,
    ext: true,
    k: toBase64Url(secret),
  };
}

const decryptionFailed = (name: string, inputLength: number, outputLength: number): DOMException =>
  operationError(
    `Decryption failed. This could be due to a ciphertext authentication failure, bad padding, incorrect CryptoKey, or another algorithm-specific reason. Input length was ${inputLength}, output length expected to be ${outputLength} for ${name}`,
  );

function gcmIv(algorithm: EncryptAlgorithm): Bytes {
  const iv = requireField(algorithm.iv, 'iv');
  if (iv.length === 0) throw operationError('AES-GCM IV must not be empty.');
  return iv;
}

const TAG_LENGTHS: Readonly<Record<number, boolean>> = {
  32: true,
  64: true,
  96: true,
  104: true,
  112: true,
  120: true,
  128: true,
};

function gcmTagBits(algorithm: EncryptAlgorithm): number {
  const bits = algorithm.tagLength ?? 128;
  if (TAG_LENGTHS[bits] !== true) throw operationError(`Invalid AES-GCM tag length ${bits}.`);
  return bits;
}

function encryptWithGcm(key: KeyState, algorithm: EncryptAlgorithm, data: Bytes): Bytes {
  const iv = gcmIv(algorithm);
  const tagBits = gcmTagBits(algorithm);
  return encryptGcm(secretOf(key), iv, algorithm.additionalData ?? NONE, tagBits / 8, data);
}

function decryptWithGcm(key: KeyState, algorithm: EncryptAlgorithm, data: Bytes): Bytes {
  const iv = gcmIv(algorithm);
  const tagBits = gcmTagBits(algorithm);
  if (data.length < tagBits / 8) {
    throw operationError(
      `Ciphertext length of ${data.length * 8} bits must be greater than or equal to the size of the AES-GCM tag length of ${tagBits} bits.`,
    );
  }
  const plain = decryptGcm(secretOf(key), iv, algorithm.additionalData ?? NONE, tagBits / 8, data);
  const length = data.length - tagBits / 8;
  if (plain === undefined) throw decryptionFailed('AES-GCM', length, length);
  return plain;
}

function cbcIv(algorithm: EncryptAlgorithm, unit: string): Bytes {
  const iv = requireField(algorithm.iv, 'iv');
  if (iv.length !== 16) throw operationError(`AES-CBC IV must be 16 bytes long (provided ${iv.length}${unit}).`);
  return iv;
}

function decryptWithCbc(key: KeyState, algorithm: EncryptAlgorithm, data: Bytes): Bytes {
  const plain = decryptCbc(secretOf(key), cbcIv(algorithm, ''), data);
  if (plain !== undefined) return plain;
  // What the cipher had given out before the block that it holds back for the padding.
  const released = data.length === 0 ? 0 : Math.floor((data.length - 1) / 16) * 16;
  throw decryptionFailed('AES-CBC', data.length, released);
}

function runCtr(key: KeyState, algorithm: EncryptAlgorithm, data: Bytes): Bytes {
  const { counter, length } = algorithm;
  if (counter === undefined) throw typeError('Missing "counter" member in "algorithm".');
  if (counter.length !== 16) throw operationError(`Counter must have length of 16 bytes (provided ${counter.length}).`);
  if (length === undefined) throw typeError('Missing "length" member in "algorithm".');
  if (length <= 0 || length > 128) throw operationError(`Invalid counter of ${length} bits length provided.`);
  if (counterRepeats(data.length, length)) throw operationError('Counter block values will repeat.');
  return applyCtr(secretOf(key), counter, length, data);
}

function wrapKw(key: KeyState, data: Bytes): Bytes {
  if (data.length % 8 !== 0) {
    throw operationError(
      `Unwrapped key bit length must be a multiple of 64 bits but unwrapped key has a length of ${data.length * 8} bits.`,
    );
  }
  if (data.length < 16) {
    throw operationError(
      `Unwrapped key has length ${data.length} bytes but it should be greater than or equal to 16 and less than or equal to 18446744073709551607`,
    );
  }
  return wrapWithAes(secretOf(key), data);
}

function unwrapKw(key: KeyState, data: Bytes): Bytes {
  if (data.length % 8 !== 0) {
    throw operationError(
      `Provided a wrapped key to unwrap that is ${data.length * 8} bits which isn't a multiple of 64 bits.`,
    );
  }
  if (data.length < 24) {
    throw operationError(
      `Provided a wrapped key to unwrap this is ${data.length * 8} bits that is less than the minimal length of 192 bits.`,
    );
  }
  const plain = unwrapWithAes(secretOf(key), data);
  if (plain === undefined) throw operationError('AES-KW key unwrapping failed.');
  return plain;
}

const aes = (name: string, operations: Partial<Algorithm>): Algorithm => ({
  name,
  generate: (algorithm, extractable, usages) => generateAes(name, algorithm, extractable, usages),
  importKey: (input) => importAes(name, input),
  exportKey: exportAes,
  ...operations,
});

export const AES_ALGORITHMS: readonly Algorithm[] = [
  aes('AES-GCM', { encrypt: encryptWithGcm, decrypt: decryptWithGcm }),
  aes('AES-CBC', {
    encrypt: (key, algorithm, data) => encryptCbc(secretOf(key), cbcIv(algorithm, ' bytes'), data),
    decrypt: decryptWithCbc,
  }),
  aes('AES-CTR', { encrypt: runCtr, decrypt: runCtr }),
  aes('AES-KW', { wrap: wrapKw, unwrap: unwrapKw }),
];

// HMAC

function hmacKey(hash: HashInfo, secret: Bytes, length: number, extractable: boolean, usages: number): KeyState {
  // Bits behind the length are no part of the key.
  const spare = secret.length * 8 - length;
  if (spare > 0) secret[secret.length - 1] = (secret[secret.length - 1] as number) & (0xff << spare);
  return {
    type: 'secret',
    algorithm: { name: 'HMAC', hash: { name: hash.name }, length: uint16(length) },
    secret,
    extractable,
    usages,
  };
}

function generateHmac(algorithm: GenerateAlgorithm, extractable: boolean, names: readonly string[]): KeyState {
  const hash = findHash(requireField(algorithm.hash, 'hash'));
  const usages = checkUsages('HMAC', 'generate', names, SIGNING);
  const length = algorithm.length ?? hash.blockBytes * 8;
  if (length <= 0) {
    throw operationError(`HMAC key length must be a non-zero unsigned long integer (requested ${length}).`);
  }
  const secret = new NativeUint8Array(Math.ceil(length / 8));
  fillRandomInInvocation(secret);
  return hmacKey(hash, secret, length, extractable, usages);
}

function importHmac({ format, data, algorithm, extractable, usages: names }: KeyImport): KeyState {
  const usages = checkUsages('HMAC', 'import secret', names, SIGNING);
  const hashName = requireField(algorithm.hash, 'hash');
  let secret: Bytes;
  if (isRaw(format)) secret = data as Bytes;
  else if (format === 'jwk') secret = readHmacJwk(data as JsonWebKey, hashName);
  else throw notSupported(`Unrecognized key import format "${format}".`);
  const available = secret.length * 8;
  const length = algorithm.length ?? available;
  if (length <= 0 || length > available || length <= available - 8) {
    throw dataError(
      `Imported HMAC key length (${length}) must be a non-zero value up to 7 bits less than, and no greater than, the bit length of the raw key data (${available}).`,
    );
  }
  return hmacKey(findHash(hashName), secret, length, extractable, usages);
}

function readHmacJwk(jwk: JsonWebKey, hashName: string): Bytes {
  if (jwk.kty !== 'oct') {
    throw dataError(
      `HMAC "jwk" key import requires a JSON Web Key with Key Type parameter ("kty") equal to "oct" (encountered "${jwk.kty}").`,
    );
  }
  const secret = jwk.k === undefined ? undefined : fromBase64Url(jwk.k);
  if (secret === undefined) throw dataError('HMAC "jwk" key import requires a base64Url encoding of the key');
  if (jwk.alg === undefined) return secret;
  if (!stringStartsWith(hashName, 'SHA-')) {
    throw notSupported(`Unrecognized or unimplemented hash algorithm requested${jwk.alg}`);
  }
  const expected = `HS${stringSlice(hashName, 4)}`;
  if (jwk.alg !== expected) {
    throw dataError(
      `HMAC "jwk" key import specifies "alg" that is incompatible with the hash name (encountered "${jwk.alg}", expected "${expected}").`,
    );
  }
  return secret;
}

function exportHmac(key: KeyState, format: string): Bytes | JsonWebKey {
  if (isRaw(format)) return secretOf(key);
  if (format !== 'jwk') throw notSupported(`Unimplemented key export format "${format}".`);
  const hash = key.algorithm.hash?.name as string;
  if (!stringStartsWith(hash, 'SHA-')) {
    throw notSupported(`Unimplemented JWK key export format for key algorithm "${hash}".`);
  }
  return {
    kty: 'oct',
    key_ops: usageNames(key.usages),
    alg: `HS${stringSlice(hash, 4)}`,
    ext: true,
    k: toBase64Url(secretOf(key)),
  };
}

const hmac = (key: KeyState, data: Bytes): Bytes =>
  createHmac(findHash(key.algorithm.hash?.name as string).node, secretOf(key))
    .update(data)
    .digest();

export const HMAC: Algorithm = {
  name: 'HMAC',
  generate: generateHmac,
  importKey: importHmac,
  exportKey: exportHmac,
  sign: (key, _algorithm, data) => hmac(key, data),
  verify: (key, _algorithm, signature, data) => sameBytes(hmac(key, data), signature),
};
