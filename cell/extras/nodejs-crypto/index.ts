/**
 * `node:crypto` as Workers have it: Deno's own implementation, which computes inside the cell and reaches nothing, with workerd's choice of
 * algorithms and its words.
 */
import type { BuiltinNamespace } from '../../builtins.ts';
import { loadWebCrypto, webCryptoOf } from '../../crypto.ts';
import { whileModulesStart } from '../../extras.ts';
import { denoNode, type Exports } from '../nodejs/deno-node.ts';
import { exportedNames } from '../nodejs/exports.ts';
import { X509Certificate } from './certificates.ts';
import { createCipheriv, createDecipheriv, Cipheriv, Decipheriv } from './ciphers.ts';
import { createHash, createHmac, derivations, hash } from './hashing.ts';
import { keyClasses, keyFunctions } from './key-objects.ts';
import { getCipherInfo, getCiphers, getCurves, getHashes } from './lists.ts';
import { notImplemented, onOtherThreads } from './native.ts';
import { randomFunctions } from './random.ts';
import { signingFunctions } from './signing.ts';

/** Others that may be given a callback; `generateKeyPair` is one already. */
const WITH_CALLBACK =
  'pbkdf2 hkdf scrypt generateKey generatePrime checkPrime randomBytes randomFill randomInt sign verify'.split(' ');

export const createModule = (name: string): BuiltinNamespace => whileModulesStart(() => namedExports(name));

function overrides(): Exports {
  const crypto = webCryptoOf();
  const getRandomValues = crypto.getRandomValues as (view: unknown) => unknown;
  const { subtle, CryptoKey } = loadWebCrypto();
  return {
    ...derivations,
    ...keyFunctions,
    ...randomFunctions,
    ...signingFunctions,
    ...keyClasses(),
    createHash,
    createHmac,
    hash,
    createCipheriv,
    createDecipheriv,
    X509Certificate,
    Cipheriv,
    Decipheriv,
    getHashes,
    getCurves,
    getCiphers,
    getCipherInfo,
    webcrypto: crypto,
    subtle,
    CryptoKey,
    getRandomValues: getRandomValues.bind(crypto),
    timingSafeEqual: (first: unknown, second: unknown) =>
      (subtle as { timingSafeEqual(first: unknown, second: unknown): boolean }).timingSafeEqual(first, second),
    constants: constants(),
    fips: true,
    getFips: () => true,
    secureHeapUsed: () => ({ total: 0, used: 0, utilization: 0, min: 0 }),
    setFips: notImplemented('setFips'),
    setEngine: notImplemented('setEngine'),
    createCipher: notImplemented('createCipher'),
    createDecipher: notImplemented('createDecipher'),
    Cipher: notImplemented('Cipher'),
    Decipher: notImplemented('Decipher'),
  };
}

/** As in workerd: an object without a prototype, whose members do not show when it is enumerated. */
function constants(): object {
  const result = Object.create(null) as object;
  for (const [name, value] of Object.entries(denoNode('crypto').constants as object)) {
    Object.defineProperty(result, name, { value, writable: true, enumerable: false, configurable: true });
  }
  return result;
}

function namedExports(name: string): BuiltinNamespace {
  const source = { ...denoNode(name), ...overrides() };
  const exports: Exports = {};
  for (const key of exportedNames(name)) if (key in source) exports[key] = source[key as keyof typeof source];
  for (const key of WITH_CALLBACK) exports[key] = onOtherThreads(exports[key] as (...args: unknown[]) => unknown);
  return { ...exports, default: { ...exports } };
}

export { exportedNames };
