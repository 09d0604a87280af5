/**
 * `Headers` as the Workers runtime has it. Behind it is the flat list `[name, value, name, value …]` that also travels on the wire: names in
 * lower case and once each, but for `set-cookie`, whose lines stay apart. A Request or Response shares its list with its Headers
 * object, which is only made when somebody asks for it.
 */
import { compatFlag } from '../compat.ts';
import {
  apply,
  arraySort,
  deleteProperty,
  getOwnPropertyDescriptor,
  NativeTypeError,
  ownKeys,
} from '../primordials.ts';
import { type EntrySource, iteratorsOf, makeIterable } from './iterators.ts';
import {
  badConstructorParameter,
  badField,
  badParameter,
  illegalInvocation,
  INTERNAL,
  NOTHING,
  isObject,
  publicConstructor,
} from './shape.ts';
import { fromWire, headerName, headerValue, toLowerCase, toText, toWire } from './text.ts';

/** `[name, value, name, value …]`, names in lower case. */
export type HeaderList = string[];

const SET_COOKIE = 'set-cookie';

/** The values under a name (in lower case), joined as HTTP joins them; null when there is none. */
export function listGet(list: HeaderList, name: string): string | null {
  let found: string | null = null;
  for (let index = 0; index < list.length; index += 2) {
    if (list[index] !== name) continue;
    found = found === null ? (list[index + 1] as string) : `${found}, ${list[index + 1] as string}`;
  }
  return found;
}

/** Whether the list has a line of this name. Names in lists are in lower case, here and below. */
export function listHas(list: HeaderList, name: string): boolean {
  for (let index = 0; index < list.length; index += 2) if (list[index] === name) return true;
  return false;
}

/** Joins the value to the one that is there with `, `; of `set-cookie` each stays a line of its own. */
export function listAppend(list: HeaderList, name: string, value: string): void {
  if (name !== SET_COOKIE) {
    for (let index = 0; index < list.length; index += 2) {
      if (list[index] !== name) continue;
      list[index + 1] = `${list[index + 1] as string}, ${value}`;
      return;
    }
  }
  list[list.length] = name;
  list[list.length] = value;
}

/** Takes all lines of the name out. */
export function listDelete(list: HeaderList, name: string): void {
  let kept = 0;
  for (let index = 0; index < list.length; index += 2) {
    if (list[index] === name) continue;
    list[kept++] = list[index] as string;
    list[kept++] = list[index + 1] as string;
  }
  list.length = kept;
}

/** Replaces the first line of the name and drops the others; appends when there is none. */
export function listSet(list: HeaderList, name: string, value: string): void {
  for (let index = 0; index < list.length; index += 2) {
    if (list[index] !== name) continue;
    list[index + 1] = value;
    dropAfter(list, index, name);
    return;
  }
  list[list.length] = name;
  list[list.length] = value;
}

function dropAfter(list: HeaderList, from: number, name: string): void {
  let kept = from + 2;
  for (let index = from + 2; index < list.length; index += 2) {
    if (list[index] === name) continue;
    list[kept++] = list[index] as string;
    list[kept++] = list[index + 1] as string;
  }
  list.length = kept;
}

/** A list as the wire brought it, made fit: names in lower case and once each, values as the text they are. */
export function listFromWire(flat: readonly string[]): HeaderList {
  const list: HeaderList = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    listAppend(list, toLowerCase(flat[index] as string), fromWire(flat[index + 1] as string));
  }
  return list;
}

/** The same for the wire. */
export function listToWire(list: HeaderList): string[] {
  const flat: string[] = [];
  for (let index = 0, kept = 0; index < list.length; index += 2) {
    const name = list[index] as string;
    // A name that is not ASCII passes `set`, as on Workers, but is none on any wire.
    if (toWire(name) !== name) continue;
    flat[kept++] = name;
    flat[kept++] = toWire(list[index + 1] as string);
  }
  return flat;
}

/** A list that can be changed by itself. */
export function listCopy(list: readonly string[]): HeaderList {
  const copy: HeaderList = [];
  for (let index = 0; index < list.length; index++) copy[index] = list[index] as string;
  return copy;
}

type Pair = readonly [name: string, value: string];

const byName = (a: Pair, b: Pair): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);

/** What iteration shows: sorted by name, `set-cookie` lines apart (or joined, before `http_headers_getsetcookie`). */
function sortedPairs(list: HeaderList): Pair[] {
  const pairs: Pair[] = [];
  for (let index = 0; index < list.length; index += 2) {
    pairs[pairs.length] = [list[index] as string, list[index + 1] as string];
  }
  arraySort(pairs, byName as (a: unknown, b: unknown) => number);
  return joined(pairs);
}

let cookiesApart = true;

function joined(pairs: Pair[]): Pair[] {
  let kept = 0;
  for (let index = 0; index < pairs.length; index++) {
    const pair = pairs[index] as Pair;
    const last = pairs[kept - 1];
    if (last !== undefined && last[0] === pair[0] && !(cookiesApart && pair[0] === SET_COOKIE)) {
      pairs[kept - 1] = [pair[0], `${last[1]}, ${pair[1]}`];
    } else pairs[kept++] = pair;
  }
  pairs.length = kept;
  return pairs;
}

const snapshot = (list: HeaderList): EntrySource => {
  const pairs = sortedPairs(list);
  return { entryAt: (index) => pairs[index] };
};

const { entries, keys, values } = iteratorsOf();

/** The list behind a Headers object, or undefined when the value is none. */
let listOf: (value: unknown) => HeaderList | undefined;
let headersAreImmutable: (headers: object) => boolean;

export class Headers {
  #list: HeaderList;
  #immutable = false;

