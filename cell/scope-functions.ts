/** Functions of the global scope that Deno has too, with the argument checks and the words of Workers. */
import { reportToScope } from './error-events.ts';
import { loadExtra } from './extras.ts';
import { isPlatformFunction } from './function-text.ts';
import { defineGlobal } from './globals.ts';
import {
  apply,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  NativeDOMException,
  NativeTypeError,
  objectPrototype,
  objectToString,
  promiseResolve,
  promiseThen,
  stringIndexOf,
  uncurry,
} from './primordials.ts';
import { isObject, fieldError, parameterError, requireScopeThis, SCOPE } from './webidl.ts';

const RESOLVED = promiseResolve(undefined);
const nativeAtob = globalThis.atob;
const nativeBtoa = globalThis.btoa;
const isArray = Array.isArray;

const ATOB_INVALID =
  "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to two terminal '=' signs when the input data length is divisible by 4 are allowed.)";
const BTOA_INVALID = 'btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.';

/** As WebIDL does; `String(symbol)` would not throw. */
const toText = (value: unknown): string => `${value as string}`;

/** Runs Deno's function; only its complaint about the characters is said in workerd's words. */
function recode(code: (text: string) => string, text: string, complaint: string): string {
  try {
    return code(text);
  } catch {
    throw new NativeDOMException(complaint, 'InvalidCharacterError');
  }
}

const NativeArrayBuffer = ArrayBuffer;
export const isPrototypeOf = uncurry(Object.prototype.isPrototypeOf as (value: object) => boolean);
const STREAM_REFUSED = 'ReadableStream can only be serialized for RPC.';
/** Platform objects that workerd refuses in words of their own. */
const REFUSED_IN_OTHER_WORDS: (readonly [prototype: object, complaint: string])[] = [
  [AbortSignal.prototype, 'AbortSignal serialization is not enabled.'],
  [ReadableStream.prototype, STREAM_REFUSED],
  [WritableStream.prototype, 'WritableStream can only be serialized for RPC.'],
];
const PLATFORM_TAG = 'This type does not support serialization.';
/** Classes of the global scope that can be cloned; the others of the platform would be cloned by Deno as if they were plain objects. */
const CLONEABLE: Readonly<Record<string, true>> = {
  __proto__: null as never,
  ...Object.fromEntries(
    [
      'Object Array Map Set Date RegExp Boolean String Number BigInt ArrayBuffer SharedArrayBuffer DataView Error DOMException Headers Blob Request Response',
      'Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float16Array Float32Array Float64Array',
      // The engine's own refusals: its words.
      'BigInt64Array BigUint64Array WeakMap WeakSet WeakRef FinalizationRegistry Promise Function Symbol Buffer',
    ]
      .join(' ')
      .split(' ')
      .map((name) => [name, true] as const),
  ),
};

/** The name of the class of an instance of a platform's class that cannot be cloned. */
function uncloneableClass(value: object): string | undefined {
  const tag = apply(objectToString as () => string, value, []);
  // `Intl.NumberFormat` and the like are the engine's.
  if (stringIndexOf(tag, '.') >= 0) return undefined;
  for (let step = getPrototypeOf(value); step !== null && step !== objectPrototype; step = getPrototypeOf(step)) {
    const constructor: unknown = getOwnPropertyDescriptor(step, 'constructor')?.value;
    if (typeof constructor !== 'function' || !isPlatformFunction(constructor)) continue;
    return CLONEABLE[constructor.name] === true ? undefined : classNameOf(value, constructor.name);
  }
  return undefined;
}

function classNameOf(value: object, fallback: string): string {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' ? constructor.name : fallback;
}

/** What stands before this in the list are classes of the engine and of HTTP. */
const LOADED_LATER = REFUSED_IN_OTHER_WORDS.length;

