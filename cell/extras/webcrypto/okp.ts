/** Ed25519 (also under workerd's older name NODE-ED25519) and X25519. */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto';
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
import { fromBase64Url, toBase64Url } from './bytes.ts';
import type { DeriveAlgorithm, GenerateAlgorithm, JsonWebKey } from './convert.ts';
import { dataError, invalidAccess, notSupported, operationError, requireField } from './errors.ts';
import type { KeyAlgorithm, KeyState } from './key.ts';
import { checkUsages, DERIVATION, OF_PRIVATE_KEYS, OF_PUBLIC_KEYS, SIGNING, VERIFY } from './usages.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const LEGACY = 'NODE-ED25519';

const curveOf = (name: string): 'X25519' | 'Ed25519' => (name === 'X25519' ? 'X25519' : 'Ed25519');
const usagesOf = (name: string): number => (name === 'X25519' ? DERIVATION : SIGNING);
const keyAlgorithm = (name: string): KeyAlgorithm => (name === LEGACY ? { name, namedCurve: name } : { name });

function checkLegacyCurve(name: string, { namedCurve }: { namedCurve?: string }): void {
  if (name !== LEGACY) return;
  const curve = requireField(namedCurve, 'namedCurve');
  if (curve !== LEGACY) throw notSupported(`EDDSA curve "${curve}" isn't supported.`);
}

function generateOkp(
  name: string,
  algorithm: GenerateAlgorithm,
  extractable: boolean,
  names: readonly string[],
): KeyPairState {
  const usages = checkUsages(name, 'generate', names, usagesOf(name));
  checkLegacyCurve(name, algorithm);
  const pair = generateKeyPairSync(name === 'X25519' ? 'x25519' : 'ed25519');
  const shared = { algorithm: keyAlgorithm(name) };
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

function importOkp(name: string, input: KeyImport): KeyState {
  checkLegacyCurve(name, input.algorithm);
  const isRaw = input.format === 'raw' || input.format === 'raw-public';
  const imported = isRaw
    ? importRaw(name, input)
    : importAsymmetric(name, input, usagesOf(name), (jwk) => readOkpJwk(curveOf(name), jwk));
  const wanted = name === 'X25519' ? 'x25519' : 'ed25519';
  if (imported.keyObject.asymmetricKeyType !== wanted) throw dataError(`Input was not an ${curveOf(name)} key.`);
  return { ...imported, algorithm: keyAlgorithm(name), extractable: input.extractable };
}

function importRaw(name: string, { data, usages: names }: KeyImport): ImportedKey {
  const usages = checkUsages(name, 'import public', names, name === 'X25519' ? 0 : VERIFY);
  const bytes = data as Bytes;
  if (bytes.length !== KEY_BYTES) {
    throw dataError(`${curveOf(name)} raw keys must be exactly 32-bytes (provided ${bytes.length}).`);
  }
  return { keyObject: publicFromBytes(curveOf(name), bytes), type: 'public', usages };
}

const publicFromBytes = (crv: string, x: Bytes): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv, x: toBase64Url(x) }, format: 'jwk' });

/** RFC 8410: a private key is nothing but its seed, so that the public half of a JSON Web Key need not be believed. */
const PKCS8_PREFIXES = {
  Ed25519: [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20],
  X25519: [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20],
} as const;

