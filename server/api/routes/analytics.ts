/** The one question of Cloudflare's analytics API that can be answered from what is stored: how much a bucket holds. */
import { z } from 'zod';
import type { BucketUsage } from '../../storage/objects/types.ts';
import { fail } from '../errors.ts';
import { type ApiRequest, type ApiResult, type Route, userBodyRoute } from '../router.ts';
import { findBucket } from './r2-buckets.ts';

const text = z.string().max(255);
const question = z.object({
  query: z.string().max(20_000),
  variables: z
    .looseObject({ accountTag: text.optional(), filter: z.looseObject({ bucketName: text.optional() }).optional() })
    .optional(),
});

export const analyticsRoutes: readonly Route[] = [
  userBodyRoute('POST', '/graphql', {
    summary:
      'What `wrangler r2 bucket info` asks: `r2StorageAdaptiveGroups` of one bucket, counted now. Everything else of the analytics API is refused',
    body: question,
    answers: 'bytes',
    handle: answer,
  }),
];

async function answer(request: ApiRequest<z.infer<typeof question>>): Promise<ApiResult> {
  const { query, variables } = request.body;
  if (!/\br2StorageAdaptiveGroups\b/.test(query)) {
    throw fail('unsupportedFeature', { feature: 'The analytics API (GraphQL)' });
  }
  const usage = await readUsage(request, variables?.accountTag ?? '', variables?.filter?.bucketName ?? '');
  const groups = usage === null ? [] : [presentGroup(usage)];
  const data = { viewer: { accounts: [{ r2StorageAdaptiveGroups: groups }] } };
  return { result: null, raw: Response.json({ data, errors: null }) };
}

async function readUsage(
  { identity, options }: ApiRequest<unknown>,
  accountId: string,
  bucketName: string,
): Promise<BucketUsage | null> {
  if (identity.accountId !== null && identity.accountId !== accountId) {
    throw fail('forbidden', { account: accountId.slice(0, 64) });
  }
  const bucket = await findBucket(options, accountId, bucketName);
  return bucket === null ? null : await options.objects.readUsage(bucket);
}

const presentGroup = ({ objects, bytes, uploadBytes, rowBytes }: BucketUsage) => ({
  max: { objectCount: objects, payloadSize: bytes + uploadBytes, metadataSize: rowBytes },
  dimensions: { datetime: new Date().toISOString() },
});
