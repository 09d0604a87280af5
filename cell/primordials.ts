/**
 * Built-ins as they are before user code runs. The harness uses these wherever user code could have patched a prototype
 * by then. What a worker patches can only hurt that worker (its cell is its own), but the harness must go on
 * keeping its promises to it: so no method is looked up on a prototype after start.
 */
const {
  apply,
  defineProperty: nativeDefineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  setPrototypeOf,
  deleteProperty,
  ownKeys,
  construct,
} = Reflect;
export { apply, construct, deleteProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, setPrototypeOf };

export const { has: reflectHas } = Reflect;
export const reflectGet: (target: object, key: PropertyKey, receiver?: unknown) => unknown = Reflect.get;
export const objectPrototype: object = Object.prototype;

type AnyFunction = (...args: never[]) => unknown;

/**
 * As `Reflect.defineProperty`. The descriptor is the harness's own literal: it loses its prototype, or a worker could put `get` on
 * `Object.prototype` and be asked for every property that the harness defines.
 */
export function defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
  setPrototypeOf(descriptor, null);
  return nativeDefineProperty(target, key, descriptor);
}

/** `uncurry(f)(self, a, b)` is `f.call(self, a, b)` without looking up `call`. */
export function uncurry<Self, Args extends unknown[], Result>(
  method: (this: Self, ...args: Args) => Result,
): (self: Self, ...args: Args) => Result {
  return (self, ...args) => apply(method as AnyFunction, self, args) as Result;
}

/** The getter of an accessor property on a prototype, uncurried. */
export function getterOf<Self, Result>(prototype: object, key: PropertyKey): (self: Self) => Result {
  const getter = getOwnPropertyDescriptor(prototype, key)?.get;
  if (getter === undefined) throw new TypeError(`No getter for ${String(key)}`);
  return (self) => apply(getter as AnyFunction, self, []) as Result;
}

export const NativeRequest = Request;
export const NativeResponse = Response;
export const NativeURL = URL;
export const NativeReadableStream = ReadableStream;
export const NativeWritableStream = WritableStream;
export const NativeTransformStream = TransformStream;
/** Prototypes by name: user code need not have the classes (they go by a flag), and may have others in their place. */
export const streamPrototypes = {
  byteController: ReadableByteStreamController.prototype,
  byobRequest: ReadableStreamBYOBRequest.prototype,
  writableController: WritableStreamDefaultController.prototype,
};
export const NativeDate = Date;
export const NativeTextDecoder = TextDecoder;
export const NativeError = Error;
export const NativeTypeError = TypeError;
export const NativeRangeError = RangeError;
export const NativeEvalError = EvalError;
export const NativeReferenceError = ReferenceError;
export const NativeSyntaxError = SyntaxError;
export const NativeURIError = URIError;
export const NativeAggregateError = AggregateError;
export const NativeAbortController = AbortController;
export { NativeDOMException } from './dom-exception.ts';
export const NativeArray = Array;
export const NativePromise = Promise;
export const NativeUint8Array = Uint8Array;
export const NativeUint32Array = Uint32Array;
export const NativeInt32Array = Int32Array;
export const { Module: WasmModule, Instance: WasmInstance } = WebAssembly;
export const NativeProxy = Proxy;
export const nativeSetTimeout = setTimeout;
export const nativeClearTimeout = clearTimeout;
const { setImmediate: startImmediate, clearImmediate } = globalThis as unknown as {
  setImmediate(callback: () => void): { _argv: unknown };
  clearImmediate(immediate: object): void;
};
/**
 * Sooner than `setTimeout(f, 0)`, which Node takes for 1 ms. Deno (2.9.6) spreads the arguments when it calls back, with the iterator of arrays
 * that user code may have replaced: there are none, so it is given nothing to spread.
 */
export function nativeSetImmediate(callback: () => void): object {
  const immediate = startImmediate(callback);
  immediate._argv = undefined;
  return immediate;
}
export const nativeClearImmediate = clearImmediate;
export const nativeSetInterval = setInterval;
export const nativeClearInterval = clearInterval;

