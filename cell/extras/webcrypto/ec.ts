/** ECDSA and ECDH on the NIST curves. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto';
import { compatFlag } from '../../compat.ts';
import { settledElsewhere } from '../../hang.ts';
import { apply, promiseThen } from '../../primordials.ts';
import { nativeSubtle } from '../../random.ts';
import { concatBytes, fromBase64Url, fromBigInt, toBase64Url, toBigInt } from './bytes.ts';
import type { Algorithm, Bytes, KeyImport, KeyPairState } from './algorithm.ts';
import {
  cutBits,
  exportAsymmetric,
  type ImportedKey,
  importAsymmetric,
  jwkBytes,
  keyObjectOf,
  peerKey,
} from './asymmetric.ts';
import type { DeriveAlgorithm, GenerateAlgorithm, JsonWebKey, SignAlgorithm } from './convert.ts';
import { type Curve, CURVES, decodePoint, isOnCurve, signDigest, verifyDigest } from './curves.ts';
import { findHash, type HashInfo } from './digest.ts';
import {
  dataError,
  internalError,
  invalidAccess,
  notSupported,
  operationError,
  requireField,
  typeError,
} from './errors.ts';
import type { KeyState } from './key.ts';
import { sameName } from './text.ts';
import { checkUsages, DERIVATION, OF_PRIVATE_KEYS, OF_PUBLIC_KEYS, SIGNING, VERIFY } from './usages.ts';

const { importKey: nativeImportKey, sign: nativeSubtleSign, verify: nativeSubtleVerify } = nativeSubtle();

function findCurve(name: string): Curve {
  for (let index = 0; index < CURVES.length; index++) {
    const curve = CURVES[index] as Curve;
    if (sameName(curve.name, name)) return curve;
  }
  throw notSupported(`Unrecognized or unimplemented EC curve "${name}" requested.`);
}

const curveOf = (key: KeyState): Curve => findCurve(key.algorithm.namedCurve as string);

function generateEc(
  name: string,
  algorithm: GenerateAlgorithm,
  extractable: boolean,
  names: readonly string[],
): KeyPairState {
  const usages = checkUsages(name, 'generate', names, name === 'ECDH' ? DERIVATION : SIGNING);
  const curve = findCurve(requireField(algorithm.namedCurve, 'namedCurve'));
  const pair = generateKeyPairSync('ec', { namedCurve: curve.node });
  const shared = { algorithm: { name, namedCurve: curve.name } };
  return {
    publicKey: {
      ...shared,
      type: 'public',
      keyObject: pair.publicKey,
      extractable: true,
      usages: usages & OF_PUBLIC_KEYS,
    },
    privateKey: {
      ...shared,
      type: 'private',
      keyObject: pair.privateKey,
      extractable,
      usages: usages & OF_PRIVATE_KEYS,
    },
  };
}

function importEc(name: string, input: KeyImport): KeyState {
  const namedCurve = requireField(input.algorithm.namedCurve, 'namedCurve');
  const curve = findCurve(namedCurve);
  const isRaw = input.format === 'raw' || input.format === 'raw-public';
  const imported = isRaw
    ? importRaw(name, curve, input)
    : importAsymmetric(name, input, name === 'ECDH' ? DERIVATION : SIGNING, (jwk) => readEcJwk(name, curve, jwk));
  checkCurve(name, namedCurve, curve, imported.keyObject);
  return { ...imported, algorithm: { name, namedCurve: curve.name }, extractable: input.extractable };
}

function checkCurve(name: string, namedCurve: string, curve: Curve, keyObject: KeyObject): void {
  if (keyObject.asymmetricKeyType !== 'ec') {
    throw dataError(name === 'ECDH' ? 'Input was not an EC public key nor a DH key.' : 'Input was not an EC key.');
  }
  if (keyObject.asymmetricKeyDetails?.namedCurve !== curve.node) {
    throw dataError(
      `"algorithm.namedCurve" "${namedCurve}"${name === 'ECDH' ? ',' : ''} does not match the curve specified by the input key data.`,
    );
  }
}

function importRaw(name: string, curve: Curve, { data, usages: names }: KeyImport): ImportedKey {
  const allowed = name === 'ECDH' ? (compatFlag('strict_crypto_checks') ? 0 : DERIVATION) : VERIFY;
  const usages = checkUsages(name, 'import public', names, allowed);
  const bytes = data as Bytes;
  const point = decodePoint(curve, bytes);
  if (point === undefined) throw rawPointError(curve, bytes);
  return { keyObject: publicFromPoint(curve, point.x, point.y), type: 'public', usages };
}

/** What BoringSSL says of a point that it does not take. */
function rawPointError(curve: Curve, bytes: Bytes): DOMException {
  const failed = 'Failed to import raw EC key data';
  if (bytes.length === 0) return dataError(`${failed}.`);
  const coordinates = (bytes.length - 1) / curve.bytes;
  const isCompressed = (bytes[0] === 2 || bytes[0] === 3) && coordinates === 1;
  const isWhole = bytes[0] === 4 && coordinates === 2;
  if (!isCompressed && !isWhole) return dataError(`${failed}: Invalid point encoding..`);
  if (toBigInt(bytes.subarray(1, 1 + curve.bytes)) >= curve.p) return dataError(`${failed}.`);
  return dataError(`${failed}: ${isWhole ? 'Point is not on curve.' : 'Invalid compressed point.'}.`);
}

