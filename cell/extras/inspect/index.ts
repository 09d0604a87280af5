/**
 * How objects of the platform are shown, by `util.inspect` and in the log: here they keep what they hold in private fields, where no
 * inspector looks. Names, order and what stands in brackets are workerd's.
 */
import { watchExtras } from '../../extras.ts';
import { headersAreImmutable } from '../../http/index.ts';
import {
  apply,
  construct,
  defineProperty,
  deleteProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  MapConstructor,
  mapSet,
  NativeReadableStream,
  NativeWritableStream,
  objectKeys,
  objectPrototype,
  ownKeys,
  reflectGet,
  slotOf,
  stringSplit,
  symbolToStringTag,
} from '../../primordials.ts';
import { declaredLength, takesBytes } from '../../stream-facts.ts';
import { NativeBigInt } from '../../value-primordials.ts';

type Inspect = (value: unknown, options: object) => string;

const CUSTOM = Symbol.for('nodejs.util.inspect.custom');

const EVENT =
  'type eventPhase composed bubbles cancelable defaultPrevented returnValue currentTarget target srcElement timeStamp isTrusted cancelBubble';
const DERIVED_EVENT = `${EVENT} NONE CAPTURING_PHASE AT_TARGET BUBBLING_PHASE`;
const TRANSFORM = 'readable writable';
const ENTRY = 'name entryType startTime duration';

/** Properties to show, by class: of those that are there from the start. */
const PROPERTIES: Readonly<Record<string, string>> = {
  AbortSignal: 'aborted reason onabort',
  Blob: 'size type',
  ByteLengthQueuingStrategy: 'highWaterMark',
  CloseEvent: `wasClean reason code ${DERIVED_EVENT}`,
  CountQueuingStrategy: 'highWaterMark',
  Crypto: 'subtle',
  CustomEvent: `detail ${DERIVED_EVENT}`,
  ErrorEvent: `filename message lineno colno error ${DERIVED_EVENT}`,
  Event: EVENT,
  EventTarget: '',
  File: 'name lastModified size type',
  FormData: '',
  Headers: '',
  MessageEvent: `ports source lastEventId origin data ${DERIVED_EVENT}`,
  Navigator: 'languages language platform hardwareConcurrency userAgent',
  Performance: 'timeOrigin',
  ReadableByteStreamController: 'byobRequest desiredSize',
  ReadableStream: 'locked',
  ReadableStreamBYOBReader: 'closed',
  ReadableStreamDefaultController: 'desiredSize',
  ReadableStreamDefaultReader: 'closed',
  Request: 'method url headers redirect fetcher signal cf integrity keepalive cache body bodyUsed',
  Response: 'status statusText headers ok redirected url webSocket cf type body bodyUsed',
  TextDecoderStream: `encoding fatal ignoreBOM ${TRANSFORM}`,
  TextEncoderStream: `encoding ${TRANSFORM}`,
  TransformStream: TRANSFORM,
  URL: 'origin href protocol username password host hostname port pathname search hash searchParams',
  URLSearchParams: '',
  WritableStream: 'locked',
  WritableStreamDefaultWriter: 'closed ready desiredSize',
};
/** Those that extras bring: shown from the moment they are loaded. */
const IN_EXTRAS: Readonly<Record<string, string>> = {
  __proto__: null as never,
  Cache: '',
  CacheStorage: 'default',
  CryptoKey: 'usages algorithm extractable type',
  DigestStream: 'digest bytesWritten locked',
  EventSource: 'url withCredentials readyState onopen onmessage onerror',
  MessagePort: 'onmessage',
  PerformanceMark: `detail ${ENTRY}`,
  PerformanceMeasure: `detail ${ENTRY}`,
  SubtleCrypto: '',
  WebSocket: 'readyState bufferedAmount url protocol extensions binaryType',
};
/** Those that are lists of names and values. */
const LISTS: Readonly<Record<string, true>> = { Headers: true, FormData: true, URLSearchParams: true };

const readableState = slotOf(new NativeReadableStream(), '[[state]]');
const readableController = slotOf(new NativeReadableStream(), '[[controller]]');
const writableState = slotOf(new NativeWritableStream(), '[[state]]');
const byteController = ReadableByteStreamController.prototype;

const slot = (value: object, key: symbol): unknown => (value as Record<symbol, unknown>)[key];

/** What workerd shows in brackets. */
function hiddenOf(kind: string, value: object): readonly (readonly [name: string, value: unknown])[] {
  if (kind === 'Headers') return [['immutable', headersAreImmutable(value)]];
  if (kind === 'WritableStream')
    return [
      ['state', slot(value, writableState)],
      ['expectsBytes', takesBytes(value as WritableStream)],
    ];
  if (kind !== 'ReadableStream') return [];
  const length = declaredLength(value as ReadableStream);
  return [
    ['state', slot(value, readableState)],
    ['supportsBYOB', getPrototypeOf(slot(value, readableController) as object) === byteController],
    ['length', length === undefined ? undefined : NativeBigInt(length)],
  ];
}

