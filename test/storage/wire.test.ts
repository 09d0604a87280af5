/** Connections of workers' databases, on a real PostgreSQL: what one use of them leaves to the next. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Backend, type BackendTarget } from '../../server/storage/wire/backend.ts';
import { BackendPool } from '../../server/storage/wire/pool.ts';
import { type ResultSink, Session } from '../../server/storage/wire/session.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { createTestDatabase } from '../support/postgres.ts';

const NOTHING: ResultSink = { columns: () => undefined, row: () => undefined, done: () => undefined };
const CANCEL_DELAY_MS = 300;

/** A pool of one connection, whose requests to cancel are slow to arrive. */
async function slowlyCancelled(t: TestContext): Promise<BackendPool> {
  const database = await createTestDatabase();
  const proxy = await startDatabaseProxy(database.url, { cancelDelayMs: CANCEL_DELAY_MS });
  const url = new URL(proxy.url);
  const target: BackendTarget = {
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    tls: false,
    settings: {},
  };
  const pool = new BackendPool({
    target: () => Promise.resolve(target),
    connect: (to) => Backend.connect(to, 5_000),
    maxConnections: 1,
    takePlace: () => true,
    freePlace: () => undefined,
  });
  t.after(async () => {
    pool.close({ isDraining: false });
    await proxy.close();
    await database.close();
  });
  return pool;
}

const refusedCopy = { name: 'ServerError', code: '0A000' };
const slowSelect = [{ sql: 'SELECT pg_sleep(0.5)', params: [] }];

test('a COPY is cancelled before the session goes on: its next statement is not hit', async (t) => {
  const session = await Session.open(await slowlyCancelled(t));
  await assert.rejects(session.runScript('COPY (SELECT 1) TO STDOUT', NOTHING), refusedCopy);
  await session.run(slowSelect, NOTHING);
  session.release();
});

test('a connection is handed on when its cancelling is over: who has it next is not hit', async (t) => {
  const pool = await slowlyCancelled(t);
  const copying = await Session.open(pool);
  await assert.rejects(
    copying.run([{ sql: 'COPY (SELECT 1) TO STDOUT', params: [] }], NOTHING, { isLast: true }),
    refusedCopy,
  );
  copying.release();
  const next = await Session.open(pool);
  await next.run(slowSelect, NOTHING);
  next.release();
  // A client's own cancel that comes too late for its statement, as Hyperdrive passes them on.
  const backend = await pool.acquire();
  backend.cancel();
  pool.release(backend, { isBusy: false });
  const last = await Session.open(pool);
  await last.run(slowSelect, NOTHING);
  last.release();
});
