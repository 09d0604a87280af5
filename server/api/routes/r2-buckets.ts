/** R2 buckets, as `wrangler r2 bucket` and `wrangler deploy` use them, and what a dashboard wants to know of them. */
import { z } from 'zod';
import { STORAGE_CLASSES } from '../../../shared/r2.ts';
import type { BucketChange, BucketRecord, BucketUsage } from '../../storage/objects/types.ts';
import type { S3BackendSettings } from '../../storage/objects/backends.ts';
import { fail } from '../errors.ts';
import { type AccountRequest, accountBodyRoute, accountRoute, type ApiResult, type Route } from '../router.ts';

const MAX_PAGE = 1_000;
/** Cloudflare's rule, which is that of S3 without dots: 3 to 63 characters. */
const BUCKET_NAME = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
/** Skep has one place; what is asked for is kept and shown. */
const DEFAULT_LOCATION = 'WEUR';
const DEFAULT_JURISDICTION = 'default';

const storageClass = z.enum(STORAGE_CLASSES);
const newBucket = z.object({
  name: z.string().max(255),
  locationHint: z.string().max(32).optional(),
  storageClass: storageClass.optional(),
});
const bucketChange = z.object({
  /** Null: the platform's default. */
  quota_bytes: z.int().min(0).nullable().optional(),
  storage_class: storageClass.optional(),
});

const newBackend = z.object({
  endpoint: z.url({ protocol: /^https?$/ }),
  region: z.string().min(1).max(64).default('auto'),
  bucket: z.string().min(1).max(255),
  prefix: z.string().max(255).default(''),
  access_key_id: z.string().min(1).max(255),
  secret_access_key: z.string().min(1).max(1024),
});

export const r2BucketRoutes: readonly Route[] = [
  accountBodyRoute('POST', '/r2/buckets', {
    summary: 'Make a bucket',
    body: newBucket,
    handle: createBucket,
  }),
  accountRoute('GET', '/r2/buckets', {
    summary:
      'The buckets of the account, by name; `name_contains`, `start_after`, `per_page`, `direction` as on Cloudflare',
    handle: listBuckets,
  }),
  accountRoute('GET', '/r2/buckets/:bucket', {
    summary: 'One bucket',
    handle: async (request) => ({ result: presentBucket(await requireBucket(request)) }),
  }),
  accountRoute('PATCH', '/r2/buckets/:bucket', {
    summary: 'Change the storage class of a bucket: the header `cf-r2-storage-class`',
    handle: async (request) => {
      const wanted = request.header('cf-r2-storage-class');
      const newClass = STORAGE_CLASSES.find((name) => name === wanted);
      if (newClass === undefined) {
        const known = STORAGE_CLASSES.join(' and ');
        const reason =
          wanted === undefined
            ? `The header cf-r2-storage-class is missing: it takes ${known}`
            : `The storage class '${wanted.slice(0, 64)}' does not exist: ${known} do`;
        throw fail('r2Refused', { reason });
      }
      return { result: presentBucket(await changeBucket(request, { storageClass: newClass })) };
    },
  }),
  accountRoute('DELETE', '/r2/buckets/:bucket', {
    summary: 'Delete an empty bucket; its unfinished multipart uploads go with it',
    handle: async (request) => {
      const bucket = await requireBucket(request);
      const outcome = await request.options.objects.deleteBucket(bucket);
      if (outcome === 'not empty') throw fail('r2BucketNotEmpty', { name: bucket.name });
      return { result: {} };
    },
  }),
  accountRoute('GET', '/r2/buckets/:bucket/usage', {
    summary: 'How many objects and bytes a bucket holds',
    handle: async (request) => {
      const bucket = await requireBucket(request);
      return { result: presentUsage(bucket, await request.options.objects.readUsage(bucket)) };
    },
  }),
  accountRoute('GET', '/skep/r2/buckets', {
    summary: 'All buckets with what they hold and their quotas',
    handle: async ({ account, options: { objects } }) => {
      const buckets = await objects.listBuckets(account.id);
      const usages = await objects.readUsages(account.id);
      const none: BucketUsage = { objects: 0, bytes: 0, uploadBytes: 0, rowBytes: 0 };
      return {
        result: buckets.map((bucket) => ({
          ...presentBucket(bucket),
          ...presentUsage(bucket, usages.get(bucket.id) ?? none),
        })),
      };
    },
  }),
  accountBodyRoute('PATCH', '/skep/r2/buckets/:bucket', {
    summary: 'Change the quota of a bucket (`quota_bytes`; null: the default) or its storage class',
    body: bucketChange,
    handle: async (request) => {
      const { quota_bytes: quotaBytes, storage_class: newClass } = request.body;
      const bucket = await changeBucket(request, { quotaBytes, storageClass: newClass });
      return { result: { ...presentBucket(bucket), quota_bytes: bucket.quotaBytes } };
    },
  }),
  accountBodyRoute('PUT', '/skep/r2/buckets/:bucket/backend', {
    summary: 'Keep the objects of an empty bucket with an S3-compatible store; for the administrator of the platform',
    body: newBackend,
    handle: (request) => {
      const {
        endpoint,
        region,
        bucket,
        prefix,
        access_key_id: accessKeyId,
        secret_access_key: secretAccessKey,
      } = request.body;
      return setBackend(request, { endpoint, region, bucket, prefix, accessKeyId, secretAccessKey });
    },
  }),
  accountRoute('DELETE', '/skep/r2/buckets/:bucket/backend', {
    summary: "Keep the objects of an empty bucket with the platform's store again",
    handle: (request) => setBackend(request, null),
  }),
];

