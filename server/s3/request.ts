/** What an S3 request says, taken to pieces: bucket and key out of the path, parameters, headers. */
import type { IncomingMessage } from 'node:http';
import { S3Error } from './errors.ts';

export interface S3Request {
  readonly method: string;
  /** Decoded; '' for the service itself. */
  readonly bucket: string;
  /** Decoded; '' for the bucket itself. */
  readonly key: string;
  /** The path as it was sent. */
  readonly rawPath: string;
  /** Decoded names and values, in their order. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** The first value of a parameter. */
  param(name: string): string | undefined;
  has(name: string): boolean;
  /** All lines of a header, joined; undefined when there is none. */
  header(name: string): string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
}

/** @throws S3Error InvalidURI */
export function parseRequest(incoming: IncomingMessage): S3Request {
  const url = incoming.url ?? '/';
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  if (!rawPath.startsWith('/')) throw invalidUri();
  const slash = rawPath.indexOf('/', 1);
  const bucket = decode(slash < 0 ? rawPath.slice(1) : rawPath.slice(1, slash));
  const key = slash < 0 ? '' : decode(rawPath.slice(slash + 1));
  const query = parseQuery(mark < 0 ? '' : url.slice(mark + 1));
  return {
    method: incoming.method ?? 'GET',
    bucket,
    key,
    rawPath,
    query,
    param: (name) => query.find(([candidate]) => candidate === name)?.[1],
    has: (name) => query.some(([candidate]) => candidate === name),
    header: (name) => {
      const value = incoming.headers[name];
      return Array.isArray(value) ? value.join(',') : value;
    },
    headers: incoming.headers,
    body: incoming,
  };
}

const parseQuery = (text: string): (readonly [string, string])[] =>
  text
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals < 0 ? [decode(part), ''] : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
    });

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidUri();
  }
}

const invalidUri = (): S3Error => new S3Error('InvalidURI', "Couldn't parse the specified URI.");

/** RFC 3986: everything but letters, digits and `-._~`. */
export const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** A header's bytes as the text they are: S3 clients send UTF-8, Node reads Latin-1. */
export function headerText(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? value : text;
}

/** The other way round. Undefined: no header can carry it. */
export function headerBytes(text: string): string | undefined {
  const value = Buffer.from(text, 'utf8').toString('latin1');
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? value : undefined;
}
