/** S3's operations on a bucket: what lists, and deletes many. */
import { R2_LIMITS } from '../../shared/limits.ts';
import type { ObjectHead } from '../../shared/r2.ts';
import type { ObjectList } from '../storage/objects/types.ts';
import { sendNothing, sendXml } from './answers.ts';
import { readDocument } from './body.ts';
import { S3Error } from './errors.ts';
import type { Operand, Operation } from './operations.ts';
import { encode, type S3Request } from './request.ts';
import { childText, element, parseXml, root } from './xml.ts';

/** The one bucket that the key opens. */
export const listBuckets: Operation = async ({ response, bucket }) => {
  const children = [element('Name', bucket.name), element('CreationDate', bucket.createdAt.toISOString())];
  const owner = element('Owner', [element('ID', bucket.accountId), element('DisplayName', bucket.accountId)]);
  sendXml(response, 200, root('ListAllMyBucketsResult', [owner, element('Buckets', [element('Bucket', children)])]));
};

export const headBucket: Operation = async ({ response }) =>
  sendNothing(response, 200, { 'x-amz-bucket-region': 'auto' });

export const createBucket: Operation = async () => {
  throw new S3Error(
    'BucketAlreadyOwnedByYou',
    'Your previous request to create the named bucket succeeded and you already own it.',
  );
};

export const deleteBucket: Operation = async () => {
  throw new S3Error('AccessDenied', 'Access Denied: a bucket is deleted over the control API, its keys only open it.');
};

export const getBucketLocation: Operation = async ({ response }) =>
  sendXml(response, 200, root('LocationConstraint', ['auto']));

export const getBucketVersioning: Operation = async ({ response }) =>
  sendXml(response, 200, root('VersioningConfiguration', []));

export const listObjectsV2: Operation = async ({ request, response, bucket, store }) => {
  const token = request.param('continuation-token');
  const startAfter = request.param('start-after');
  const limit = maxKeys(request);
  const page = await listPage({ bucket, store }, request, limit, { cursor: token, startAfter });
  const show = shownKey(request);
  sendXml(
    response,
    200,
    root('ListBucketResult', [
      ...commonElements(request, bucket.name, limit),
      element('KeyCount', page.objects.length + page.delimitedPrefixes.length),
      element('IsTruncated', page.cursor !== undefined),
      ...(startAfter === undefined ? [] : [element('StartAfter', show(startAfter))]),
      ...(token === undefined ? [] : [element('ContinuationToken', token)]),
      ...(page.cursor === undefined ? [] : [element('NextContinuationToken', page.cursor)]),
      ...entries(page, show, request.param('fetch-owner') === 'true' ? bucket.accountId : undefined),
    ]),
  );
};

export const listObjectsV1: Operation = async ({ request, response, bucket, store }) => {
  const marker = request.param('marker') ?? '';
  const limit = maxKeys(request);
  const page = await listPage({ bucket, store }, request, limit, {
    cursor: undefined,
    startAfter:
      marker === '' ? undefined : markerKey(marker, request.param('delimiter') ?? '', request.param('prefix') ?? ''),
  });
  const show = shownKey(request);
  // The last thing shown: where the next page begins behind.
  const shown = [...page.objects.map(({ key }) => key), ...page.delimitedPrefixes];
  const last = shown.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).at(-1);
  sendXml(
    response,
    200,
    root('ListBucketResult', [
      ...commonElements(request, bucket.name, limit),
      element('Marker', show(marker)),
      element('IsTruncated', page.cursor !== undefined),
      ...(page.cursor === undefined || last === undefined ? [] : [element('NextMarker', show(last))]),
      ...entries(page, show, bucket.accountId),
    ]),
  );
};

/** A marker that is a common prefix stands for all that it stands for: no key has a character behind U+10FFFF. */
const markerKey = (marker: string, delimiter: string, prefix: string): string =>
  delimiter !== '' && marker.endsWith(delimiter) && marker.length > prefix.length ? `${marker}\u{10ffff}` : marker;

function maxKeys(request: S3Request): number {
  const text = request.param('max-keys');
  if (text === undefined) return R2_LIMITS.maxListKeys;
  if (!/^\d{1,10}$/.test(text))
    throw new S3Error('InvalidArgument', 'Argument max-keys must be an integer between 0 and 2147483647');
  return Math.min(Number(text), R2_LIMITS.maxListKeys);
}

async function listPage(
  { bucket, store }: Pick<Operand, 'bucket' | 'store'>,
  request: S3Request,
  limit: number,
  from: { readonly cursor: string | undefined; readonly startAfter: string | undefined },
): Promise<ObjectList> {
  if (limit === 0) return { objects: [], delimitedPrefixes: [], cursor: undefined };
  return await store.list(bucket, {
    limit,
    prefix: request.param('prefix') ?? '',
    delimiter: request.param('delimiter') ?? '',
    include: { httpMetadata: false, customMetadata: false },
    ...from,
  });
}

type Show = (key: string) => string;

/** Keys that XML cannot hold are asked for percent-encoded. */
const shownKey = (request: S3Request): Show =>
  request.param('encoding-type') === 'url' ? (key) => encode(key).replaceAll('%2F', '/') : (key) => key;

function commonElements(request: S3Request, bucket: string, limit: number): string[] {
  const show = shownKey(request);
  const delimiter = request.param('delimiter');
  return [
    element('Name', bucket),
    element('Prefix', show(request.param('prefix') ?? '')),
    element('MaxKeys', limit),
    ...(delimiter === undefined ? [] : [element('Delimiter', show(delimiter))]),
    ...(request.param('encoding-type') === 'url' ? [element('EncodingType', 'url')] : []),
  ];
}

function entries({ objects, delimitedPrefixes }: ObjectList, show: Show, owner: string | undefined): string[] {
  const contents = objects.map((object) => element('Contents', objectElements(object, show, owner)));
  return [...contents, ...delimitedPrefixes.map((name) => element('CommonPrefixes', [element('Prefix', show(name))]))];
}

const objectElements = (object: ObjectHead, show: Show, owner: string | undefined): string[] => [
  element('Key', show(object.key)),
  element('LastModified', new Date(object.uploaded).toISOString()),
  element('ETag', `"${object.etag}"`),
  element('Size', object.size),
  element('StorageClass', object.storageClass === 'Standard' ? 'STANDARD' : 'STANDARD_IA'),
  ...(owner === undefined ? [] : [element('Owner', [element('ID', owner), element('DisplayName', owner)])]),
];

export const deleteObjects: Operation = async ({ request, response, bucket, store, signed }) => {
  const document = parseXml(await readDocument(request, signed));
  const keys = document.children
    .filter(({ name }) => name === 'Object')
    .map((object) => childText(object, 'Key'))
    .filter((key) => key !== undefined);
  if (keys.length === 0 || keys.length > R2_LIMITS.maxDeleteKeys) {
    throw new S3Error(
      'MalformedXML',
      `Between 1 and ${R2_LIMITS.maxDeleteKeys} keys can be deleted at once; there are ${keys.length}.`,
    );
  }
  await store.delete(bucket, keys);
  const isQuiet = childText(document, 'Quiet') === 'true';
  const deleted = isQuiet ? [] : keys.map((key) => element('Deleted', [element('Key', key)]));
  sendXml(response, 200, root('DeleteResult', deleted));
};
