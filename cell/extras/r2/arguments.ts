/** What workers say to a bucket, read as workerd reads it, and made plain for the server. */
import {
  type Checksums,
  HASH_BYTES,
  HASH_NAMES,
  HASH_TITLES,
  type HashName,
  type HttpMetadata,
  type R2Arguments,
  type RangeRequest,
} from '../../../shared/r2.ts';
import { copyOfAny, viewOf } from '../../http/bytes.ts';
import { type ByteStream, blobBytes, listGet, listOf } from '../../http/index.ts';
import { asStored, wtf8Encode } from '../../lone-surrogates.ts';
import {
  defineProperty,
  getOwnPropertyDescriptor,
  isArray,
  NativeError,
  NativeRangeError,
  NativeTypeError,
  NativeUint8Array,
  ownKeys,
  regExpExec,
  streamLocked,
  stringToLowerCase,
} from '../../primordials.ts';
import { declaredLength, isDisturbed } from '../../stream-facts.ts';
import { fieldError, isObject, parameterError, toNumber } from '../../webidl.ts';
import { dateField, headerDate, readConditions } from './conditions.ts';

export type Args = readonly unknown[];
export type Fields = Record<string, unknown>;
export type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

const CONTENT_TYPE = 'JsReadableStream or ArrayBuffer or ArrayBufferView or string or Blob';
const HEX = /^[0-9a-fA-F]*$/;
const KEY = /^[0-9a-fA-F]+$/;

/** Text as the store is to have it. */
export const toText = (value: unknown): string => asStored(`${value as string}`);

/** The argument at this place (from 1) as text. */
export function textParameter(owner: string, method: string, args: Args, position: number): string {
  if (args.length < position) throw parameterError(method, owner, position, 'string');
  return toText(args[position - 1]);
}

/** The argument at this place as a dictionary; undefined and null are an empty one. */
export function optionsParameter(
  owner: string,
  method: string,
  args: Args,
  position: number,
  dictionary: string,
): Fields {
  const value = args[position - 1];
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw parameterError(method, owner, position, dictionary);
  return value as Fields;
}

/** A content, and how long it is. */
export interface SentContent {
  readonly body: Uint8Array<ArrayBuffer> | ByteStream;
  readonly size: number;
}

export function contentParameter(owner: string, method: string, args: Args, mayBeNothing: boolean): SentContent {
  const value = args[1];
  if (mayBeNothing && args.length > 1 && (value === undefined || value === null)) {
    return { body: new NativeUint8Array(0), size: 0 };
  }
  if (typeof value === 'string') return whole(wtf8Encode(value));
  if (isObject(value)) {
    const bytes = copyOfAny(value);
    if (bytes !== undefined) return whole(bytes);
    const blob = blobBytes(value);
    if (blob !== undefined) return whole(blob);
    if (isStream(value)) return streamed(value);
  }
  throw parameterError(method, owner, 2, CONTENT_TYPE);
}

const whole = (bytes: Uint8Array<ArrayBuffer>): SentContent => ({ body: bytes, size: bytes.length });

function isStream(value: object): value is ByteStream {
  try {
    streamLocked(value as ByteStream);
    return true;
  } catch {
    return false;
  }
}

function streamed(stream: ByteStream): SentContent {
  if (streamLocked(stream)) throw new NativeTypeError('The ReadableStream has been locked to a reader.');
  const size = declaredLength(stream);
  if (size === undefined) {
    throw new NativeTypeError(
      'Provided readable stream must have a known length (request/response body or readable half of FixedLengthStream)',
    );
  }
  if (isDisturbed(stream)) throw new NativeTypeError('This ReadableStream is disturbed.');
  return { body: stream, size };
}

// --- get ---

export function readGetOptions(options: Fields): Omit<R2Arguments['get'], 'key'> {
  const read: Mutable<Omit<R2Arguments['get'], 'key'>> = {};
  const conditions = readConditions(options.onlyIf, 'GetOptions');
  if (conditions !== undefined) read.onlyIf = conditions;
  const { range } = options;
  if (range !== undefined && range !== null) {
    const headers = listOf(range);
    const header = headers === undefined ? null : listGet(headers, 'range');
    if (header !== null) read.rangeHeader = header;
    if (headers === undefined) {
      if (!isObject(range)) throw fieldError('range', 'GetOptions', 'Range or Headers');
      read.range = readRange(range as Fields);
    }
  }
  refuseCustomerKey(options);
  return read;
}

