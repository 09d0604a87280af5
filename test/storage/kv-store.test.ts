import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KV_LIMITS } from '../../shared/limits.ts';
import { subscribe } from '../../server/bus/postgres-bus.ts';
import { openStore } from '../../server/storage/open-store.ts';
import { kvHash } from '../../server/storage/kv/hash.ts';
import { createKvStore } from '../../server/storage/kv/kv-store.ts';
import { sweepOnce } from '../../server/storage/kv/sweep.ts';
import {
  type KvEntry,
  type KvInvalidation,
  type KvNamespace,
  KvRefused,
  type KvStore,
} from '../../server/storage/kv/types.ts';
import { KV_CHANNEL } from '../../server/storage/kv/writing.ts';
import { StoreConflict, StoreUnavailable } from '../../server/storage/store.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { testLog } from '../support/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { ACCOUNT_ID } from '../support/uploads.ts';

let db: TestDatabase;
let kv: KvStore;
/** Never by itself: tests sweep when they want to. */
const NEVER_MS = 3_600_000;

const openKv = (database = db.database, accountQuotaBytes = Number.POSITIVE_INFINITY): KvStore =>
  createKvStore({ database, masterKey: db.masterKey, log: testLog, sweepMs: NEVER_MS, accountQuotaBytes });

before(async () => {
  db = await createTestDatabase();
  await db.store.bootstrap({ accountId: ACCOUNT_ID, subdomain: 'dev', tokenHash: null });
  kv = openKv();
});
after(async () => {
  await kv.close();
  await db.close();
});

const freshNamespace = async (): Promise<number> =>
  (await kv.createNamespace(ACCOUNT_ID, randomBytes(6).toString('hex'))).number;

const put = (namespace: number, key: string, text: string, more: { expiresAt?: number; metadata?: string } = {}) =>
  kv.put({
    namespace,
    key,
    value: Buffer.from(text),
    metadata: more.metadata ?? null,
    expiresAt: more.expiresAt ?? null,
  });

async function readOne(namespace: number, key: string, store = kv): Promise<KvEntry | null> {
  return (await store.read(namespace, [key]))[0] ?? null;
}

const textOf = async (namespace: number, key: string, store = kv): Promise<string | undefined> =>
  (await readOne(namespace, key, store))?.value.toString();

const secondsFromNow = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

