/** `SubtleCrypto` as user code sees it: arguments converted one after the other, and a promise even for what is wrong with them. */
import {
  defineProperty,
  NativePromise,
  NativeTypeError,
  NativeWritableStream,
  promiseThen,
  slotOf,
} from '../../primordials.ts';
import { illegalConstructor, illegalInvocation, parameterError } from '../../webidl.ts';
import { type Bytes } from './algorithm.ts';
import { viewOf } from '../../http/bytes.ts';
import { toArrayBuffer } from './bytes.ts';
import {
  type DeriveAlgorithm,
  type EncryptAlgorithm,
  type GenerateAlgorithm,
  type HashAlgorithm,
  type ImportAlgorithm,
  type JsonWebKey,
  type SignAlgorithm,
  toDeriveAlgorithm,
  toEncryptAlgorithm,
  toGenerateAlgorithm,
  toHashAlgorithm,
  toImportAlgorithm,
  toInt,
  toJsonWebKey,
  toSignAlgorithm,
  toTexts,
  jwkForUser,
} from './convert.ts';
import { digest } from './digest.ts';
import { typeError } from './errors.ts';
import { type KeyState, keyState } from './key.ts';
import * as operations from './operations.ts';
import { sameBytes } from './aes.ts';

/** How an argument is converted; undefined from `convert` means "not of this type". */
interface Parameter {
  readonly type: string;
  readonly convert: (value: unknown) => unknown;
  readonly optional?: boolean;
}

const algorithm = (type: string, convert: (value: unknown) => unknown): Parameter => ({
  type: `string or ${type}`,
  convert,
});
const HASH = algorithm('HashAlgorithm', toHashAlgorithm);
const ENCRYPT = algorithm('EncryptAlgorithm', toEncryptAlgorithm);
const SIGN = algorithm('SignAlgorithm', toSignAlgorithm);
const GENERATE = algorithm('GenerateKeyAlgorithm', toGenerateAlgorithm);
const DERIVE = algorithm('DeriveKeyAlgorithm', toDeriveAlgorithm);
const IMPORT = algorithm('ImportKeyAlgorithm', toImportAlgorithm);
const KEY: Parameter = { type: 'CryptoKey', convert: keyState };
const BYTES: Parameter = { type: 'BufferSource', convert: viewOf };
const TEXT: Parameter = { type: 'string', convert: (value) => `${value as string}` };
const BOOLEAN: Parameter = { type: 'boolean', convert: Boolean };
const USAGES: Parameter = { type: 'Array', convert: toTexts };
const KEY_DATA: Parameter = {
  type: 'BufferSource or JsonWebKey',
  convert: (value) => {
    const bytes = viewOf(value);
    if (bytes !== undefined) return bytes;
    const isObject = typeof value === 'object' || typeof value === 'function' || value === undefined;
    return isObject ? toJsonWebKey(value) : undefined;
  },
};
const LENGTH: Parameter = {
  type: 'int',
  optional: true,
  convert: (value) => (value === undefined || value === null ? undefined : checkLength(toInt(value))),
};

function checkLength(length: number): number {
  if (length < 0) throw typeError('deriveBits length must be an unsigned long integer.');
  return length;
}

function convertArguments(method: string, parameters: readonly Parameter[], given: IArguments): unknown[] {
  const converted: unknown[] = [];
  for (let index = 0; index < parameters.length; index++) {
    const { type, convert, optional } = parameters[index] as Parameter;
    const value = index < given.length || optional === true ? convert(given[index]) : undefined;
    if (value === undefined && optional !== true) {
      throw parameterError(method, 'SubtleCrypto', index + 1, type);
    }
    converted[index] = value;
  }
  return converted;
}

const CREATE = {};

export class SubtleCrypto {
  readonly #isSubtle = true;

  constructor();
  constructor(token: unknown);
  constructor(token?: unknown) {
    if (token !== CREATE) throw illegalConstructor();
  }

