/** What workers say to a bucket, read as workerd reads it, and made plain for the server. */
import {
  type Checksums,
  type Conditions,
  type EtagCondition,
  HASH_BYTES,
  HASH_NAMES,
  HASH_TITLES,
  type HashName,
  type HttpMetadata,
  type R2Arguments,
  type RangeRequest,
} from '../../../shared/r2.ts';
import { viewOf } from '../../http/bytes.ts';
import { type ByteStream, blobBytes, type HeaderList, listGet, listOf } from '../../http/index.ts';
import {
  copyBytes,
  defineProperty,
  getOwnPropertyDescriptor,
  isArray,
  NativeDate,
  NativeError,
  NativeRangeError,
  NativeTypeError,
  NativeUint8Array,
  ownKeys,
  regExpExec,
  streamLocked,
  stringEndsWith,
  stringStartsWith,
  stringToLowerCase,
  stringToWellFormed,
  utf8Encode,
} from '../../primordials.ts';
import { declaredLength, isDisturbed } from '../../stream-facts.ts';
import { dateTime, isDate } from '../../value-primordials.ts';
import { fieldError, isObject, parameterError, toNumber } from '../../webidl.ts';
import { parseEtagHeader } from './etags.ts';

export type Args = readonly unknown[];
type Fields = Record<string, unknown>;
type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

const dateParse = NativeDate.parse;
const CONTENT_TYPE = 'JsReadableStream or ArrayBuffer or ArrayBufferView or string or Blob';
const HEX = /^[0-9a-fA-F]*$/;
const MAX_DATE_MS = 6_911_000_000_000;

/** Text as UTF-8 can hold it. */
export const toText = (value: unknown): string => stringToWellFormed(`${value as string}`);

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
  if (typeof value === 'string') return whole(utf8Encode(stringToWellFormed(value)));
  if (isObject(value)) {
    const bytes = viewOf(value);
    if (bytes !== undefined) return whole(copyBytes(bytes));
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
  // Of a stream that was read from, what is left is not known.
  const size = isDisturbed(stream) ? undefined : declaredLength(stream);
  if (size === undefined) {
    throw new NativeTypeError(
      'Provided readable stream must have a known length (request/response body or readable half of FixedLengthStream)',
    );
  }
  return { body: stream, size };
}

// --- get ---

export function readGetOptions(options: Fields): Omit<R2Arguments['get'], 'key'> {
  refuseCustomerKey(options);
  const { onlyIf, range } = options;
  const read: Mutable<Omit<R2Arguments['get'], 'key'>> = {};
  const conditions = readConditions(onlyIf, 'GetOptions');
  if (conditions !== undefined) read.onlyIf = conditions;
  if (range === undefined || range === null) return read;
  const headers = listOf(range);
  if (headers !== undefined) {
    const header = listGet(headers, 'range');
    return header === null ? read : { ...read, rangeHeader: header };
  }
  if (!isObject(range)) throw fieldError('range', 'GetOptions', 'Range or Headers');
  return { ...read, range: readRange(range as Fields) };
}

function readRange({ offset, length, suffix }: Fields): RangeRequest {
  const read: Mutable<RangeRequest> = {};
  if (suffix !== undefined) {
    if (offset !== undefined) throw new NativeTypeError('Suffix is incompatible with offset.');
    if (length !== undefined) throw new NativeTypeError('Suffix is incompatible with length.');
    read.suffix = wholeNumber(suffix, 'Invalid suffix. Suffix');
    return read;
  }
  if (offset !== undefined) read.offset = wholeNumber(offset, 'Invalid range. Starting offset');
  if (length !== undefined) read.length = wholeNumber(length, 'Invalid range. Length');
  return read;
}

