/** Keys: CryptoKey and KeyObject as two views of one key, and workerd's words for what cannot be read. */
import type { KeyObject } from 'node:crypto';
import { loadWebCrypto } from '../../crypto.ts';
import { describe } from './describe.ts';
import { NativeError, NativeTypeError } from './errors.ts';
import {
  argumentTypeError,
  argumentValueError,
  native,
  nativeFunction,
  onOtherThreads,
  rephrase,
  rephrased,
  type Rephrasing,
} from './native.ts';

type AnyFunction = (...args: unknown[]) => unknown;

/** The part of the `webcrypto` extra that makes CryptoKeys of KeyObjects and back. */
interface KeyBridge {
  keyObjectOf(key: unknown): KeyObject | Uint8Array | undefined;
  isExtractable(key: unknown): boolean;
  sealedKeyError(): Error;
  jwkForUser(jwk: Record<string, unknown>): Record<string, unknown>;
  generateRsaPair(bits: number, exponent: number): { publicKey: KeyObject; privateKey: KeyObject };
  importKeyObject(key: KeyObject, algorithm: unknown, extractable: unknown, usages: unknown): unknown;
}

const bridge = (): KeyBridge => loadWebCrypto() as unknown as KeyBridge;

const createSecretKey = nativeFunction('createSecretKey');
const KeyObjectClass = native.KeyObject as unknown as { prototype: object; from(key: unknown): unknown };

/** The KeyObject of a CryptoKey; anything else is left as it is. */
export function toKeyObject(key: unknown): unknown {
  const found = bridge().keyObjectOf(key);
  return found instanceof Uint8Array ? createSecretKey(found) : (found ?? key);
}

/** KeyObjects of CryptoKeys that are not extractable, each with the open one that the harness itself works with. */
const openTwins = new WeakMap<KeyObject, KeyObject>();

/** A KeyObject of the same key that signs and decrypts, and whose bytes are not told. */
function seal(open: KeyObject): KeyObject {
  const copy = copyOf(open);
  openTwins.set(copy, open);
  return copy;
}

function copyOf(key: KeyObject): KeyObject {
  if (key.type === 'secret') return createSecretKey(key.export(undefined as never)) as KeyObject;
  const [name, type] = key.type === 'private' ? ['createPrivateKey', 'pkcs8'] : ['createPublicKey', 'spki'];
  const der = { format: 'der', type } as const;
  return nativeFunction(name)({ key: key.export(der as never), ...der }) as KeyObject;
}

function from(key: unknown): unknown {
  const keyObject = toKeyObject(key);
  if (keyObject !== key) return bridge().isExtractable(key) ? keyObject : seal(keyObject as KeyObject);
  throw argumentTypeError(`The "key" argument must be an instance of CryptoKey. Received ${describe(key)}`);
}

