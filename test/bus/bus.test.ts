import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createBus } from '../../server/bus/postgres-bus.ts';
import type { Bus } from '../../server/bus/types.ts';
import { testLog } from '../support/log.ts';
import { createTestDatabase } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { ACCOUNT_ID, newVersion } from '../support/uploads.ts';

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase();
  await db.store.bootstrap({ accountId: ACCOUNT_ID, subdomain: 'dev', tokenHash: null });
});
after(() => db.close());

describe('the bus', () => {
  let heard: (bigint | null)[];
  beforeEach(() => {
    heard = [];
  });

  async function withBus(work: (bus: Bus) => Promise<void>, pollMs = 60_000): Promise<void> {
    const bus = createBus({ database: db.database, log: testLog, pollMs });
    bus.onChange((seq) => heard.push(seq));
    try {
      await until(() => heard.includes(null), 'the first connection');
      await work(bus);
    } finally {
      await bus.close();
    }
  }

  test('every change is heard with its number, after it is committed', () =>
    withBus(async (bus) => {
      const readable: boolean[] = [];
      bus.onChange((seq) => {
        if (seq !== null) void db.store.currentChangeSeq().then((current) => readable.push(current >= seq));
      });
      const first = await db.store.publishVersion(newVersion('one'));
      const second = await db.store.updateWorker(ACCOUNT_ID, 'one', { workersDev: true });
      const third = await db.store.deleteWorker(ACCOUNT_ID, 'one');
      const expected = [first, second, third].map(({ changeSeq }) => changeSeq);
      await until(() => readable.length === 3, 'three changes');
      assert.deepEqual(
        heard.filter((seq) => seq !== null),
        expected,
      );
      assert.deepEqual(readable, [true, true, true]);
    }));

  test('a change that is rolled back is not heard', () =>
    withBus(async () => {
      const published = await db.store.publishVersion(newVersion('two'));
      await assert.rejects(db.store.publishVersion(newVersion('two')));
      const deleted = await db.store.deleteWorker(ACCOUNT_ID, 'two');
      await until(() => heard.includes(deleted.changeSeq), 'the deletion');
      assert.deepEqual(heard, [null, published.changeSeq, deleted.changeSeq]);
    }));

  test('after a lost connection listeners are told to read again, and hear new changes', () =>
    withBus(async () => {
      for (let round = 1; round <= 2; round++) {
        const client = new pg.Client({ connectionString: db.url });
        await client.connect();
        const { rowCount } = await client.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        );
        await client.end();
        assert.equal(rowCount, 1);
        await until(() => heard.filter((seq) => seq === null).length === round + 1, 'the call after the reconnect');
        const { changeSeq } = await db.store.setSubdomain(ACCOUNT_ID, `dev${round}`);
        await until(() => heard.includes(changeSeq), 'the change');
      }
    }));

  test('listeners are called now and then even when nothing arrives', () =>
    withBus(async () => {
      await until(() => heard.length > 3, 'the polls');
      assert.ok(heard.every((seq) => seq === null));
    }, 20));

  test('who unsubscribed and whose bus is closed hears nothing more', async () => {
    let calls = 0;
    await withBus(async (bus) => {
      const stop = bus.onChange(() => (calls += 1));
      stop();
      await db.store.setSubdomain(ACCOUNT_ID, 'quiet');
      await until(() => heard.length > 1, 'the change');
    });
    assert.equal(calls, 0);
    const before = heard.length;
    await db.store.setSubdomain(ACCOUNT_ID, 'quieter');
    await sleep(50);
    assert.equal(heard.length, before);
  });

  test('a bus whose database is away closes at once', async () => {
    const dropped = await createTestDatabase();
    await dropped.close();
    const bus = createBus({ database: dropped.database, log: testLog });
    await sleep(100);
    const started = performance.now();
    await bus.close();
    const tookMs = performance.now() - started;
    assert.ok(tookMs < 10_000, `closed after ${tookMs} ms`);
  });
});
