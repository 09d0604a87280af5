/**
 * The global `crypto`. Random values come from here; everything else is in `cell/extras/webcrypto/`, which is loaded when a worker
 * first touches it.
 */
import { loadExtra } from './extras.ts';
import { defineGlobal, defineLazyGlobal } from './globals.ts';
import { arrayBufferView, NativeDOMException, defineProperty, getOwnPropertyDescriptor } from './primordials.ts';
import { fillRandomInInvocation, randomUuidInInvocation } from './random.ts';
import { typedArrayName, viewBytes } from './value-primordials.ts';
import { illegalConstructor, illegalInvocation, parameterError } from './webidl.ts';

interface WebCrypto {
  readonly subtle: object;
  readonly SubtleCrypto: unknown;
  readonly CryptoKey: unknown;
  readonly DigestStream: unknown;
}

/** The exports of `cell/extras/webcrypto/`. */
export const loadWebCrypto = (): WebCrypto => loadExtra<WebCrypto>('webcrypto');

let instance: object;

/** The object behind the global `crypto`, whatever user code has put there since. */
export const webCryptoOf = (): Readonly<Record<string, unknown>> => instance as Readonly<Record<string, unknown>>;

const MAX_RANDOM_BYTES = 65_536;

/** Whether the view is a typed array of integers, BigInt or not. */
function holdsIntegers(view: ArrayBufferView): boolean {
  const tag = typedArrayName(view);
  return tag !== undefined && tag !== 'Float16Array' && tag !== 'Float32Array' && tag !== 'Float64Array';
}

const CREATE = {};

class Crypto {
  readonly #isCrypto = true;

  constructor();
  constructor(token: unknown);
  constructor(token?: unknown) {
    if (token !== CREATE) throw illegalConstructor();
  }

  static check(value: unknown): void {
    if (typeof value !== 'object' || value === null || !(#isCrypto in value && value.#isCrypto)) {
      throw illegalInvocation();
    }
  }
}

const checkThis = Crypto.check;

const members = {
  get subtle(): object {
    checkThis(this);
    return loadWebCrypto().subtle;
  },
  getRandomValues(): unknown {
    checkThis(this);
    const view: unknown = arguments[0];
    if (!arrayBufferView(view)) {
      throw parameterError('getRandomValues', 'Crypto', 1, 'ArrayBufferView');
    }
    if (!holdsIntegers(view)) {
      throw new NativeDOMException(
        'ArrayBufferView argument to getRandomValues() must be an integer-typed view.',
        'TypeMismatchError',
      );
    }
    const bytes = viewBytes(view);
    if (bytes > MAX_RANDOM_BYTES) {
      throw new NativeDOMException(
        `getRandomValues() only accepts buffers of size <= 64K but provided ${bytes} bytes.`,
        'QuotaExceededError',
      );
    }
    fillRandomInInvocation(view);
    return view;
  },
  randomUUID(): string {
    checkThis(this);
    return randomUuidInInvocation();
  },
};

/** Becomes an ordinary property when it is first read or assigned. */
const lazyDigestStream: PropertyDescriptor = {
  get: () => settleDigestStream(loadWebCrypto().DigestStream),
  set: settleDigestStream,
  enumerable: true,
  configurable: true,
};

function settleDigestStream(value: unknown): unknown {
  defineProperty(Crypto.prototype, 'DigestStream', {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  return value;
}

export function installCrypto(): void {
  Reflect.deleteProperty(Crypto, 'check');
  defineProperty(Crypto, 'name', { value: 'Crypto', configurable: true });
  defineProperty(Crypto, 'length', { value: 0, configurable: true });
  for (const name of ['subtle', 'getRandomValues', 'randomUUID']) {
    defineProperty(Crypto.prototype, name, getOwnPropertyDescriptor(members, name) as PropertyDescriptor);
  }
  defineProperty(Crypto.prototype, 'DigestStream', lazyDigestStream);
  const tag = { value: 'Crypto', writable: true, configurable: true };
  defineProperty(Crypto.prototype, Symbol.toStringTag, tag);
  instance = new Crypto(CREATE);
  defineGlobal('crypto', instance);
  defineGlobal('Crypto', Crypto);
  defineLazyGlobal('SubtleCrypto', () => loadWebCrypto().SubtleCrypto);
  defineLazyGlobal('CryptoKey', () => loadWebCrypto().CryptoKey);
}