function readRange({ offset, length, suffix }: Fields): RangeRequest {
  const read: Mutable<RangeRequest> = {};
  if (suffix !== undefined) {
    if (offset !== undefined) throw new NativeTypeError('Suffix is incompatible with offset.');
    if (length !== undefined) throw new NativeTypeError('Suffix is incompatible with length.');
    read.suffix = wholeNumber(suffix, 'Invalid suffix.', 'Suffix');
    return read;
  }
  if (offset !== undefined) read.offset = wholeNumber(offset, 'Invalid range.', 'Starting offset');
  if (length !== undefined) read.length = wholeNumber(length, 'Invalid range.', 'Length');
  return read;
}

function wholeNumber(value: unknown, complaint: string, what: string): number {
  const number = toNumber(value);
  const shown = number !== number ? 'nan' : `${number}`;
  if (!(number >= 0)) throw new NativeRangeError(`${complaint} ${what} (${shown}) must be greater than or equal to 0.`);
  if (number > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (number % 1 !== 0)
    throw new NativeRangeError(`Invalid range. ${what} (${shown}) must be an integer, not floating point.`);
  return number;
}

// --- put ---

type Attributes = Pick<R2Arguments['put'], 'httpMetadata' | 'customMetadata' | 'storageClass'>;

/** The fields are read in this order: user code may watch. */
export function readAttributes(options: Fields, dictionary: string): Attributes {
  const read = { ...readMetadata(options, dictionary), ...readStorageClass(options) };
  refuseCustomerKey(options);
  return read;
}

function readMetadata({ httpMetadata, customMetadata }: Fields, dictionary: string): Attributes {
  const read: Mutable<Attributes> = {};
  if (httpMetadata !== undefined) read.httpMetadata = readHttpMetadata(httpMetadata, dictionary);
  if (customMetadata !== undefined) read.customMetadata = readCustomMetadata(customMetadata, dictionary);
  return read;
}

const readStorageClass = ({ storageClass }: Fields): Attributes =>
  storageClass === undefined ? {} : { storageClass: toText(storageClass) };

export function readPutOptions(options: Fields): Omit<R2Arguments['put'], 'key' | 'size'> {
  const onlyIf = readConditions(options.onlyIf, 'PutOptions');
  const read = {
    ...readMetadata(options, 'PutOptions'),
    checksums: readChecksums(options),
    ...readStorageClass(options),
    ...(onlyIf === undefined ? {} : { onlyIf }),
  };
  refuseCustomerKey(options);
  return read;
}

const HTTP_FIELDS = [
  'contentType',
  'contentLanguage',
  'contentDisposition',
  'contentEncoding',
  'cacheControl',
] as const;

/** The header of each field of `httpMetadata`, `cacheExpiry` aside. */
export const HTTP_HEADERS: readonly (readonly [field: (typeof HTTP_FIELDS)[number], header: string])[] = [
  ['contentType', 'content-type'],
  ['contentLanguage', 'content-language'],
  ['contentDisposition', 'content-disposition'],
  ['contentEncoding', 'content-encoding'],
  ['cacheControl', 'cache-control'],
];

function readHttpMetadata(value: unknown, dictionary: string): HttpMetadata {
  const read: Mutable<HttpMetadata> = {};
  if (value === null) return read;
  const headers = listOf(value);
  if (headers === undefined && !isObject(value))
    throw fieldError('httpMetadata', dictionary, 'HttpMetadata or Headers');
  for (let index = 0; index < HTTP_HEADERS.length; index++) {
    const [field, header] = HTTP_HEADERS[index] as (typeof HTTP_HEADERS)[number];
    const given = headers === undefined ? (value as Fields)[field] : (listGet(headers, header) ?? undefined);
    if (given !== undefined) read[field] = toText(given);
  }
  if (headers === undefined) {
    const { cacheExpiry } = value as Fields;
    if (cacheExpiry !== undefined) read.cacheExpiry = dateField(cacheExpiry, 'cacheExpiry', 'HttpMetadata');
  } else {
    const expires = listGet(headers, 'expires');
    // What is no date has expired long ago.
    if (expires !== null) read.cacheExpiry = headerDate(expires) ?? 0;
  }
  return read;
}

function readCustomMetadata(value: unknown, dictionary: string): Record<string, string> {
  if (!isObject(value) || isArray(value)) throw fieldError('customMetadata', dictionary, 'object');
  const read = { __proto__: null } as unknown as Record<string, string>;
  const keys = ownKeys(value);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index];
    if (typeof key !== 'string' || getOwnPropertyDescriptor(value, key)?.enumerable !== true) continue;
    defineProperty(read, toText(key), {
      value: toText((value as Fields)[key]),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return read;
}

function readChecksums(options: Fields): Checksums {
  const read: Mutable<Checksums> = {};
  let isGiven = false;
  for (let index = 0; index < HASH_NAMES.length; index++) {
    const name = HASH_NAMES[index] as HashName;
    const value = options[name];
    if (value === undefined) continue;
    if (isGiven) throw new NativeTypeError('You cannot specify multiple hashing algorithms.');
    isGiven = true;
    read[name] = readChecksum(value, name);
  }
  return read;
}

function readChecksum(value: unknown, name: HashName): string {
  const bytes = HASH_BYTES[name];
  const title = HASH_TITLES[name];
  if (typeof value === 'string') {
    const { length } = wtf8Encode(value);
    if (length !== bytes * 2) throw new NativeTypeError(`${title} is ${bytes * 2} hex characters, not ${length}`);
    if (regExpExec(HEX, value) === null) throw new NativeTypeError(`Provided ${title} wasn't a valid hex string`);
    return stringToLowerCase(value);
  }
  const view = viewOf(value);
  if (view === undefined) throw fieldError(name, 'PutOptions', 'BufferSource or string');
  if (view.length !== bytes) throw new NativeTypeError(`${title} is ${bytes} bytes, not ${view.length}`);
  return toHex(view);
}

const DIGITS = '0123456789abcdef';

function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    text += (DIGITS[byte >> 4] as string) + (DIGITS[byte & 15] as string);
  }
  return text;
}

