/**
 * How arguments and dictionaries become values, in the order and with the leniency of workerd: every member that a dictionary may have
 * is read once, whatever the algorithm needs.
 */
import { compatFlag } from '../../compat.ts';
import { isArray, NativeTypeError } from '../../primordials.ts';
import { viewOf } from '../../http/bytes.ts';
import { type KeyState, keyState } from './key.ts';

type Kind = 'string' | 'int' | 'boolean' | 'bytes' | 'strings' | 'hash' | 'key' | 'primes';

interface Dictionary {
  readonly type: string;
  readonly fields: readonly (readonly [name: string, kind: Kind])[];
}

const dictionary = (type: string, ...fields: [string, Kind][]): Dictionary => ({ type, fields });

const HASH = dictionary('HashAlgorithm', ['name', 'string']);
const ENCRYPT = dictionary(
  'EncryptAlgorithm',
  ['name', 'string'],
  ['iv', 'bytes'],
  ['additionalData', 'bytes'],
  ['tagLength', 'int'],
  ['counter', 'bytes'],
  ['length', 'int'],
  ['label', 'bytes'],
);
const SIGN = dictionary(
  'SignAlgorithm',
  ['name', 'string'],
  ['hash', 'hash'],
  ['dataLength', 'int'],
  ['saltLength', 'int'],
  ['context', 'bytes'],
);
const GENERATE = dictionary(
  'GenerateKeyAlgorithm',
  ['name', 'string'],
  ['hash', 'hash'],
  ['modulusLength', 'int'],
  ['publicExponent', 'bytes'],
  ['length', 'int'],
  ['namedCurve', 'string'],
);
const DERIVE = dictionary(
  'DeriveKeyAlgorithm',
  ['name', 'string'],
  ['salt', 'bytes'],
  ['iterations', 'int'],
  ['hash', 'hash'],
  ['public', 'key'],
  ['info', 'bytes'],
);
const IMPORT = dictionary(
  'ImportKeyAlgorithm',
  ['name', 'string'],
  ['hash', 'hash'],
  ['length', 'int'],
  ['namedCurve', 'string'],
  ['compressed', 'boolean'],
);
const JWK = dictionary(
  'JsonWebKey',
  ['kty', 'string'],
  ['use', 'string'],
  ['key_ops', 'strings'],
  ['alg', 'string'],
  ['ext', 'boolean'],
  ['crv', 'string'],
  ['x', 'string'],
  ['y', 'string'],
  ['d', 'string'],
  ['n', 'string'],
  ['e', 'string'],
  ['p', 'string'],
  ['q', 'string'],
  ['dp', 'string'],
  ['dq', 'string'],
  ['qi', 'string'],
  ['oth', 'primes'],
  ['k', 'string'],
  ['pub', 'string'],
  ['priv', 'string'],
);

type Bytes = Uint8Array<ArrayBuffer>;

interface Named {
  readonly name: string;
}
export type HashAlgorithm = Named;
export interface EncryptAlgorithm extends Named {
  readonly iv?: Bytes;
  readonly additionalData?: Bytes;
  readonly tagLength?: number;
  readonly counter?: Bytes;
  readonly length?: number;
  readonly label?: Bytes;
}
export interface SignAlgorithm extends Named {
  readonly hash?: string;
  readonly saltLength?: number;
}
export interface GenerateAlgorithm extends Named {
  readonly hash?: string;
  readonly modulusLength?: number;
  readonly publicExponent?: Bytes;
  readonly length?: number;
  readonly namedCurve?: string;
}
export interface DeriveAlgorithm extends Named {
  readonly salt?: Bytes;
  readonly iterations?: number;
  readonly hash?: string;
  readonly public?: KeyState;
  readonly info?: Bytes;
}
export interface ImportAlgorithm extends Named {
  readonly hash?: string;
  readonly length?: number;
  readonly namedCurve?: string;
}
type JwkText = 'use' | 'alg' | 'crv' | 'x' | 'y' | 'd' | 'n' | 'e' | 'p' | 'q' | 'dp' | 'dq' | 'qi' | 'k';
export interface JsonWebKey extends Partial<Readonly<Record<JwkText, string>>> {
  readonly kty: string;
  readonly key_ops?: readonly string[];
  readonly ext?: boolean;
  readonly oth?: readonly unknown[];
}

const toText = (value: unknown): string => `${value as string}`;

const LOWEST = -(2 ** 31);
const HIGHEST = 2 ** 31 - 1;

