/** Keys with which S3 clients sign. Cloudflare makes them in its dashboard; Skep over its API. */
import { z } from 'zod';
import { fail } from '../errors.ts';
import { printableName } from '../json.ts';
import { accountBodyRoute, accountRoute, type Route } from '../router.ts';
import type { KeyRecord } from '../../storage/objects/keys.ts';
import { requireBucket } from './r2-buckets.ts';

const newKey = z.object({
  name: printableName.default('unnamed'),
  /** As Cloudflare calls the permissions of its R2 tokens. */
  permission: z.enum(['object-read-only', 'object-read-write']).default('object-read-write'),
});

export const r2KeyRoutes: readonly Route[] = [
  accountBodyRoute('POST', '/skep/r2/buckets/:bucket/keys', {
    summary: 'Make a key for S3 clients that opens this bucket; its secret is shown here and never again',
    body: newKey,
    handle: async (request) => {
      const bucket = await requireBucket(request);
      const { name, permission } = request.body;
      const canWrite = permission === 'object-read-write';
      const key = await request.options.objects.createKey(bucket, { name, canWrite });
      if (key === null)
        throw fail('r2Refused', { reason: `The bucket '${bucket.name}' has as many keys as it may have` });
      return { result: { ...presentKey(key), secret_access_key: key.secret } };
    },
  }),
  accountRoute('GET', '/skep/r2/buckets/:bucket/keys', {
    summary: 'The keys of a bucket, without their secrets',
    handle: async (request) => {
      const keys = await request.options.objects.listKeys(await requireBucket(request));
      return { result: keys.map(presentKey) };
    },
  }),
  accountRoute('DELETE', '/skep/r2/buckets/:bucket/keys/:key', {
    summary: 'Take a key away; other nodes may know it for a second longer',
    handle: async (request) => {
      const bucket = await requireBucket(request);
      const id = request.param('key');
      if (!(await request.options.objects.deleteKey(bucket, id)))
        throw fail('r2ObjectNotFound', { key: id.slice(0, 64) });
      return { result: { id } };
    },
  }),
];

const presentKey = ({ id, name, canWrite, createdAt }: KeyRecord) => ({
  access_key_id: id,
  name,
  permission: canWrite ? 'object-read-write' : 'object-read-only',
  created_on: createdAt.toISOString(),
});
