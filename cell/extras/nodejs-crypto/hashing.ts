/** Digests and what is derived with them. */
import { describe } from './describe.ts';
import { toKeyObject } from './key-objects.ts';
import { NativeError, NativeRangeError, NativeTypeError } from './errors.ts';
import { findDigest } from './lists.ts';
import {
  argumentTypeError,
  argumentValueError,
  nativeFunction,
  outOfRange,
  rephrase,
  rephrased,
  type Rephrasing,
} from './native.ts';

type AnyFunction = (...args: unknown[]) => unknown;

const DIGEST_ERRORS: Rephrasing = [
  [/Digest method not supported/, () => new NativeError('Digest method not supported')],
  [/output length|XOF/i, () => new NativeError('invalid digest size')],
];

/** The name for Deno; what is no text is left for it to complain about. */
function digestName(name: unknown): unknown {
  if (typeof name !== 'string') return name;
  const found = findDigest(name);
  if (found === undefined) throw new NativeError('Digest method not supported');
  return found;
}

function typed(name: unknown, argument: string): unknown {
  if (typeof name === 'string') return digestName(name);
  throw argumentTypeError(`The "${argument}" argument must be of type string. Received ${describe(name)}`);
}

const original = {
  createHash: nativeFunction('createHash'),
  createHmac: nativeFunction('createHmac'),
  hash: nativeFunction('hash'),
};

export const createHash = (algorithm: unknown, options?: unknown): unknown =>
  rephrased(() => original.createHash(typed(algorithm, 'algorithm'), options), DIGEST_ERRORS);

const HMAC_KEY: Rephrasing = [
  [
    /"key" argument must be/,
    (args) =>
      argumentTypeError(
        `The "key" argument must be of type string or an instance of ArrayBuffer, Buffer, ArrayBufferView, KeyObject, or CryptoKey. Received ${describe(args[0])}`,
      ),
  ],
];
const HASH_INPUT: Rephrasing = [
  [
    /"input" argument must be/,
    (args) =>
      argumentTypeError(
        `The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${describe(args[0])}`,
      ),
  ],
];

export const createHmac = (algorithm: unknown, key: unknown, options?: unknown): unknown =>
  rephrased(
    () => original.createHmac(typed(algorithm, 'hmac'), toKeyObject(key), options),
    [...DIGEST_ERRORS, ...HMAC_KEY],
    [key],
  );

export const hash = (algorithm: unknown, data: unknown, ...rest: unknown[]): unknown =>
  rephrased(
    () => original.hash(typed(algorithm, 'algorithm'), data, ...rest),
    [...DIGEST_ERRORS, ...HASH_INPUT],
    [data],
  );

function derivation(name: string, rephrasing: Rephrasing): AnyFunction {
  return rephrase(name, rephrasing);
}

const INT_MAX = 2 ** 31 - 1;

const PBKDF2: Rephrasing = [
  [/ERR_CRYPTO_INVALID_DIGEST/, (args) => new NativeTypeError(`Invalid Pbkdf2 digest: ${String(args[4])}.`)],
  [/"iterations" is out of range/, (args) => outOfRange('iterations', `>= 1 && <= ${INT_MAX}`, args[2])],
  [/"keylen" is out of range/, (args) => outOfRange('keylen', `>= 0 && <= ${INT_MAX}`, args[3])],
];
const HKDF: Rephrasing = [
  [/ERR_CRYPTO_INVALID_DIGEST/, (args) => new NativeTypeError(`Invalid Hkdf digest: ${String(args[0])}`)],
  [/ERR_CRYPTO_INVALID_KEYLEN/, () => new NativeRangeError('Invalid Hkdf key length')],
];
const SCRYPT: Rephrasing = [
  [/ERR_CRYPTO_INVALID_SCRYPT_PARAMS/, () => new NativeError('Scrypt failed')],
  [
    /ERR_INCOMPATIBLE_OPTION_PAIR/,
    (args) =>
      argumentValueError(`The argument 'cost' is invalid. Received ${String((args[3] as { cost?: unknown })?.cost)}`),
  ],
];

/** An unknown digest is told to the callback. */
function pbkdf2(...args: unknown[]): void {
  const [password, salt, iterations, length, digest, callback] = args;
  if (typeof digest === 'string' && typeof callback === 'function' && findDigest(digest) === undefined) {
    queueMicrotask(() => (callback as AnyFunction)(new NativeTypeError(`Invalid Pbkdf2 digest: ${digest}.`)));
    return;
  }
  derivePbkdf2(password, salt, iterations, length, digest, callback);
}
const derivePbkdf2 = derivation('pbkdf2', PBKDF2);
Object.defineProperty(pbkdf2, 'length', { value: 6, configurable: true });

const scrypt = derivation('scrypt', SCRYPT);
Object.defineProperty(scrypt, 'length', { value: 4, configurable: true });

export const derivations = {
  pbkdf2,
  pbkdf2Sync: derivation('pbkdf2Sync', PBKDF2),
  hkdf: derivation('hkdf', HKDF),
  hkdfSync: derivation('hkdfSync', HKDF),
  scrypt,
  scryptSync: derivation('scryptSync', SCRYPT),
};