export function toInt(value: unknown): number {
  const number = +(value as number);
  if (!Number.isFinite(number)) return 0;
  const whole = Math.trunc(number);
  if (whole < LOWEST || whole > HIGHEST) {
    throw new NativeTypeError(`Value out of range. Must be between ${LOWEST} and ${HIGHEST} (inclusive).`);
  }
  return whole + 0;
}

/** A copy, so that the list is what it was when it was read. Undefined when it is no array. */
export function toTexts(value: unknown): string[] | undefined {
  if (!isArray(value)) return undefined;
  const texts: string[] = [];
  for (let index = 0; index < value.length; index++) texts[index] = toText(value[index]);
  return texts;
}

function toPrimes(value: unknown): unknown[] | undefined {
  if (!isArray(value)) return undefined;
  for (let index = 0; index < value.length; index++) {
    if (typeof value[index] !== 'object' || value[index] === null) {
      throw new NativeTypeError(
        `Incorrect type for array element ${index}: the provided value is not of type 'RsaOtherPrimesInfo'.`,
      );
    }
  }
  return value;
}

const TYPE_NAMES: Readonly<Record<Kind, string>> = {
  string: 'string',
  int: 'int',
  boolean: 'boolean',
  bytes: 'BufferSource',
  strings: 'Array',
  hash: 'string or HashAlgorithm',
  key: 'CryptoKey',
  primes: 'Array',
};

/** The converted value; undefined when it cannot be one of this kind. */
function convert(value: unknown, kind: Kind): unknown {
  if (kind === 'string') return toText(value);
  if (kind === 'int') return toInt(value);
  if (kind === 'boolean') return Boolean(value);
  if (kind === 'bytes') return viewOf(value);
  if (kind === 'strings') return toTexts(value);
  if (kind === 'hash') return toAlgorithm<Named>(value, HASH).name;
  if (kind === 'key') return keyState(value);
  return toPrimes(value);
}

function readDictionary(value: unknown, { type, fields }: Dictionary): Record<string, unknown> {
  if (value === undefined || value === null) {
    const mangled = `N7workerd3api12SubtleCrypto${type.length}${type}E`;
    throw new NativeTypeError(`Cannot initialize ${mangled} with required members from an undefined or null value.`);
  }
  const result: Record<string, unknown> = { __proto__: null };
  for (let index = 0; index < fields.length; index++) {
    const [name, kind] = fields[index] as readonly [string, Kind];
    const member = (value as Record<string, unknown>)[name];
    const required = name === 'name' || name === 'kty';
    if (member === undefined && !required) continue;
    const converted = convert(member, kind);
    if (converted === undefined) {
      throw new NativeTypeError(
        `Incorrect type for the '${name}' field on '${type}': the provided value is not of type '${TYPE_NAMES[kind]}'.`,
      );
    }
    result[name] = converted;
  }
  return result;
}

/** An algorithm is a name or a dictionary with one. */
function toAlgorithm<T extends Named>(value: unknown, dictionary: Dictionary): T {
  const isObject = (typeof value === 'object' || typeof value === 'function') && value !== null;
  if (!isObject && value !== undefined && value !== null)
    return { __proto__: null, name: toText(value) } as unknown as T;
  return readDictionary(value, dictionary) as unknown as T;
}

export const toHashAlgorithm = (value: unknown): HashAlgorithm => toAlgorithm(value, HASH);
export const toEncryptAlgorithm = (value: unknown): EncryptAlgorithm => toAlgorithm(value, ENCRYPT);
export const toSignAlgorithm = (value: unknown): SignAlgorithm => toAlgorithm(value, SIGN);
export const toGenerateAlgorithm = (value: unknown): GenerateAlgorithm => toAlgorithm(value, GENERATE);
export const toDeriveAlgorithm = (value: unknown): DeriveAlgorithm => toAlgorithm(value, DERIVE);
export const toImportAlgorithm = (value: unknown): ImportAlgorithm => toAlgorithm(value, IMPORT);
export const toJsonWebKey = (value: unknown): JsonWebKey => readDictionary(value, JWK) as unknown as JsonWebKey;

/**
 * A JSON Web Key for user code, its members in workerd's order. With `enable_fast_jsg_struct` a dictionary that comes from workerd has every
 * member it may have, undefined where there is nothing.
 */
export function jwkForUser(jwk: JsonWebKey): Record<string, unknown> {
  const all = compatFlag('enable_fast_jsg_struct');
  const result: Record<string, unknown> = {};
  for (let index = 0; index < JWK.fields.length; index++) {
    const [name] = JWK.fields[index] as readonly [string, Kind];
    const value = (jwk as unknown as Record<string, unknown>)[name];
    if (value !== undefined || all) result[name] = value;
  }
  return result;
}
