/** The embedded object store: real PostgreSQL, real files. What workers see of it is in `conformance/cases/r2-*`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import pg from 'pg';
import { R2_LIMITS } from '../../shared/limits.ts';
import type { UploadedPart } from '../../shared/r2.ts';
import { BACKUP_LOCK } from '../../server/storage/locks.ts';
import { ObjectFiles } from '../../server/storage/objects/files.ts';
import { writeObject } from '../../server/storage/objects/rows.ts';
import { headerRange } from '../../server/storage/objects/rules.ts';
import { type BucketRecord, type BucketUsage, R2Error } from '../../server/storage/objects/types.ts';
import { contentOf, createTestObjects, listOptions, md5, putOptions, type TestObjects } from '../support/objects.ts';
import { until } from '../support/until.ts';

let objects: TestObjects;
before(async () => {
  objects = await createTestObjects();
});
after(() => objects.close());

const isR2 = (kind: R2Error['kind']) => (error: unknown) => error instanceof R2Error && error.kind === kind;
const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Besides what the rows take. */
async function assertUsage(bucket: BucketRecord, expected: Omit<BucketUsage, 'rowBytes'>): Promise<void> {
  const { rowBytes, ...rest } = await objects.storage.readUsage(bucket);
  assert.deepEqual(rest, expected);
  assert.ok(rowBytes > 0);
}

test('what was put is there byte by byte, whole and in ranges, small and streamed', async () => {
  const { bucket, store } = await objects.bucket('bytes');
  for (const content of [Buffer.alloc(0), Buffer.from('small'), randomBytes(1_000_000)]) {
    const pieces = Readable.from([content.subarray(0, 3), content.subarray(3)].filter(({ length }) => length > 0));
    const head = await store.put(bucket, 'k', pieces, putOptions(content));
    assert.equal(head?.etag, md5(content));
    assert.deepEqual(await contentOf(await store.get(bucket, 'k', {})), content);
  }
  const whole = await contentOf(await store.get(bucket, 'k', {}));
  for (const [range, slice] of [
    [{ offset: 10, length: 70_000 }, whole.subarray(10, 70_010)],
    [{ suffix: 5 }, whole.subarray(-5)],
    [{ offset: 999_999, length: 100 }, whole.subarray(999_999)],
  ] as const) {
    assert.deepEqual(await contentOf(await store.get(bucket, 'k', { range })), slice);
  }
  await assert.rejects(store.get(bucket, 'k', { range: { offset: 1_000_000 } }), isR2('invalidRange'));
});

test('a range header means what RFC 9110 says, and nothing when it makes no sense', () => {
  assert.deepEqual(headerRange('bytes=2-4', 10), { offset: 2, length: 3 });
  assert.deepEqual(headerRange('bytes=7-', 10), { offset: 7, length: 3 });
  assert.deepEqual(headerRange('bytes=-3', 10), { offset: 7, length: 3 });
  assert.deepEqual(headerRange('bytes=0-99', 10), { offset: 0, length: 10 });
  for (const header of ['bytes=5-2', 'bytes=10-', 'bytes=-0', 'bytes=-', 'bytes=0-1,4-5', 'lines=0-1', 'bytes=a-']) {
    assert.equal(headerRange(header, 10), undefined, header);
  }
});

test('one content is one file, and it is gone when the last object that has it is', async () => {
  const { bucket, store } = await objects.bucket('shared-content');
  const content = randomBytes(5000);
  await store.put(bucket, 'a', content, putOptions(content));
  await store.put(bucket, 'b', content, putOptions(content));
  assert.equal(objects.files().filter((name) => name.endsWith(sha256(content))).length, 1);
  await store.delete(bucket, ['a', 'missing']);
  await objects.storage.sweep();
  assert.deepEqual(await contentOf(await store.get(bucket, 'b', {})), content);
  await store.put(bucket, 'b', Buffer.from('other'), putOptions('other'));
  await objects.storage.sweep();
  assert.ok(!objects.files().some((name) => name.endsWith(sha256(content))));
});

