/** A loss of power at any moment: what the database names is on the disk by then, and what goes from the disk is named no more. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Readable } from 'node:stream';
import { loadMasterKey } from '../../server/storage/master-key.ts';
import type { Database, Queryable } from '../../server/storage/database.ts';
import { createTestObjects, putOptions, type TestObjects } from '../support/objects.ts';
import { type TracedDisk, traceDisk } from '../support/traced-disk.ts';
import { until } from '../support/until.ts';

let objects: TestObjects;
let disk: TracedDisk;
const dataDir = mkdtempSync(join(tmpdir(), 'skep-power-'));
const named = new Set<string>();
const removed: string[] = [];
const faults: string[] = [];

const pathOf = (hash: string): string => join(dataDir, 'objects', 'content', hash.slice(0, 2), hash);

/** Looks at each statement that names a content, before the database gets it. */
function watch(database: Database): Database {
  const look = (sql: string, values: readonly unknown[] = []): void => {
    const [hashes, sizes, changes] = sql.includes('r2_write_object')
      ? [values[12], values[13], undefined]
      : sql.includes('INTO skep.r2_blobs AS b')
        ? [values[1], values[2], values[3]]
        : [[], [], []];
    for (const [index, hash] of (hashes as Buffer[]).entries()) {
      if (changes !== undefined && (changes as number[])[index]! <= 0) continue;
      const name = hash.toString('hex');
      named.add(name);
      if (!disk.survives(pathOf(name), (sizes as number[])[index]!))
        faults.push(`${name} is named and not on the disk`);
    }
  };
  const watched = <Db extends Queryable>(db: Db): Db => ({
    ...db,
    query: (sql: string, values?: readonly unknown[]) => {
      look(sql, values);
      return db.query(sql, values);
    },
  });
  return {
    ...watched(database),
    transaction: (work, mode) => database.transaction((tx) => work(watched(tx)), mode),
    connect: (options) => database.connect(options),
    withOwnPool: (size) => database.withOwnPool(size),
    listen: (channel, onNotify, onLost) => database.listen(channel, onNotify, onLost),
    close: () => database.close(),
  };
}

before(async () => {
  disk = traceDisk(dataDir, async (path) => {
    const hash = basename(path);
    if (!/^[0-9a-f]{64}$/.test(hash)) return;
    removed.push(hash);
    const { rows } = await objects.database.database.query<{ refs: string }>(
      `SELECT refs FROM skep.r2_blobs WHERE hash = decode($1, 'hex') AND refs > 0`,
      [hash],
    );
    if (rows.length > 0) faults.push(`${hash} goes while something refers to it`);
  });
  objects = await createTestObjects(undefined, null, { dataDir, watch });
});
after(async () => {
  await objects?.close();
  disk.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test('whatever is put, copied, replaced, uploaded in parts and swept: nothing is named that a loss of power would take', async () => {
  const { bucket, store } = await objects.bucket('power');
  const same = randomBytes(1000);
  const put = async (key: string, content: Buffer): Promise<void> => {
    const body = content.length > 5000 ? Readable.from([content.subarray(0, 5000), content.subarray(5000)]) : content;
    assert.notEqual(await store.put(bucket, key, body, putOptions(content)), null);
  };
  await Promise.all([
    ...Array.from({ length: 16 }, (_, number) => put(`k${number % 12}`, randomBytes(number * 997))),
    ...Array.from({ length: 8 }, (_, number) => put(`s${number}`, same)),
  ]);
  const part = randomBytes(5 * 1024 * 1024);
  const uploadId = await store.createUpload(bucket, 'parts', {
    httpMetadata: {},
    customMetadata: {},
    storageClass: undefined,
  });
  const upload = { key: 'parts', uploadId };
  const parts = [];
  for (const [index, content] of [part, same].entries()) {
    parts.push(
      await store.uploadPart(bucket, upload, { number: index + 1, size: content.length, checksums: {} }, content),
    );
  }
  await store.completeUpload(bucket, upload, parts);
  // The same content comes again and again while the sweeper takes it away.
  const swept = createHash('sha256').update(same).digest('hex');
  await store.delete(bucket, ['parts', ...Array.from({ length: 8 }, (_, number) => `s${number}`)]);
  for (let round = 0; round < 400 && !removed.includes(swept); round++) {
    await put('again', same);
    await store.delete(bucket, ['again']);
  }
  await put('last', same);
  await until(() => removed.length > 3, 'files are swept');
  assert.deepEqual(faults, []);
  assert.deepEqual(disk.namedTooEarly, []);
  assert.ok(named.size > 16, `${named.size} contents were named`);
});

test('a master key that secrets can be sealed with is on the disk, and so is the mark of the object store', async () => {
  await loadMasterKey(null, dataDir);
  assert.ok(disk.survives(join(dataDir, 'master.key'), 0));
  assert.ok(disk.survives(join(dataDir, 'objects', 'store-id'), 37));
});