/** Keeping the content readable for the operator after a key was given would be a lie. */
export function refuseCustomerKey({ ssecKey }: Fields): void {
  if (ssecKey === undefined) return;
  const bytes = viewOf(ssecKey);
  const text = bytes === undefined ? `${ssecKey as string}` : '';
  if (bytes === undefined && regExpExec(KEY, text) === null) throw new NativeError('SSE-C Key has invalid format');
  const length = bytes?.length ?? text.length / 2;
  if (length !== 32) throw new NativeError('SSE-C Key must be 32 bytes in length');
  throw new NativeError(
    'Skep does not encrypt objects with keys of the customer (ssecKey). Encrypt the content in the Worker with crypto.subtle.',
  );
}

// --- list and parts ---

export function readListOptions(options: Fields, honorsInclude: boolean): R2Arguments['list'] {
  const read: Mutable<R2Arguments['list']> = {};
  const { limit } = options;
  if (limit !== undefined) {
    const count = toInteger(limit);
    if (count >= 0) read.limit = count;
  }
  for (const name of ['prefix', 'cursor', 'delimiter', 'startAfter'] as const) {
    const value = options[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw fieldError(name, 'ListOptions', 'string');
    read[name] = asStored(value);
  }
  const include = readInclude(options.include);
  read.include = honorsInclude ? include : ['httpMetadata', 'customMetadata'];
  return read;
}

function readInclude(include: unknown): string[] {
  const read: string[] = [];
  if (include === undefined) return read;
  if (!isArray(include)) throw fieldError('include', 'ListOptions', 'Array');
  for (let index = 0; index < include.length; index++) {
    const name: unknown = include[index];
    if (typeof name !== 'string') {
      throw new NativeTypeError(
        `Incorrect type for array element ${index}: the provided value is not of type 'string'.`,
      );
    }
    if (name !== 'httpMetadata' && name !== 'customMetadata') {
      throw new NativeRangeError(`Unsupported include value ${name}`);
    }
    read[read.length] = name;
  }
  return read;
}

/** A C++ `int` of a number. */
function toInteger(value: unknown): number {
  const number = toNumber(value);
  if (number !== number || number === Number.POSITIVE_INFINITY || number === Number.NEGATIVE_INFINITY) return 0;
  const whole = number - (number % 1);
  if (whole < -2147483648 || whole > 2147483647) {
    throw new NativeTypeError('Value out of range. Must be between -2147483648 and 2147483647 (inclusive).');
  }
  return whole;
}

export function partNumber(value: unknown): number {
  const number = toInteger(value);
  if (number < 1 || number > 10_000) {
    throw new NativeTypeError(`Part number must be between 1 and 10000 (inclusive). Actual value was: ${number}`);
  }
  return number;
}
