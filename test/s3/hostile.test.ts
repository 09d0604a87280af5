/** What the S3 interface refuses, and how it says so. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { after, before, test } from 'node:test';
import { AwsClient } from 'aws4fetch';
import { createTestS3, type TestS3 } from '../support/s3.ts';

let s3: TestS3;
before(async () => {
  s3 = await createTestS3();
  await s3.store.put(s3.bucket, 'k', Buffer.from('value'), {
    size: 5,
    checksums: {},
    onlyIf: undefined,
    httpMetadata: {},
    customMetadata: {},
    storageClass: undefined,
  });
});
after(() => s3.close());

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
}

/** Sends exactly these headers: `fetch` would set some of its own. */
function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | Buffer = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: s3.port, method, path, headers, agent: false },
      (response) => {
        response.toArray().then((chunks) => {
          const text = Buffer.concat(chunks as Buffer[]).toString();
          resolve({ status: response.statusCode ?? 0, code: /<Code>(\w+)<\/Code>/.exec(text)?.[1], text });
        }, reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

interface Signing {
  readonly secret?: string;
  readonly accessKeyId?: string;
  readonly headers?: Record<string, string>;
  readonly datetime?: string;
}

async function signedHeaders(
  method: string,
  path: string,
  body: string,
  how: Signing = {},
): Promise<Record<string, string>> {
  const client = new AwsClient({
    accessKeyId: how.accessKeyId ?? s3.accessKeyId,
    secretAccessKey: how.secret ?? s3.secretAccessKey,
    service: 's3',
    region: 'auto',
  });
  const sha256 = createHash('sha256').update(body).digest('hex');
  const request = await client.sign(`${s3.endpoint}${path}`, {
    method,
    ...(body === '' ? {} : { body }),
    headers: { 'x-amz-content-sha256': sha256, ...how.headers },
    aws: { allHeaders: true, ...(how.datetime === undefined ? {} : { datetime: how.datetime }) },
  });
  return { ...Object.fromEntries(request.headers), host: `127.0.0.1:${s3.port}` };
}

async function call(method: string, path: string, body = '', how: Signing = {}): Promise<Answer> {
  const headers = await signedHeaders(method, path, body, how);
  return await send(method, path, { ...headers, 'content-length': String(Buffer.byteLength(body)) }, body);
}

const time = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');

test('the right signature opens the object, a wrong secret, key or time does not', async () => {
  assert.equal((await call('GET', '/the-bucket/k')).text, 'value');
  assert.equal((await call('GET', '/the-bucket/k', '', { secret: 'wrong' })).code, 'SignatureDoesNotMatch');
  assert.equal((await call('GET', '/the-bucket/k', '', { accessKeyId: 'SKEPNOBODY' })).code, 'InvalidAccessKeyId');
  for (const minutes of [-16, 16]) {
    const skewed = await call('GET', '/the-bucket/k', '', { datetime: time(Date.now() + minutes * 60_000) });
    assert.equal(skewed.code, 'RequestTimeTooSkewed');
  }
  assert.equal((await send('GET', '/the-bucket/k', {})).code, 'AccessDenied');
});

test('a signed request means one thing only: another method, path, query, header or body is refused', async () => {
  const headers = await signedHeaders('PUT', '/the-bucket/mine', 'body');
  const put = (path: string, more: Record<string, string>, body: string, method = 'PUT') =>
    send(method, path, { ...headers, 'content-length': String(body.length), ...more }, body);
  assert.equal((await put('/the-bucket/theirs', {}, 'body')).code, 'SignatureDoesNotMatch');
  assert.equal((await put('/the-bucket/mine?tagging', {}, 'body')).code, 'SignatureDoesNotMatch');
  assert.equal((await put('/the-bucket/mine', {}, '', 'DELETE')).code, 'SignatureDoesNotMatch');
  assert.equal((await put('/the-bucket/mine', { host: 'elsewhere' }, 'body')).code, 'SignatureDoesNotMatch');
  assert.equal((await put('/the-bucket/mine', { 'x-amz-meta-a': 'b' }, 'body')).code, 'AccessDenied');
  assert.equal((await put('/the-bucket/mine', {}, 'evil')).code, 'BadDigest');
  assert.equal(await s3.store.head(s3.bucket, 'mine'), null);
  assert.equal((await put('/the-bucket/mine', {}, 'body')).status, 200);
});

test('malformed authorization is told what is wrong with it', async () => {
  const { authorization = '', ...rest } = await signedHeaders('GET', '/the-bucket/k', '');
  for (const [from, to] of [
    ['/s3/', '/ec2/'],
    [/Credential=[^,]*/, 'Credential=x'],
    ['AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1'],
  ] as const) {
    const answer = await send('GET', '/the-bucket/k', { ...rest, authorization: authorization.replace(from, to) });
    assert.equal(answer.code, 'AuthorizationHeaderMalformed', to);
  }
  const cut = await send('GET', '/the-bucket/k', {
    ...rest,
    authorization: authorization.replace(/Signature=.*/, 'Signature=00'),
  });
  assert.equal(cut.code, 'SignatureDoesNotMatch');
});

test('a key opens its own bucket and no other, and one that may only read writes nothing', async () => {
  const other = await s3.objects.bucket('another-bucket');
  await other.store.put(other.bucket, 'k', Buffer.from('secret'), {
    size: 6,
    checksums: {},
    onlyIf: undefined,
    httpMetadata: {},
    customMetadata: {},
    storageClass: undefined,
  });
  for (const path of ['/another-bucket/k', '/another-bucket', '/nothing']) {
    assert.equal((await call('GET', path)).code, 'AccessDenied', path);
  }
  // A client resolves dots before it signs; one that does not names a key with dots in it.
  for (const path of [
    '/the-bucket/%2e%2e/another-bucket/k',
    '/the-bucket//another-bucket/k',
    '/the-bucket/..%2Fanother-bucket%2Fk',
  ]) {
    assert.ok(
      ['NoSuchKey', 'AccessDenied', 'SignatureDoesNotMatch'].includes((await call('GET', path)).code ?? ''),
      path,
    );
  }
  const reader = await s3.objects.storage.createKey(s3.bucket, { name: 'reader', canWrite: false });
  const how = { accessKeyId: reader?.id ?? '', secret: reader?.secret ?? '' };
  assert.equal((await call('GET', '/the-bucket/k', '', how)).text, 'value');
  for (const [method, path] of [
    ['PUT', '/the-bucket/new'],
    ['DELETE', '/the-bucket/k'],
    ['POST', '/the-bucket?delete'],
    ['POST', '/the-bucket/new?uploads'],
  ] as const) {
    assert.equal((await call(method, path, '', how)).code, 'AccessDenied', method + path);
  }
  await s3.objects.storage.deleteKey(s3.bucket, how.accessKeyId);
  assert.equal((await call('GET', '/the-bucket/k', '', how)).code, 'InvalidAccessKeyId');
});

test('documents that are too large, too deep or no XML are refused, and entities of their own are not known', async () => {
  const post = (body: string) => call('POST', '/the-bucket?delete', body);
  for (const body of [
    '<Delete><Object><Key>k</Key></Object>',
    '<Delete></Object></Delete>',
    'not xml',
    `${'<a>'.repeat(100)}${'</a>'.repeat(100)}`,
    '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&e;</Key></Object></Delete>',
    '<Delete><Object><Key>&lol;</Key></Object></Delete>',
    `<Delete>${'<Object><Key>x</Key></Object>'.repeat(1001)}</Delete>`,
    '<Delete></Delete>',
  ]) {
    assert.equal((await post(body)).code, 'MalformedXML', body.slice(0, 60));
  }
  const giant = await send('POST', '/the-bucket?delete', {
    ...(await signedHeaders('POST', '/the-bucket?delete', '')),
    'content-length': String(100 * 1024 * 1024),
  });
  assert.equal(giant.code, 'MaxMessageLengthExceeded');
  assert.notEqual(await s3.store.head(s3.bucket, 'k'), null);
});

test('a chunked body with a wrong signature, length or checksum leaves nothing', async () => {
  const payload = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const path = '/the-bucket/chunked';
  const put = async (type: string, length: number, body: string) => {
    const headers = await signedHeaders('PUT', path, '', {
      headers: {
        'x-amz-content-sha256': type,
        'x-amz-decoded-content-length': String(length),
        'x-amz-trailer': 'x-amz-checksum-crc32',
      },
    });
    return await send('PUT', path, { ...headers, 'content-length': String(Buffer.byteLength(body)) }, body);
  };
  assert.equal((await put(payload, 5, '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n')).code, 'BadDigest');
  assert.equal((await put(payload, 5, '5\r\nhello\r\n0\r\n\r\n')).code, 'BadDigest');
  assert.equal((await put(payload, 4, '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n')).status, 400);
  assert.equal((await put(payload, 5, '5\r\nhelloworld\r\n0\r\n\r\n')).code, 'InvalidRequest');
  assert.equal((await put(payload, 5, '5\r\nhel')).code, 'IncompleteBody');
  assert.equal((await put(payload, 5, `${'9'.repeat(5000)}\r\n`)).code, 'InvalidRequest');
  const signed = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
  const wrong = `5;chunk-signature=${'0'.repeat(64)}\r\nhello\r\n0;chunk-signature=${'0'.repeat(64)}\r\n\r\n`;
  assert.equal((await put(signed, 5, wrong)).code, 'SignatureDoesNotMatch');
  assert.equal(await s3.store.head(s3.bucket, 'chunked'), null);
  assert.equal((await put(payload, 5, '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n')).status, 200);
});

test('what S3 has and Skep has not is said by name', async () => {
  for (const path of ['/the-bucket?policy', '/the-bucket/k?acl', '/the-bucket/k?tagging']) {
    const answer = await call('GET', path);
    assert.deepEqual([answer.status, answer.code], [501, 'NotImplemented'], path);
  }
  for (const [name, value] of [
    ['x-amz-acl', 'public-read'],
    ['x-amz-tagging', 'a=b'],
    ['x-amz-server-side-encryption', 'aws:kms'],
    ['x-amz-server-side-encryption-customer-algorithm', 'AES256'],
    ['x-amz-object-lock-mode', 'COMPLIANCE'],
  ] as const) {
    const answer = await call('PUT', '/the-bucket/pretended', 'x', { headers: { [name]: value } });
    assert.deepEqual([answer.status, answer.code], [501, 'NotImplemented'], name);
    assert.match(answer.text, new RegExp(`not implemented: ${name}<`));
  }
  assert.equal(await s3.store.head(s3.bucket, 'pretended'), null);
  assert.equal((await send('GET', '/the-bucket/%zz', {})).code, 'InvalidURI');
  assert.equal((await call('GET', `/the-bucket/${'x'.repeat(1025)}`)).code, 'KeyTooLongError');
});