const coordinate = (curve: Curve, value: bigint): string => toBase64Url(fromBigInt(value, curve.bytes));

const publicFromPoint = (curve: Curve, x: bigint, y: bigint): KeyObject =>
  createPublicKey({
    key: { kty: 'EC', crv: curve.name, x: coordinate(curve, x), y: coordinate(curve, y) },
    format: 'jwk',
  });

const JWK_CURVES: Readonly<Record<string, string>> = {
  __proto__: null as unknown as string,
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
};

function readEcJwk(name: string, curve: Curve, jwk: JsonWebKey): KeyObject {
  if (jwk.kty !== 'EC') {
    throw dataError(
      `Elliptic curve "jwk" key import requires a JSON Web Key with Key Type parameter "kty" ("${jwk.kty}") equal to "EC".`,
    );
  }
  if (name === 'ECDSA' && jwk.alg !== undefined) checkJwkAlgorithm(jwk.alg, curve);
  const x = requireCoordinate(jwk.x, 'x');
  const y = requireCoordinate(jwk.y, 'y');
  if (!isOnCurve(curve, x, y)) {
    throw operationError(`Invalid EC key; public key coordinates "x" and "y" are invalid: Point is not on curve..`);
  }
  if (jwk.d === undefined) return publicFromPoint(curve, x, y);
  return privateFromJwk(curve, x, y, jwk.d);
}

function checkJwkAlgorithm(alg: string, curve: Curve): void {
  const meant = JWK_CURVES[alg];
  if (meant === undefined) {
    throw notSupported(`Unrecognized or unimplemented algorithm "${alg}" listed in JSON Web Key Algorithm parameter.`);
  }
  if (meant !== curve.name) {
    throw dataError(`JSON Web Key Algorithm parameter "alg" ("${alg}") does not match requested curve.`);
  }
}

function requireCoordinate(text: string | undefined, name: string): bigint {
  const bytes = jwkBytes(text);
  if (bytes === undefined) throw dataError(`Invalid EC key in JSON Web Key; missing "${name}".`);
  return toBigInt(bytes);
}

function privateFromJwk(curve: Curve, x: bigint, y: bigint, text: string): KeyObject {
  const bytes = jwkBytes(text);
  if (bytes === undefined) {
    throw dataError('Invalid EC key in JSON Web Key; missing or invalid private key component ("d").');
  }
  const d = toBigInt(bytes);
  if (d === 0n || d >= curve.n) throw operationError('Invalid EC key; private key component "d" is invalid.');
  const keyObject = privateFromNumber(curve, d);
  const own = keyObject.export({ format: 'jwk' });
  if (own.x !== coordinate(curve, x) || own.y !== coordinate(curve, y)) {
    throw dataError('Invalid EC key in JSON Web Key.');
  }
  return keyObject;
}

/** One DER element; the contents are shorter than 256 bytes. */
function der(tag: number, contents: Bytes): Bytes {
  const { length } = contents;
  const head = length < 128 ? [tag, length] : [tag, 0x81, length];
  return concatBytes(new Uint8Array(head), contents);
}

const VERSION_0 = new Uint8Array([2, 1, 0]);
const VERSION_1 = new Uint8Array([2, 1, 1]);
const EC_PUBLIC_KEY = new Uint8Array([6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]);

