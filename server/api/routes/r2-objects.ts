/** Single objects over the API, as `wrangler r2 object put/get/delete --remote` asks for them: raw bodies, metadata in headers. */
import { Readable } from 'node:stream';
import { R2_LIMITS } from '../../../shared/limits.ts';
import { type HttpMetadata, type ObjectHead, STORAGE_CLASSES } from '../../../shared/r2.ts';
import { R2Error } from '../../storage/objects/types.ts';
import { fail } from '../errors.ts';
import { type AccountRequest, accountBytesRoute, accountRoute, type ApiResult, type Route } from '../router.ts';
import { requireBucket } from './r2-buckets.ts';

export const r2ObjectRoutes: readonly Route[] = [
  accountRoute('GET', '/r2/buckets/:bucket/objects/:key{.+}', {
    summary: 'The content of an object; `range` is honoured',
    answers: 'bytes',
    handle: getObject,
  }),
  accountBytesRoute('PUT', '/r2/buckets/:bucket/objects/:key{.+}', {
    summary: 'Store an object: the body is its content, its metadata are headers',
    handle: putObject,
  }),
  accountRoute('DELETE', '/r2/buckets/:bucket/objects/:key{.+}', {
    summary: 'Delete an object',
    handle: async (request) => {
      const bucket = await requireBucket(request);
      const key = keyOf(request);
      await request.options.objects.storeOf(bucket).delete(bucket, [key]);
      return { result: { key } };
    },
  }),
];

/** The key as it stands in the path: routing takes slashes together, and a key may have several. */
function keyOf({ url }: AccountRequest): string {
  const [, raw = '', query] = /\/r2\/+buckets\/+[^/]+\/+objects\/([^?#]*)(\?.*)?$/s.exec(url) ?? [];
  // wrangler sends a key as it was typed: all behind a `?` would be lost, and another object meant.
  if (query !== undefined) {
    throw fail('r2Refused', { reason: 'A ? has to be written as %3F and a # as %23 in the key of an object' });
  }
  let key: string;
  try {
    key = decodeURIComponent(raw);
  } catch {
    throw fail('bodyUnreadable', { reason: 'the key in the path is not percent-encoded UTF-8' });
  }
  const bytes = Buffer.byteLength(key);
  if (bytes > R2_LIMITS.maxKeyBytes) {
    throw fail('r2Refused', { reason: `The key has ${bytes} bytes; ${R2_LIMITS.maxKeyBytes} are allowed` });
  }
  return key;
}

async function getObject(request: AccountRequest): Promise<ApiResult> {
  const bucket = await requireBucket(request);
  const range = request.header('range');
  const key = keyOf(request);
  const found = await request.options.objects.storeOf(bucket).get(bucket, key, { rangeHeader: range });
  if (found === null || found.body === null) throw fail('r2ObjectNotFound', { key: key.slice(0, 200) });
  const { object, body } = found;
  const { offset, length } = object.range ?? { offset: 0, length: object.size };
  const isPart = range !== undefined && length < object.size;
  const headers = new Headers({ ...metadataHeaders(object), 'content-length': String(length) });
  if (isPart) headers.set('content-range', `bytes ${offset}-${offset + length - 1}/${object.size}`);
  const content = body instanceof Uint8Array ? body : Readable.toWeb(body);
  return { result: null, raw: new Response(content, { status: isPart ? 206 : 200, headers }) };
}

const HEADER_OF: readonly (readonly [keyof HttpMetadata, string])[] = [
  ['contentType', 'content-type'],
  ['contentLanguage', 'content-language'],
  ['contentDisposition', 'content-disposition'],
  ['contentEncoding', 'content-encoding'],
  ['cacheControl', 'cache-control'],
];

function metadataHeaders(object: ObjectHead): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/octet-stream',
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.uploaded).toUTCString(),
  };
  for (const [field, name] of HEADER_OF) {
    const value = object.httpMetadata[field];
    // A worker may have stored what no header can carry.
    if (typeof value === 'string' && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)) headers[name] = value;
  }
  if (object.httpMetadata.cacheExpiry !== undefined) {
    headers.expires = new Date(object.httpMetadata.cacheExpiry).toUTCString();
  }
  return headers;
}

async function putObject(request: AccountRequest): Promise<ApiResult> {
  const bucket = await requireBucket(request);
  const key = keyOf(request);
  const length = request.header('content-length');
  const size = Number(length ?? Number.NaN);
  if (length === undefined || !Number.isSafeInteger(size) || size < 0) {
    throw fail('r2Refused', { reason: 'The size of the object is not known: send Content-Length' });
  }
  if (size > R2_LIMITS.maxPartBytes) throw new R2Error('entityTooLarge');
  const wanted = request.header('cf-r2-storage-class');
  const storageClass = STORAGE_CLASSES.find((name) => name === wanted);
  if (wanted !== undefined && storageClass === undefined) {
    const reason = `The storage class '${wanted.slice(0, 64)}' does not exist: ${STORAGE_CLASSES.join(' and ')} do`;
    throw fail('r2Refused', { reason });
  }
  const content = request.stream === null ? new Uint8Array(0) : Readable.fromWeb(request.stream);
  const object = await request.options.objects.storeOf(bucket).put(bucket, key, content, {
    size,
    checksums: {},
    onlyIf: undefined,
    httpMetadata: readMetadata(request),
    customMetadata: {},
    storageClass,
  });
  return { result: { key, etag: object?.etag, version: object?.version, size: String(size) } };
}

function readMetadata(request: AccountRequest): HttpMetadata {
  const found: Record<string, string | number> = {};
  for (const [field, name] of HEADER_OF) {
    const value = request.header(name);
    if (value !== undefined) found[field] = value;
  }
  const expires = request.header('expires');
  if (expires !== undefined) {
    found.cacheExpiry = Date.parse(expires);
    if (Number.isNaN(found.cacheExpiry)) {
      throw fail('r2Refused', { reason: `The header expires is no date: '${expires.slice(0, 100)}'` });
    }
  }
  return found;
}
