/** RSASSA-PKCS1-v1_5, RSA-PSS, RSA-OAEP, and workerd's RSA-RAW. */
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto';
import { compatFlag } from '../../compat.ts';
import { copyBytes, stringSlice, stringStartsWith } from '../../primordials.ts';
import type { Algorithm, Bytes, KeyImport, KeyPairState } from './algorithm.ts';
import { uint16 } from './algorithm.ts';
import {
  exportAsymmetric,
  type ImportedKey,
  importAsymmetric,
  jwkBytes,
  keyObjectOf,
  normalized,
  requirePrivateUsages,
} from './asymmetric.ts';
import { fromBase64Url, fromBigInt, toArrayBuffer, toBigInt, trimZeros } from './bytes.ts';
import type { EncryptAlgorithm, GenerateAlgorithm, JsonWebKey, SignAlgorithm } from './convert.ts';
import { modPow } from './curves.ts';
import { findHash, type HashInfo } from './digest.ts';
import { dataError, invalidAccess, notSupported, operationError, requireField, typeError } from './errors.ts';
import { recoverFactors } from './factors.ts';
import { generateRsaPair } from './rsa-generate.ts';
import type { KeyAlgorithm, KeyState } from './key.ts';
import {
  checkUsages,
  DECRYPT,
  ENCRYPT,
  OF_PRIVATE_KEYS,
  OF_PUBLIC_KEYS,
  SIGNING,
  UNWRAP_KEY,
  WRAP_KEY,
} from './usages.ts';

const PKCS1_PSS = 6;
const PKCS1_OAEP = 4;

const usagesOf = (name: string): number => (name === 'RSA-OAEP' ? ENCRYPT | DECRYPT | WRAP_KEY | UNWRAP_KEY : SIGNING);