function privateFromSeed(curve: 'X25519' | 'Ed25519', seed: Bytes): KeyObject {
  const prefix = PKCS8_PREFIXES[curve];
  const key = new Uint8Array(prefix.length + KEY_BYTES);
  key.set(prefix);
  key.set(seed, prefix.length);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function readOkpJwk(curve: 'X25519' | 'Ed25519', jwk: JsonWebKey): KeyObject {
  if (jwk.kty !== 'OKP') {
    throw dataError(
      `${curve} "jwk" key imports requires a JSON Web Key with Key Type parameter "kty" ("${jwk.kty}") equal to "OKP".`,
    );
  }
  if (jwk.crv === undefined) throw dataError(`Missing field "crv" for ${curve} key.`);
  if (jwk.crv !== curve) throw notSupported(`Only ${curve} is supported but "${jwk.crv}" was requested.`);
  if (curve === 'Ed25519' && jwk.alg !== undefined && jwk.alg !== 'EdDSA') {
    throw dataError(`JSON Web Key Algorithm parameter "alg" ("${jwk.alg}") does not match requested Ed25519 curve.`);
  }
  const x = jwkBytes(jwk.x);
  if (x === undefined) {
    throw dataError(`Invalid ${curve} key in JSON WebKey; missing or invalid public key component ("x").`);
  }
  if (x.length !== KEY_BYTES) throw dataError(`Invalid length ${x.length} for public key`);
  return jwk.d === undefined ? publicFromBytes(curve, x) : readPrivate(curve, jwk.d);
}

function readPrivate(curve: 'X25519' | 'Ed25519', text: string): KeyObject {
  const d = jwkBytes(text);
  if (d === undefined) {
    throw dataError(`Invalid ${curve} key in JSON Web Key; missing or invalid private key component ("d").`);
  }
  if (d.length !== KEY_BYTES) throw dataError(`Invalid length ${d.length} for private key`);
  return privateFromSeed(curve, d);
}

function exportOkp(key: KeyState, format: string): Bytes | JsonWebKey {
  const { name } = key.algorithm;
  const { x, d } = keyObjectOf(key).export({ format: 'jwk' }) as unknown as { x: string; d: string };
  const alg = name === 'Ed25519' ? { alg: 'EdDSA' } : {};
  return exportAsymmetric(
    key,
    format,
    () => ({ kty: 'OKP', ...alg, crv: curveOf(name), x, ...(key.type === 'private' ? { d } : {}) }),
    () => {
      if (key.type !== 'public') throw invalidAccess(`Raw export of ${name} keys is only allowed for public keys.`);
      return fromBase64Url(x) as Bytes;
    },
  );
}

function verifyEd25519(key: KeyState, signature: Bytes, data: Bytes): boolean {
  if (signature.length !== SIGNATURE_BYTES) {
    throw operationError(`Invalid ${key.algorithm.name} signature length ${signature.length}`);
  }
  try {
    return nodeVerify(null, data, { key: keyObjectOf(key) }, signature);
  } catch {
    return false;
  }
}

function deriveX25519(key: KeyState, algorithm: DeriveAlgorithm, length: number | undefined): Bytes {
  const peer = peerKey(key, algorithm.public);
  if (length !== undefined && length > 8 * KEY_BYTES) {
    throw operationError(`Derived key length (${length} bits) is too long (should be at most ${8 * KEY_BYTES} bits).`);
  }
  let secret: Bytes;
  try {
    secret = diffieHellman({ privateKey: keyObjectOf(key), publicKey: keyObjectOf(peer) });
  } catch {
    // A point of small order: the secret would be zero whatever the private key is.
    throw operationError('Failed to derive EDDH key: public key routines INVALID_PEER_KEY.');
  }
  return cutBits(secret, length);
}

const edwards = (name: string): Algorithm => ({
  name,
  generate: (algorithm, extractable, usages) => generateOkp(name, algorithm, extractable, usages),
  importKey: (input) => importOkp(name, input),
  exportKey: exportOkp,
  sign: (key, _algorithm, data) => nodeSign(null, data, { key: keyObjectOf(key) }),
  verify: (key, _algorithm, signature, data) => verifyEd25519(key, signature, data),
});

export const OKP_ALGORITHMS: readonly Algorithm[] = [
  edwards('Ed25519'),
  edwards(LEGACY),
  {
    name: 'X25519',
    generate: (algorithm, extractable, usages) => generateOkp('X25519', algorithm, extractable, usages),
    importKey: (input) => importOkp('X25519', input),
    exportKey: exportOkp,
    deriveBits: deriveX25519,
  },
];
