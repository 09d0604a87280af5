/** The CORS rules of buckets, as `wrangler r2 bucket cors` sets them; the S3 interface follows them. */
import { z } from 'zod';
import { R2_LIMITS } from '../../../shared/limits.ts';
import type { CorsRule } from '../../storage/objects/types.ts';
import { fail } from '../errors.ts';
import { type AccountRequest, accountBodyRoute, accountRoute, type Route } from '../router.ts';
import { changeBucket, requireBucket } from './r2-buckets.ts';

const { maxCorsRules, maxCorsBytes, maxCorsAgeSeconds } = R2_LIMITS;

const hasOneStar = (text: string): boolean => text.indexOf('*') === text.lastIndexOf('*');

/** As browsers send it, in which one `*` may stand for anything. */
const origin = z
  .string()
  .refine(
    (text) => /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:[\]*_-]+)$/.test(text) && hasOneStar(text),
    'is no origin: write * or scheme://host[:port] in lower case, without a path or a slash at the end, with at most one *',
  );
const headerName = z
  .string()
  .refine(
    (text) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) && hasOneStar(text),
    'is no name of a header, with at most one *',
  );

const rule = z.strictObject({
  id: z.string().optional(),
  allowed: z.strictObject({
    origins: z.array(origin).min(1),
    methods: z.array(z.enum(['GET', 'PUT', 'POST', 'DELETE', 'HEAD'])).min(1),
    headers: z.array(headerName).optional(),
  }),
  exposeHeaders: z.array(headerName).optional(),
  maxAgeSeconds: z.int().min(0).max(maxCorsAgeSeconds).optional(),
});
const policy = z
  .object({ rules: z.array(rule).max(maxCorsRules) })
  .refine((value) => Buffer.byteLength(JSON.stringify(value.rules)) <= maxCorsBytes, {
    error: `the rules may have ${maxCorsBytes} bytes as JSON`,
  });

const PATH = '/r2/buckets/:bucket/cors';

export const r2CorsRoutes: readonly Route[] = [
  accountRoute('GET', PATH, {
    summary: 'The CORS rules of a bucket',
    handle: async (request) => {
      const { name, cors } = await requireBucket(request);
      if (cors === null) throw fail('r2NoCors', { name });
      return { result: { rules: cors } };
    },
  }),
  accountBodyRoute('PUT', PATH, {
    summary:
      'Set the CORS rules of a bucket: which pages of other origins may use its presigned URLs. None: as deleting them',
    body: policy,
    handle: (request) => setRules(request, request.body.rules.length === 0 ? null : request.body.rules),
  }),
  accountRoute('DELETE', PATH, {
    summary: 'Delete the CORS rules of a bucket',
    handle: (request) => setRules(request, null),
  }),
];

async function setRules(
  request: AccountRequest<unknown>,
  cors: readonly CorsRule[] | null,
): Promise<{ result: object }> {
  await changeBucket(request, { cors });
  return { result: {} };
}
