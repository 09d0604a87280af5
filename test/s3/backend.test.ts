/** Buckets whose objects lie with another S3: with Skep's own, and with servers that are none. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { Readable } from 'node:stream';
import { createS3Backend } from '../../server/s3/backend.ts';
import { Circuit } from '../../server/s3/circuit.ts';
import type { ObjectStore } from '../../server/storage/objects/types.ts';
import { R2Error } from '../../server/storage/objects/types.ts';
import { contentOf, createTestObjects, listOptions, md5, putOptions, type TestObjects } from '../support/objects.ts';
import { createTestS3, type TestS3 } from '../support/s3.ts';
import { until } from '../support/until.ts';

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

test('a key that names a folder above reaches no other bucket of the shared store', async () => {
  const mallory = await objects.bucket('mallory');
  const victim = await objects.bucket('victim');
  const { store } = mallory;
  await victim.store.put(victim.bucket, 'secret', Buffer.from('theirs'), putOptions('theirs'));
  const attributes = { httpMetadata: {}, customMetadata: {}, storageClass: undefined };
  for (const key of [`../${victim.bucket.id}/secret`, `x/../../${victim.bucket.id}/secret`, '..', 'a/./b', '.']) {
    const attempts = [
      () => store.head(mallory.bucket, key),
      () => store.get(mallory.bucket, key, {}),
      () => store.put(mallory.bucket, key, Buffer.from('mine'), putOptions('mine')),
      () => store.copy(mallory.bucket, key, 'copy', { attributes: undefined, onlyIf: undefined }),
      () => store.createUpload(mallory.bucket, key, attributes),
      () =>
        store.uploadPart(mallory.bucket, { key, uploadId: 'u' }, { number: 1, size: 1, checksums: {} }, Buffer.of(1)),
      () => store.abortUpload(mallory.bucket, { key, uploadId: 'u' }),
    ];
    for (const attempt of attempts) await assert.rejects(attempt(), isR2('invalidObjectName'), key);
    await store.delete(mallory.bucket, [key]);
  }
  assert.equal((await contentOf(await victim.store.get(victim.bucket, 'secret', {}))).toString(), 'theirs');
  assert.deepEqual(
    (await victim.store.list(victim.bucket, listOptions({}))).objects.map(({ key }) => key),
    ['secret'],
  );
  // A dot is nothing special where it is not a whole step of the path.
  for (const key of ['..a/b..', '...', 'a../.b']) await store.put(mallory.bucket, key, Buffer.of(1), putOptions('1'));
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
    const liar = await server((socket) => socket.on('data', () => socket.write(bytes)));
    const { store } = liar;
    await assert.rejects(store.list(bucket, listOptions()), isR2('unavailable'), bytes);
    await assert.rejects(store.head(bucket, 'k'), isR2('unavailable'), bytes);
    await assert.rejects(store.put(bucket, 'k', Buffer.from('v'), putOptions('v')), isR2('unavailable'), bytes);
    liar.close();
  }
  const nobody = createS3Backend(settingsFor('http://127.0.0.1:1'));
  await assert.rejects(nobody.get(bucket, 'k', {}), /cannot be reached \(ECONNREFUSED\)/);
  const tookMs = performance.now() - started;
  assert.ok(tookMs < 15_000, `16 operations took ${tookMs} ms`);
});

/** A server that gives each connection to `talk`, and a store behind which it is. */
async function server(
  talk: (socket: Socket) => void,
): Promise<{ readonly store: ObjectStore & { close(): void }; close(): void }> {
  const sockets = new Set<Socket>();
  const listening = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    talk(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as { port: number };
  const store = createS3Backend(settingsFor(`http://127.0.0.1:${port}`));
  return {
    store,
    close() {
      store.close();
      listening.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

test('a put that the store refuses before it has read it ends with what the store said, at once', async () => {
  const { bucket } = await objects.bucket('early');
  const refusing = await server((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 403 No\r\ncontent-length: 34\r\n\r\n<Error><Code>Denied</Code></Error>');
      socket.pause();
    });
  });
  const started = performance.now();
  const body = async function* () {
    for (;;) yield new Uint8Array(1_000_000);
  };
  await assert.rejects(
    refusing.store.put(bucket, 'k', body(), { ...putOptions(''), size: 4e9 }),
    /status 403 \(Denied\)/,
  );
  const tooSoon = await server((socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
  });
  await assert.rejects(
    tooSoon.store.put(bucket, 'k', body(), { ...putOptions(''), size: 4e9 }),
    /something that is not S3/,
  );
  const tookMs = performance.now() - started;
  assert.ok(tookMs < 10_000, `both were told after ${tookMs} ms`);
  for (const each of [refusing, tooSoon]) each.close();
});

test('a store that is slow with a list is waited for; one that answers nothing, or no contents, is given up within seconds', async () => {
  const { bucket } = await objects.bucket('patience');
  const slow = await server((socket) => {
    socket.on('data', (data) => {
      const isHead = String(data).startsWith('HEAD');
      const body = isHead ? '' : '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
      const answer = `HTTP/1.1 ${isHead ? '404 None' : '200 OK'}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      setTimeout(() => socket.write(answer), isHead ? 200 : 4_600).unref();
    });
  });
  const silent = await server((socket) => socket.on('data', () => undefined));
  // Answers every HEAD, and gives nothing or a part of a content.
  const contentless = await server((socket) => {
    socket.on('data', (data) => {
      const [line = ''] = String(data).split('\r\n');
      const named = 'etag: "e"\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT';
      const head = `HTTP/1.1 200 OK\r\ncontent-length: 9\r\n${named}\r\n\r\n`;
      if (line.startsWith('HEAD')) socket.write(head);
      else if (line.includes('half')) socket.write(`${head}half`);
    });
  });
  const started = performance.now();
  const readers = Promise.all(
    ['none', 'half'].map(async (key) => {
      const read = async () => contentOf(await contentless.store.get(bucket, key, {}));
      await assert.rejects(read, /object store behind this bucket (did not answer|sent nothing) in time/);
      return performance.now() - started;
    }),
  );
  const givenUp = [
    silent.store.list(bucket, listOptions()),
    silent.store.put(bucket, 'k', Buffer.from('v'), putOptions('v')),
  ];
  const failures = Promise.all(
    givenUp.map(async (call) => {
      await assert.rejects(call, /object store behind this bucket did not answer in time/);
      return performance.now() - started;
    }),
  );
  assert.deepEqual((await slow.store.list(bucket, listOptions())).objects, []);
  const times = await failures;
  assert.ok(Math.max(...times) < 4_600, `given up after ${times.join(' and ')} ms`);
  await assert.rejects(silent.store.head(bucket, 'k'), /has not answered for \d+ s/);
  assert.ok(Math.max(...(await readers)) < 9_000, `readers heard after ${(await readers).join(' and ')} ms`);
  for (const each of [slow, silent, contentless]) each.close();
});

test('an answer without end to which nobody listens is cut off', async () => {
  const { bucket } = await objects.bucket('endless');
  let sent = 0;
  let isCut = false;
  const endless = await server((socket) => {
    const chunk = Buffer.alloc(65_536);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      const more = (): void => {
        while (!socket.destroyed && socket.write(`10000\r\n${chunk.toString('latin1')}\r\n`)) sent += chunk.length;
      };
      socket.on('drain', more).on('close', () => (isCut = true));
      more();
    });
  });
  await endless.store.abortUpload(bucket, { key: 'k', uploadId: 'u' });
  await until(() => isCut, 'the answer is cut off');
  assert.ok(sent < 50e6, `${sent} bytes were taken`);
  endless.close();
});

test('a request that can be repeated is, when its old connection turns out to be closed', async () => {
  const { bucket } = await objects.bucket('stale');
  let connections = 0;
  const closing = await server((socket) => {
    connections += 1;
    let answers = 0;
    // The second request on a connection finds it closed, as when a store closes what was idle.
    socket.on('data', () => {
      if (++answers > 1) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 404 None\r\ncontent-length: 0\r\n\r\n');
    });
  });
  for (let round = 0; round < 4; round++) assert.equal(await closing.store.head(bucket, 'k'), null);
  assert.equal(connections, 4);
  closing.close();
});

test('the circuit opens when nothing has been answered since a request that was given up, and lets one try a second through', () => {
  const circuit = new Circuit();
  circuit.answered(1_000);
  circuit.gaveUp(500, 5_500);
  assert.ok(circuit.admits(5_600), 'another request was answered meanwhile');
  circuit.gaveUp(2_000, 7_000);
  assert.deepEqual([circuit.admits(7_500), circuit.silentMs(7_500)], [false, 5_500]);
  assert.deepEqual([circuit.admits(8_100), circuit.admits(8_200), circuit.admits(9_200)], [true, false, true]);
  circuit.answered(9_300);
  assert.deepEqual([circuit.admits(9_301), circuit.admits(9_302), circuit.silentMs(9_302)], [true, true, 0]);
});
