/** Signatures, RSA encryption, Diffie-Hellman: Deno's, in workerd's words. */
import { NativeError } from './errors.ts';
import { toKeyObject } from './key-objects.ts';
import { findDigest } from './lists.ts';
import {
  argumentTypeError,
  argumentValueError,
  nativeFunction,
  rephrase,
  rephrased,
  type Rephrasing,
  wrongKeyType,
} from './native.ts';
import { describe } from './describe.ts';

type AnyFunction = (...args: unknown[]) => unknown;

const SIGNING: Rephrasing = [
  [/Invalid key object type (\w+), expected (\w+)/, (_args, error) => keyTypeError(error)],
  [
    /Algorithm must be specified|Only 'sha512' is supported|operation not supported/i,
    () => new NativeError('Failed to initialize signing context'),
  ],
  [/Digest already called/, () => new NativeError('Signing context has already been finalized')],
];

function keyTypeError({ message }: Error): Error {
  const [, actual, expected] = /type (\w+), expected (\w+)/.exec(message) ?? [];
  return wrongKeyType(actual ?? '', expected ?? '');
}

/** Functions whose key may be a CryptoKey. */
function withKey(name: string, position: number, rephrasing: Rephrasing): AnyFunction {
  const run = rephrase(name, rephrasing);
  const wrapped = {
    [name]: (...args: unknown[]) => {
      args[position] = toKeyObject(args[position]);
      return run(...args);
    },
  }[name] as AnyFunction;
  Object.defineProperty(wrapped, 'length', { value: run.length, configurable: true });
  return wrapped;
}

function creator(name: 'createSign' | 'createVerify'): AnyFunction {
  const create = nativeFunction(name);
  return {
    [name]: (algorithm: unknown, options: unknown) => {
      if (typeof algorithm === 'string' && findDigest(algorithm) === undefined) {
        throw new NativeError(`Unknown digest: ${algorithm}`);
      }
      const signer = create(algorithm, options) as Record<string, AnyFunction>;
      const method = name === 'createSign' ? 'sign' : 'verify';
      const original = signer[method] as AnyFunction;
      const run = (...args: unknown[]) =>
        rephrased(() => Reflect.apply(original, signer, [toKeyObject(args[0]), ...args.slice(1)]) as unknown, SIGNING);
      Object.defineProperty(signer, method, { value: run, writable: true, configurable: true });
      return signer;
    },
  }[name] as AnyFunction;
}

const cipherErrors = (name: string): Rephrasing => [
  [/Invalid key object type (\w+), expected (\w+)/, (_args, error) => keyTypeError(error)],
  [/operation not supported/, () => new NativeError(`${name}() currently only supports RSA keys`)],
  [/ERR_INVALID_ARG/, (_args, error) => error],
  [/./, () => new NativeError('Failed to cipher/decipher')],
];

const CURVE: Rephrasing = [[/curve/i, () => new NativeError('Invalid curve')]];
const GROUPS = ['modp14', 'modp15', 'modp16', 'modp17', 'modp18'];
const GROUP: Rephrasing = [
  [
    /ERR_CRYPTO_UNKNOWN_DH_GROUP/,
    () =>
      new NativeError(
        'Failed to init DiffieHellmanGroup: invalid group. Only groups {modp14, modp15, modp16, modp17, modp18} are supported.',
      ),
  ],
];

/** Groups too small to be safe are not there. */
function largeGroup(name: string): AnyFunction {
  const create = nativeFunction(name);
  return {
    [name]: (group: unknown) =>
      rephrased(() => create(typeof group === 'string' && !GROUPS.includes(group) ? 'none' : group), GROUP),
  }[name] as AnyFunction;
}

const derive = nativeFunction('diffieHellman');

interface DiffieHellmanKeys {
  readonly privateKey?: { readonly type?: string; readonly asymmetricKeyType?: string };
  readonly publicKey?: { readonly type?: string; readonly asymmetricKeyType?: string };
}

/** `crypto.diffieHellman({privateKey, publicKey})` */
function diffieHellman(options: DiffieHellmanKeys): unknown {
  if (typeof options !== 'object' || options === null) return derive(options);
  const privateKey = requireKey(options.privateKey, 'privateKey');
  const publicKey = requireKey(options.publicKey, 'publicKey');
  if (publicKey.type !== 'public') {
    throw argumentTypeError(`The "options.publicKey" property must be public key. Received ${describe(publicKey)}`);
  }
  if (privateKey.type !== 'private') {
    throw argumentTypeError(`The "options.privateKey" property must be private key. Received ${describe(privateKey)}`);
  }
  if (privateKey.asymmetricKeyType !== publicKey.asymmetricKeyType) {
    throw argumentValueError(
      `The property 'options.publicKey.asymmetricKeyType' must equal privateKey.asymmetricKeyType. Received '${publicKey.asymmetricKeyType}'`,
    );
  }
  return rephrased(
    () => derive({ privateKey, publicKey }),
    [[/./, () => new NativeError('Failed to derive shared diffie-hellman secret')]],
  );
}

function requireKey<T extends object>(key: T | undefined, name: string): T {
  const converted = toKeyObject(key);
  if (typeof converted === 'object' && converted !== null && 'type' in converted) return converted as T;
  throw argumentTypeError(`The "options.${name}" property must be an instance of KeyObject. Received ${describe(key)}`);
}

export const signingFunctions = {
  createSign: creator('createSign'),
  createVerify: creator('createVerify'),
  sign: withKey('sign', 2, SIGNING),
  verify: withKey('verify', 2, SIGNING),
  publicEncrypt: withKey('publicEncrypt', 0, cipherErrors('publicEncrypt')),
  privateEncrypt: withKey('privateEncrypt', 0, cipherErrors('privateEncrypt')),
  publicDecrypt: withKey('publicDecrypt', 0, cipherErrors('publicDecrypt')),
  privateDecrypt: withKey('privateDecrypt', 0, cipherErrors('privateDecrypt')),
  createECDH: rephrase('createECDH', CURVE),
  getDiffieHellman: largeGroup('getDiffieHellman'),
  createDiffieHellmanGroup: largeGroup('createDiffieHellmanGroup'),
  diffieHellman,
};
