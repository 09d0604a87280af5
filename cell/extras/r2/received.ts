/** Objects that came over RPC: another worker's word, of which only what has the right shape is taken. */
import {
  type ByteRange,
  type Checksums,
  HASH_BYTES,
  HASH_NAMES,
  type HttpMetadata,
  type ObjectHead,
} from '../../../shared/r2.ts';
import type { ByteStream } from '../../http/index.ts';
import { getOwnPropertyDescriptor, NativeUint8Array, objectKeys, regExpExec } from '../../primordials.ts';
import { declareLength } from '../../stream-facts.ts';
import { isObject } from '../../webidl.ts';
import { HTTP_HEADERS } from './arguments.ts';
import { type HeadResult, makeBody, makeChecksums, makeHead } from './objects.ts';

type Fields = Record<string, unknown>;
type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

const HEX = /^[0-9a-f]*$/;

/** An own value: no prototype is asked. */
const own = (fields: object, name: string): unknown => getOwnPropertyDescriptor(fields, name)?.value;

const isNumber = (value: unknown): value is number => typeof value === 'number';

/** @param body null: it was sent without one. Undefined: that is no object of R2. */
export function receiveObject(
  head: unknown,
  body: Uint8Array<ArrayBuffer> | ByteStream | null,
): HeadResult | undefined {
  const read = isObject(head) ? readHead(head) : undefined;
  if (read === undefined) return undefined;
  if (body === null) return makeHead(read);
  // A lie about it ends with the stream: whoever stores it compares.
  if (!(body instanceof NativeUint8Array)) declareLength(body, read.range?.length ?? read.size);
  return makeBody(read, body);
}

export const receiveChecksums = (texts: unknown): object | undefined =>
  isObject(texts) ? makeChecksums(readChecksums(texts)) : undefined;

function readHead(fields: object): ObjectHead | undefined {
  const key = own(fields, 'key');
  const version = own(fields, 'version');
  const etag = own(fields, 'etag');
  const size = own(fields, 'size');
  const uploaded = own(fields, 'uploaded');
  const storageClass = own(fields, 'storageClass') === 'InfrequentAccess' ? 'InfrequentAccess' : 'Standard';
  if (typeof key !== 'string' || typeof version !== 'string' || typeof etag !== 'string') return undefined;
  if (!isNumber(size) || !isNumber(uploaded)) return undefined;
  const checksums = own(fields, 'checksums');
  const http = own(fields, 'httpMetadata');
  const custom = own(fields, 'customMetadata');
  if (!isObject(checksums) || !isObject(http) || !isObject(custom)) return undefined;
  const range = own(fields, 'range');
  const head: ObjectHead = {
    key,
    version,
    etag,
    size,
    uploaded,
    storageClass,
    checksums: readChecksums(checksums),
    httpMetadata: readHttpMetadata(http),
    customMetadata: readTexts(custom),
  };
  return isObject(range) ? { ...head, range: readRange(range) } : head;
}

function readChecksums(fields: object): Checksums {
  const read: Mutable<Checksums> = {};
  for (let index = 0; index < HASH_NAMES.length; index++) {
    const name = HASH_NAMES[index] as (typeof HASH_NAMES)[number];
    const hex = own(fields, name);
    if (typeof hex === 'string' && hex.length === HASH_BYTES[name] * 2 && regExpExec(HEX, hex) !== null)
      read[name] = hex;
  }
  return read;
}

function readHttpMetadata(fields: object): HttpMetadata {
  const read: Mutable<HttpMetadata> = {};
  for (let index = 0; index < HTTP_HEADERS.length; index++) {
    const [field] = HTTP_HEADERS[index] as (typeof HTTP_HEADERS)[number];
    const value = own(fields, field);
    if (typeof value === 'string') read[field] = value;
  }
  const expiry = own(fields, 'cacheExpiry');
  if (isNumber(expiry)) read.cacheExpiry = expiry;
  return read;
}

function readTexts(fields: object): Record<string, string> {
  const keys = objectKeys(fields);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    if (typeof own(fields, key) !== 'string') delete (fields as Fields)[key];
  }
  return fields as Record<string, string>;
}

const readRange = (fields: object): ByteRange => {
  const offset = own(fields, 'offset');
  const length = own(fields, 'length');
  return { offset: isNumber(offset) ? offset : 0, length: isNumber(length) ? length : 0 };
};