  constructor(init?: unknown, list?: HeaderList, immutable?: boolean) {
    if (init === INTERNAL) {
      this.#list = list as HeaderList;
      this.#immutable = immutable === true;
      return;
    }
    this.#list = [];
    if (init === undefined) return;
    if (!isObject(init)) throw badConstructorParameter('Headers', 1, 'Headers or Sequence or object');
    fillList(this.#list, init);
  }

  static {
    listOf = (value) => (isObject(value) && #list in value ? value.#list : undefined);
    headersAreImmutable = (headers) => (headers as Headers).#immutable;
  }

  get(name?: unknown): string | null {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    if (arguments.length < 1) throw badParameter('get', 'Headers', 1, 'string');
    return listGet(this.#list, headerName(name));
  }

  getAll(name?: unknown): string[] {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    if (arguments.length < 1) throw badParameter('getAll', 'Headers', 1, 'string');
    if (headerName(name) !== SET_COOKIE) {
      throw new NativeTypeError('getAll() can only be used with the header name "Set-Cookie".');
    }
    return cookieLines(this.#list);
  }

  getSetCookie(): string[] {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    return cookieLines(this.#list);
  }

  has(name?: unknown): boolean {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    if (arguments.length < 1) throw badParameter('has', 'Headers', 1, 'string');
    return listHas(this.#list, headerName(name));
  }

  set(name?: unknown, value?: unknown): void {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    checkTwo('set', arguments.length);
    const nameText = toText(name);
    const valueText = toText(value);
    this.#requireMutable();
    listSet(this.#list, headerName(nameText), headerValue(valueText));
  }

  append(name?: unknown, value?: unknown): void {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    checkTwo('append', arguments.length);
    const nameText = toText(name);
    const valueText = toText(value);
    this.#requireMutable();
    listAppend(this.#list, headerName(nameText), headerValue(valueText));
  }

  delete(name?: unknown): void {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    if (arguments.length < 1) throw badParameter('delete', 'Headers', 1, 'string');
    const text = toText(name);
    this.#requireMutable();
    listDelete(this.#list, headerName(text));
  }

  forEach(callback?: unknown, thisArgument?: unknown): void {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    if (typeof callback !== 'function') throw badParameter('forEach', 'Headers', 1, 'function');
    const pairs = sortedPairs(this.#list);
    for (let index = 0; index < pairs.length; index++) {
      const pair = pairs[index] as Pair;
      apply(callback as (...args: never[]) => unknown, thisArgument, [pair[1], pair[0], this]);
    }
  }

  entries(): IterableIterator<unknown> {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    return entries(snapshot(this.#list));
  }

  keys(): IterableIterator<unknown> {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    return keys(snapshot(this.#list));
  }

  values(): IterableIterator<unknown> {
    if (!(#list in (this ?? NOTHING))) throw illegalInvocation();
    return values(snapshot(this.#list));
  }

  #requireMutable(): void {
    if (this.#immutable) throw new NativeTypeError("Can't modify immutable headers.");
  }
}

function checkTwo(method: string, given: number): void {
  if (given < 2) throw badParameter(method, 'Headers', given + 1, 'string');
}

function cookieLines(list: HeaderList): string[] {
  const lines: string[] = [];
  for (let index = 0; index < list.length; index += 2) {
    if (list[index] === SET_COOKIE) lines[lines.length] = list[index + 1] as string;
  }
  return lines;
}

export { headersAreImmutable, listOf };

const notASequence = (): TypeError =>
  new NativeTypeError("Incorrect type: the provided value is not of type 'Sequence'.");

/** Reads what a `Headers` may be made of into the list: another Headers, a sequence of pairs, or an object. */
function fillList(list: HeaderList, init: object): void {
  const other = listOf(init);
  if (other !== undefined) {
    for (let index = 0; index < other.length; index++) list[index] = other[index] as string;
    return;
  }
  if ((init as Partial<Iterable<unknown>>)[Symbol.iterator] !== undefined) {
    for (const pair of init as Iterable<unknown>) appendPair(list, pair);
    return;
  }
  const names = ownKeys(init);
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string | symbol;
    if (typeof name !== 'string' || getOwnPropertyDescriptor(init, name)?.enumerable !== true) continue;
    listAppend(list, headerName(name), headerValue((init as Record<string, unknown>)[name]));
  }
}

function appendPair(list: HeaderList, pair: unknown): void {
  if (!isObject(pair) || (pair as Partial<Iterable<unknown>>)[Symbol.iterator] === undefined) throw notASequence();
  const parts: string[] = [];
  for (const part of pair as Iterable<unknown>) parts[parts.length] = toText(part);
  if (parts.length !== 2) {
    throw new NativeTypeError(
      'To initialize a Headers object from a sequence, each inner sequence must have exactly two elements.',
    );
  }
  listAppend(list, headerName(parts[0]), headerValue(parts[1]));
}

/** The `headers` field of a dictionary, as a new list. */
export function listFromField(value: unknown, dictionary: string): HeaderList {
  if (!isObject(value)) throw badField('headers', dictionary, 'Headers or Sequence or object');
  const list: HeaderList = [];
  fillList(list, value);
  return list;
}

/** A Headers object over a list that others hold too. */
export const headersOver = (list: HeaderList, immutable: boolean): Headers => new Headers(INTERNAL, list, immutable);

export const PublicHeaders = publicConstructor(Headers, 'Headers');
makeIterable(Headers.prototype, (self) => {
  const list = listOf(self);
  if (list === undefined) throw illegalInvocation();
  return entries(snapshot(list));
});

/** Called when the worker's flags are known. */
export function applyHeadersCompatibility(): void {
  cookiesApart = compatFlag('http_headers_getsetcookie');
  if (!cookiesApart) deleteProperty(Headers.prototype, 'getSetCookie');
}
