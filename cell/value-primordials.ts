/**
 * Built-ins that tell values apart and take them to pieces, as they are before user code runs: for `cell/extras/rpc`, which is loaded
 * after it. The engine's own checks see what a value is, whatever its prototype or its `Symbol.toStringTag` say.
 */
import { deno } from './deno.ts';
import { getterOf, NativeError, uncurry } from './primordials.ts';

type Check = (value: unknown) => boolean;

/** The part of Deno's core that looks at values. */
interface EngineChecks {
  readonly isAnyArrayBuffer: Check;
  readonly isArgumentsObject: Check;
  readonly isArrayBufferView: Check;
  readonly isBoxedPrimitive: Check;
  readonly isBigIntObject: Check;
  readonly isBooleanObject: Check;
  readonly isDataView: Check;
  readonly isDate: Check;
  readonly isGeneratorObject: Check;
  readonly isMap: Check;
  readonly isModuleNamespaceObject: Check;
  readonly isNativeError: Check;
  readonly isNumberObject: Check;
  readonly isPromise: Check;
  readonly isProxy: Check;
  readonly isRegExp: Check;
  readonly isSet: Check;
  readonly isSharedArrayBuffer: Check;
  readonly isStringObject: Check;
  readonly isSymbolObject: Check;
  readonly isWeakMap: Check;
  readonly isWeakSet: Check;
}

function engineChecks(): EngineChecks {
  const inside = deno as unknown as { internal: symbol } & Record<symbol, { core?: EngineChecks }>;
  const core = inside[inside.internal]?.core;
  if (typeof core?.isProxy !== 'function') throw new NativeError('This Deno has no checks of values');
  return core;
}

export const {
  isAnyArrayBuffer,
  isArgumentsObject,
  isArrayBufferView,
  isBigIntObject,
  isBooleanObject,
  isBoxedPrimitive,
  isDataView,
  isDate,
  isGeneratorObject,
  isMap,
  isModuleNamespaceObject,
  isNativeError,
  isNumberObject,
  isPromise,
  isProxy,
  isRegExp,
  isSet,
  isSharedArrayBuffer,
  isStringObject,
  isSymbolObject,
  isWeakMap,
  isWeakSet,
} = engineChecks();

export const NativeMap = Map;
export const NativeSet = Set;
export const NativeRegExp = RegExp;
export const NativeBigInt = BigInt;
export const NativeDataView = DataView;
export const NativeArrayBuffer = ArrayBuffer;
export const NativeFloat64Array = Float64Array;
export { domExceptionCode, domExceptionMessage, domExceptionName, NativeDOMException } from './dom-exception.ts';
export const NativeWritableStream = WritableStream;
export const NativeFinalizationRegistry = FinalizationRegistry;
export const NativeObject = Object;

/** Constructors of typed arrays; the place in the list is what travels. */
export const VIEWS = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  (globalThis as { Float16Array?: unknown }).Float16Array ?? Uint16Array,
] as const;
export const VIEW_NAMES = [
  'Uint8Array',
  'Int8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
] as const;

/** Constructors of errors; the place in the list is what travels. */
export const ERRORS = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
  SuppressedError,
] as const;
export const ERROR_NAMES: readonly string[] = ERRORS.map(({ name }) => name);

/** Prototypes of what the engine itself refuses to clone. */
export const UNCLONEABLE_PROTOTYPES: readonly object[] = [
  Promise.prototype,
  WeakMap.prototype,
  WeakSet.prototype,
  WeakRef.prototype,
  FinalizationRegistry.prototype,
  Symbol.prototype,
  ...[[][Symbol.iterator](), new Map().keys(), new Set().keys(), ''[Symbol.iterator](), ''.matchAll(/./g)].map(
    (iterator) => Object.getPrototypeOf(iterator) as object,
  ),
  ...prototypesIn(Intl),
  ...prototypesIn(WebAssembly),
];