test('a reader gets the old content to its end, whatever is put, deleted and swept meanwhile', async () => {
  const { bucket, store } = await objects.bucket('readers');
  const content = randomBytes(3_000_000);
  await store.put(bucket, 'k', content, putOptions(content));
  const found = await store.get(bucket, 'k', {});
  await store.delete(bucket, ['k']);
  await objects.storage.sweep();
  assert.deepEqual(await contentOf(found), content);
  await objects.storage.sweep();
  assert.ok(!objects.files().some((name) => name.endsWith(sha256(content))));
});

test('readers of deleted objects who stand still do not keep the space of others from coming back', async () => {
  const { bucket, store } = await objects.bucket('pinned');
  const pinned = Array.from({ length: 600 }, (_, index) => `pinned ${index}`);
  const others = Array.from({ length: 60 }, (_, index) => `other ${index}`);
  const putAll = (keys: readonly string[], bytes: number) =>
    Promise.all(
      keys.map((key) => store.put(bucket, key, Buffer.alloc(bytes, key), putOptions(Buffer.alloc(bytes, key)))),
    );
  await putAll(pinned, 66_000);
  const bodies: Readable[] = [];
  for (const key of pinned) bodies.push((await store.get(bucket, key, {}))?.body as Readable);
  await store.delete(bucket, pinned);
  await putAll(others, 1_000);
  const before = objects.files().length;
  await store.delete(bucket, others);
  await until(
    async () => (await objects.storage.sweep(), objects.files().length === before - others.length),
    'all that nobody reads is swept',
  );
  assert.deepEqual((await buffer(bodies[0] as Readable)).length, 66_000, 'who reads on gets all of it');
  for (const body of bodies) body.destroy();
  const left = before - others.length - pinned.length;
  await until(
    async () => (await objects.storage.sweep(), objects.files().length === left),
    'those that were read, too',
  );
});

test('who is still reading a file long after it was deleted is ended; one that is wanted again is read on', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'skep-files-'));
  const files = await ObjectFiles.open(dir);
  t.after(async () => {
    await files.close();
    rmSync(dir, { recursive: true });
  });
  const content = randomBytes(300_000);
  const draft = await files.receive(content, content.length, []);
  await files.place(draft);
  const read = async (): Promise<Readable> => {
    const found = await files.read([{ hash: draft.hash, offset: 0, length: content.length }], files.pin([draft.hash]));
    return found as Readable;
  };
  const wanted = await read();
  files.endLateReaders([draft.hash], 60_000);
  files.endLateReaders([], 0);
  assert.deepEqual(await buffer(wanted), content);
  const late = await read();
  files.endLateReaders([draft.hash], 60_000);
  assert.equal(late.destroyed, false, 'it has its time');
  files.endLateReaders([draft.hash], 0);
  await assert.rejects(buffer(late), /was deleted/);
  await until(async () => files.pinned().length === 0, 'nothing is held');
  assert.equal(await files.remove(draft.hash), true);
});

test('a content of another length or checksum than announced changes nothing and leaves nothing', async () => {
  const { bucket, store } = await objects.bucket('wrong');
  await store.put(bucket, 'k', Buffer.from('old'), putOptions('old'));
  await objects.storage.sweep();
  const files = objects.files().length;
  const wrong = putOptions('new!');
  await assert.rejects(store.put(bucket, 'k', Buffer.from('new'), wrong), isR2('internal'));
  await assert.rejects(store.put(bucket, 'k', Buffer.from('new!!'), wrong), isR2('internal'));
  const checksums = { sha256: sha256(Buffer.from('other')) };
  await assert.rejects(store.put(bucket, 'k', Buffer.from('new!'), { ...wrong, checksums }), isR2('badDigest'));
  assert.equal((await contentOf(await store.get(bucket, 'k', {}))).toString(), 'old');
  assert.equal(objects.files().length, files);
  await assertUsage(bucket, { objects: 1, bytes: 3, uploadBytes: 0 });
});