/** Without the public half: `node:crypto` works it out. */
function privateFromNumber(curve: Curve, d: bigint): KeyObject {
  const number = der(0x30, concatBytes(VERSION_1, der(4, fromBigInt(d, curve.bytes))));
  const algorithm = der(0x30, concatBytes(EC_PUBLIC_KEY, new Uint8Array(curve.oid)));
  const key = der(0x30, concatBytes(VERSION_0, concatBytes(algorithm, der(4, number))));
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function exportEc(key: KeyState, format: string): Bytes | JsonWebKey {
  const members = keyObjectOf(key).export({ format: 'jwk' }) as unknown as { x: string; y: string; d: string };
  const { x, y, d } = members;
  return exportAsymmetric(
    key,
    format,
    () => ({ kty: 'EC', crv: curveOf(key).name, x, y, ...(key.type === 'private' ? { d } : {}) }),
    () => {
      if (key.type !== 'public') {
        throw invalidAccess('Raw export of elliptic curve keys is only allowed for public keys.');
      }
      const [left, right] = [fromBase64Url(x) as Bytes, fromBase64Url(y) as Bytes];
      return concatBytes(new Uint8Array([4]), concatBytes(left, right));
    },
  );
}

/** Deno's `node:crypto` refuses digests that are much shorter than the curve's order; the standard does not. */
const isShort = (hash: HashInfo, curve: Curve): boolean =>
  curve.name === 'P-521' ? hash.bytes < 64 : hash.bytes * 2 < curve.bytes;

/** Its Web Crypto takes them on P-521. What is left is rare enough for plain arithmetic. */
const isNative = (curve: Curve): boolean => curve.name === 'P-521';

type Native = (subtle: SubtleCrypto, algorithm: EcdsaParams, key: CryptoKey) => Promise<unknown>;

function runNative<T>(key: KeyState, hash: HashInfo, usage: 'sign' | 'verify', run: Native): Promise<T> {
  const subtle = nativeSubtle();
  const algorithm = { __proto__: null, name: 'ECDSA', namedCurve: curveOf(key).name, hash: hash.name };
  const format = key.type === 'private' ? 'pkcs8' : 'spki';
  const bytes = keyObjectOf(key).export({ format: 'der', type: format });
  const imported = apply(nativeImportKey, subtle, [format, bytes, algorithm, false, [usage]]);
  return settledElsewhere(
    promiseThen(imported as Promise<CryptoKey>, (native) => run(subtle, algorithm, native)) as Promise<T>,
  );
}

function callHash({ hash }: SignAlgorithm): HashInfo {
  if (hash === undefined) {
    throw typeError(
      'Missing "hash" in AlgorithmIdentifier. (ECDSA requires that the hash algorithm be specified at call time rather than on the key. This differs from other WebCrypto algorithms for historical reasons.)',
    );
  }
  const found = findHash(hash);
  // BoringSSL has no ECDSA with MD5.
  if (found.name === 'MD5') throw internalError();
  return found;
}

const digestOf = (hash: HashInfo, data: Bytes): Bytes => createHash(hash.node).update(data).digest();

const jwkNumber = (key: KeyState, member: string): bigint =>
  toBigInt(fromBase64Url(keyObjectOf(key).export({ format: 'jwk' })[member] as string) as Bytes);

function signEcdsa(key: KeyState, algorithm: SignAlgorithm, data: Bytes): Bytes | Promise<Bytes> {
  const hash = callHash(algorithm);
  const curve = curveOf(key);
  if (isShort(hash, curve) && isNative(curve)) {
    const run: Native = (subtle, algorithm, native) => apply(nativeSubtleSign, subtle, [algorithm, native, data]);
    return promiseThen(runNative<ArrayBuffer>(key, hash, 'sign', run), (signature) => new Uint8Array(signature));
  }
  if (isShort(hash, curve)) return signDigest(curve, jwkNumber(key, 'd'), digestOf(hash, data));
  return nodeSign(hash.node, data, { key: keyObjectOf(key), dsaEncoding: 'ieee-p1363' });
}

function verifyEcdsa(
  key: KeyState,
  algorithm: SignAlgorithm,
  signature: Bytes,
  data: Bytes,
): boolean | Promise<boolean> {
  const hash = callHash(algorithm);
  const curve = curveOf(key);
  if (signature.length !== 2 * curve.bytes) return false;
  if (isShort(hash, curve) && isNative(curve)) {
    const run: Native = (subtle, algorithm, native) =>
      apply(nativeSubtleVerify, subtle, [algorithm, native, signature, data]);
    return runNative<boolean>(key, hash, 'verify', run);
  }
  if (isShort(hash, curve)) {
    const point = { x: jwkNumber(key, 'x'), y: jwkNumber(key, 'y') };
    return verifyDigest(curve, point, digestOf(hash, data), signature);
  }
  try {
    return nodeVerify(hash.node, data, { key: keyObjectOf(key), dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    // A signature whose numbers are out of range.
    return false;
  }
}

function deriveEcdh(key: KeyState, algorithm: DeriveAlgorithm, length: number | undefined): Bytes {
  const peer = peerKey(key, algorithm.public);
  const { namedCurve } = key.algorithm;
  if (peer.algorithm.namedCurve !== namedCurve) {
    throw invalidAccess(
      `Private key for derivation is using curve "${namedCurve}" while public key is using "${peer.algorithm.namedCurve}".`,
    );
  }
  return cutBits(diffieHellman({ privateKey: keyObjectOf(key), publicKey: keyObjectOf(peer) }), length);
}

const ec = (name: string, operations: Partial<Algorithm>): Algorithm => ({
  name,
  generate: (algorithm, extractable, usages) => generateEc(name, algorithm, extractable, usages),
  importKey: (input) => importEc(name, input),
  exportKey: exportEc,
  ...operations,
});

export const EC_ALGORITHMS: readonly Algorithm[] = [
  ec('ECDSA', { sign: signEcdsa, verify: verifyEcdsa }),
  ec('ECDH', { deriveBits: deriveEcdh }),
];
