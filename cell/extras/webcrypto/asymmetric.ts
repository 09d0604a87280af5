/** What keys in pairs have in common: how they are imported and exported. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { compatFlag } from '../../compat.ts';
import { subarray } from '../../primordials.ts';
import type { Bytes, KeyImport } from './algorithm.ts';
import { toBase64Url, trimZeros, fromBase64Url } from './bytes.ts';
import type { JsonWebKey } from './convert.ts';
import { dataError, invalidAccess, notSupported, operationError, syntaxError } from './errors.ts';
import type { AsymmetricKeyState, KeyState } from './key.ts';
import { duplicateIn, includes } from './symmetric.ts';
import { checkUsages, OF_PRIVATE_KEYS, OF_PUBLIC_KEYS, usageNames } from './usages.ts';

export const keyObjectOf = (key: KeyState): KeyObject => (key as AsymmetricKeyState).keyObject;

export interface ImportedKey {
  readonly keyObject: KeyObject;
  readonly type: 'public' | 'private';
  readonly usages: number;
}

/** The bytes of a base64url member; undefined when it is missing or is none. */
export const jwkBytes = (text: string | undefined): Bytes | undefined =>
  text === undefined ? undefined : fromBase64Url(text);

/** The member as a number without zeros in front, base64url again. */
export const normalized = (bytes: Bytes): string => toBase64Url(trimZeros(bytes));

/** @param readJwk makes the key of a JSON Web Key whose use and operations have been checked */
export function importAsymmetric(
  name: string,
  input: KeyImport,
  allowed: number,
  readJwk: (jwk: JsonWebKey) => KeyObject,
): ImportedKey {
  const { format, data } = input;
  if (format === 'jwk') return importJwk(name, input, allowed, readJwk);
  if (format === 'spki') {
    const keyObject = readSpki(data as Bytes);
    const usages = checkUsages(name, 'import public', input.usages, name === 'ECDH' ? 0 : allowed & OF_PUBLIC_KEYS);
    return { keyObject, type: 'public', usages };
  }
  if (format === 'pkcs8') {
    const keyObject = readPkcs8(data as Bytes);
    const usages = checkUsages(name, 'import private', input.usages, allowed & OF_PRIVATE_KEYS);
    return { keyObject, type: 'private', usages };
  }
  throw notSupported(`Unrecognized key import format "${format}".`);
}

/** The length of the DER element that the bytes begin with, as far as it can be told. */
function derLength(bytes: Bytes): number {
  const first = bytes[1] ?? 0;
  if (first < 128) return 2 + first;
  let length = 0;
  for (let index = 0; index < first - 128; index++) length = length * 256 + (bytes[2 + index] ?? 0);
  return 2 + (first - 128) + length;
}

