/** Metadata of objects in headers of somebody else's S3, there and back. */
import type { Checksums, HttpMetadata, ObjectHead } from '../../shared/r2.ts';
import { HASH_NAMES } from '../../shared/r2.ts';
import { type ObjectAttributes, R2Error } from '../storage/objects/types.ts';
import type { BackendAnswer } from './client.ts';
import { garbage } from './client.ts';
import { headerBytes, headerText } from './request.ts';

/** S3: all `x-amz-meta-` headers together. */
const MAX_METADATA_BYTES = 2048;
/** JSON in base64: custom metadata that headers cannot carry, and the checksums that were given. */
const CUSTOM = 'x-amz-meta-skep-custom';
const CHECKSUMS = 'x-amz-meta-skep-checksums';
const META = 'x-amz-meta-';

const HTTP_HEADERS: readonly (readonly [keyof HttpMetadata, string])[] = [
  ['contentType', 'content-type'],
  ['contentLanguage', 'content-language'],
  ['contentDisposition', 'content-disposition'],
  ['contentEncoding', 'content-encoding'],
  ['cacheControl', 'cache-control'],
];

/** @throws R2Error metadataTooLarge: S3 takes 2 KiB */
export function attributeHeaders(
  { httpMetadata, customMetadata, storageClass }: ObjectAttributes,
  checksums: Checksums,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [field, header] of HTTP_HEADERS) {
    const text = httpMetadata[field];
    const value = typeof text === 'string' ? headerBytes(text) : undefined;
    if (value !== undefined) headers[header] = value;
  }
  if (httpMetadata.cacheExpiry !== undefined) headers.expires = new Date(httpMetadata.cacheExpiry).toUTCString();
  if (storageClass === 'InfrequentAccess') headers['x-amz-storage-class'] = 'STANDARD_IA';
  const entries = Object.entries(customMetadata);
  const isPlain = entries.every(
    ([name, value]) => /^[a-z0-9_.-]+$/.test(name) && /^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(value),
  );
  const metadata: Record<string, string> = isPlain
    ? Object.fromEntries(entries.map(([name, value]) => [META + name, value]))
    : { [CUSTOM]: toBase64(customMetadata) };
  if (Object.keys(checksums).length > 0) metadata[CHECKSUMS] = toBase64(checksums);
  const bytes = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > MAX_METADATA_BYTES) throw new R2Error('metadataTooLarge');
  return { ...headers, ...metadata };
}

const toBase64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');

function fromBase64(text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  try {
    const value = JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, String(entry)]));
  } catch {
    return {};
  }
}

/** What a HEAD says. @throws R2Error unavailable when it is not S3 that answers */
export function headOf(key: string, answer: BackendAnswer): ObjectHead {
  const etag = (answer.header('etag') ?? '').replace(/^(?:W\/)?"(.*)"$/, '$1');
  const size = Number(answer.header('content-length') ?? Number.NaN);
  const uploaded = Date.parse(answer.header('last-modified') ?? '');
  if (etag === '' || !Number.isSafeInteger(size) || Number.isNaN(uploaded)) throw garbage();
  return {
    key,
    version: answer.header('x-amz-version-id') ?? etag,
    size,
    etag,
    uploaded,
    storageClass: answer.header('x-amz-storage-class')?.endsWith('_IA') === true ? 'InfrequentAccess' : 'Standard',
    checksums: readChecksums(answer, etag),
    httpMetadata: readHttpMetadata(answer),
    customMetadata: readCustomMetadata(answer),
    range: { offset: 0, length: size },
  };
}

function readChecksums(answer: BackendAnswer, etag: string): Checksums {
  const kept = fromBase64(answer.header(CHECKSUMS));
  const known = HASH_NAMES.filter((name) => kept[name] !== undefined).map((name) => [name, kept[name]]);
  const md5 = /^[0-9a-f]{32}$/.test(etag) ? { md5: etag } : {};
  return { ...md5, ...(Object.fromEntries(known) as Checksums) };
}

function readHttpMetadata(answer: BackendAnswer): HttpMetadata {
  const found: Record<string, string | number> = {};
  for (const [field, header] of HTTP_HEADERS) {
    const value = answer.header(header);
    if (value !== undefined && !(field === 'contentType' && value === 'application/octet-stream'))
      found[field] = headerText(value);
  }
  const expires = Date.parse(answer.header('expires') ?? '');
  if (!Number.isNaN(expires)) found.cacheExpiry = expires;
  return found;
}

function readCustomMetadata(answer: BackendAnswer): Record<string, string> {
  const packed = answer.header(CUSTOM);
  if (packed !== undefined) return fromBase64(packed);
  const names = Object.keys(answer.body.headers).filter((name) => name.startsWith(META) && name !== CHECKSUMS);
  return Object.fromEntries(names.map((name) => [name.slice(META.length), headerText(answer.header(name) ?? '')]));
}