/** An endpoint may be any machine that this server reaches: only who runs the platform may name one. */
function requireOperator({ identity, account }: AccountRequest<unknown>): void {
  if (identity.accountId !== null) throw fail('forbidden', { account: account.id });
}

async function setBackend(request: AccountRequest<unknown>, settings: S3BackendSettings | null): Promise<ApiResult> {
  requireOperator(request);
  const bucket = await requireBucket(request);
  if ((await request.options.objects.setBackend(bucket, settings)) === 'not empty') {
    throw fail('r2BucketNotEmpty', { name: bucket.name });
  }
  return { result: {} };
}

/** @throws ApiError r2BucketNotFound */
export async function changeBucket(request: AccountRequest<unknown>, changes: BucketChange): Promise<BucketRecord> {
  const found = await requireBucket(request);
  const bucket = await request.options.objects.updateBucket(found, changes);
  if (bucket === null) throw fail('r2BucketNotFound', { name: found.name });
  return bucket;
}

/** A promise about where data lies that nobody here keeps must not be made. */
function refuseJurisdiction(request: AccountRequest<unknown>): void {
  const wanted = request.header('cf-r2-jurisdiction') ?? DEFAULT_JURISDICTION;
  if (wanted === DEFAULT_JURISDICTION) return;
  const reason = `The jurisdiction '${wanted.slice(0, 64)}' does not exist: this platform keeps all objects in one place. Leave it out`;
  throw fail('r2Refused', { reason });
}

async function createBucket(request: AccountRequest<z.infer<typeof newBucket>>): Promise<ApiResult> {
  const { name, locationHint, storageClass: wanted } = request.body;
  refuseJurisdiction(request);
  if (!BUCKET_NAME.test(name)) throw fail('r2BucketNameInvalid', { name: name.slice(0, 64) });
  const created = await request.options.objects.createBucket({
    accountId: request.account.id,
    name,
    location: (locationHint ?? DEFAULT_LOCATION).toUpperCase(),
    storageClass: wanted ?? 'Standard',
  });
  if (created === 'taken') throw fail('r2BucketTaken', { name });
  if (created === 'too many') throw fail('r2TooManyBuckets');
  return { result: presentBucket(created) };
}

async function listBuckets(request: AccountRequest): Promise<ApiResult> {
  const { account, options, query } = request;
  refuseJurisdiction(request);
  const contains = query.get('name_contains') ?? '';
  const after = query.get('cursor') ?? query.get('start_after') ?? '';
  const isDescending = query.get('direction') === 'desc';
  const perPage = Math.min(Math.max(Number(query.get('per_page') ?? MAX_PAGE) || MAX_PAGE, 1), MAX_PAGE);
  const all = await options.objects.listBuckets(account.id);
  if (isDescending) all.reverse();
  const behind = all.filter(
    ({ name }) => name.includes(contains) && (after === '' || (isDescending ? name < after : name > after)),
  );
  const page = behind.slice(0, perPage);
  const cursor = behind.length > perPage ? { cursor: page.at(-1)?.name } : {};
  return { result: { buckets: page.map(presentBucket) }, resultInfo: { ...cursor, per_page: perPage } };
}

/** The bucket of that name, which may be any text from outside. */
export async function findBucket(
  { objects }: AccountRequest['options'],
  accountId: string,
  name: string,
): Promise<BucketRecord | null> {
  return BUCKET_NAME.test(name) ? await objects.findBucket(accountId, name) : null;
}

/** The bucket that the path names. @throws ApiError r2BucketNotFound */
export async function requireBucket(request: AccountRequest<unknown>): Promise<BucketRecord> {
  refuseJurisdiction(request);
  const name = request.param('bucket');
  const bucket = await findBucket(request.options, request.account.id, name);
  if (bucket === null) throw fail('r2BucketNotFound', { name: name.slice(0, 64) });
  return bucket;
}

const presentBucket = ({ name, createdAt, location, storageClass: shownClass, backend }: BucketRecord) => ({
  ...(backend === null
    ? {}
    : { backend: { endpoint: backend.endpoint, bucket: backend.bucket, prefix: backend.prefix } }),
  name,
  creation_date: createdAt.toISOString(),
  location,
  storage_class: shownClass,
  jurisdiction: DEFAULT_JURISDICTION,
});

/** Cloudflare's numbers are texts. */
const presentUsage = ({ quotaBytes }: BucketRecord, { objects, bytes, uploadBytes, rowBytes }: BucketUsage) => ({
  objectCount: String(objects),
  payloadSize: String(bytes),
  metadataSize: String(rowBytes),
  uploadSize: String(uploadBytes),
  quota_bytes: quotaBytes,
});
