/** Buckets whose objects lie with another S3: with Skep's own, and with servers that are none. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { Readable } from 'node:stream';
import { createS3Backend } from '../../server/s3/backend.ts';
import type { ObjectStore } from '../../server/storage/objects/types.ts';
import { R2Error } from '../../server/storage/objects/types.ts';
import { contentOf, createTestObjects, listOptions, md5, putOptions, type TestObjects } from '../support/objects.ts';
import { createTestS3, type TestS3 } from '../support/s3.ts';

let s3: TestS3;
let objects: TestObjects;
before(async () => {
  s3 = await createTestS3('behind');
  objects = await createTestObjects(undefined, settingsFor(s3.endpoint));
});
after(async () => {
  await objects.close();
  await s3.close();
});

const settingsFor = (endpoint: string) => ({
  endpoint,
  region: 'auto',
  bucket: 'behind',
  prefix: 'all/',
  accessKeyId: s3.accessKeyId,
  secretAccessKey: s3.secretAccessKey,
});
const isR2 = (kind: R2Error['kind']) => (error: unknown) => error instanceof R2Error && error.kind === kind;

test('an object goes there and comes back with everything that was said of it', async () => {
  const { bucket, store } = await objects.bucket('round-trip');
  const content = randomBytes(2_000_000);
  const attributes = {
    httpMetadata: { contentType: 'text/x; a=ü', cacheControl: 'no-store', cacheExpiry: 1893456000000 },
    customMetadata: { Größe: 'ä', Plain: 'x' },
    checksums: { sha512: createHash('sha512').update(content).digest('hex') },
  };
  const body = Readable.from([content.subarray(0, 700_000), content.subarray(700_000)]);
  const put = await store.put(bucket, 'a/ü b', body, putOptions(content, attributes));
  assert.equal(put?.etag, md5(content));
  const found = await store.get(bucket, 'a/ü b', { range: { offset: 5, length: 1_500_000 } });
  assert.deepEqual(await contentOf(found), content.subarray(5, 1_500_005));
  assert.deepEqual(found?.object.httpMetadata, attributes.httpMetadata);
  assert.deepEqual(found?.object.customMetadata, attributes.customMetadata);
  assert.deepEqual(found?.object.checksums, { md5: md5(content), ...attributes.checksums });
  // It lies there and not here.
  assert.equal(objects.files().length, 0);
  assert.notEqual(await s3.store.head(s3.bucket, `all/${bucket.id}/a/ü b`), null);
  await store.delete(bucket, ['a/ü b', 'missing']);
  assert.equal(await store.get(bucket, 'a/ü b', {}), null);
});

test('conditions hold for puts and gets, also when two come at once', async () => {
  const { bucket, store } = await objects.bucket('conditions');
  const onlyIf = { etagDoesNotMatch: [{ type: 'wildcard' as const }] };
  const results = await Promise.all(
    Array.from({ length: 5 }, (_, index) =>
      store.put(bucket, 'k', Buffer.from(`${index}`), putOptions('1', { onlyIf })),
    ),
  );
  assert.equal(results.filter((result) => result !== null).length, 1);
  assert.equal((await store.get(bucket, 'k', { onlyIf }))?.body, null);
});

test('lists, parts and wrong contents are as with the embedded store', async () => {
  const { bucket, store } = await objects.bucket('same');
  for (const key of ['x/1', 'x/2', 'x/sub/3', 'y\n&']) await store.put(bucket, key, Buffer.from('v'), putOptions('v'));
  const page = await store.list(bucket, listOptions({ prefix: 'x/', delimiter: '/', limit: 2 }));
  assert.deepEqual(
    page.objects.map(({ key }) => key),
    ['x/1', 'x/2'],
  );
  const rest = await store.list(bucket, listOptions({ prefix: 'x/', delimiter: '/', cursor: page.cursor }));
  assert.deepEqual(rest.delimitedPrefixes, ['x/sub/']);
  const all = await store.list(bucket, listOptions({ startAfter: 'x/sub/3' }));
  assert.deepEqual(
    all.objects.map(({ key }) => key),
    ['y\n&'],
  );
  const upload = {
    key: 'parts',
    uploadId: await store.createUpload(bucket, 'parts', {
      httpMetadata: {},
      customMetadata: {},
      storageClass: undefined,
    }),
  };
  const part = await store.uploadPart(bucket, upload, { number: 1, size: 4, checksums: {} }, Buffer.from('part'));
  await store.completeUpload(bucket, upload, [part]);
  assert.equal((await contentOf(await store.get(bucket, 'parts', {}))).toString(), 'part');
  await assert.rejects(store.completeUpload(bucket, upload, [part]), isR2('noSuchUpload'));
  await assert.rejects(store.put(bucket, 'w', Buffer.from('abc'), putOptions('abcd')), isR2('internal'));
  const checksums = { sha256: '0'.repeat(64) };
  await assert.rejects(store.put(bucket, 'w', Buffer.from('abc'), putOptions('abc', { checksums })), isR2('badDigest'));
  assert.equal(await store.head(bucket, 'w'), null);
  assert.equal(await objects.storage.deleteBucket(bucket), 'not empty');
});

test('a bucket may have a store of its own while it is empty, and its secret is sealed', async () => {
  const { bucket } = await objects.bucket('own');
  assert.equal(await objects.storage.setBackend(bucket, { ...settingsFor(s3.endpoint), prefix: 'mine/' }), 'set');
  const moved = await objects.storage.requireBucket(objects.accountId, 'own');
  await objects.storage.storeOf(moved).put(moved, 'k', Buffer.from('v'), putOptions('v'));
  assert.notEqual(await s3.store.head(s3.bucket, 'mine/k'), null);
  assert.equal(await objects.storage.setBackend(moved, null), 'not empty');
  const { rows } = await objects.database.database.query<{ row: string }>(
    'SELECT b::text AS row FROM skep.r2_buckets b',
  );
  assert.ok(rows.every(({ row }) => !row.includes(s3.secretAccessKey)));
});

/** A server that answers every connection with these bytes, and then says no more. */
async function liar(
  bytes: string,
): Promise<{ readonly server: Server; readonly store: ObjectStore & { close(): void } }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { server, store: createS3Backend(settingsFor(`http://127.0.0.1:${port}`)) };
}

test('a store that answers garbage, refuses or is not there is an error that says so, soon', async () => {
  const { bucket } = await objects.bucket('liars');
  const started = performance.now();
  for (const bytes of [
    'this is not HTTP\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
    'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 28\r\n\r\n<ListBucketResult><Contents>',
    'HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n',
  ]) {
    const { server, store } = await liar(bytes);
    await assert.rejects(store.list(bucket, listOptions()), isR2('unavailable'), bytes);
    await assert.rejects(store.head(bucket, 'k'), isR2('unavailable'), bytes);
    await assert.rejects(store.put(bucket, 'k', Buffer.from('v'), putOptions('v')), isR2('unavailable'), bytes);
    store.close();
    server.close();
  }
  const nobody = createS3Backend(settingsFor('http://127.0.0.1:1'));
  await assert.rejects(nobody.get(bucket, 'k', {}), /cannot be reached \(ECONNREFUSED\)/);
  assert.ok(performance.now() - started < 5_000);
});
