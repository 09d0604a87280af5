/** Values of JavaScript as PostgreSQL writes them, and back. Everything travels as text, whose spelling the session's settings fix. */
import {
  arrayBufferIsView,
  freeze,
  isArray,
  isArrayBuffer,
  jsonParse,
  jsonStringify,
  NativeDate,
  NativeUint8Array,
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  uncurry,
} from '../../primordials.ts';
import { bigintText, isDate } from '../../value-primordials.ts';
import { errorWithCause } from './errors.ts';

const dateToISOString = uncurry(Date.prototype.toISOString);
const dateTime = uncurry(Date.prototype.getTime);
const toHex = uncurry((Uint8Array.prototype as unknown as { toHex(): string }).toHex) as unknown as (
  bytes: Uint8Array,
) => string;
const fromHex = (Uint8Array as unknown as { fromHex(text: string): Uint8Array }).fromHex.bind(Uint8Array);
const toNumber = Number;
const { isSafeInteger } = Number;

/** A parameter as text; null is NULL. @throws {Error} in D1's words for what no database can keep */
export function toParameter(value: unknown): string | null {
  if (value === null) return null;
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'boolean':
      return `${value}`;
    case 'bigint':
      return bigintText(value as never, 10);
    case 'object':
      return objectToParameter(value as object);
    default:
      throw errorWithCause('D1_TYPE_ERROR: ', `Type '${typeof value}' not supported for value '${value as string}'`);
  }
}

function objectToParameter(value: object): string {
  const bytes = bytesOf(value);
  if (bytes !== undefined) return `\\x${toHex(bytes)}`;
  if (isDate(value)) return dateToISOString(value as Date);
  return isArray(value) ? toArrayText(value) : (jsonStringify(value) ?? 'null');
}

function bytesOf(value: object): Uint8Array | undefined {
  if (isArrayBuffer(value)) return new NativeUint8Array(value);
  if (!arrayBufferIsView(value)) return undefined;
  return new NativeUint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function toArrayText(values: readonly unknown[]): string {
  let text = '{';
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += ',';
    const value = values[index];
    if (isArray(value)) text += toArrayText(value);
    else {
      const element = toParameter(value === undefined ? null : value);
      text += element === null ? 'NULL' : quoteElement(element);
    }
  }
  return `${text}}`;
}

function quoteElement(element: string): string {
  let text = '"';
  let copied = 0;
  for (let at = 0; at < element.length; at++) {
    const code = stringCharCodeAt(element, at);
    if (code !== 34 && code !== 92) continue;
    text += `${stringSlice(element, copied, at)}\\`;
    copied = at;
  }
  return `${text}${stringSlice(element, copied)}"`;
}

type Reader = (text: string) => unknown;

/** Beyond 2^53 a number of JavaScript would be another one: then the text stays. */
const readInteger: Reader = (text) => {
  const value = toNumber(text);
  return isSafeInteger(value) ? value : text;
};
const readFloat: Reader = (text) => toNumber(text);
const readBoolean: Reader = (text) => text === 't';
const readBytes: Reader = (text) => (stringSlice(text, 0, 2) === '\\x' ? fromHex(stringSlice(text, 2)) : text);
const readJson: Reader = (text) => jsonParse(text) as unknown;

/** `2026-11-22 12:00:00.123456+00`; infinity, and years that JavaScript does not know, stay texts. */
const readInstant: Reader = (text) => {
  const zone = text.length - 3;
  if (stringSlice(text, zone) !== '+00' || text[10] !== ' ') return text;
  const date = new NativeDate(`${stringSlice(text, 0, 10)}T${stringSlice(text, 11, zone)}Z`);
  const time = dateTime(date);
  return time === time ? date : text;
};

/** By oid of the type. What is not here stays text: numeric, uuid, date, time, timestamp, interval, ranges, enums … */
const READERS: Readonly<Record<number, Reader>> = freeze({
  __proto__: null,
  16: readBoolean,
  17: readBytes,
  20: readInteger,
  21: readInteger,
  23: readInteger,
  26: readInteger,
  114: readJson,
  700: readFloat,
  701: readFloat,
  1184: readInstant,
  3802: readJson,
} as unknown as Record<number, Reader>);

/** Oid of an array type → of its elements. */
const ELEMENTS: Readonly<Record<number, number>> = freeze({
  __proto__: null,
  199: 114,
  1000: 16,
  1001: 17,
  1002: 18,
  1003: 19,
  1005: 21,
  1007: 23,
  1009: 25,
  1014: 1042,
  1015: 1043,
  1016: 20,
  1021: 700,
  1022: 701,
  1028: 26,
  1041: 869,
  1115: 1114,
  1182: 1082,
  1183: 1083,
  1185: 1184,
  1187: 1186,
  1231: 1700,
  2951: 2950,
  3807: 3802,
} as unknown as Record<number, number>);

/** What makes a value of a column's text; undefined: the text is the value. */
export function readerOf(type: number): Reader | undefined {
  const element = ELEMENTS[type];
  if (element === undefined) return READERS[type];
  const reader = READERS[element];
  return (text) => readArrayText(text, reader);
}

/** `{1,2}`, `{{a,"b c"},{NULL,d}}`, `[0:1]={1,2}`. */
function readArrayText(text: string, reader: Reader | undefined): unknown {
  const start = text[0] === '[' ? stringIndexOf(text, '=') + 1 : 0;
  let at = start + 1;
  const readElement = (): unknown => {
    if (text[at] === '{') {
      at++;
      return readElements();
    }
    const isQuoted = text[at] === '"';
    const element = isQuoted ? readQuoted() : readPlain();
    if (!isQuoted && element === 'NULL') return null;
    return reader === undefined ? element : reader(element);
  };
  const readElements = (): unknown[] => {
    const elements: unknown[] = [];
    while (at < text.length && text[at] !== '}') {
      elements[elements.length] = readElement();
      if (text[at] === ',') at++;
    }
    at++;
    return elements;
  };
  const readPlain = (): string => {
    const from = at;
    while (at < text.length && text[at] !== ',' && text[at] !== '}') at++;
    return stringSlice(text, from, at);
  };
  const readQuoted = (): string => {
    let value = '';
    for (at++; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === '\\') at++;
      value += text[at] as string;
    }
    at++;
    return value;
  };
  return readElements();
}