export const dateNow = Date.now;
export const jsonParse = JSON.parse;
export const jsonStringify = JSON.stringify;
export const freeze = Object.freeze;
/** Freezes data (objects and arrays of JSON) all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  const keys = objectKeys(value);
  for (let index = 0; index < keys.length; index++)
    deepFreeze((value as Record<string, unknown>)[keys[index] as string]);
  return freeze(value);
}
export const objectKeys = Object.keys;
export const isArray = Array.isArray;
export const hasOwn = Object.hasOwn;
export const nativeString = String;

export const arraySort = uncurry(Array.prototype.sort as (compare: (a: unknown, b: unknown) => number) => unknown[]);

export const stringStartsWith = uncurry(String.prototype.startsWith);
export const stringEndsWith = uncurry(String.prototype.endsWith);
export const stringIndexOf = uncurry(String.prototype.indexOf);
export const stringLastIndexOf = uncurry(String.prototype.lastIndexOf);
export const stringIncludes = uncurry(String.prototype.includes);
export const stringCharCodeAt = uncurry(String.prototype.charCodeAt);
export const stringCodePointAt = uncurry(String.prototype.codePointAt);
export const stringToLowerCase = uncurry(String.prototype.toLowerCase);
export const stringTrim = uncurry(String.prototype.trim);
export const stringFromCodePoint = String.fromCodePoint;
export const randomUUID = crypto.randomUUID.bind(crypto);
export const stringSlice = uncurry(String.prototype.slice);
export const stringSplit = uncurry(String.prototype.split as (separator: string) => string[]);
export const stringReplaceAll = uncurry(String.prototype.replaceAll as (from: string, to: string) => string);
export const stringToWellFormed = uncurry(
  (String.prototype as unknown as { toWellFormed(): string }).toWellFormed as (this: string) => string,
);
export const stringReplace = uncurry(String.prototype.replace as (from: string, to: string) => string);
export const symbolIterator: typeof Symbol.iterator = Symbol.iterator;
export const symbolToStringTag: typeof Symbol.toStringTag = Symbol.toStringTag;
export const numberParseInt = Number.parseInt;

export const MapConstructor = Map;
export const mapGet = uncurry(Map.prototype.get);
export const mapSet = uncurry(Map.prototype.set);
export const mapHas = uncurry(Map.prototype.has);
export const mapDelete = uncurry(Map.prototype.delete);
export const mapSize = getterOf<Map<unknown, unknown>, number>(Map.prototype, 'size');
export const mapForEach = uncurry(Map.prototype.forEach);
export const mapClear = uncurry(Map.prototype.clear);
export const WeakMapConstructor = WeakMap;
export const weakMapGet = uncurry(WeakMap.prototype.get);
export const weakMapSet = uncurry(WeakMap.prototype.set);
export const WeakSetConstructor = WeakSet;
export const weakSetAdd = uncurry(WeakSet.prototype.add as (value: object) => WeakSet<object>);
export const weakSetHas = uncurry(WeakSet.prototype.has as (value: object) => boolean);
export const weakSetDelete = uncurry(WeakSet.prototype.delete as (value: object) => boolean);
export const SetConstructor = Set;
export const setAdd = uncurry(Set.prototype.add);
export const setHas = uncurry(Set.prototype.has);
export const setDelete = uncurry(Set.prototype.delete);
export const setForEach = uncurry(Set.prototype.forEach);
export const setSize = getterOf<ReadonlySet<unknown>, number>(Set.prototype, 'size');

export const promiseThen = uncurry(Promise.prototype.then) as <T, R>(
  promise: Promise<T>,
  onFulfilled?: (value: T) => R,
  onRejected?: (reason: unknown) => R,
) => Promise<R>;
const nativeResolve = Promise.resolve;
export const promiseResolve = <T>(value: T | PromiseLike<T>): Promise<T> =>
  apply(nativeResolve as AnyFunction, NativePromise, [value]) as Promise<T>;

const nativeReject = Promise.reject;
export const promiseReject = (reason: unknown): Promise<never> =>
  apply(nativeReject as AnyFunction, NativePromise, [reason]) as Promise<never>;

const isView = ArrayBuffer.isView;
export const arrayBufferView = (value: unknown): value is ArrayBufferView => isView(value);

export const subarray = uncurry(Uint8Array.prototype.subarray as (start: number, end: number) => Uint8Array);
const typedArraySet = uncurry(Uint8Array.prototype.set as (source: Uint8Array, offset: number) => void);
export const copyInto = (target: Uint8Array, source: Uint8Array, offset: number): void =>
  typedArraySet(target, source, offset);
/** A copy of the bytes in a buffer of its own. */
export function copyBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new NativeUint8Array(bytes.length);
  typedArraySet(copy, bytes, 0);
  return copy;
}

const encoder = new TextEncoder();
const encode = uncurry(TextEncoder.prototype.encode as (text: string) => Uint8Array<ArrayBuffer>);
export const utf8Encode = (text: string): Uint8Array<ArrayBuffer> => encode(encoder, text);
const decoder = new TextDecoder();
const decode = uncurry(TextDecoder.prototype.decode as (bytes: Uint8Array) => string);
/** A part of a text that goes on: characters may be cut in the middle. */
export const decodePart = uncurry(
  TextDecoder.prototype.decode as (bytes: Uint8Array, options: TextDecodeOptions) => string,
);
export const decoderEncoding = getterOf<TextDecoder, string>(TextDecoder.prototype, 'encoding');
/** As the text is: a byte order mark stays. */
const exactDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
export const exactUtf8Decode = (bytes: Uint8Array): string => decode(exactDecoder, bytes);
export const utf8Decode = (bytes: Uint8Array): string => decode(decoder, bytes);