test('of many puts to one new key at once one is there whole, and the books are right', async () => {
  const { bucket, store } = await objects.bucket('rush');
  const contents = Array.from({ length: 20 }, (_, index) => Buffer.alloc(100 + index, index));
  await Promise.all(contents.map((content) => store.put(bucket, 'k', content, putOptions(content))));
  const winner = await contentOf(await store.get(bucket, 'k', {}));
  assert.ok(contents.some((content) => content.equals(winner)));
  await assertUsage(bucket, { objects: 1, bytes: winner.length, uploadBytes: 0 });
  await objects.storage.sweep();
  const { rows } = await objects.database.database.query<{ refs: string }>(
    'SELECT refs FROM skep.r2_blobs b JOIN skep.r2_objects o ON b.hash = ANY (o.part_hashes) WHERE o.bucket_id = $1',
    [bucket.id],
  );
  assert.deepEqual(rows, [{ refs: '1' }]);
});

test('of many puts that must not replace anything exactly one goes through', async () => {
  const { bucket, store } = await objects.bucket('once');
  const onlyIf = { etagDoesNotMatch: [{ type: 'wildcard' as const }] };
  const results = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      store.put(bucket, 'k', Buffer.from(`${index}`), putOptions(`${index}`, { onlyIf })),
    ),
  );
  assert.equal(results.filter((result) => result !== null).length, 1);
});

test('pages of a list are what a sorted array of all keys says, with every prefix, delimiter and page size', async () => {
  const { bucket, store } = await objects.bucket('lists');
  const keys = [
    'a',
    'a/1',
    'a/2',
    'a/b/3',
    'a//4',
    'ab',
    'b/',
    'b/x',
    'é/1',
    'é2',
    'z\u0000y',
    '🎉/1',
    '🎉/2',
    '%_',
    'a--b--c',
  ];
  for (const key of keys) await store.put(bucket, key, Buffer.from('v'), putOptions('v'));
  const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const prefix of ['', 'a', 'a/', 'é', '🎉/', 'none', 'z\u0000']) {
    for (const delimiter of ['', '/', '--', '1']) {
      const expected = new Set<string>();
      for (const key of sorted.filter((candidate) => candidate.startsWith(prefix))) {
        const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
        expected.add(at < 0 ? `key ${key}` : `prefix ${key.slice(0, at + delimiter.length)}`);
      }
      for (const limit of [1, 3, 1000]) {
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.list(bucket, listOptions({ prefix, delimiter, limit, cursor }));
          assert.ok(page.objects.length + page.delimitedPrefixes.length <= limit);
          found.push(...page.objects.map(({ key }) => `key ${key}`));
          found.push(...page.delimitedPrefixes.map((name) => `prefix ${name}`));
          cursor = page.cursor;
        } while (cursor !== undefined);
        assert.deepEqual(found.toSorted(), [...expected].toSorted(), JSON.stringify({ prefix, delimiter, limit }));
      }
    }
  }
  await assert.rejects(store.list(bucket, listOptions({ limit: 1001 })), isR2('invalidMaxKeys'));
});

test('parts become one object in the order of their numbers; what was not used goes', async () => {
  const { bucket, store } = await objects.bucket('parts');
  const attributes = { httpMetadata: { contentType: 'x/y' }, customMetadata: { a: 'ä' }, storageClass: undefined };
  const upload = { key: 'big', uploadId: await store.createUpload(bucket, 'big', attributes) };
  const contents = [randomBytes(R2_LIMITS.minPartBytes), randomBytes(R2_LIMITS.minPartBytes), Buffer.from('the end')];
  const parts: UploadedPart[] = [];
  for (const number of [3, 1, 2, 9]) {
    const content = contents[number - 1] ?? Buffer.from('not used');
    parts.push(await store.uploadPart(bucket, upload, { number, size: content.length, checksums: {} }, content));
  }
  assert.equal((await objects.storage.readUsage(bucket)).uploadBytes, 2 * R2_LIMITS.minPartBytes + 15);
  const used = parts.filter(({ partNumber }) => partNumber < 9).toSorted((a, b) => a.partNumber - b.partNumber);
  await assert.rejects(store.completeUpload(bucket, upload, [...used, ...used]), isR2('internal'));
  const head = await store.completeUpload(bucket, upload, used);
  const whole = Buffer.concat(contents);
  const digests = contents.map((content) => createHash('md5').update(content).digest());
  assert.equal(head.etag, `${md5(Buffer.concat(digests))}-3`);
  assert.deepEqual(head.httpMetadata, { contentType: 'x/y' });
  assert.equal(sha256(await contentOf(await store.get(bucket, 'big', {}))), sha256(whole));
  const range = { offset: R2_LIMITS.minPartBytes - 5, length: R2_LIMITS.minPartBytes + 10 };
  const middle = await contentOf(await store.get(bucket, 'big', { range }));
  assert.deepEqual(middle, whole.subarray(range.offset, range.offset + range.length));
  await assertUsage(bucket, { objects: 1, bytes: whole.length, uploadBytes: 0 });
  await assert.rejects(store.completeUpload(bucket, upload, used), isR2('noSuchUpload'));
  await store.delete(bucket, ['big']);
  await objects.storage.sweep();
  assert.ok(contents.every((content) => !objects.files().some((name) => name.endsWith(sha256(content)))));
});

