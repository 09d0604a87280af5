/** S3's operations on single objects. */
import { pipeline } from 'node:stream/promises';
import { R2_LIMITS } from '../../shared/limits.ts';
import { STORAGE_CLASSES, type StorageClass } from '../../shared/r2.ts';
import { headerRange } from '../storage/objects/rules.ts';
import type { ObjectAttributes } from '../storage/objects/types.ts';
import { objectHeaders, readCustomMetadata, readHttpMetadata, sendNothing, sendXml } from './answers.ts';
import { readContent } from './body.ts';
import { meansNotModified, readConditions } from './conditions.ts';
import { S3Error } from './errors.ts';
import type { Operation, Operand } from './operations.ts';
import type { S3Request } from './request.ts';
import { element, root } from './xml.ts';

const noSuchKey = (): S3Error => new S3Error('NoSuchKey', 'The specified key does not exist.');

export const getObject: Operation = async ({ request, response, bucket, store }) => {
  const rangeHeader = request.header('range');
  const onlyIf = readConditions(request);
  const found = await store.get(bucket, request.key, { rangeHeader, onlyIf });
  if (found === null) throw noSuchKey();
  const { object, body } = found;
  if (body === null) throw conditionFailed(onlyIf !== undefined && meansNotModified(onlyIf));
  const isPart = rangeHeader !== undefined && isSatisfied(rangeHeader, object.size);
  if (isPart === 'never') {
    if (!(body instanceof Uint8Array)) body.destroy();
    throw new S3Error('InvalidRange', 'The requested range is not satisfiable');
  }
  const { offset, length } = object.range ?? { offset: 0, length: object.size };
  const headers = { ...objectHeaders(object, request), 'content-length': String(length) };
  if (isPart) response.setHeader('content-range', `bytes ${offset}-${offset + length - 1}/${object.size}`);
  response.writeHead(isPart ? 206 : 200, headers);
  if (body instanceof Uint8Array) response.end(body);
  else await pipeline(body, response);
};

/** 'never': it is a range, but not of this object. */
function isSatisfied(header: string, size: number): boolean | 'never' {
  if (headerRange(header, size) !== undefined) return true;
  return /^\s*bytes\s*=\s*(?:\d+\s*-(?:\s*\d+)?|-\s*\d+)\s*$/i.test(header) ? 'never' : false;
}

const conditionFailed = (isNotModified: boolean): S3Error =>
  isNotModified
    ? new S3Error('NotModified', 'Not Modified')
    : new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');

export const headObject: Operation = async ({ request, response, bucket, store }) => {
  const onlyIf = readConditions(request);
  const object = await store.head(bucket, request.key);
  if (object === null) throw noSuchKey();
  // Only a condition needs more than the head.
  if (onlyIf !== undefined) {
    const found = await store.get(bucket, request.key, { range: undefined, onlyIf });
    if (found === null) throw noSuchKey();
    if (found.body === null) throw conditionFailed(meansNotModified(onlyIf));
    if (!(found.body instanceof Uint8Array)) found.body.destroy();
  }
  response.writeHead(200, { ...objectHeaders(object, request), 'content-length': String(object.size) });
  response.end();
};

export const putObject: Operation = async ({ request, response, bucket, store, signed }) => {
  const { size, content, checksums, checked } = readContent(request, signed);
  if (size > R2_LIMITS.maxPartBytes) throw tooLarge();
  const attributes = readAttributes(request);
  const onlyIf = readConditions(request);
  const object = await store.put(bucket, request.key, content, { size, checksums, onlyIf, ...attributes });
  if (object === null) throw conditionFailed(false);
  sendNothing(response, 200, { etag: `"${object.etag}"`, ...checksumHeaders(checked) });
};

export const tooLarge = (): S3Error =>
  new S3Error(
    'EntityTooLarge',
    `Your proposed upload exceeds the maximum allowed size of ${R2_LIMITS.maxPartBytes} bytes.`,
  );

export const checksumHeaders = (checked: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries([...checked].map(([name, value]) => [`x-amz-checksum-${name}`, value]));

export const readAttributes = (request: S3Request): ObjectAttributes => ({
  httpMetadata: readHttpMetadata(request),
  customMetadata: readCustomMetadata(request),
  storageClass: readStorageClass(request.header('x-amz-storage-class')),
});

/** S3's names for R2's two. */
function readStorageClass(name: string | undefined): StorageClass | undefined {
  if (name === undefined) return undefined;
  const found = STORAGE_CLASSES.find((candidate) => candidate === name);
  if (found !== undefined) return found;
  if (name === 'STANDARD') return 'Standard';
  if (name === 'STANDARD_IA') return 'InfrequentAccess';
  throw new S3Error('InvalidStorageClass', 'The storage class you specified is not valid');
}

/** The key that `x-amz-copy-source` names: of the same bucket, since a key opens no other. */
export function copySource({ request, bucket }: Operand): string {
  const header = (request.header('x-amz-copy-source') ?? '').replace(/\?versionId=.*$/, '');
  let path: string;
  try {
    path = decodeURIComponent(header.replace(/^\//, ''));
  } catch {
    throw new S3Error('InvalidArgument', 'The copy source is not percent-encoded UTF-8.');
  }
  const slash = path.indexOf('/');
  if (slash < 1 || path.slice(0, slash) !== bucket.name) {
    throw new S3Error('AccessDenied', 'Access Denied: the key of this request opens only the bucket it copies into.');
  }
  return path.slice(slash + 1);
}

export const copyObject: Operation = async (operand) => {
  const { request, response, bucket, store } = operand;
  const replaces = request.header('x-amz-metadata-directive') === 'REPLACE';
  const from = copySource(operand);
  if (from === request.key && !replaces && request.header('x-amz-storage-class') === undefined) {
    throw new S3Error(
      'InvalidRequest',
      'This copy request is illegal because it is trying to copy an object to itself without changing it.',
    );
  }
  const object = await store.copy(bucket, from, request.key, {
    attributes: replaces ? readAttributes(request) : undefined,
    onlyIf: readConditions(request, 'x-amz-copy-source-'),
  });
  const children = [
    element('ETag', `"${object.etag}"`),
    element('LastModified', new Date(object.uploaded).toISOString()),
  ];
  sendXml(response, 200, root('CopyObjectResult', children));
};

export const deleteObject: Operation = async ({ request, response, bucket, store }) => {
  await store.delete(bucket, [request.key]);
  sendNothing(response, 204);
};
