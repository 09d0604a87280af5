import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { PoolClient } from '../../server/storage/pool-client.ts';
import { StoreUnavailable } from '../../server/storage/store.ts';
import { openStore } from '../../server/storage/open-store.ts';
import { isUnavailable, maskUrl } from '../../server/storage/errors.ts';
import { testLog } from '../support/log.ts';
import { createTestDatabase } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { ACCOUNT_ID, newVersion } from '../support/uploads.ts';

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase();
});
after(() => db.close());

/** Ends every connection of the store from outside, as a restart of the server does. */
async function cutConnections(): Promise<number> {
  const client = new pg.Client({ connectionString: db.url });
  await client.connect();
  const { rowCount } = await client.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await client.end();
  return rowCount ?? 0;
}

describe('an outage', () => {
  test('idle connections that the server cuts are replaced without an error', async () => {
    await Promise.all(Array.from({ length: 5 }, () => db.store.ping()));
    const cut = await cutConnections();
    assert.ok(cut >= 1, `${cut} connections were cut`);
    // The cut has reached us when the first query works again; each cut connection may cost one query.
    for (let failed = 0; ; failed++) {
      assert.ok(failed <= 10, `${failed} statements failed for ${cut} connections that were cut`);
      if (
        await db.store.ping().then(
          () => true,
          (error: unknown) => !(error instanceof StoreUnavailable),
        )
      )
        break;
    }
  });

  test('what the server says to a client of a pool while nobody listens to it does not end the process', () => {
    const client = new PoolClient({ host: '127.0.0.1', port: 1 });
    assert.equal(client.emit('error', new Error('terminating connection due to unexpected postmaster exit')), true);
  });

  test('a transaction that loses its connection rejects as unavailable and leaves nothing', async () => {
    await db.store.bootstrap({ accountId: ACCOUNT_ID, subdomain: 'dev', tokenHash: null });
    await assert.rejects(
      db.database.transaction(async (tx) => {
        await tx.query("INSERT INTO skep.workers (account_id, name) VALUES ($1, 'half')", [ACCOUNT_ID]);
        await cutConnections();
        await tx.query('SELECT 1');
      }),
      StoreUnavailable,
    );
    assert.equal(await db.store.findWorker(ACCOUNT_ID, 'half'), null);
  });

  test('a transaction that PostgreSQL calls a deadlock is done again', async () => {
    await db.store.publishVersion(newVersion('one'));
    await db.store.publishVersion(newVersion('two'));
    const lock = (first: string, second: string): Promise<void> =>
      db.database.transaction(async (tx) => {
        const one = 'SELECT FROM skep.workers WHERE name = $1 FOR UPDATE';
        await tx.query(one, [first]);
        await tx.query('SELECT pg_sleep(0.1)');
        await tx.query(one, [second]);
      });
    await Promise.all([lock('one', 'two'), lock('two', 'one')]);
  });

  test('a connection for notifications says when it is lost, once', async () => {
    const payloads: string[] = [];
    let lost = 0;
    const listener = await db.database.listen(
      'some channel',
      (payload) => payloads.push(payload),
      () => (lost += 1),
    );
    await db.database.query('SELECT pg_notify($1, $2)', ['some channel', 'hello']);
    await until(() => payloads.length > 0, 'the notification');
    await cutConnections();
    await until(() => lost > 0, 'the loss');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([payloads, lost], [['hello'], 1]);
    await listener.close();
  });
});

test('a statement that waits for a free connection is not told that the database is gone', async () => {
  // Longer than making a connection may take, which is another thing; ten is what the pool has.
  const busy = Array.from({ length: 10 }, () =>
    db.database.transaction(async (tx) => void (await tx.query('SELECT pg_sleep(5.3)'))),
  );
  const { rows } = await db.database.query<{ one: number }>('SELECT 1 AS one');
  assert.deepEqual(rows, [{ one: 1 }]);
  await Promise.all(busy);
});

describe('the master key', () => {
  test('another key than the one the database was set up with is refused at start', async () => {
    await assert.rejects(openStore({ connection: { url: db.url }, masterKey: Buffer.alloc(32, 7), log: testLog }), {
      name: 'DatabaseError',
      message: /sealed with another one\. Set SKEP_MASTER_KEY/,
    });
    const again = await openStore({ connection: { url: db.url }, masterKey: db.masterKey, log: testLog });
    await again.close();
  });
});

describe('errors', () => {
  test('what passes is told from what stays', () => {
    for (const code of ['ECONNREFUSED', '57P01', '08006', '53300', '53100', '55P03'])
      assert.ok(isUnavailable({ code }), code);
    for (const code of ['23505', '42601', '28P01', '', undefined]) assert.ok(!isUnavailable({ code }), code);
    assert.ok(isUnavailable(new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })])));
  });

  test('a URL is shown without its password and parameters', () => {
    assert.equal(maskUrl('postgresql://u:hush@h:1/d?password=hush'), 'postgresql://u:***@h:1/d');
    assert.equal(maskUrl('hush'), '(a URL that cannot be parsed)');
  });
});