test('an upload that is not completed for a week is given up, and its parts go', async () => {
  const { bucket, store } = await objects.bucket('forgotten');
  const attributes = { httpMetadata: {}, customMetadata: {}, storageClass: undefined };
  const upload = { key: 'k', uploadId: await store.createUpload(bucket, 'k', attributes) };
  const content = randomBytes(1000);
  await store.uploadPart(bucket, upload, { number: 1, size: 1000, checksums: {} }, content);
  await objects.storage.sweep();
  assert.ok(objects.files().some((name) => name.endsWith(sha256(content))));
  await objects.database.database.query(
    `UPDATE skep.r2_uploads SET created_at = now() - interval '8 days' WHERE id = $1`,
    [upload.uploadId],
  );
  await objects.storage.sweep();
  await objects.storage.sweep();
  assert.ok(!objects.files().some((name) => name.endsWith(sha256(content))));
  assert.equal((await objects.storage.readUsage(bucket)).uploadBytes, 0);
  await assert.rejects(store.completeUpload(bucket, upload, []), isR2('internal'));
});

test('a bucket is full when its quota is reached, and has room again after a delete', async () => {
  const { bucket, store } = await objects.bucket('quota');
  const limited = await objects.storage.updateBucket(bucket, { quotaBytes: 100_000 });
  assert.ok(limited !== null);
  const put = (key: string, size: number): Promise<unknown> =>
    store.put(limited, key, Buffer.alloc(size, key), putOptions(Buffer.alloc(size)));
  await put('a', 60_000);
  await assert.rejects(put('b', 40_000), isR2('quotaExceeded'), 'the rows count, too');
  await put('b', 39_000);
  await store.delete(limited, ['a']);
  await put('c', 60_000);
});

/** As large as they may be. */
const HEAVY = { customMetadata: { note: 'x'.repeat(8_000) }, httpMetadata: { contentLanguage: 'y'.repeat(8_000) } };

test('objects without a byte fill a bucket by their metadata, and uploads by being begun, given parts and given up', async () => {
  const { bucket, store } = await objects.bucket('quota-rows');
  const limited = (await objects.storage.updateBucket(bucket, { quotaBytes: 100_000 })) as BucketRecord;
  const untilFull = async (what: string, write: (index: number) => Promise<unknown>, atMost: number): Promise<void> => {
    for (let index = 0; ; index++) {
      assert.ok(index <= atMost, `${what}: ${index} were taken`);
      const refused = await write(index).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (refused === undefined) continue;
      assert.ok(isR2('quotaExceeded')(refused), `${what}: ${(refused as Error).message}`);
      return;
    }
  };
  const keys = Array.from({ length: 10 }, (_, index) => `empty-${index}`);
  await untilFull(
    'objects',
    (index) => store.put(limited, `empty-${index}`, Buffer.alloc(0), putOptions('', HEAVY)),
    7,
  );
  await store.delete(limited, keys);
  assert.equal((await objects.storage.readUsage(bucket)).rowBytes, 0, 'all is given back');
  const begin = (key: string) => store.createUpload(limited, key, { ...HEAVY, storageClass: undefined });
  const begun: string[] = [];
  await untilFull('uploads', async (index) => begun.push(await begin(`up-${index}`)), 7);
  for (const [index, uploadId] of begun.entries()) await store.abortUpload(limited, { key: `up-${index}`, uploadId });
  await untilFull(
    'uploads that are given up',
    async () => store.abortUpload(limited, { key: 'u', uploadId: await begin('u') }),
    400,
  );
  await objects.database.database.query(`UPDATE skep.r2_uploads SET created_at = created_at - interval '8 days'`);
  await objects.storage.sweep();
  assert.equal((await objects.storage.readUsage(bucket)).rowBytes, 0, 'what is long over is gone');
  const upload = { key: 'parts', uploadId: await begin('parts') };
  const part = (number: number) =>
    store.uploadPart(limited, upload, { number, size: 0, checksums: {} }, Buffer.alloc(0));
  await untilFull('parts', (index) => part(index + 1), 400);
  const first = await part(1);
  await store.completeUpload(limited, upload, [first]);
  const { rowBytes } = await objects.storage.readUsage(bucket);
  assert.ok(rowBytes > 16_000 && rowBytes < 18_000, `${rowBytes} for one object and what is left of its upload`);
});