async function countRows(table: string, condition: string): Promise<number> {
  const { rows } = await db.database.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM skep.${table} WHERE ${condition}`,
  );
  return rows[0]?.n ?? Number.NaN;
}

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function largeBytes(entry: KvEntry): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of kv.readLarge('an account', entry)) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('entries', () => {
  test('a thousand writes that come together are all there, each with its own value, metadata and expiration', async () => {
    const namespace = await freshNamespace();
    const at = secondsFromNow(1000);
    const keys = Array.from({ length: 1000 }, (_, index) => `key ${index} é`);
    await Promise.all(
      keys.map((key, index) =>
        put(namespace, key, `value of ${key}`, {
          ...(index % 2 === 0 && { metadata: JSON.stringify({ index }) }),
          ...(index % 3 === 0 && { expiresAt: at + index }),
        }),
      ),
    );
    const entries = await kv.read(namespace, keys);
    for (const [index, key] of keys.entries()) {
      const entry = entries[index];
      assert.equal(entry?.value.toString(), `value of ${key}`);
      assert.equal(entry?.metadata, index % 2 === 0 ? JSON.stringify({ index }) : null);
      assert.equal(entry?.expiresAt, index % 3 === 0 ? at + index : null);
    }
  });

  test('of writes and deletes of one key that come together the last one counts', async () => {
    const namespace = await freshNamespace();
    await Promise.all([
      put(namespace, 'a', '1'),
      kv.delete(namespace, 'a'),
      put(namespace, 'a', '2'),
      put(namespace, 'b', '1'),
      kv.delete(namespace, 'b'),
    ]);
    assert.deepEqual(await Promise.all([textOf(namespace, 'a'), textOf(namespace, 'b')]), ['2', undefined]);
  });

  test('what is written replaces all of what was there, and a deleted entry is gone', async () => {
    const namespace = await freshNamespace();
    await put(namespace, 'k', 'old', { metadata: '1', expiresAt: secondsFromNow(100) });
    await put(namespace, 'k', '');
    const entry = await readOne(namespace, 'k');
    assert.deepEqual([entry?.value.length, entry?.metadata, entry?.expiresAt], [0, null, null]);
    await kv.delete(namespace, 'k');
    assert.equal(await readOne(namespace, 'k'), null);
  });

  test('namespaces do not see each other, and a write to one that is deleted leaves nothing', async () => {
    const [one, other] = [await kv.createNamespace(ACCOUNT_ID, 'one'), await freshNamespace()];
    await put(one.number, 'k', 'of one');
    assert.equal(await textOf(other, 'k'), undefined);
    assert.equal(await kv.deleteNamespace(ACCOUNT_ID, one.id), true);
    assert.equal(await kv.findNamespace(ACCOUNT_ID, one.id), null);
    await put(one.number, 'late', 'x');
    assert.equal(await countRows('kv_entries', `namespace = ${one.number} AND key = 'late'`), 0);
    await sweepOnce(db.database);
    assert.equal(await countRows('kv_entries', `namespace = ${one.number}`), 0);
    // Its title is free again.
    await kv.createNamespace(ACCOUNT_ID, 'one');
    await assert.rejects(kv.createNamespace(ACCOUNT_ID, 'one'), StoreConflict);
  });

  test('a namespace is measured with what can be seen in it', async () => {
    const { id, number } = await kv.createNamespace(ACCOUNT_ID, 'measured');
    await Promise.all([put(number, 'a', 'xxx'), put(number, 'b', 'yy'), put(number, 'old', 'zz', { expiresAt: 1 })]);
    const measured = (await kv.measureNamespaces(ACCOUNT_ID)).find((one) => one.id === id);
    assert.deepEqual([measured?.keys, measured?.bytes], [2, 5]);
  });
});

describe('the quota of an account', () => {
  /** As `skep.kv_cost` counts. */
  const cost = (key: string, bytes: number, metadata = ''): number => 64 + key.length + bytes + metadata.length;
  const isFull = (error: unknown): boolean =>
    error instanceof KvRefused &&
    error.status === 507 &&
    /account are full.* bytes, \d+ are allowed/.test(error.message);

  test('what is used follows each write, replacement, deletion and expiry, and is the same when it is added up', async () => {
    const namespace = await freshNamespace();
    // What other tests have left.
    await sweepOnce(db.database);
    const start = await kv.readUsage(ACCOUNT_ID);
    const used = async (): Promise<readonly [number, number]> => {
      const { entries, bytes } = await kv.readUsage(ACCOUNT_ID);
      return [entries - start.entries, bytes - start.bytes];
    };
    await put(namespace, 'a', 'x'.repeat(100), { metadata: '{"m":1}' });
    await put(namespace, 'old', 'zz', { expiresAt: 1 });
    const large = await kv.writeLarge('an account', chunksOf(randomBytes(200_000), 70_000));
    await kv.put({ namespace, key: 'large', value: large, metadata: null, expiresAt: null });
    const all = cost('a', 100, '{"m":1}') + cost('old', 2) + cost('large', 200_000);
    assert.deepEqual(await used(), [3, all]);
    await put(namespace, 'a', 'x');
    await kv.delete(namespace, 'large');
    await sweepOnce(db.database);
    assert.deepEqual(await used(), [1, cost('a', 1)]);
    assert.equal(await countRows('kv_usage', `namespace = ${namespace}`), 1);
    await sweepOnce(db.database);
    assert.deepEqual(await used(), [1, cost('a', 1)]);
    await kv.delete(namespace, 'a');
    assert.deepEqual(await used(), [0, 0]);
  });

  test('writes end at the quota, all at once too, and go on when there is room', async () => {
    const [one, other] = [await freshNamespace(), await freshNamespace()];
    const before = (await kv.readUsage(ACCOUNT_ID)).bytes;
    const limited = openKv(db.database, before + 10 * cost('k0', 1_000));
    try {
      const write = (namespace: number, key: string, bytes = 1_000): Promise<void> =>
        limited.put({ namespace, key, value: Buffer.alloc(bytes), metadata: null, expiresAt: null });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 30 }, (_, n) => write(n % 2 === 0 ? one : other, `k${n % 10}`.slice(0, 2), 1_000)),
      );
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') assert.ok(isFull(outcome.reason), outcome.reason);
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 10);
      await assert.rejects(write(one, 'more'), isFull);
      await assert.rejects(limited.requireRoom(one, 100_000), isFull);
      // Who writes to a full account is judged by a new sum after a moment.
      await limited.delete(one, 'k0');
      await until(
        async () =>
          write(one, 'k0').then(
            () => true,
            () => false,
          ),
        'there is room again',
        5_000,
      );
      const { bytes, quotaBytes } = await limited.readUsage(ACCOUNT_ID);
      assert.ok(bytes <= quotaBytes, `${bytes} of ${quotaBytes}`);
    } finally {
      await limited.close();
    }
  });
});

describe('lists', () => {
  test('pages follow the bytes of the keys, within the prefix, and end', async () => {
    const namespace = await freshNamespace();
    const keys = ['a', 'a%', 'a_', 'a\0', 'b', 'é', '\u{10000}', '\uffff', 'aa', 'A'];
    await Promise.all(keys.map((key) => put(namespace, key, 'v')));
    const listAll = async (prefix: string, limit: number): Promise<string[]> => {
      const found: string[] = [];
      for (let cursor: string | null = null; ; ) {
        const page = await kv.list(namespace, { prefix, cursor, limit });
        found.push(...page.keys.map(({ name }) => name));
        if (page.cursor === null) return found;
        cursor = page.cursor;
      }
    };
    const inOrder = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(await listAll('', 3), inOrder);
    assert.deepEqual(await listAll('', 10), inOrder);
    assert.deepEqual(await listAll('a', 2), ['a', 'a\0', 'a%', 'a_', 'aa']);
    assert.deepEqual(await listAll('\u{10000}', 5), ['\u{10000}']);
  });

  test('a cursor is worth nothing in another namespace, changed, or made up', async () => {
    const [namespace, other] = [await freshNamespace(), await freshNamespace()];
    await Promise.all(['a', 'b', 'c'].flatMap((key) => [put(namespace, key, 'v'), put(other, key, 'v')]));
    const { cursor } = await kv.list(namespace, { prefix: '', cursor: null, limit: 1 });
    assert.ok(cursor !== null);
    const refused = (where: number, text: string) =>
      assert.rejects(kv.list(where, { prefix: '', cursor: text, limit: 1 }), KvRefused);
    await refused(other, cursor);
    await refused(namespace, `${cursor.slice(0, -2)}zz`);
    await refused(namespace, Buffer.from('b').toString('base64'));
    await refused(namespace, 'x'.repeat(100_000));
  });
});

describe('expiry', () => {
  test('ten thousand entries that expire together are never seen, are removed, and hold up nobody', async () => {
    const namespace = await freshNamespace();
    await db.database.query(
      `INSERT INTO skep.kv_entries (namespace, key, value, expires_at, size)
       SELECT $1, convert_to('gone:' || n, 'UTF8'), 'x', $2, 1 FROM generate_series(1, 10000) n`,
      [namespace, secondsFromNow(-1)],
    );
    await put(namespace, 'gone:kept', 'here', { expiresAt: secondsFromNow(100) });
    assert.equal(await textOf(namespace, 'gone:7'), undefined);
    const { keys } = await kv.list(namespace, { prefix: 'gone:', cursor: null, limit: 10 });
    assert.deepEqual(
      keys.map(({ name }) => name),
      ['gone:kept'],
    );
    const swept = new AbortController();
    const sweeping = sweepOnce(db.database).finally(() => swept.abort());
    let answered = 0;
    for (; !swept.signal.aborted; answered++) assert.equal(await textOf(namespace, 'gone:kept'), 'here');
    await sweeping;
    assert.ok(answered >= 10, `${answered} reads were answered meanwhile`);
    assert.equal(await countRows('kv_entries', `namespace = ${namespace}`), 1);
  });

  test('two nodes that sweep at the same time do not wait for each other', async () => {
    await db.database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(5360175010)');
      await sweepOnce(db.database);
    });
  });
});

describe('large values', () => {
  const bytes = randomBytes(3 * KV_LIMITS.pieceBytes + 17);

  test('come back byte for byte, whatever pieces they came in, and nobody sees one before its entry', async () => {
    const namespace = await freshNamespace();
    await put(namespace, 'k', 'small');
    const value = await kv.writeLarge('an account', chunksOf(bytes, 100_001));
    assert.equal(await textOf(namespace, 'k'), 'small');
    await kv.put({ namespace, key: 'k', value, metadata: '"m"', expiresAt: null });
    const entry = await readOne(namespace, 'k');
    assert.deepEqual([entry?.size, entry?.metadata], [bytes.length, '"m"']);
    assert.ok(bytes.equals(await largeBytes(entry as KvEntry)));
  });

  test('together with small ones in one batch, each is what it was', async () => {
    const namespace = await freshNamespace();
    const value = await kv.writeLarge('an account', chunksOf(bytes, 300_000));
    const large = { namespace, key: 'large', value, metadata: null, expiresAt: null };
    await Promise.all([put(namespace, 'a', '1'), kv.put(large), put(namespace, 'b', '2')]);
    const [a, b, found] = await kv.read(namespace, ['a', 'b', 'large']);
    assert.deepEqual([a?.value.toString(), b?.value.toString(), found?.size], ['1', '2', bytes.length]);
  });

  test('one that is replaced can be read to its end for a while, then its space comes back', async () => {
    const namespace = await freshNamespace();
    const write = async (): Promise<void> => {
      const value = await kv.writeLarge('an account', chunksOf(bytes, 300_000));
      await kv.put({ namespace, key: 'k', value, metadata: null, expiresAt: null });
    };
    await write();
    const entry = (await readOne(namespace, 'k')) as KvEntry;
    await put(namespace, 'k', 'small');
    assert.ok(bytes.equals(await largeBytes(entry)));
    await age();
    await assert.rejects(largeBytes(entry), KvRefused);
    await write();
    await kv.delete(namespace, 'k');
    await age();
    assert.equal(
      await countRows(
        'kv_pieces',
        `value_id NOT IN (SELECT large_value_id FROM skep.kv_entries WHERE large_value_id IS NOT NULL)`,
      ),
      0,
    );
  });

  test('one whose stream breaks, or stays away for too long, leaves nothing', async () => {
    const namespace = await freshNamespace();
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield bytes;
      throw new RangeError('broken');
    }
    await assert.rejects(kv.writeLarge('an account', breaking()), RangeError);
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield bytes;
      await age();
      yield bytes;
    }
    await assert.rejects(kv.writeLarge('an account', slow()), KvRefused);
    const value = await kv.writeLarge('an account', chunksOf(bytes, 300_000));
    await age();
    await assert.rejects(kv.put({ namespace, key: 'k', value, metadata: null, expiresAt: null }), KvRefused);
    assert.equal(await readOne(namespace, 'k'), null);
    assert.equal(await countRows('kv_large_values', 'unlinked_since IS NOT NULL'), 0);
  });

  /** As if everything that no entry points to had been so for long, and the sweeper came. */
  async function age(): Promise<void> {
    await db.database.query(
      "UPDATE skep.kv_large_values SET unlinked_since = '2000-01-01' WHERE unlinked_since IS NOT NULL",
    );
    await sweepOnce(db.database);
  }
});

describe('two nodes on one database', () => {
  test('a write is told to its own node before it is acknowledged, and to the other one within a second', async () => {
    const namespace = await freshNamespace();
    const opened = await openStore({ connection: { url: db.url }, masterKey: db.masterKey, log: testLog });
    const other = openKv(opened.database);
    const heard: KvInvalidation[] = [];
    const own: KvInvalidation[] = [];
    const messages = subscribe({ database: opened.database, log: testLog }, KV_CHANNEL, (message) =>
      other.receive(message),
    );
    const ownMessages = subscribe({ database: db.database, log: testLog }, KV_CHANNEL, (message) =>
      kv.receive(message),
    );
    other.onInvalidation((invalidation) => heard.push(invalidation));
    kv.onInvalidation((invalidation) => own.push(invalidation));
    try {
      await until(
        () => messages.isConnected && ownMessages.isConnected && heard.length > 0 && own.length > 0,
        'both listen',
      );
      const has = (list: KvInvalidation[], key: string): boolean =>
        list.some((one) => one.kind === 'entries' && one.hashes.includes(kvHash(namespace, key)));
      await put(namespace, 'k', 'v');
      assert.ok(has(own, 'k'));
      await until(() => has(heard, 'k'), 'the other node hears');
      assert.equal(await textOf(namespace, 'k', other), 'v');
      await kv.delete(namespace, 'gone');
      await until(() => has(heard, 'gone'), 'a delete is heard, too');
      await sleep(50);
      assert.equal(own.filter((one) => one.kind === 'entries').length, 2, 'its own message is no news to a node');
    } finally {
      await messages.close();
      await ownMessages.close();
      await other.close();
      await opened.close();
    }
  });
});

test('its own message is no news to a node, also when others may have been missed between the write and the message', async () => {
  const namespace = await freshNamespace();
  const messages: string[] = [];
  const own: KvInvalidation[] = [];
  const writer = openKv();
  writer.onInvalidation((invalidation) => own.push(invalidation));
  const listening = subscribe({ database: db.database, log: testLog }, KV_CHANNEL, (message) => {
    if (message !== null) messages.push(message);
  });
  try {
    await until(() => listening.isConnected, 'it listens');
    const value = Buffer.from('v');
    await writer.put({ namespace, key: 'k', value, metadata: null, expiresAt: null });
    const its = (message: string): boolean => message.includes(kvHash(namespace, 'k'));
    await until(() => messages.some(its), 'the message');
    writer.receive(null);
    for (const message of messages.filter(its)) writer.receive(message);
    assert.deepEqual(
      own.map(({ kind }) => kind),
      ['entries', 'any'],
    );
  } finally {
    await listening.close();
    await writer.close();
  }
});

describe('namespaces that are known', () => {
  test('one that is deleted is unknown on every node at once, and the others stay known', async () => {
    const [doomed, kept] = [
      await kv.createNamespace(ACCOUNT_ID, 'doomed'),
      await kv.createNamespace(ACCOUNT_ID, 'kept'),
    ];
    const other = openKv();
    const messages = subscribe({ database: db.database, log: testLog }, KV_CHANNEL, (message) =>
      other.receive(message),
    );
    const isKnown = ({ id }: KvNamespace): boolean => !(other.findNamespace(ACCOUNT_ID, id) instanceof Promise);
    try {
      await until(() => messages.isConnected, 'it listens');
      for (const { id } of [doomed, kept]) await other.findNamespace(ACCOUNT_ID, id);
      assert.deepEqual([isKnown(doomed), isKnown(kept)], [true, true]);
      await kv.deleteNamespace(ACCOUNT_ID, doomed.id);
      await until(() => !isKnown(doomed), 'it hears of it');
      assert.equal(isKnown(kept), true);
      assert.equal(await other.findNamespace(ACCOUNT_ID, doomed.id), null);
    } finally {
      await messages.close();
      await other.close();
    }
  });

  test('after messages may have been missed they are looked up again, and known still when the database is gone', async () => {
    const { id, number } = await kv.createNamespace(ACCOUNT_ID, 'looked up again');
    const proxy = await startDatabaseProxy(db.url);
    const opened = await openStore({ connection: { url: proxy.url }, masterKey: db.masterKey, log: testLog });
    const far = openKv(opened.database);
    try {
      assert.equal((await far.findNamespace(ACCOUNT_ID, id))?.number, number);
      far.receive(null);
      assert.ok(far.findNamespace(ACCOUNT_ID, id) instanceof Promise);
      far.receive(null);
      await proxy.behave('refuse');
      assert.equal((await far.findNamespace(ACCOUNT_ID, id))?.number, number);
      await assert.rejects(async () => far.findNamespace('another account', id), StoreUnavailable);
      await proxy.behave('through');
      await kv.deleteNamespace(ACCOUNT_ID, id);
      assert.equal(await far.findNamespace(ACCOUNT_ID, id), null);
    } finally {
      await far.close();
      await opened.close();
      await proxy.close();
    }
  });
});

describe('a database that goes away', () => {
  test('refusing or silent: operations fail within two seconds, and go on when it is back', async () => {
    const namespace = await freshNamespace();
    await put(namespace, 'k', 'kept');
    const proxy = await startDatabaseProxy(db.url);
    const opened = await openStore({ connection: { url: proxy.url }, masterKey: db.masterKey, log: testLog });
    const far = openKv(opened.database);
    try {
      for (const how of ['refuse', 'stall'] as const) {
        assert.equal(await textOf(namespace, 'k', far), 'kept');
        assert.equal(far.isDown, false);
        await proxy.behave(how);
        const failing = async (operation: Promise<unknown>): Promise<void> => {
          const started = performance.now();
          await assert.rejects(operation, StoreUnavailable);
          const ms = performance.now() - started;
          assert.ok(ms < 2_300, `${how}: failed after ${Math.round(ms)} ms`);
        };
        await Promise.all([
          failing(far.read(namespace, ['k'])),
          failing(far.put({ namespace, key: 'x', value: Buffer.from('x'), metadata: null, expiresAt: null })),
          failing(far.list(namespace, { prefix: '', cursor: null, limit: 10 })),
        ]);
        assert.equal(far.isDown, true);
        await proxy.behave('through');
        await until(
          () =>
            textOf(namespace, 'k', far).then(
              (text) => text === 'kept',
              () => false,
            ),
          'it is back',
        );
        assert.equal(far.isDown, false);
      }
    } finally {
      await far.close();
      await opened.close();
      await proxy.close();
    }
  });
});
