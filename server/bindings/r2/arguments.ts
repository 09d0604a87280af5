/**
 * What a worker says to a bucket, taken to pieces. It comes from a cell, and may be anything: what the harness would not send is refused
 * with one sentence, since only a worker that has broken the harness could see it.
 */
import { R2_LIMITS } from '../../../shared/limits.ts';
import {
  type Checksums,
  type Conditions,
  type EtagCondition,
  HASH_BYTES,
  HASH_NAMES,
  type HttpMetadata,
  type RangeRequest,
  STORAGE_CLASSES,
  type StorageClass,
  type UploadedPart,
} from '../../../shared/r2.ts';
import {
  type GetOptions,
  type ListOptions,
  type ObjectAttributes,
  type PutOptions,
  R2Error,
} from '../../storage/objects/types.ts';

type Fields = Readonly<Record<string, unknown>>;

const HTTP_FIELDS = [
  'contentType',
  'contentLanguage',
  'contentDisposition',
  'contentEncoding',
  'cacheControl',
] as const;

const wrong = (what: string): R2Error => new R2Error('invalidArgument', `The argument '${what}' is not valid.`);

/** An object, by its fields. @throws R2Error invalidArgument, naming `what` */
export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what);
  return value as Fields;
}

const isMissing = (value: unknown): value is null | undefined => value === undefined || value === null;

/** A text. @throws R2Error invalidArgument, naming `what` */
export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw wrong(what);
  return value;
}

const optionalText = (value: unknown, what: string): string | undefined =>
  isMissing(value) ? undefined : text(value, what);

/** A whole number from 0 on. @throws R2Error invalidArgument, naming `what` */
export function count(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw wrong(what);
  return value;
}

const optionalNumber = (value: unknown, what: string): number | undefined => {
  if (isMissing(value)) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(what);
  return value;
};

/** The options of `get`. @throws R2Error invalidArgument */
export function getOptions(args: Fields): GetOptions {
  return {
    range: isMissing(args.range) ? undefined : rangeRequest(fieldsOf(args.range, 'range')),
    rangeHeader: optionalText(args.rangeHeader, 'rangeHeader'),
    onlyIf: conditions(args.onlyIf),
  };
}

function rangeRequest(range: Fields): RangeRequest {
  const fields: Record<string, number> = {};
  for (const name of ['offset', 'length', 'suffix']) {
    const value = optionalNumber(range[name], `range.${name}`);
    if (value !== undefined) fields[name] = value;
  }
  return fields;
}

function conditions(value: unknown): Conditions | undefined {
  if (isMissing(value)) return undefined;
  const fields = fieldsOf(value, 'onlyIf');
  const found: { -readonly [Name in keyof Conditions]: Conditions[Name] } = {};
  for (const name of ['etagMatches', 'etagDoesNotMatch'] as const) {
    if (!isMissing(fields[name])) found[name] = etags(fields[name], name);
  }
  for (const name of ['uploadedBefore', 'uploadedAfter'] as const) {
    const ms = optionalNumber(fields[name], name);
    if (ms !== undefined) found[name] = ms;
  }
  if (fields.secondsGranularity === true) found.secondsGranularity = true;
  return found;
}

function etags(value: unknown, what: string): EtagCondition[] {
  if (!Array.isArray(value) || value.length > R2_LIMITS.maxEtagConditions) throw wrong(what);
  return value.map((entry: unknown): EtagCondition => {
    const { type, value: etag } = fieldsOf(entry, what);
    if (type === 'wildcard') return { type };
    if (type !== 'strong' && type !== 'weak') throw wrong(what);
    return { type, value: text(etag, what) };
  });
}

export const putOptions = (args: Fields): PutOptions => ({
  size: count(args.size, 'size'),
  checksums: checksums(args.checksums),
  onlyIf: conditions(args.onlyIf),
  ...attributes(args),
});

function checksums(value: unknown): Checksums {
  if (isMissing(value)) return {};
  const fields = fieldsOf(value, 'checksums');
  const found: Record<string, string> = {};
  for (const name of HASH_NAMES) {
    const hex = optionalText(fields[name], name);
    if (hex === undefined) continue;
    if (hex.length !== HASH_BYTES[name] * 2 || !/^[0-9a-f]*$/.test(hex)) throw wrong(name);
    found[name] = hex;
  }
  return found;
}

export const attributes = (args: Fields): ObjectAttributes => ({
  httpMetadata: httpMetadata(args.httpMetadata),
  customMetadata: customMetadata(args.customMetadata),
  storageClass: storageClass(args.storageClass),
});

function httpMetadata(value: unknown): HttpMetadata {
  if (isMissing(value)) return {};
  const fields = fieldsOf(value, 'httpMetadata');
  const found: Record<string, string | number> = {};
  for (const name of HTTP_FIELDS) {
    const field = optionalText(fields[name], name);
    if (field !== undefined) found[name] = field;
  }
  const expiry = optionalNumber(fields.cacheExpiry, 'cacheExpiry');
  if (expiry !== undefined) found.cacheExpiry = expiry;
  return found;
}

function customMetadata(value: unknown): Record<string, string> {
  if (isMissing(value)) return {};
  const entries = Object.entries(fieldsOf(value, 'customMetadata'));
  return Object.fromEntries(entries.map(([name, entry]) => [name, text(entry, 'customMetadata')]));
}

/** @throws R2Error invalidStorageClass */
export function storageClass(value: unknown): StorageClass | undefined {
  if (isMissing(value) || value === '') return undefined;
  const found = STORAGE_CLASSES.find((name) => name === value);
  if (found === undefined) throw new R2Error('invalidStorageClass');
  return found;
}

/** The options of `list`. @throws R2Error invalidArgument */
export function listOptions(args: Fields): ListOptions {
  const include = isMissing(args.include) ? [] : args.include;
  if (!Array.isArray(include)) throw wrong('include');
  return {
    limit: optionalNumber(args.limit, 'limit') ?? R2_LIMITS.maxListKeys,
    prefix: optionalText(args.prefix, 'prefix') ?? '',
    delimiter: optionalText(args.delimiter, 'delimiter') ?? '',
    startAfter: optionalText(args.startAfter, 'startAfter'),
    cursor: optionalText(args.cursor, 'cursor'),
    include: { httpMetadata: include.includes('httpMetadata'), customMetadata: include.includes('customMetadata') },
  };
}

/** @throws R2Error invalidArgument for more than R2 deletes at once */
export function keyList(body: unknown): string[] {
  if (!Array.isArray(body)) throw wrong('keys');
  if (body.length > R2_LIMITS.maxDeleteKeys) {
    throw new R2Error(
      'invalidArgument',
      `${body.length} keys cannot be deleted at once; up to ${R2_LIMITS.maxDeleteKeys} can.`,
    );
  }
  return body.map((key: unknown) => text(key, 'keys'));
}

/** The parts of which an upload is to be made. @throws R2Error invalidArgument */
export function partList(body: unknown): UploadedPart[] {
  if (!Array.isArray(body) || body.length > R2_LIMITS.maxParts) throw wrong('uploadedParts');
  return body.map((part: unknown) => {
    const { partNumber, etag } = fieldsOf(part, 'uploadedParts');
    return { partNumber: partNumberOf(partNumber), etag: text(etag, 'uploadedParts') };
  });
}

/** The number of a part, from 1 on. @throws R2Error invalidArgument */
export function partNumberOf(value: unknown): number {
  const number = count(value, 'partNumber');
  if (number < 1 || number > R2_LIMITS.maxParts) throw wrong('partNumber');
  return number;
}