  static check(value: unknown): void {
    if (typeof value !== 'object' || value === null || !(#isSubtle in value && value.#isSubtle)) {
      throw illegalInvocation();
    }
  }
}

const checkThis = SubtleCrypto.check;
Reflect.deleteProperty(SubtleCrypto, 'check');
defineProperty(SubtleCrypto, 'length', { value: 0, configurable: true });

type Run = (...values: never[]) => unknown;

function addMethod(name: string, method: (this: unknown) => unknown): void {
  defineProperty(SubtleCrypto.prototype, name, {
    value: method,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** A method without a prototype and with no declared parameters, as those of the engine. */
function addAsync(name: string, parameters: readonly Parameter[], run: Run): void {
  const { [name]: method } = {
    [name]() {
      const given = arguments;
      // What is thrown here becomes the rejection.
      return new NativePromise((resolve) => {
        checkThis(this);
        const values = convertArguments(name, parameters, given);
        resolve(run(...(values as never[])));
      });
    },
  };
  addMethod(name, method as () => unknown);
}

const exported = (value: Bytes | JsonWebKey): ArrayBuffer | Record<string, unknown> =>
  'kty' in value ? jwkForUser(value) : toArrayBuffer(value);

addAsync('encrypt', [ENCRYPT, KEY, BYTES], (algorithm: EncryptAlgorithm, key: KeyState, data: Bytes) =>
  toArrayBuffer(operations.encrypt(algorithm, key, data)),
);
addAsync('decrypt', [ENCRYPT, KEY, BYTES], (algorithm: EncryptAlgorithm, key: KeyState, data: Bytes) =>
  toArrayBuffer(operations.decrypt(algorithm, key, data)),
);
addAsync('sign', [SIGN, KEY, BYTES], (algorithm: SignAlgorithm, key: KeyState, data: Bytes) => {
  const signature = operations.sign(algorithm, key, data);
  return 'length' in signature ? toArrayBuffer(signature) : promiseThen(signature, toArrayBuffer);
});
addAsync('verify', [SIGN, KEY, BYTES, BYTES], operations.verify as Run);
addAsync('digest', [HASH, BYTES], ({ name }: HashAlgorithm, data: Bytes) => toArrayBuffer(digest(name, data)));
addAsync(
  'generateKey',
  [GENERATE, BOOLEAN, USAGES],
  operations.generateKey as Run as (a: GenerateAlgorithm) => unknown,
);
addAsync('deriveKey', [DERIVE, KEY, IMPORT, BOOLEAN, USAGES], operations.deriveKey as Run);
addAsync('deriveBits', [DERIVE, KEY, LENGTH], (algorithm: DeriveAlgorithm, key: KeyState, length?: number) =>
  toArrayBuffer(operations.deriveBits(algorithm, key, length)),
);
addAsync('importKey', [TEXT, KEY_DATA, IMPORT, BOOLEAN, USAGES], operations.importKey as Run);
addAsync('exportKey', [TEXT, KEY], (format: string, key: KeyState) => exported(operations.exportKey(format, key)));
addAsync(
  'wrapKey',
  [TEXT, KEY, KEY, ENCRYPT],
  (format: string, key: KeyState, wrappingKey: KeyState, algorithm: EncryptAlgorithm) =>
    toArrayBuffer(operations.wrapKey(format, key, wrappingKey, algorithm)),
);
addAsync(
  'unwrapKey',
  [TEXT, BYTES, KEY, ENCRYPT, IMPORT, BOOLEAN, USAGES],
  (
    format: string,
    wrapped: Bytes,
    key: KeyState,
    unwrapAlgorithm: EncryptAlgorithm,
    keyAlgorithm: ImportAlgorithm,
    extractable: boolean,
    usages: readonly string[],
  ) => operations.unwrapKey({ format, wrapped, key, unwrapAlgorithm, keyAlgorithm, extractable, usages }),
);

const { timingSafeEqual } = {
  timingSafeEqual(this: unknown) {
    checkThis(this);
    const [first, second] = convertArguments('timingSafeEqual', [BYTES, BYTES], arguments) as [Bytes, Bytes];
    if (first.length !== second.length) throw new NativeTypeError('Input buffers must have the same byte length.');
    return sameBytes(first, second);
  },
};
addMethod('timingSafeEqual', timingSafeEqual);

defineProperty(SubtleCrypto.prototype, slotOf(new NativeWritableStream(), 'Deno.core.hostObject'), {
  value: 'SubtleCrypto',
});
defineProperty(SubtleCrypto.prototype, Symbol.toStringTag, {
  value: 'SubtleCrypto',
  configurable: true,
  writable: true,
});

export const subtle = new SubtleCrypto(CREATE);