test('what is being received counts as if it were there: a thousand puts at once do not fill the disk of a small bucket', async () => {
  const { bucket, store } = await objects.bucket('arriving');
  const limited = (await objects.storage.updateBucket(bucket, { quotaBytes: 40 * 1024 * 1024 })) as BucketRecord;
  const open: PassThrough[] = [];
  const begin = (key: string, size: number): Promise<unknown> => {
    const body = new PassThrough();
    open.push(body.on('error', () => undefined));
    return store.put(limited, key, body, { ...putOptions(''), size });
  };
  const first = begin('first', 30 * 1024 * 1024);
  await assert.rejects(begin('second', 30 * 1024 * 1024), isR2('quotaExceeded'));
  const small = Array.from({ length: 40 }, (_, index) => begin(`small-${index}`, 512 * 1024));
  const outcomes = await Promise.allSettled(small.slice(20));
  for (const outcome of outcomes) {
    const said = outcome.status === 'rejected' ? outcome.reason : 'it was taken';
    assert.ok(isR2('quotaExceeded')(said), String(said));
  }
  // Listened to before it happens: one may be rejected while another is waited for.
  const ended = Promise.allSettled([first, ...small]);
  for (const body of open) body.destroy(new Error('given up'));
  await ended;
  await assert.rejects(first, /given up/);
  // Nothing is left of it: all of the room is there again.
  const whole = Buffer.alloc(39 * 1024 * 1024);
  assert.equal((await store.put(limited, 'whole', whole, putOptions(whole)))?.size, whole.length);
});

test('one account has a share of the contents that are received at a time, and no more', async () => {
  const { bucket, store } = await objects.bucket('share');
  const bodies = Array.from({ length: R2_LIMITS.maxArrivingContentsPerAccount + 1 }, () => new PassThrough());
  const put = (body: PassThrough, index: number): Promise<unknown> =>
    store.put(bucket, `k${index}`, body, { ...putOptions(''), size: 1 });
  const puts = bodies.slice(0, -1).map(put);
  await assert.rejects(put(bodies.at(-1) as PassThrough, bodies.length), isR2('tooManyUploads'));
  assert.notEqual(await store.put(bucket, 'whole', Buffer.of(1), putOptions(Buffer.of(1))), null);
  for (const body of bodies) body.end(Buffer.of(1));
  await Promise.all(puts);
  const late = new PassThrough();
  late.end(Buffer.of(1));
  assert.notEqual(await put(late, 0), null);
});