/** The exponent as a number, or undefined beyond 32 bits. */
function smallExponent(exponent: Bytes): number | undefined {
  let value = 0;
  for (let index = 0; index < exponent.length; index++) {
    const byte = exponent[index] as number;
    if (byte !== 0 && exponent.length - index > 4) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

/** Sizes and exponents beyond these make key generation endless, or signatures worthless. */
function checkParameters(modulusLength: number, exponent: Bytes, isImport: boolean): void {
  const strict = compatFlag('strict_crypto_checks');
  const sizeFits = modulusLength % 8 === 0 && modulusLength >= 256 && modulusLength <= 16384;
  if ((strict || !isImport) && !sizeFits) {
    throw operationError(
      `The modulus length must be a multiple of 8 and between 256 and 16k, but ${modulusLength} was requested.`,
    );
  }
  const value = smallExponent(exponent);
  if (value === undefined) {
    throw operationError('The "publicExponent" must be either 3 or 65537, but got a number larger than 2^32.');
  }
  if (!isImport && value !== 3 && value !== 65537) {
    throw operationError(`The "publicExponent" must be either 3 or 65537, but got ${value}.`);
  }
  if (isImport && strict && value !== 3 && value !== 17 && value !== 37 && value !== 65537) {
    throw operationError(`Imported RSA key has invalid publicExponent ${value}.`);
  }
}

function rsaAlgorithm(name: string, modulusLength: number, exponent: Bytes, hash?: HashInfo): KeyAlgorithm {
  const publicExponent = compatFlag('crypto_preserve_public_exponent') ? copyBytes(exponent) : toArrayBuffer(exponent);
  const algorithm = { name, modulusLength: uint16(modulusLength), publicExponent };
  return hash === undefined ? algorithm : { ...algorithm, hash: { name: hash.name } };
}

function generateRsa(
  name: string,
  algorithm: GenerateAlgorithm,
  extractable: boolean,
  names: readonly string[],
): KeyPairState {
  const exponent = requireField(algorithm.publicExponent, 'publicExponent');
  const hashName = requireField(algorithm.hash, 'hash');
  const modulusLength = requireField(algorithm.modulusLength, 'modulusLength');
  if (modulusLength <= 0) {
    throw operationError(`modulusLength must be greater than zero (requested ${modulusLength}).`);
  }
  const hash = findHash(hashName);
  const usages = checkUsages(name, 'generate', names, usagesOf(name));
  checkParameters(modulusLength, exponent, false);
  if (compatFlag('strict_crypto_checks') && modulusLength % 128 !== 0) {
    throw operationError("Can't generate key: RSA key size is required to be a multiple of 128");
  }
  requirePrivateUsages(usages);
  // As BoringSSL rounds.
  const pair = generateRsaPair(modulusLength - (modulusLength % 128), smallExponent(exponent) as number);
  const half = (type: 'public' | 'private'): KeyState => ({
    type,
    keyObject: type === 'public' ? pair.publicKey : pair.privateKey,
    algorithm: rsaAlgorithm(name, modulusLength, exponent, hash),
    extractable: type === 'public' || extractable,
    usages: usages & (type === 'public' ? OF_PUBLIC_KEYS : OF_PRIVATE_KEYS),
  });
  return { publicKey: half('public'), privateKey: half('private') };
}

function importRsa(name: string, input: KeyImport): KeyState {
  const hash = findHash(requireField(input.algorithm.hash, 'hash'));
  const imported = importAsymmetric(name, input, usagesOf(name), (jwk) => {
    if (jwk.kty !== 'RSA') {
      throw dataError(
        `RSASSA-PKCS1-v1_5 "jwk" key import requires a JSON Web Key with Key Type parameter "kty" ("${jwk.kty}") equal to "RSA".`,
      );
    }
    if (jwk.alg !== undefined) checkJwkAlgorithm(input.algorithm.name, jwk.alg, hash);
    return readRsaJwk(jwk);
  });
  return rsaKey(name, imported, input.extractable, hash);
}

function rsaKey(name: string, imported: ImportedKey, extractable: boolean, hash?: HashInfo): KeyState {
  if (imported.keyObject.asymmetricKeyType !== 'rsa') throw dataError('Input was not an RSA key.');
  const { n, e } = imported.keyObject.export({ format: 'jwk' }) as { n: string; e: string };
  const modulusLength = (fromBase64Url(n) as Bytes).length * 8;
  const exponent = trimZeros(fromBase64Url(e) as Bytes);
  checkParameters(modulusLength, exponent, true);
  return { ...imported, algorithm: rsaAlgorithm(name, modulusLength, exponent, hash), extractable };
}

function importRaw(input: KeyImport): KeyState {
  const imported = importAsymmetric('RSA-RAW', input, SIGNING, (jwk) => {
    if (jwk.kty !== 'RSA') {
      throw dataError(
        `RSA-RAW "jwk" key import requires a JSON Web Key with Key Type parameter "kty" ("${jwk.kty}") equal to "RSA".`,
      );
    }
    if (jwk.alg !== undefined && hashOfJwkAlgorithm('RSASSA-PKCS1-v1_5', jwk.alg) === undefined) {
      throw unknownJwkAlgorithm(jwk.alg);
    }
    return readRsaJwk(jwk);
  });
  if (imported.type !== 'private') {
    throw dataError(`RSA-RAW only supports private keys but requested "${imported.type}".`);
  }
  return rsaKey('RSA-RAW', imported, input.extractable);
}

const SHA_SUFFIXES: Readonly<Record<string, string>> = {
  __proto__: null as unknown as string,
  '1': 'SHA-1',
  '256': 'SHA-256',
  '384': 'SHA-384',
  '512': 'SHA-512',
};

/** The hash that a JSON Web Key's `alg` means for this algorithm. */
function hashOfJwkAlgorithm(name: string, alg: string): string | undefined {
  if (name === 'RSA-OAEP') {
    if (alg === 'RSA-OAEP') return 'SHA-1';
    const hash = stringStartsWith(alg, 'RSA-OAEP-') ? SHA_SUFFIXES[stringSlice(alg, 9)] : undefined;
    return hash === 'SHA-1' ? undefined : hash;
  }
  const prefix = name === 'RSA-PSS' ? 'PS' : 'RS';
  return stringStartsWith(alg, prefix) ? SHA_SUFFIXES[stringSlice(alg, 2)] : undefined;
}

const unknownJwkAlgorithm = (alg: string): DOMException =>
  notSupported(`Unrecognized or unimplemented algorithm "${alg}" listed in JSON Web Key Algorithm parameter.`);

/** @param requestedName as the caller spelled it: workerd takes only the exact name here */
function checkJwkAlgorithm(requestedName: string, alg: string, hash: HashInfo): void {
  if (requestedName !== 'RSASSA-PKCS1-v1_5' && requestedName !== 'RSA-PSS' && requestedName !== 'RSA-OAEP') {
    throw notSupported(`Unrecognized RSA variant "${requestedName}".`);
  }
  const meant = hashOfJwkAlgorithm(requestedName, alg);
  if (meant === undefined) throw unknownJwkAlgorithm(alg);
  if (meant !== hash.name) {
    throw dataError(
      `JSON Web Key Algorithm parameter "alg" ("${alg}") does not match requested hash algorithm "${alg}".`,
    );
  }
}

const MISSING = 'Invalid RSA key in JSON Web Key; missing or invalid';

function requireNumber(text: string | undefined, what: string): Bytes {
  const bytes = jwkBytes(text);
  if (bytes === undefined) throw dataError(what);
  return bytes;
}

function readRsaJwk(jwk: JsonWebKey): KeyObject {
  const n = requireNumber(jwk.n, `${MISSING} Modulus parameter ("n").`);
  const e = requireNumber(jwk.e, `${MISSING} Exponent parameter ("e").`);
  checkParameters(trimZeros(n).length * 8, trimZeros(e), true);
  if (jwk.d === undefined) return fromJwk(createPublicKey, { kty: 'RSA', n: normalized(n), e: normalized(e) });
  const d = requireNumber(jwk.d, `${MISSING} Private Exponent parameter ("d").`);
  const factors = readFactors(jwk) ?? recoverFactors(n, e, d);
  return fromJwk(createPrivateKey, { kty: 'RSA', n: normalized(n), e: normalized(e), d: normalized(d), ...factors });
}

function fromJwk(create: (input: { key: object; format: 'jwk' }) => KeyObject, key: object): KeyObject {
  try {
    return create({ key, format: 'jwk' });
  } catch {
    throw operationError('Invalid RSA key in JSON Web Key; the parameters do not belong together.');
  }
}

const FACTORS = [
  ['p', 'First Prime Factor'],
  ['q', 'Second Prime Factor'],
  ['dp', 'First Factor CRT Exponent'],
  ['dq', 'Second Factor CRT Exponent'],
  ['qi', 'First CRT Coefficient'],
] as const;

/** The five numbers that make private operations fast, or undefined when the key comes without. */
function readFactors(jwk: JsonWebKey): Record<string, string> | undefined {
  let present = 0;
  for (let index = 0; index < FACTORS.length; index++) {
    const [name] = FACTORS[index] as (typeof FACTORS)[number];
    if (jwk[name] !== undefined) present++;
  }
  if (present === 0) return undefined;
  if (present < FACTORS.length) {
    throw dataError(
      'Invalid RSA private key in JSON Web Key; if one Prime Factor or CRT Exponent/Coefficient parameter is present, then they must all be present ("p", "q", "dp", "dq", "qi").',
    );
  }
  const factors: Record<string, string> = {};
  for (let index = 0; index < FACTORS.length; index++) {
    const [name, what] = FACTORS[index] as (typeof FACTORS)[number];
    factors[name] = normalized(
      requireNumber(jwk[name], `Invalid RSA key in JSON Web Key; invalid ${what} parameter ("${name}").`),
    );
  }
  return factors;
}

const JWK_PREFIXES: Readonly<Record<string, string>> = { 'RSA-PSS': 'PS', 'RSASSA-PKCS1-v1_5': 'RS', 'RSA-RAW': 'RS' };

function jwkAlgorithm({ algorithm }: KeyState): string {
  const hash = algorithm.hash?.name ?? '';
  if (!stringStartsWith(hash, 'SHA')) {
    throw notSupported(`JWK export not supported for hash algorithm "${hash}".`);
  }
  const suffix = stringSlice(hash, 4);
  if (algorithm.name !== 'RSA-OAEP') return `${JWK_PREFIXES[algorithm.name]}${suffix}`;
  return suffix === '1' ? 'RSA-OAEP' : `RSA-OAEP-${suffix}`;
}

function exportRsa(key: KeyState, format: string): Bytes | JsonWebKey {
  return exportAsymmetric(
    key,
    format,
    () => {
      const { n, e, d, p, q, dp, dq, qi } = keyObjectOf(key).export({ format: 'jwk' });
      const members = key.type === 'private' ? { d, n, e, p, q, dp, dq, qi } : { n, e };
      return { kty: 'RSA', alg: jwkAlgorithm(key), ...members } as JsonWebKey;
    },
    (format) => {
      throw invalidAccess(`Cannot export "${key.algorithm.name}" in "${format}" format.`);
    },
  );
}

const hashOf = (key: KeyState): HashInfo => findHash(key.algorithm.hash?.name as string);
const sizeOf = (key: KeyState): number =>
  (fromBase64Url(keyObjectOf(key).export({ format: 'jwk' }).n as string) as Bytes).length;

function signPkcs1(key: KeyState, _algorithm: SignAlgorithm, data: Bytes): Bytes {
  const hash = hashOf(key);
  const needed = hash.bytes + 32;
  if (needed > sizeOf(key)) {
    throw operationError(`key too small for signing with given digest, need at least ${8 * needed}bits.`);
  }
  return nodeSign(hash.node, data, { key: keyObjectOf(key) });
}

const SALT_MISSING = 'Failed to provide salt for RSA-PSS key operation which requires a salt';

function checkSalt(salt: number): void {
  if (salt < 0) throw dataError(`SaltLength for RSA-PSS must be non-negative (provided ${salt}).`);
}

function signPss(key: KeyState, { saltLength }: SignAlgorithm, data: Bytes): Bytes {
  const hash = hashOf(key);
  if (saltLength === undefined) throw dataError(SALT_MISSING);
  checkSalt(saltLength);
  const room = sizeOf(key) - hash.bytes - 2;
  if (room < 0) throw operationError('key too small for signing with given digest');
  if (saltLength > room) throw operationError('key too small for signing with given digest and salt length');
  return nodeSign(hash.node, data, { key: keyObjectOf(key), padding: PKCS1_PSS, saltLength });
}

function verifyPss(key: KeyState, { saltLength }: SignAlgorithm, signature: Bytes, data: Bytes): boolean {
  if (saltLength === undefined) throw typeError(SALT_MISSING);
  checkSalt(saltLength);
  return tryVerify(() =>
    nodeVerify(hashOf(key).node, data, { key: keyObjectOf(key), padding: PKCS1_PSS, saltLength }, signature),
  );
}

/** A signature that cannot even be read is a wrong one. */
function tryVerify(verify: () => boolean): boolean {
  try {
    return verify();
  } catch {
    return false;
  }
}

function oaep(key: KeyState, { label }: EncryptAlgorithm, run: typeof publicEncrypt, data: Bytes): Bytes {
  const options = { key: keyObjectOf(key), padding: PKCS1_OAEP, oaepHash: hashOf(key).node };
  if (key.type === 'private' && data.length !== sizeOf(key)) {
    throw operationError('RSA-OAEP failed encrypt/decrypt: Invalid RSA signature..');
  }
  try {
    return run(label === undefined ? options : { ...options, oaepLabel: label }, data);
  } catch {
    throw operationError('RSA-OAEP failed encrypt/decrypt.');
  }
}

/** The bare private operation, for blind signatures: data^d mod n. */
function signRaw(key: KeyState, _algorithm: SignAlgorithm, data: Bytes): Bytes {
  const jwk = keyObjectOf(key).export({ format: 'jwk' });
  const [n, d] = [fromBase64Url(jwk.n as string) as Bytes, fromBase64Url(jwk.d as string) as Bytes];
  if (data.length > n.length) {
    throw dataError(
      `Blind Signing requires presigned data (${data.length} bytes) to be smaller than the key (${n.length} bytes).`,
    );
  }
  const [modulus, message] = [toBigInt(n), toBigInt(data)];
  if (message >= modulus) {
    throw dataError(
      'Blind Signing requires presigned data value to be strictly smaller than RSA keymodulus, consider using a larger key size.',
    );
  }
  if (data.length < n.length) throw operationError('Invalid RSA signature.');
  return fromBigInt(modPow(message, toBigInt(d), modulus), n.length);
}

const rsa = (name: string, operations: Partial<Algorithm>): Algorithm => ({
  name,
  generate: (algorithm, extractable, usages) => generateRsa(name, algorithm, extractable, usages),
  importKey: (input) => importRsa(name, input),
  exportKey: exportRsa,
  ...operations,
});

export const RSA_ALGORITHMS: readonly Algorithm[] = [
  rsa('RSASSA-PKCS1-v1_5', {
    sign: signPkcs1,
    verify: (key, _algorithm, signature, data) =>
      tryVerify(() => nodeVerify(hashOf(key).node, data, { key: keyObjectOf(key) }, signature)),
  }),
  rsa('RSA-PSS', { sign: signPss, verify: verifyPss }),
  rsa('RSA-OAEP', {
    encrypt: (key, algorithm, data) => oaep(key, algorithm, publicEncrypt, data),
    decrypt: (key, algorithm, data) => oaep(key, algorithm, privateDecrypt, data),
  }),
  { name: 'RSA-RAW', importKey: importRaw, exportKey: exportRsa, sign: signRaw },
];