/** Once per cell: Deno's own classes are the ones user code gets. */
function patchKeyObject(): void {
  const hidden = { writable: true, enumerable: false, configurable: true };
  Object.defineProperty(KeyObjectClass, 'from', { value: from, ...hidden });
  const { toCryptoKey } = {
    toCryptoKey(this: KeyObject, algorithm: unknown, extractable: unknown, usages: unknown): unknown {
      const open = openTwins.get(this);
      if (open !== undefined && Boolean(extractable)) throw bridge().sealedKeyError();
      return bridge().importKeyObject(open ?? this, algorithm, extractable, usages);
    },
  };
  for (let prototype = classOf('PrivateKeyObject'); prototype !== null && prototype !== Object.prototype; ) {
    Reflect.deleteProperty(prototype, 'toCryptoKey');
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  Reflect.deleteProperty(classOf('SecretKeyObject') as object, 'toCryptoKey');
  Reflect.deleteProperty(classOf('PublicKeyObject') as object, 'toCryptoKey');
  Object.defineProperty(KeyObjectClass.prototype, 'toCryptoKey', { value: toCryptoKey, ...hidden });
}

interface ExportOptions {
  readonly format?: string;
  readonly type?: string;
}

type Export = (this: KeyObject, options?: ExportOptions) => unknown;

const EXPORT: Rephrasing = [
  [/"options" argument|options.type.*undefined/, () => new NativeTypeError('Missing type option')],
  [/options\.format/, () => new NativeError('Invalid key format')],
  [/options\.type/, () => new NativeError('Failed to export key')],
];
const EXPORT_PUBLIC: Rephrasing = [
  [/pkcs1 can only be used/, () => new NativeError('PKCS1 can only be used for RSA keys')],
  ...EXPORT,
];

/** A JSON Web Key with the members that workerd gives it. */
function jwkOf(key: KeyObject, jwk: Record<string, string>): Record<string, unknown> {
  const named = jwk.crv === 'Ed25519' ? { alg: 'EdDSA' } : {};
  const extractable = key.type === 'secret' ? { ext: true } : {};
  return bridge().jwkForUser({ ...jwk, ...named, ...extractable });
}

/** Deno's three kinds of keys have an `export` each. */
function patchExport(): void {
  for (const name of Object.keys(samples)) {
    const prototype = classOf(name) as { export: Export };
    const original = prototype.export;
    const method: Export = function (this: KeyObject, options) {
      if (openTwins.has(this)) throw new NativeTypeError('Unable to export non-extractable key');
      const result = rephrased(
        () => Reflect.apply(original, this, [options]) as unknown,
        this.type === 'public' ? EXPORT_PUBLIC : EXPORT,
        [options],
      );
      return options?.format === 'jwk' ? jwkOf(this, result as Record<string, string>) : result;
    };
    Object.defineProperty(method, 'name', { value: 'export' });
    Object.defineProperty(prototype, 'export', {
      value: method,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
}

const samples: Readonly<Record<string, () => unknown>> = {
  SecretKeyObject: () => createSecretKey(new Uint8Array(1)),
  PrivateKeyObject: () => (nativeFunction('generateKeyPairSync')('ed25519') as { privateKey: unknown }).privateKey,
  PublicKeyObject: () => (nativeFunction('generateKeyPairSync')('ed25519') as { publicKey: unknown }).publicKey,
};

/** Deno does not export these classes. */
const classOf = (name: string): object | null => Object.getPrototypeOf(samples[name]?.()) as object;

patchKeyObject();
patchExport();

export const keyClasses = (): Record<string, unknown> => {
  const classes: Record<string, unknown> = {};
  for (const name of Object.keys(samples)) classes[name] = (classOf(name) as { constructor: unknown }).constructor;
  return classes;
};

const unreadable = (what: string): Rephrasing => [
  [/ERR_INVALID_ARG|ERR_CRYPTO_INVALID_KEY_OBJECT/, (_args, error) => error],
  [/./, () => new NativeError(`Failed to parse ${what} key`)],
];

const GENERATE: Rephrasing = [
  [
    /'type' must be/,
    (args) =>
      argumentValueError(
        `The argument 'type' must be one of: 'rsa', 'ec', 'ed25519', 'x25519', 'dh'. Received '${String(args[0])}'`,
      ),
  ],
  [/Unknown (curve|group)|[Ii]nvalid.*[Cc]urve|CURVE/, () => new NativeError('Invalid or unsupported curve')],
];

interface PairOptions {
  readonly modulusLength?: unknown;
  readonly publicExponent?: unknown;
  readonly publicKeyEncoding?: ExportOptions;
  readonly privateKeyEncoding?: ExportOptions;
}

const MAX_QUICK_BITS = 4096;

/** RSA keys of ordinary sizes with less work than Deno does for them; undefined for all others. */
function quickRsaPair([type, options]: readonly unknown[]): object | undefined {
  if (type !== 'rsa' || typeof options !== 'object' || options === null) return undefined;
  const { modulusLength, publicExponent = 65537, publicKeyEncoding, privateKeyEncoding } = options as PairOptions;
  const isOrdinary = typeof modulusLength === 'number' && modulusLength >= 512 && modulusLength % 128 === 0;
  if (!isOrdinary || modulusLength > MAX_QUICK_BITS || (publicExponent !== 3 && publicExponent !== 65537))
    return undefined;
  const pair = bridge().generateRsaPair(modulusLength, publicExponent);
  return {
    publicKey: publicKeyEncoding === undefined ? pair.publicKey : exportKey(pair.publicKey, publicKeyEncoding),
    privateKey: privateKeyEncoding === undefined ? pair.privateKey : exportKey(pair.privateKey, privateKeyEncoding),
  };
}

const exportKey = (key: KeyObject, options: ExportOptions): unknown =>
  (key as unknown as { export(options: ExportOptions): unknown }).export(options);

const PAIR_TYPES = ['rsa', 'ec', 'ed25519', 'x25519', 'dh'];

/** Deno makes more kinds of keys than BoringSSL has. */
function refuseForeignTypes(generate: AnyFunction, name: string): AnyFunction {
  const wrapped = {
    [name]: (...args: unknown[]) => {
      if (typeof args[0] === 'string' && !PAIR_TYPES.includes(args[0])) {
        throw argumentValueError(
          `The argument 'type' must be one of: 'rsa', 'ec', 'ed25519', 'x25519', 'dh'. Received '${args[0]}'`,
        );
      }
      return name === 'generateKeyPairSync' ? (quickRsaPair(args) ?? generate(...args)) : generate(...args);
    },
  }[name] as AnyFunction;
  Object.defineProperty(wrapped, 'length', { value: generate.length, configurable: true });
  return wrapped;
}

const CREATE_KEY: Rephrasing = [
  [
    /'type' must be/,
    (args) => argumentValueError(`The argument 'type' must be one of: 'hmac', 'aes'. Received '${String(args[0])}'`),
  ],
];

const KNOWN_TYPES = ['rsa', 'ec', 'ed25519', 'x25519', 'dsa', 'dh'];

/** What BoringSSL cannot read, workerd cannot either. */
function knownOnly(name: 'createPrivateKey' | 'createPublicKey', what: string): AnyFunction {
  const create = rephrase(name, unreadable(what));
  return {
    [name]: (key: unknown) => {
      const keyObject = create(toKeyObject(key)) as KeyObject;
      const { asymmetricKeyType: type, asymmetricKeyDetails: details } = keyObject;
      if (!KNOWN_TYPES.includes(type ?? '') || details?.namedCurve === 'secp256k1') {
        throw new NativeError(`Failed to parse ${what} key`);
      }
      return keyObject;
    },
  }[name] as AnyFunction;
}

const generateKeyPair = onOtherThreads(refuseForeignTypes(rephrase('generateKeyPair', GENERATE), 'generateKeyPair'));
// Its callback gets two keys; `util.promisify` makes one object of them, as Node's.
Object.defineProperty(generateKeyPair, Symbol.for('nodejs.util.promisify.custom'), {
  value: (type: unknown, options: unknown) =>
    new Promise((resolve, reject) => {
      generateKeyPair(type, options, (error: unknown, publicKey: unknown, privateKey: unknown) => {
        if (error) reject(error as Error);
        else resolve({ publicKey, privateKey });
      });
    }),
  configurable: true,
});

export const keyFunctions = {
  createPrivateKey: knownOnly('createPrivateKey', 'private'),
  createPublicKey: knownOnly('createPublicKey', 'public'),
  generateKeyPairSync: refuseForeignTypes(rephrase('generateKeyPairSync', GENERATE), 'generateKeyPairSync'),
  generateKeyPair,
  generateKey: rephrase('generateKey', CREATE_KEY),
  generateKeySync: rephrase('generateKeySync', CREATE_KEY),
};