function hasProperty(value: object, key: string): boolean {
  for (let step: object | null = value; step !== null; step = getPrototypeOf(step)) {
    if (getOwnPropertyDescriptor(step, key) !== undefined) return true;
  }
  return false;
}

const setShown = (target: object, key: string, value: unknown, enumerable: boolean): void =>
  void defineProperty(target, key, { value, writable: true, enumerable, configurable: true });

/** An empty Map of a class with that name: inspectors print the name and the entries. */
function emptyList(name: string): Map<unknown, unknown> {
  const type = class extends MapConstructor<unknown, unknown> {};
  setShown(type, 'name', name, false);
  // Hides the tag of Map: what is no text is no tag, and a method is not shown.
  setShown(type.prototype, symbolToStringTag as never, () => undefined, false);
  return construct(type, []) as Map<unknown, unknown>;
}

/** A key of its own for each entry, since names may be there twice; it is shown as the text it stands for. */
function entryKey(text: string): object {
  const key = {};
  const show = (_depth: number, options: object, inspect: Inspect): string => inspect(text, options);
  defineProperty(key, CUSTOM, { value: show, enumerable: false });
  return key;
}

function fillEntries(state: Map<unknown, unknown>, value: object): void {
  const each = reflectGet(value, 'forEach') as (...args: never[]) => unknown;
  const add = (item: unknown, name: string): void => void mapSet(state, entryKey(name), item);
  apply(each, value, [add as never]);
}

function nameOf(value: object, fallback: string): string {
  const constructor = reflectGet(value, 'constructor');
  if (typeof constructor !== 'function' || constructor === Object || constructor.name === '') return fallback;
  return constructor.name;
}

function includes(names: readonly string[], name: string): boolean {
  for (let index = 0; index < names.length; index++) if (names[index] === name) return true;
  return false;
}

function show(value: object, kind: string, listed: string, depth: number, options: object, inspect: Inspect): string {
  const name = nameOf(value, kind);
  if (depth < 0) return `[${kind === 'URL' ? 'Object' : name}]`;
  const isList = LISTS[kind] === true;
  const state = isList ? emptyList(name) : {};
  if (isList) fillEntries(state as Map<unknown, unknown>, value);
  const names = listed === '' ? [] : stringSplit(listed, ' ');
  const own = objectKeys(value);
  for (let index = 0; index < own.length; index++) {
    const key = own[index] as string;
    if (!includes(names, key)) setShown(state, key, reflectGet(value, key), true);
  }
  for (let index = 0; index < names.length; index++) {
    const key = names[index] as string;
    if (hasProperty(value, key)) setShown(state, key, reflectGet(value, key), true);
  }
  const hidden = hiddenOf(kind, value);
  for (let index = 0; index < hidden.length; index++) {
    const [key, held] = hidden[index] as readonly [string, unknown];
    setShown(state, key, held, false);
  }
  const text = inspect(state, { ...options, depth, showHidden: true });
  // The name goes before what is shown, so that its length does not count when lines are broken.
  return isList ? text : `${name} ${text}`;
}

/** Deno's inspectors ask its own classes first. */
const DENO_INSPECT = 'Deno.privateCustomInspect';

function removeDenoInspect(prototype: object): void {
  const keys = ownKeys(prototype);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index];
    if (typeof key === 'symbol' && key.description === DENO_INSPECT) deleteProperty(prototype, key);
  }
}

function showClass(kind: string, listed: string, prototype: object): void {
  removeDenoInspect(prototype);
  defineProperty(prototype, CUSTOM, {
    value(this: object, depth: number, options: object, inspect: Inspect) {
      try {
        return show(this, kind, listed, depth, options, inspect);
      } catch {
        // Not an instance: a prototype, or what was made with one.
        return `Object [${kind}] {}`;
      }
    },
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

/** The classes among these that are known by that name. */
function showClasses(listed: Readonly<Record<string, string>>, holder: object): void {
  const kinds = objectKeys(listed);
  for (let index = 0; index < kinds.length; index++) {
    const kind = kinds[index] as string;
    const type = reflectGet(holder, kind) as { readonly prototype?: object } | undefined;
    const prototype = type?.prototype;
    if (prototype !== undefined && prototype !== objectPrototype) showClass(kind, listed[kind] as string, prototype);
  }
}

showClasses(PROPERTIES, globalThis);
// A class without a name of its own among the globals.
const streamIterator = getPrototypeOf(new NativeReadableStream().values()) as object;
showClass('ReadableStreamAsyncIterator', '', streamIterator);
watchExtras((exports) => showClasses(IN_EXTRAS, exports));