test('writes whose commits come together do not pass the quota together', async () => {
  const { bucket, store } = await objects.bucket('quota-rush');
  const limited = (await objects.storage.updateBucket(bucket, { quotaBytes: 1_000_000 })) as BucketRecord;
  const content = Buffer.alloc(600_000);
  const slow = {
    key: 'slow',
    version: 'v',
    size: content.length,
    etag: md5(content),
    uploaded: Date.now(),
    storageClass: 'Standard' as const,
    checksums: {},
    httpMetadata: {},
    customMetadata: {},
    store: randomUUID(),
    parts: [],
  };
  const conditions = { expected: null, quotaBytes: 1_000_000, released: { hashes: [], bytes: 0 } };
  // Counted, and not yet to be seen by anybody: as if its commit took long.
  const [quick] = await objects.database.database.transaction(async (tx) => {
    await writeObject(tx, bucket.id, slow, conditions);
    const put = store.put(limited, 'quick', content, putOptions(content)).catch((error: unknown) => error);
    await Promise.race([put, sleep(300)]);
    return [put];
  });
  const said = await quick;
  assert.ok(isR2('quotaExceeded')(said), String(said));
  assert.equal((await objects.storage.readUsage(bucket)).bytes, 600_000);
});

test('only an empty bucket can be deleted, and a put to one that is gone is told so', async () => {
  const { bucket, store } = await objects.bucket('gone');
  await store.put(bucket, 'k', Buffer.from('v'), putOptions('v'));
  assert.equal(await objects.storage.deleteBucket(bucket), 'not empty');
  await store.delete(bucket, ['k']);
  assert.equal(await objects.storage.deleteBucket(bucket), 'deleted');
  await assert.rejects(store.put(bucket, 'k', Buffer.from('v'), putOptions('v')), isR2('noSuchBucket'));
  await assert.rejects(objects.storage.requireBucket(objects.accountId, 'gone'), isR2('noSuchBucket'));
});

test('what a killed process had begun to write is gone after the next start, what it had acknowledged is there', async () => {
  const { bucket, store } = await objects.bucket('killed');
  await store.put(bucket, 'kept', Buffer.from('kept'), putOptions('kept'));
  const stray = randomBytes(2000);
  const folder = join(objects.dataDir, 'objects');
  writeFileSync(join(folder, 'incoming', 'half'), stray);
  mkdirSync(join(folder, 'content', sha256(stray).slice(0, 2)), { recursive: true });
  writeFileSync(join(folder, 'content', sha256(stray).slice(0, 2), sha256(stray)), stray);
  await objects.reopen();
  await until(() => !objects.files().some((name) => name.endsWith(sha256(stray))), 'nothing is left of what was begun');
  assert.equal((await contentOf(await objects.storage.storeOf(bucket).get(bucket, 'kept', {}))).toString(), 'kept');
});

test('while a backup is made nothing is swept; afterwards it is', async () => {
  const { bucket, store } = await objects.bucket('backed-up');
  const content = randomBytes(100);
  await store.put(bucket, 'k', content, putOptions(content));
  const isThere = (): boolean => objects.files().some((name) => name.endsWith(sha256(content)));
  const backup = new pg.Client({ connectionString: objects.database.url });
  await backup.connect();
  try {
    await backup.query('SELECT pg_advisory_lock_shared($1, $2)', [...BACKUP_LOCK]);
    await store.delete(bucket, ['k']);
    await objects.storage.sweep();
    assert.ok(isThere(), 'the copied database may still speak of it');
  } finally {
    await backup.end();
  }
  await until(async () => (await objects.storage.sweep(), !isThere()), 'swept after the backup');
});

test('on a full disk a put fails with a clear error and leaves nothing, and the next small one goes through', async (context) => {
  const own = await createTestObjects();
  const folder = join(own.dataDir, 'objects');
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]).status !== 0) {
    await own.close();
    context.skip('no file system can be mounted here');
    return;
  }
  try {
    await own.reopen();
    const { bucket, store } = await own.bucket('full');
    const large = randomBytes(4_000_000);
    const pieces = Readable.from([large.subarray(0, 1_000_000), large.subarray(1_000_000)]);
    await assert.rejects(store.put(bucket, 'k', pieces, putOptions(large)), /The disk of the object store is full/);
    assert.equal(await store.head(bucket, 'k'), null);
    assert.deepEqual(own.files(), []);
    await store.put(bucket, 'k', Buffer.from('small'), putOptions('small'));
    assert.equal((await contentOf(await store.get(bucket, 'k', {}))).toString(), 'small');
  } finally {
    await own.storage.close();
    spawnSync('umount', [folder]);
    await own.close();
  }
});
