/**
 * How objects of the platform are shown, by `util.inspect` and in the log: here they keep what they hold in private fields, where no
 * inspector looks. Names, order and what stands in brackets are workerd's.
 */
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
import { declaredLength } from '../../stream-facts.ts';
import { NativeBigInt } from '../../value-primordials.ts';

type Inspect = (value: unknown, options: object) => string;

const CUSTOM = Symbol.for('nodejs.util.inspect.custom');

const EVENT =
  'type eventPhase composed bubbles cancelable defaultPrevented returnValue currentTarget target srcElement timeStamp isTrusted cancelBubble';
const DERIVED_EVENT = `${EVENT} NONE CAPTURING_PHASE AT_TARGET BUBBLING_PHASE`;

/** Properties to show, by class. */
const PROPERTIES: Readonly<Record<string, string>> = {
  Blob: 'size type',
  CloseEvent: `wasClean reason code ${DERIVED_EVENT}`,
  CustomEvent: `detail ${DERIVED_EVENT}`,
  ErrorEvent: `filename message lineno colno error ${DERIVED_EVENT}`,
  Event: EVENT,
  File: 'name lastModified size type',
  FormData: '',
  Headers: '',
  MessageEvent: `ports source lastEventId origin data ${DERIVED_EVENT}`,
  ReadableStream: 'locked',
  Request: 'method url headers redirect fetcher signal cf integrity keepalive cache body bodyUsed',
  Response: 'status statusText headers ok redirected url webSocket cf type body bodyUsed',
  TransformStream: 'readable writable',
  URL: 'origin href protocol username password host hostname port pathname search hash searchParams',
  URLSearchParams: '',
  WritableStream: 'locked',
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
      ['expectsBytes', false],
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

/** An empty object, or a Map, of a class with that name: inspectors print the name, and of a Map its entries. */
function emptyState(name: string, isList: boolean): object {
  const base = isList ? MapConstructor : Object;
  const type = class extends (base as new () => object) {};
  setShown(type, 'name', name, false);
  // Hides the tag of Map: what is no text is no tag, and a method is not shown.
  if (isList) setShown(type.prototype, symbolToStringTag as never, () => undefined, false);
  return construct(type, []);
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
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : fallback;
}

function includes(names: readonly string[], name: string): boolean {
  for (let index = 0; index < names.length; index++) if (names[index] === name) return true;
  return false;
}

function show(value: object, kind: string, depth: number, options: object, inspect: Inspect): string {
  const name = nameOf(value, kind);
  if (depth < 0) return `[${kind === 'URL' ? 'Object' : name}]`;
  const isList = LISTS[kind] === true;
  const state = emptyState(name, isList);
  if (isList) fillEntries(state as Map<unknown, unknown>, value);
  const listed = PROPERTIES[kind] as string;
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
  return inspect(state, { ...options, depth, showHidden: true });
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

function showClass(kind: string, prototype: object): void {
  removeDenoInspect(prototype);
  defineProperty(prototype, CUSTOM, {
    value(this: object, depth: number, options: object, inspect: Inspect) {
      try {
        return show(this, kind, depth, options, inspect);
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

const kinds = objectKeys(PROPERTIES);
for (let index = 0; index < kinds.length; index++) {
  const kind = kinds[index] as string;
  const type = reflectGet(globalThis, kind) as { readonly prototype?: object } | undefined;
  if (type?.prototype !== undefined && type.prototype !== objectPrototype) showClass(kind, type.prototype);
}