export const nativeRequestMethod = getterOf<Request, string>(Request.prototype, 'method');
export const nativeRequestUrl = getterOf<Request, string>(Request.prototype, 'url');
export const nativeRequestBody = getterOf<Request, ReadableStream<Uint8Array> | null>(Request.prototype, 'body');
export const nativeRequestSignal = getterOf<Request, AbortSignal>(Request.prototype, 'signal');

/** The symbol under which Deno keeps something private on an object. Looked up once, before user code is there. */
export function slotOf(object: object, description: string): symbol {
  const found = ownKeys(object).find((key) => typeof key === 'symbol' && key.description === description);
  if (found === undefined) throw new NativeError(`This Deno has no slot "${description}"`);
  return found as symbol;
}

export const streamLocked = getterOf<ReadableStream, boolean>(ReadableStream.prototype, 'locked');
export const streamGetReader = uncurry(
  ReadableStream.prototype.getReader as () => ReadableStreamDefaultReader<Uint8Array>,
);
export const streamTee = uncurry(ReadableStream.prototype.tee as () => ReadableStream<Uint8Array>[]);
export const readerRead = uncurry(ReadableStreamDefaultReader.prototype.read) as (
  reader: ReadableStreamDefaultReader<Uint8Array>,
) => Promise<ReadableStreamReadResult<Uint8Array>>;
export const readerCancel = uncurry(ReadableStreamDefaultReader.prototype.cancel) as (
  reader: ReadableStreamDefaultReader<Uint8Array>,
  reason?: unknown,
) => Promise<void>;

export const controllerEnqueue = uncurry(
  ReadableStreamDefaultController.prototype.enqueue as (chunk: Uint8Array) => void,
) as unknown as (controller: ReadableStreamDefaultController<Uint8Array>, chunk: Uint8Array) => void;
export const controllerClose = uncurry(ReadableStreamDefaultController.prototype.close) as (
  controller: ReadableStreamDefaultController<Uint8Array>,
) => void;

export const signalAborted = getterOf<AbortSignal, boolean>(AbortSignal.prototype, 'aborted');
export const signalReason = getterOf<AbortSignal, unknown>(AbortSignal.prototype, 'reason');
/** Whether it really is a signal, whatever `instanceof` has been made to say. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  try {
    signalAborted(value as AbortSignal);
    return true;
  } catch {
    return false;
  }
}
export const eventTargetAdd = uncurry(
  EventTarget.prototype.addEventListener as (
    type: string,
    listener: (event: Event) => void,
    options?: AddEventListenerOptions,
  ) => void,
);
export const eventTargetDispatch = uncurry(EventTarget.prototype.dispatchEvent as (event: Event) => boolean);
export const eventTargetRemove = uncurry(
  EventTarget.prototype.removeEventListener as (type: string, listener: (event: Event) => void) => void,
);
export const eventStopImmediatePropagation = uncurry(Event.prototype.stopImmediatePropagation);
export const urlOrigin = getterOf<URL, string>(URL.prototype, 'origin');
export const urlHost = getterOf<URL, string>(URL.prototype, 'host');
export const urlHostname = getterOf<URL, string>(URL.prototype, 'hostname');
export const urlPort = getterOf<URL, string>(URL.prototype, 'port');
export const writableLocked = getterOf<WritableStream, boolean>(WritableStream.prototype, 'locked');
export const writableGetWriter = uncurry(WritableStream.prototype.getWriter);
export const byteEnqueue = uncurry(
  ReadableByteStreamController.prototype.enqueue as (chunk: Uint8Array<ArrayBuffer>) => void,
) as unknown as (controller: ReadableByteStreamController, chunk: Uint8Array<ArrayBuffer>) => void;
export const urlHash = getterOf<URL, string>(URL.prototype, 'hash');
export const urlProtocol = getterOf<URL, string>(URL.prototype, 'protocol');
export const nativeStructuredClone = structuredClone;
export const nativeAtob = atob;
export const arrayBufferIsView = ArrayBuffer.isView;
const byteLength = getterOf<ArrayBuffer, number>(ArrayBuffer.prototype, 'byteLength');
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  try {
    byteLength(value as ArrayBuffer);
    return true;
  } catch {
    return false;
  }
}
const nativeCrypto = crypto;
const fillRandom = uncurry(Crypto.prototype.getRandomValues as (bytes: Uint8Array) => Uint8Array);
/** Random bytes of the system's, whatever user code made of `crypto`. */
export const randomFill = <T extends Uint8Array>(bytes: T): T => fillRandom(nativeCrypto, bytes) as T;
export const urlHref = getterOf<URL, string>(URL.prototype, 'href');
/** Not through `exec` of a patched prototype; the engine still looks at the flags of the expression. */
export const regExpExec = uncurry(RegExp.prototype.exec as (text: string) => RegExpExecArray | null);
export const objectToString = Object.prototype.toString;
export const errorToString = uncurry(Error.prototype.toString) as (error: unknown) => string;
export const captureStackTrace = (Error as unknown as { captureStackTrace(holder: object): void }).captureStackTrace;