function wholeNumber(value: unknown, what: string): number {
  const number = toNumber(value);
  const shown = number !== number ? 'nan' : `${number}`;
  if (!(number >= 0)) throw new NativeRangeError(`${what} (${shown}) must be greater than or equal to 0.`);
  if (number > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (number % 1 !== 0) throw new NativeRangeError(`${what} (${shown}) must be an integer, not floating point.`);
  return number;
}

// --- conditions ---

export function readConditions(onlyIf: unknown, dictionary: string): Conditions | undefined {
  if (onlyIf === undefined || onlyIf === null) return undefined;
  const headers = listOf(onlyIf);
  if (headers !== undefined) return headerConditions(headers);
  if (!isObject(onlyIf)) throw fieldError('onlyIf', dictionary, 'Conditional or Headers');
  const { etagMatches, etagDoesNotMatch, uploadedBefore, uploadedAfter, secondsGranularity } = onlyIf as Fields;
  const read: Mutable<Conditions> = {};
  if (etagMatches !== undefined) read.etagMatches = [etagCondition(etagMatches, 'etagMatches')];
  if (etagDoesNotMatch !== undefined) read.etagDoesNotMatch = [etagCondition(etagDoesNotMatch, 'etagDoesNotMatch')];
  if (uploadedBefore !== undefined) read.uploadedBefore = dateField(uploadedBefore, 'uploadedBefore', 'Conditional');
  if (uploadedAfter !== undefined) read.uploadedAfter = dateField(uploadedAfter, 'uploadedAfter', 'Conditional');
  if (secondsGranularity !== undefined) read.secondsGranularity = !!secondsGranularity;
  return read;
}

function etagCondition(value: unknown, field: string): EtagCondition {
  if (typeof value !== 'string') throw fieldError(field, 'Conditional', 'string');
  if (stringStartsWith(value, '"') && stringEndsWith(value, '"') && value.length > 1) {
    throw new NativeTypeError(`Conditional ETag should not be wrapped in quotes (${value}).`);
  }
  return value === '*' ? { type: 'wildcard' } : { type: 'strong', value: stringToWellFormed(value) };
}

function headerConditions(headers: HeaderList): Conditions {
  const read: Mutable<Conditions> = { secondsGranularity: true };
  const match = listGet(headers, 'if-match');
  if (match !== null) read.etagMatches = parseEtagHeader(match, 'if-match');
  const noneMatch = listGet(headers, 'if-none-match');
  if (noneMatch !== null) read.etagDoesNotMatch = parseEtagHeader(noneMatch, 'if-none-match');
  const before = headerDate(headers, 'if-unmodified-since');
  if (before !== undefined) read.uploadedBefore = before;
  const after = headerDate(headers, 'if-modified-since');
  if (after !== undefined) read.uploadedAfter = after;
  return read;
}

/** A date that is none counts as not there, as in HTTP. */
function headerDate(headers: HeaderList, name: string): number | undefined {
  const text = listGet(headers, name);
  const ms = text === null ? Number.NaN : dateParse(text);
  return ms !== ms ? undefined : ms;
}

function dateField(value: unknown, field: string, dictionary: string): number {
  const ms = typeof value === 'number' ? value : isDate(value) ? dateTime(value as Date) : undefined;
  if (ms === undefined) throw fieldError(field, dictionary, 'date');
  return checkedDate(ms);
}

function checkedDate(ms: number): number {
  if (ms !== ms) throw new NativeTypeError('The value cannot be converted because it is not a valid Date.');
  if (ms > MAX_DATE_MS) throw new NativeTypeError("This API doesn't support dates after 2189.");
  return ms;
}

// --- put ---

type Attributes = Pick<R2Arguments['put'], 'httpMetadata' | 'customMetadata' | 'storageClass'>;

export function readAttributes(options: Fields, dictionary: string): Attributes {
  refuseCustomerKey(options);
  const { httpMetadata, customMetadata, storageClass } = options;
  const read: Mutable<Attributes> = {};
  if (httpMetadata !== undefined) read.httpMetadata = readHttpMetadata(httpMetadata, dictionary);
  if (customMetadata !== undefined) read.customMetadata = readCustomMetadata(customMetadata, dictionary);
  if (storageClass !== undefined) read.storageClass = toText(storageClass);
  return read;
}

export function readPutOptions(options: Fields): Omit<R2Arguments['put'], 'key' | 'size'> {
  const onlyIf = readConditions(options.onlyIf, 'PutOptions');
  return {
    ...readAttributes(options, 'PutOptions'),
    ...(onlyIf === undefined ? {} : { onlyIf }),
    checksums: readChecksums(options),
  };
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
    if (expires !== null) read.cacheExpiry = checkedDate(dateParse(expires));
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
    if (value.length !== bytes * 2) {
      throw new NativeTypeError(`${title} is ${bytes * 2} hex characters, not ${value.length}`);
    }
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
  const length = typeof ssecKey === 'string' ? ssecKey.length / 2 : viewOf(ssecKey)?.length;
  if (typeof ssecKey === 'string' && regExpExec(HEX, ssecKey) === null) {
    throw new NativeError('SSE-C Key has invalid format');
  }
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
    read[name] = stringToWellFormed(value);
  }
  read.include = honorsInclude ? readInclude(options.include) : ['httpMetadata', 'customMetadata'];
  return read;
}

function readInclude(include: unknown): string[] {
  const read: string[] = [];
  if (include === undefined) return read;
  if (!isArray(include)) throw fieldError('include', 'ListOptions', 'Array');
  for (let index = 0; index < include.length; index++) {
    const name = `${include[index] as string}`;
    if (name !== 'httpMetadata' && name !== 'customMetadata') {
      throw new NativeRangeError(`Unsupported include value ${name}`);
    }
    read[read.length] = name;
  }
  return read;
}

/** As Web IDL makes an integer of a number. */
export function toInteger(value: unknown): number {
  const number = toNumber(value);
  if (number !== number || number === Number.POSITIVE_INFINITY || number === Number.NEGATIVE_INFINITY) return 0;
  return number - (number % 1);
}

export function partNumber(value: unknown): number {
  const number = toInteger(value);
  if (number < 1 || number > 10_000) {
    throw new NativeTypeError(`Part number must be between 1 and 10000 (inclusive). Actual value was: ${number}`);
  }
  return number;
}