/** What BoringSSL can read. Deno reads more. */
function isKnownKind({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (type === 'ec') return includes(['prime256v1', 'secp384r1', 'secp521r1', 'secp224r1'], details?.namedCurve ?? '');
  return includes(['rsa', 'ed25519', 'x25519', 'dsa'], type ?? '');
}

/** Before the work of making a pair that nobody could use. */
export function requirePrivateUsages(usages: number): void {
  if ((usages & OF_PRIVATE_KEYS) === 0) {
    throw syntaxError('Attempt to generate asymmetric keys with no valid private key usages.');
  }
}

/** Reads what the first DER element holds; more behind it is an error of its own. */
function readDer(bytes: Bytes, what: string, read: (der: Bytes) => KeyObject): KeyObject {
  const length = derLength(bytes);
  let keyObject: KeyObject;
  try {
    keyObject = read(subarray(bytes, 0, Math.min(length, bytes.length)) as Bytes);
  } catch {
    throw dataError(`Invalid ${what} input.`);
  }
  if (!isKnownKind(keyObject)) throw dataError(`Invalid ${what} input.`);
  const trailing = bytes.length - length;
  if (trailing > 0) throw dataError(`Invalid ${trailing} trailing bytes after ${what} input.`);
  return keyObject;
}

const readSpki = (bytes: Bytes): KeyObject =>
  readDer(bytes, 'SPKI', (key) => createPublicKey({ key, format: 'der', type: 'spki' }));

/** Takes the older forms as well: they tell themselves apart by what comes first in them. */
function readPkcs8(bytes: Bytes): KeyObject {
  return readDer(bytes, 'PKCS8', (key) => {
    try {
      return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    } catch {
      try {
        return createPrivateKey({ key, format: 'der', type: 'pkcs1' });
      } catch {
        return createPrivateKey({ key, format: 'der', type: 'sec1' });
      }
    }
  });
}

function importJwk(
  name: string,
  { data, usages: names, extractable }: KeyImport,
  allowed: number,
  readJwk: (jwk: JsonWebKey) => KeyObject,
): ImportedKey {
  const jwk = data as JsonWebKey;
  const isPrivate = jwk.d !== undefined;
  const usages = isPrivate
    ? checkUsages(name, 'import private', names, allowed & OF_PRIVATE_KEYS)
    : checkUsages(name, 'import public', names, publicUsages(name, allowed));
  if (isPrivate && jwk.oth !== undefined) throw notSupported('Multi-prime private keys not supported.');
  checkJwkUse(name, jwk, names);
  if (jwk.ext === false && extractable) {
    throw dataError('Cannot create an extractable CryptoKey from an unextractable JSON Web Key.');
  }
  return { keyObject: readJwk(jwk), type: isPrivate ? 'private' : 'public', usages };
}

function publicUsages(name: string, allowed: number): number {
  if (name !== 'ECDH') return allowed & OF_PUBLIC_KEYS;
  return compatFlag('strict_crypto_checks') ? 0 : allowed;
}

/** `use` and the two operations that it stands for. */
function expectedUse(name: string): readonly [use: string, first: string, second: string] {
  if (name === 'RSA-OAEP') return ['enc', 'encrypt', 'wrapKey'];
  if (name === 'ECDH' || name === 'X25519') return ['enc', 'unused', 'unused'];
  return ['sig', 'sign', 'verify'];
}

function checkJwkUse(name: string, { use, key_ops: operations }: JsonWebKey, usages: readonly string[]): void {
  const [expected] = expectedUse(name);
  if (usages.length > 0 && use !== undefined && use !== expected) {
    throw dataError(
      `Asymmetric "jwk" key import with usages requires a JSON Web Key with Public Key Use parameter "use" ("${use}") equal to "sig".`,
    );
  }
  if (operations === undefined) return;
  if (duplicateIn(operations) !== undefined) {
    throw dataError(`A JSON Web Key's Key Operations parameter ("key_ops") must not contain duplicates.`);
  }
  if (use !== undefined) checkConsistency(name, use, operations);
  for (let index = 0; index < usages.length; index++) {
    if (!includes(operations, usages[index] as string)) {
      throw dataError(
        `All specified key usages must be present in the JSON Web Key's Key Operations parameter ("key_ops").`,
      );
    }
  }
}

const CONSISTENT =
  'A JSON Web Key should have either a Public Key Use parameter ("use") or a Key Operations parameter ("key_ops"); otherwise, the parameters must be consistent with each other.';

function checkConsistency(name: string, use: string, operations: readonly string[]): void {
  const [expected, first, second] = expectedUse(name);
  if (use !== expected) {
    throw dataError(
      `Asymmetric "jwk" import requires a JSON Web Key with Public Key Use "use" ("${use}") equal to "${expected}".`,
    );
  }
  const sorted = [...operations].sort();
  for (let index = 0; index < sorted.length; index++) {
    const operation = sorted[index] as string;
    if (first === 'unused') {
      throw dataError(
        `${CONSISTENT} For public ${name} keys, there are no valid usages,so keys with a non-empty "key_ops" parameter are not allowed.`,
      );
    }
    if (operation !== first && operation !== second) {
      throw dataError(
        `${CONSISTENT} A Public Key Use for ${name} would allow a Key Operations array with only "${first}" and/or "${second}" values (not "${operation}").`,
      );
    }
  }
}

/** @param exportJwk the members that depend on the algorithm */
export function exportAsymmetric(
  key: KeyState,
  format: string,
  exportJwk: () => JsonWebKey,
  exportRaw: (format: string) => Bytes,
): Bytes | JsonWebKey {
  if (format === 'pkcs8' || format === 'spki') return exportDer(key, format);
  if (format === 'jwk') {
    // In the order of workerd, which shows when the key is wrapped.
    const { kty, alg, ...members } = exportJwk();
    const named = alg === undefined ? {} : { alg };
    return { kty, key_ops: usageNames(key.usages), ...named, ext: true, ...members };
  }
  if (format === 'raw' || format === 'raw-public') return exportRaw(format);
  throw invalidAccess(`Cannot export "${key.algorithm.name}" in "${format}" format.`);
}

function exportDer(key: KeyState, format: 'pkcs8' | 'spki'): Bytes {
  const needed = format === 'pkcs8' ? 'private' : 'public';
  if (key.type !== needed) {
    throw invalidAccess(`Asymmetric ${format} export requires ${needed} key (not "${key.type}").`);
  }
  return keyObjectOf(key).export({ format: 'der', type: format });
}

/** The first `length` bits of a shared secret; the rest of the last byte is zero. */
export function cutBits(secret: Bytes, length: number | undefined): Bytes {
  const available = secret.length * 8;
  const bits = length ?? available;
  if (bits > available) {
    throw operationError(`Derived key length (${bits} bits) is too long (should be at most ${available} bits).`);
  }
  const cut = new Uint8Array(Math.ceil(bits / 8));
  for (let index = 0; index < cut.length; index++) cut[index] = secret[index] as number;
  const spare = cut.length * 8 - bits;
  if (spare > 0) cut[cut.length - 1] = (cut[cut.length - 1] as number) & (0xff << spare);
  return cut;
}

/** The peer's key of a derivation, of the same kind as the base key. */
export function peerKey(key: KeyState, peer: KeyState | undefined): KeyState {
  const { name } = key.algorithm;
  if (key.type !== 'private') {
    throw invalidAccess(`The deriveBits operation is only valid for a private key, not "${key.type}".`);
  }
  if (peer === undefined) throw new TypeError('Missing field "public" in "derivedKeyParams".');
  if (peer.type !== 'public') throw invalidAccess(`The provided key has type "${peer.type}", not "public"`);
  const peerName = peer.algorithm.name;
  if (algorithmKind(peer) !== algorithmKind(key)) {
    throw invalidAccess(`Base ${name} private key cannot be used to derive a key from a peer ${peerName} public key`);
  }
  if (peerName !== name) {
    throw invalidAccess(`Private key for derivation is using "${name}" while public key is using "${peerName}".`);
  }
  return peer;
}

/** Keys with the same members in their algorithm. */
function algorithmKind({ algorithm }: KeyState): string {
  if (algorithm.modulusLength !== undefined) return 'rsa';
  return algorithm.namedCurve === undefined ? 'plain' : 'curve';
}