/** For classes that are loaded when first used. */
export function refuseClonesOf({ prototype }: { readonly prototype: object }, complaint: string): void {
  const entry = [prototype, complaint] as const;
  defineProperty(REFUSED_IN_OTHER_WORDS, REFUSED_IN_OTHER_WORDS.length, {
    value: entry,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** Why an instance of one of those classes cannot be sent anywhere; undefined: the value is none. */
export function bindingComplaint(value: object): string | undefined {
  for (let index = LOADED_LATER; index < REFUSED_IN_OTHER_WORDS.length; index++) {
    const [prototype, complaint] = REFUSED_IN_OTHER_WORDS[index] as (typeof REFUSED_IN_OTHER_WORDS)[number];
    if (isPrototypeOf(prototype, value)) return complaint;
  }
  return undefined;
}

/** @throws DataCloneError for a platform object that cannot be cloned */
export function refuseToClone(value: object): void {
  for (let index = 0; index < REFUSED_IN_OTHER_WORDS.length; index++) {
    const [prototype, complaint] = REFUSED_IN_OTHER_WORDS[index] as (typeof REFUSED_IN_OTHER_WORDS)[number];
    if (isPrototypeOf(prototype, value)) throw new NativeDOMException(complaint, 'DataCloneError');
  }
  if (value === globalThis) {
    throw new NativeDOMException('#<ServiceWorkerGlobalScope> could not be cloned.', 'DataCloneError');
  }
  const name = uncloneableClass(value);
  if (name === undefined) return;
  throw new NativeDOMException(`Could not serialize object of type "${name}". ${PLATFORM_TAG}`, 'DataCloneError');
}

/** What Deno cannot clone and workerd can: of requests and responses those without a body. A Blob never changes: a slice of it is a copy. */
export function copyOfPlatformObject(value: object): object | undefined {
  if (value instanceof Headers) return new Headers(value);
  if (value instanceof Blob) return value.slice(0, value.size, value.type);
  if (value instanceof Request || value instanceof Response) {
    if (value.body !== null) throw new NativeDOMException(STREAM_REFUSED, 'DataCloneError');
    return value.clone();
  }
  return undefined;
}

/** What is to be transferred: ArrayBuffers only. */
function takeTransfer(options: unknown): readonly ArrayBuffer[] {
  if (options === undefined || options === null) return [];
  if (!isObject(options)) throw parameterError('structuredClone', SCOPE, 2, 'StructuredCloneOptions');
  const { transfer } = options as StructuredSerializeOptions;
  if (transfer === undefined) return [];
  if (!isArray(transfer)) throw fieldError('transfer', 'StructuredCloneOptions', 'Array');
  for (let index = 0; index < transfer.length; index++) {
    if (!(transfer[index] instanceof NativeArrayBuffer)) throw new NativeTypeError('Object is not transferable');
  }
  return transfer as unknown as ArrayBuffer[];
}

interface StructuredCloneExtra {
  cloneGraph(value: unknown, transfer: readonly ArrayBuffer[]): unknown;
}

const functions = {
  queueMicrotask(this: unknown, callback: unknown): void {
    requireScopeThis(this);
    if (typeof callback !== 'function') throw parameterError('queueMicrotask', SCOPE, 1, 'function');
    // Not Deno's: that one looks the global function up when it is called, which is this one.
    void promiseThen(RESOLVED, () => {
      try {
        apply(callback as () => unknown, undefined, []);
      } catch (error) {
        reportToScope(error);
      }
    });
  },

  structuredClone(this: unknown, ...args: unknown[]): unknown {
    requireScopeThis(this);
    if (args.length === 0) throw parameterError('structuredClone', SCOPE, 1, 'Value');
    const transfer = takeTransfer(args[1]);
    // Primitives are themselves; a symbol is refused with the rest.
    if (transfer.length === 0 && !isObject(args[0]) && typeof args[0] !== 'symbol') return args[0];
    return loadExtra<StructuredCloneExtra>('structured-clone').cloneGraph(args[0], transfer);
  },

  reportError(this: unknown, ...args: unknown[]): void {
    requireScopeThis(this);
    if (args.length === 0) throw parameterError('reportError', SCOPE, 1, 'Value');
    reportToScope(args[0]);
  },

  atob(this: unknown, ...args: unknown[]): string {
    requireScopeThis(this);
    if (args.length === 0) throw parameterError('atob', SCOPE, 1, 'string');
    return recode(nativeAtob, toText(args[0]), ATOB_INVALID);
  },

  btoa(this: unknown, ...args: unknown[]): string {
    requireScopeThis(this);
    if (args.length === 0) throw parameterError('btoa', SCOPE, 1, 'String');
    return recode(nativeBtoa, toText(args[0]), BTOA_INVALID);
  },
};

export function installScopeFunctions(): void {
  defineGlobal('queueMicrotask', functions.queueMicrotask);
  defineGlobal('structuredClone', functions.structuredClone);
  defineGlobal('reportError', functions.reportError);
  defineGlobal('atob', functions.atob);
  defineGlobal('btoa', functions.btoa);
}
