/** Pages of other origins that use presigned URLs: preflights and headers, as browsers judge them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AwsClient } from 'aws4fetch';
import { fits } from '../../server/s3/cors.ts';
import type { CorsRule } from '../../server/storage/objects/types.ts';
import { createTestS3, type TestS3 } from '../support/s3.ts';

const PAGE = 'https://app.example';
const RULES: CorsRule[] = [
  { allowed: { origins: ['https://reader.example'], methods: ['GET'] } },
  {
    allowed: {
      origins: [PAGE, 'https://*.example.org'],
      methods: ['GET', 'PUT'],
      headers: ['Content-Type', 'x-amz-*'],
    },
    exposeHeaders: ['ETag', 'Content-Length'],
    maxAgeSeconds: 600,
  },
  { allowed: { origins: ['*'], methods: ['HEAD'] } },
];

let s3: TestS3;
before(async () => {
  s3 = await createTestS3();
  await s3.objects.storage.updateBucket(s3.bucket, { cors: RULES });
});
after(() => s3.close());

async function presigned(method: string, path = '/the-bucket/k', secondsAgo = 0): Promise<string> {
  const client = new AwsClient({ accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey, service: 's3' });
  const datetime = new Date(Date.now() - secondsAgo * 1000).toISOString().replace(/[-:]|\.\d+/g, '');
  const url = `${s3.endpoint}${path}${path.includes('?') ? '&' : '?'}X-Amz-Expires=60`;
  return (await client.sign(url, { method, aws: { signQuery: true, datetime } })).url;
}

async function preflight(url: string, origin: string, method: string, headers?: string): Promise<Response> {
  return await fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      ...(headers === undefined ? {} : { 'access-control-request-headers': headers }),
    },
  });
}

const corsHeaders = (response: Response): Record<string, string> =>
  Object.fromEntries([...response.headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'));

test('a page that the rules name may ask, put and get, and reads the headers that they expose', async () => {
  const url = await presigned('PUT');
  const asked = await preflight(url, PAGE, 'PUT', 'content-type,X-Amz-Meta-Who');
  assert.equal(asked.status, 204);
  assert.deepEqual(corsHeaders(asked), {
    'access-control-allow-headers': 'content-type, x-amz-meta-who',
    'access-control-allow-methods': 'GET, PUT',
    'access-control-allow-origin': PAGE,
    'access-control-expose-headers': 'ETag, Content-Length',
    'access-control-max-age': '600',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  });
  const headers = { origin: PAGE, 'content-type': 'text/plain' };
  const put = await fetch(url, { method: 'PUT', body: 'hello', headers });
  assert.deepEqual([put.status, corsHeaders(put)['access-control-allow-origin']], [200, PAGE]);
  const got = await fetch(await presigned('GET'), { headers: { origin: 'https://a.b.example.org' } });
  assert.equal(await got.text(), 'hello');
  assert.deepEqual(corsHeaders(got), {
    'access-control-allow-origin': 'https://a.b.example.org',
    'access-control-expose-headers': 'ETag, Content-Length',
    vary: 'Origin',
  });
});

test('the reason of a refusal is readable for such a page, too', async () => {
  const expired = await fetch(await presigned('GET', '/the-bucket/k', 100), { headers: { origin: PAGE } });
  assert.match(await expired.text(), /Request has expired/);
  assert.equal(corsHeaders(expired)['access-control-allow-origin'], PAGE);
  const missing = await fetch(await presigned('HEAD', '/the-bucket/none'), {
    method: 'HEAD',
    headers: { origin: 'null' },
  });
  assert.deepEqual([missing.status, corsHeaders(missing)['access-control-allow-origin']], [404, '*']);
});

test('other origins, methods and headers are refused before anything is sent, and answers say nothing to them', async () => {
  const url = await presigned('PUT');
  for (const [origin, method, headers] of [
    ['https://other.example', 'PUT'],
    ['https://app.example:8443', 'PUT'],
    ['https://example.org', 'GET'],
    [PAGE, 'DELETE'],
    [PAGE, 'put'],
    [PAGE, 'PUT', 'content-type, x-other'],
    ['https://reader.example', 'GET', 'content-type'],
  ] as const) {
    const refused = await preflight(url, origin, method, headers);
    assert.match(
      await refused.text(),
      /<Code>AccessForbidden<.*This CORS request is not allowed/,
      `${origin} ${method}`,
    );
    assert.deepEqual([refused.status, corsHeaders(refused)], [403, {}]);
  }
  const got = await fetch(await presigned('GET'), { headers: { origin: 'https://other.example' } });
  assert.deepEqual([got.status, corsHeaders(got)], [200, { vary: 'Origin' }]);
});

test('a preflight that names no bucket, another one or one without rules is refused; keys cannot see the rules', async () => {
  const { bucket, endpoint, objects } = s3;
  const unsigned = await preflight(`${endpoint}/the-bucket/k`, PAGE, 'PUT');
  assert.match(await unsigned.text(), /only presigned URLs/);
  assert.equal((await preflight(await presigned('PUT', '/another/k'), PAGE, 'PUT')).status, 403);
  const madeUp = `${endpoint}/the-bucket/k?X-Amz-Credential=SKEPNOBODY/20260101/auto/s3/aws4_request`;
  assert.equal((await preflight(madeUp, PAGE, 'PUT')).status, 403);
  assert.match(await (await fetch(await presigned('PUT'), { method: 'OPTIONS' })).text(), /needs the headers Origin/);
  assert.match(await (await fetch(await presigned('GET', '/the-bucket?cors'))).text(), /over the control API/);
  await objects.storage.updateBucket(bucket, { cors: null });
  assert.match(await (await preflight(await presigned('PUT'), PAGE, 'PUT')).text(), /CORS is not enabled/);
  const got = await fetch(await presigned('GET'), { headers: { origin: PAGE } });
  assert.deepEqual([got.status, corsHeaders(got)], [200, {}]);
});

test('one `*` of a pattern stands for anything, and nothing overlaps', () => {
  assert.deepEqual(
    [fits('*', ''), fits('a*a', 'aa'), fits('a*a', 'a'), fits('a*', 'b'), fits('a', 'a'), fits('a', 'ab')],
    [true, true, false, false, true, false],
  );
});