function prototypesIn(namespace: object): object[] {
  return Object.getOwnPropertyNames(namespace)
    .map((name) => (namespace as Record<string, { prototype?: object } | undefined>)[name]?.prototype)
    .filter((prototype) => prototype !== undefined);
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
/** `Uint8Array` and so on; undefined of a DataView. */
export const typedArrayName = getterOf<object, string | undefined>(typedArray, Symbol.toStringTag);
export const viewBuffer = getterOf<object, ArrayBuffer>(typedArray, 'buffer');
export const viewOffset = getterOf<object, number>(typedArray, 'byteOffset');
export const viewLength = getterOf<object, number>(typedArray, 'length');
export const viewBytes = getterOf<object, number>(typedArray, 'byteLength');
export const dataViewBuffer = getterOf<object, ArrayBuffer>(DataView.prototype, 'buffer');
export const dataViewOffset = getterOf<object, number>(DataView.prototype, 'byteOffset');
export const dataViewBytes = getterOf<object, number>(DataView.prototype, 'byteLength');
export const bufferBytes = getterOf<object, number>(ArrayBuffer.prototype, 'byteLength');
export const bufferDetached = getterOf<object, boolean>(ArrayBuffer.prototype, 'detached');
export const bufferResizable = getterOf<object, boolean>(ArrayBuffer.prototype, 'resizable');
export const bufferMaxBytes = getterOf<object, number>(ArrayBuffer.prototype, 'maxByteLength');
export const dateTime = uncurry(Date.prototype.getTime);
export const regexpSource = getterOf<RegExp, string>(RegExp.prototype, 'source');
export const regexpFlags = getterOf<RegExp, string>(RegExp.prototype, 'flags');
export const mapSize = getterOf<Map<unknown, unknown>, number>(Map.prototype, 'size');
export const setSize = getterOf<Set<unknown>, number>(Set.prototype, 'size');
export const numberValue = uncurry(Number.prototype.valueOf);
export const stringValue = uncurry(String.prototype.valueOf);
export const booleanValue = uncurry(Boolean.prototype.valueOf);
export const bigintValue = uncurry(BigInt.prototype.valueOf);
export const bigintText = uncurry(BigInt.prototype.toString as (radix: number) => string);
export const isWellFormed = uncurry((String.prototype as unknown as { isWellFormed(): boolean }).isWellFormed);
export const charCodeAt = uncurry(String.prototype.charCodeAt);
export const fromCharCodes = String.fromCharCode;
export const functionBind = uncurry(Function.prototype.bind as (self: unknown, ...args: unknown[]) => object);

export const writableLocked = getterOf<WritableStream, boolean>(WritableStream.prototype, 'locked');
export const writableGetWriter = uncurry(WritableStream.prototype.getWriter) as (
  stream: WritableStream,
) => WritableStreamDefaultWriter<unknown>;
export const writerWrite = uncurry(WritableStreamDefaultWriter.prototype.write as (chunk: unknown) => Promise<void>);
export const writerClose = uncurry(WritableStreamDefaultWriter.prototype.close);
export const writerAbort = uncurry(WritableStreamDefaultWriter.prototype.abort as (reason?: unknown) => Promise<void>);
export const registryRegister = uncurry(
  FinalizationRegistry.prototype.register as (target: object, held: unknown, token: object) => void,
);
export const promiseFinally = uncurry(Promise.prototype.finally as (callback: unknown) => Promise<unknown>);
export const promiseThenAny = uncurry(
  Promise.prototype.then as (onFulfilled: unknown, onRejected: unknown) => Promise<unknown>,
);

/** As `utf8Decode`, but a byte order mark stays: the text comes out as it went in. */
const exactDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const decodeExactly = uncurry(TextDecoder.prototype.decode as (bytes: Uint8Array) => string);
export const utf8DecodeExact = (bytes: Uint8Array): string => decodeExactly(exactDecoder, bytes);

const encoder = new TextEncoder();
const encodeInto = uncurry(TextEncoder.prototype.encodeInto);
/** `read`: how much of the text has found room. */
export const utf8EncodeInto = (text: string, into: Uint8Array): { readonly read: number } =>
  encodeInto(encoder, text, into);

/** Bytes as text, for heads that are JSON. */
interface Base64Bytes {
  toBase64(): string;
}
export const toBase64 = uncurry((Uint8Array.prototype as unknown as Base64Bytes).toBase64) as unknown as (
  bytes: Uint8Array,
) => string;
const nativeFromBase64 = (Uint8Array as unknown as { fromBase64(text: string): Uint8Array }).fromBase64;
export const fromBase64 = (text: string): Uint8Array =>
  Reflect.apply(nativeFromBase64, Uint8Array, [text]) as Uint8Array;
