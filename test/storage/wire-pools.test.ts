/** Pools of connections to a real PostgreSQL behind a port: a network that swallows everything, and many databases that share few places. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DATABASE_LIMITS } from '../../shared/limits.ts';
import { Backend, type BackendTarget } from '../../server/storage/wire/backend.ts';
import { BackendPool, NoConnection } from '../../server/storage/wire/pool.ts';
import { BackendPools } from '../../server/storage/wire/pools.ts';
import { Session, SessionLost } from '../../server/storage/wire/session.ts';
import { isThere } from '../../server/storage/wire/silence.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const TIMES = { silenceMs: 200, silenceProbeMs: 500, trustedIdleMs: 300 };
const NO_ONE = { columns: () => undefined, row: () => undefined, done: () => undefined };

let database: TestDatabase;
let proxy: TcpProxy;
let pool: BackendPool;
let target: BackendTarget;
before(async () => {
  database = await createTestDatabase();
  const [, user = '', password = '', host = '', name = ''] =
    /^postgresql:\/\/([^:]+):([^@]+)@([^/]+)\/(.+)$/.exec(database.url) ?? [];
  const at = decodeURIComponent(host);
  const [machine = '', tcpPort] = at.split(':');
  assert.ok(at.startsWith('/') || machine === '127.0.0.1' || machine === 'localhost', 'a PostgreSQL of this machine');
  proxy = await startTcpProxy(at.startsWith('/') ? `${at}/.s.PGSQL.5432` : Number(tcpPort ?? 5432));
  target = {
    host: '127.0.0.1',
    port: proxy.port,
    user,
    password: decodeURIComponent(password),
    database: name,
    tls: false,
    settings: {},
  };
  pool = new BackendPool({
    target: () => Promise.resolve(target),
    maxConnections: 3,
    times: TIMES,
    takePlace: () => true,
    freePlace: () => undefined,
  });
});
after(async () => {
  pool?.close({ isDraining: false });
  await proxy?.close();
  await database?.close();
});

async function run(sql: string, on = pool): Promise<void> {
  const session = await Session.open(on);
  try {
    await session.run([{ sql, params: [] }], NO_ONE, { isLast: true });
  } finally {
    session.release();
  }
}

test('a statement that takes long on a server that answers goes on', async () => {
  await run('SELECT pg_sleep(1.5)');
});

test('a statement whose server has fallen silent fails soon, later ones too, and they work again when it is back', async () => {
  const slow = run('SELECT pg_sleep(20)').catch((error: Error) => error);
  await sleep(100);
  await proxy.behave('stall');
  const started = performance.now();
  const error = (await slow) as Error;
  assert.ok(error instanceof SessionLost, String(error));
  assert.match(error.message, /^The database has not answered for 0.7 s\.$/);
  const heardMs = performance.now() - started;
  assert.ok(heardMs < 8_000, `heard after ${heardMs} ms: the statement itself takes 20 s`);
  await assert.rejects(run('SELECT 1'), (next) => next instanceof NoConnection && next.isUnreachable);
  const bothMs = performance.now() - started;
  assert.ok(bothMs < 15_000, `both were told after ${bothMs} ms`);
  await proxy.behave('through');
  await run('SELECT 1');
});

test('a connection that the network forgot while it was idle is found out before anybody gets it', async () => {
  const all = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
  for (const backend of all) pool.release(backend, { isBusy: false });
  await sleep(TIMES.trustedIdleMs + 100);
  // These stay silent for ever; new ones are answered.
  proxy.forgetOpenOnes();
  const started = performance.now();
  await run('SELECT 1');
  const ms = performance.now() - started;
  assert.ok(ms < 2 * DATABASE_LIMITS.connectTimeoutMs + 1_000, `${ms} ms: one trial for all three`);
  assert.ok(all.every(({ isGone }) => isGone));
});

test('a server is there when anything at all comes back', async (t) => {
  const where = (port: number) => ({ host: '127.0.0.1', port });
  assert.equal(await isThere(where(proxy.port), 1_000), true);
  assert.equal(await isThere(where(1), 1_000), true, 'a refusal is an answer of the machine');
  const silent = createServer(() => undefined);
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  assert.equal(await isThere(where((silent.address() as AddressInfo).port), 200), false);
});

/** This is about turns: sixty connections begun at once may take long on a machine that is busy with something else. */
const inItsTime = (to: BackendTarget): Promise<Backend> => Backend.connect(to, 30_000);

/** Twelve databases on which ten operations each begin at once; resolves with how many connections there were at most. */
async function storm(places: number, to: BackendTarget): Promise<number> {
  const pools = new BackendPools(places, places);
  const before = proxy.connections;
  const each = Array.from({ length: 12 }, (_, index) =>
    pools.of(`database ${index}`, `account ${index % 2}`, () => ({
      target: () => Promise.resolve(to),
      maxConnections: 10,
      connect: inItsTime,
    })),
  );
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, proxy.connections - before)), 2);
  try {
    await Promise.all(each.flatMap((one) => Array.from({ length: 10 }, () => run('SELECT pg_sleep(0.02)', one))));
    return peak;
  } finally {
    clearInterval(watch);
    pools.close();
  }
}

test('many databases at once on few places: all have their turn, and no place is exceeded', async () => {
  assert.ok((await storm(4, target)) <= 4);
});

test('many databases at once on a server that takes fewer connections than there are places: all have their turn', async () => {
  await database.database.query("CREATE ROLE few LOGIN CONNECTION LIMIT 3 PASSWORD 'few'");
  try {
    await storm(60, { ...target, user: 'few', password: 'few' });
  } finally {
    await database.database.query('DROP ROLE few');
  }
});

test('the databases of one account together leave places for those of others, and share what is theirs', async () => {
  const pools = new BackendPools(4, 3);
  const open = (name: string, account: string): BackendPool =>
    pools.of(name, account, () => ({ target: () => Promise.resolve(target), maxConnections: 10, connect: inItsTime }));
  try {
    const greedy = ['a', 'b', 'c', 'd'].map((name) => open(name, 'greedy'));
    const held = greedy.slice(0, 3).map((one) => one.acquire());
    await Promise.all(held);
    const fourth = (greedy[3] as BackendPool).acquire();
    const early = await Promise.race([fourth.then(() => true), sleep(200).then(() => false)]);
    assert.equal(early, false, 'the account has its share');
    const other = open('e', 'modest');
    const backend = await other.acquire();
    other.release(backend, { isBusy: false });
    (greedy[0] as BackendPool).release(await (held[0] as Promise<Backend>), { isBusy: false });
    await fourth;
  } finally {
    pools.close();
  }
});
