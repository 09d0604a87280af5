/**
 * Tenants of one PostgreSQL against one another and against the platform, by SQL: real workers, each with a database of its own, on the
 * embedded server. What SQL can change of its own limits has to be kept by somebody else.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../support/api.ts';
import { type HttpAnswer, type Skep, startSkep } from '../support/server.ts';
import { withEmbedded } from '../support/embedded-sql.ts';
import { NEEDING_SUPERUSER, REFUSED, SQL_WORKER } from '../support/tenant-attacks.ts';
import { until } from '../support/until.ts';

const STATEMENT_MS = 3_000;
/** Leaves somebody who waits for its lock the time of a statement, also on a machine on which that one begins late. */
const TRANSACTION_MS = 7_000;

let skep: Skep;

before(async () => {
  skep = await startSkep({
    env: {
      SKEP_LIMIT_STATEMENT_MS: String(STATEMENT_MS),
      SKEP_LIMIT_TRANSACTION_MS: String(TRANSACTION_MS),
      SKEP_LIMIT_DATABASE_MIB: '24',
    },
  });
  for (const name of ['mallory', 'victim', 'fat', 'greedy']) {
    const metadata = {
      bindings: [{ type: 'd1', name: 'DB', id: await createDatabase(name) }],
      compatibility_date: '2026-01-01',
    };
    await skep.deploy(name, SQL_WORKER, metadata);
  }
  await createDatabase('grown');
  await ask('victim', {
    script: "CREATE TABLE secrets (text text); INSERT INTO secrets VALUES ('hidden'); SELECT lo_create(77)",
  });
});

async function createDatabase(name: string): Promise<string> {
  const id = (await skep.api('POST', '/d1/database', { name })).json().result.uuid as string;
  databaseIds.set(name, id);
  return id;
}

async function ask(worker: string, question: Json): Promise<{ rows?: Json; code?: string; message?: string }> {
  const answer = await skep.request(worker, '/', { method: 'POST', body: JSON.stringify(question) });
  assert.equal(answer.status, 200, answer.text);
  return answer.json();
}

/** Three megabytes, where nothing is compressed. */
const FILL = 'INSERT INTO fat SELECT repeat(md5(random()::text), 8000) FROM generate_series(1, 12)';

const databaseIds = new Map<string, string>();

const queryByApi = (name: string, sql: string): Promise<HttpAnswer> =>
  skep.api('POST', `/d1/database/${databaseIds.get(name)}/query`, { sql });

const DENIED = '42501';

const TENANT_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE usename LIKE 'skep_w_%'";

/** Waits for a process of PostgreSQL's that the platform finds with this SQL; its id. */
async function untilFound(sql: string): Promise<number> {
  let found: number | undefined;
  await withEmbedded(skep.dataDir, async (client) => {
    const look = async (): Promise<boolean> => {
      found = (await client.query<{ pid: number }>(sql)).rows[0]?.pid;
      return found !== undefined;
    };
    await until(look, sql);
  });
  return found as number;
}

test('no SQL leads out of a tenant’s own database', async () => {
  await ask('mallory', { script: 'CREATE TABLE IF NOT EXISTS loot (line text)' });
  const through: string[] = [];
  for (const [sql, ...codes] of [...REFUSED, ...NEEDING_SUPERUSER]) {
    const { code, message, rows } = await ask('mallory', { sql });
    if (code === undefined || !codes.includes(code)) through.push(`${sql}: ${code} ${message} ${JSON.stringify(rows)}`);
  }
  assert.deepEqual(through, []);
  // It would outlive its session, with its locks.
  assert.equal((await ask('mallory', { script: "BEGIN; PREPARE TRANSACTION 'x'" })).code, '55000');
});

test('what a tenant does to its own role does not lock it out, and raises none of its limits', async () => {
  const own = await ask('mallory', {
    script:
      "DO $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD ''stolen''', current_user); EXECUTE format('ALTER ROLE %I SET statement_timeout = 0', current_user); EXECUTE format('ALTER ROLE %I SET work_mem = ''1GB''', current_user); END $$; DROP OWNED BY CURRENT_USER",
  });
  assert.equal(own.code, undefined, own.message);
  // All sessions end, so that new ones have to be made with the password as it was.
  await ask('mallory', { sql: 'SELECT pg_terminate_backend(pg_backend_pid())' });
  await until(async () => (await ask('mallory', { sql: 'SELECT 1' })).code === undefined, 'the database answers again');
  const settings = await Promise.all(
    Array.from({ length: 5 }, () =>
      ask('mallory', {
        sql: "SELECT current_setting('statement_timeout') AS time, current_setting('work_mem') AS memory, pg_sleep(0.1)::text AS nap",
      }),
    ),
  );
  for (const { rows, message } of settings) assert.deepEqual(rows, [{ time: '3s', memory: '4MB', nap: '' }], message);
  assert.equal(
    (
      await ask('mallory', {
        script: 'CREATE SCHEMA IF NOT EXISTS public; CREATE TABLE IF NOT EXISTS public.again (x int)',
      })
    ).code,
    undefined,
  );
});

test('sessions, locks, channels and large objects of one tenant are nothing to another', async () => {
  const slow = ask('victim', {
    sql: "SELECT pg_backend_pid() AS pid, pg_advisory_lock(1)::text AS lock, pg_sleep(1)::text AS nap, 'done' AS done",
  });
  const pid = await untilFound(`${TENANT_SESSIONS} AND state = 'active' AND query LIKE '%pg_advisory_lock(1)%'`);
  const killed = await ask('mallory', { sql: 'SELECT pg_terminate_backend($1)', params: [pid] });
  assert.equal(killed.code, DENIED, `pg_terminate_backend: ${killed.message}`);
  assert.deepEqual((await ask('mallory', { sql: 'SELECT pg_try_advisory_lock(1) AS free' })).rows, [{ free: true }]);
  assert.equal((await slow).rows?.[0].done, 'done');
  const listening = await Promise.all([
    ask('victim', {
      transaction: [
        ['LISTEN news', 0],
        ["SELECT pg_notify('news', 'own')", 300],
        ['SELECT count(*) AS n FROM pg_listening_channels()', 0],
      ],
    }),
    ask('mallory', { sql: "SELECT pg_notify('news', 'foreign')" }),
  ]);
  assert.deepEqual(
    listening.map(({ code }) => code),
    [undefined, undefined],
  );
});

test('the queue of notifications, which is one for the whole server, may be full of a tenant’s: what the platform writes needs no place in it', async () => {
  const listening = ask('mallory', { transaction: [['LISTEN flood', 2_000]] });
  await untilFound(`${TENANT_SESSIONS} AND query = 'LISTEN flood'`);
  const flood = "SELECT count(pg_notify('flood', repeat('x', 7900) || g)) FROM generate_series(1, 4000) AS g";
  const full = await ask('mallory', { sql: flood });
  assert.match(full.message ?? '', /too many notifications in the NOTIFY queue/);
  const namespace = (await skep.api('POST', '/storage/kv/namespaces', { title: 'quiet' })).json().result.id as string;
  const put = await skep.api('PUT', `/storage/kv/namespaces/${namespace}/values/key`, 'value', {
    'content-type': 'text/plain',
  });
  assert.equal(put.status, 200, put.text);
  await skep.deploy('quiet', 'export default { fetch: () => new Response("deployed") };');
  assert.equal((await skep.request('quiet')).text, 'deployed');
  assert.equal((await skep.api('DELETE', `/storage/kv/namespaces/${namespace}`)).status, 200);
  assert.match((await ask('mallory', { sql: flood })).message ?? '', /too many notifications/, 'it is still full');
  await listening;
});

test('a statement ends by the limit, also when its session was told that there is none and refuses to be cancelled', async () => {
  const started = performance.now();
  const [slept, looped] = await Promise.all([
    ask('mallory', { script: 'SET statement_timeout = 0; SELECT pg_sleep(30)' }),
    ask('mallory', {
      script:
        'SET statement_timeout = 0; DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(30); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$',
    }),
  ]);
  const tookMs = performance.now() - started;
  assert.ok(tookMs < STATEMENT_MS + 15_000, `both were told after ${tookMs} ms`);
  for (const { code, message } of [slept, looped]) {
    assert.equal(code, '57014');
    assert.match(message ?? '', /A statement may take 3 s; this one was ended|due to statement timeout/);
  }
  const running = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename LIKE 'skep_w_%' AND state <> 'idle'";
  await until(
    async () => (await withEmbedded(skep.dataDir, (client) => client.query<{ n: number }>(running))).rows[0]?.n === 0,
    'the server works on none of them',
  );
});

async function connectionsOf(name: string): Promise<number> {
  return (await skep.api('GET', `/d1/database/${name}`)).json().result.connections;
}

test('a transaction that is never ended is rolled back by the limit, and its locks with it', async () => {
  await ask('mallory', { script: 'CREATE TABLE IF NOT EXISTS locked (x int)' });
  const holder = ask('mallory', {
    transaction: [
      ['SET idle_in_transaction_session_timeout = 0', 0],
      ['SET transaction_timeout = 0', 0],
      ['LOCK TABLE locked', 20_000],
    ],
  });
  await untilFound("SELECT pid FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted");
  const blocked = await ask('mallory', { sql: 'SELECT count(*) FROM locked' });
  assert.equal(blocked.code, '57014', blocked.message);
  const { code, message } = await holder;
  assert.deepEqual([code, message], ['25P04', 'A transaction may take 7 s; this one was rolled back.']);
  assert.deepEqual((await ask('mallory', { sql: 'SELECT count(*) AS n FROM locked' })).rows, [{ n: 0 }]);
});

test('more statements than connections wait for one, and more transactions than that hear why there is none', async () => {
  const { rows, message } = await ask('mallory', { sql: 'SELECT pg_sleep(0.1)::text AS nap', times: 40 });
  assert.deepEqual(rows, [{ nap: '' }], message);
  const connections = await connectionsOf('mallory');
  assert.ok(connections <= 10, `${connections} connections`);
});

test('temporary files, rows and results are bounded', async () => {
  const sorted = await ask('mallory', {
    script:
      "SET work_mem = '64kB'; SET statement_timeout = 0; SELECT count(*) FROM (SELECT n, repeat('x', 900) FROM generate_series(1, 100000000) AS n ORDER BY n DESC) AS s",
  });
  assert.ok(['53400', '57014'].includes(sorted.code ?? ''), sorted.message);
  const row = await ask('mallory', {
    sql: "SELECT length(x) FROM (SELECT repeat('x', 10) AS x) AS s UNION ALL SELECT 1",
  });
  assert.deepEqual(row.rows?.length, 2);
  const wide = await ask('mallory', { sql: "SELECT repeat('x', 20000000) AS wide" });
  assert.equal(wide.code, '57014');
  assert.match(wide.message ?? '', /a row or message of 200000\d\d bytes came, allowed are 16777216/);
});

test('a database that only the API writes to cannot grow without end either', async () => {
  await queryByApi('grown', 'CREATE TABLE fat (text text); ALTER TABLE fat ALTER text SET STORAGE EXTERNAL');
  await until(async () => {
    const { text } = await queryByApi('grown', `${FILL}; SELECT 1`);
    return text.includes('larger than allowed');
  }, 'the limit is noticed');
});

test('a database that is too large can be read and made smaller, and is as before when it is', async () => {
  await ask('fat', { script: 'CREATE TABLE fat (text text); ALTER TABLE fat ALTER text SET STORAGE EXTERNAL' });
  await until(async () => {
    const { message } = await ask('fat', { sql: FILL });
    return message?.startsWith('The database is larger than allowed') === true;
  }, 'the limit is noticed');
  assert.ok((await ask('fat', { sql: 'SELECT count(*) AS n FROM fat' })).rows?.[0].n > 0);
  for (const sql of [
    'COMMIT',
    'SET transaction_read_only = off',
    "/* */ WITH w AS (INSERT INTO fat VALUES ('x') RETURNING 1) SELECT * FROM w",
    'CREATE TABLE more (x int)',
  ]) {
    const { code, message } = await ask('fat', { sql });
    assert.equal(code, '57014', `${sql}: ${message}`);
  }
  assert.equal((await ask('fat', { script: 'SELECT 1' })).code, '57014');
  for (const leave of ['SET TRANSACTION READ WRITE', 'COMMIT']) {
    const { code, message } = await ask('fat', { transaction: [[leave, 0]] });
    assert.equal(code, '57014', `${leave} in a transaction: ${message}`);
  }
  for (const sql of [
    'SELECT 1 AS x INTO more',
    "INSERT INTO fat VALUES ('x')",
    'COMMIT',
    "SELECT 1; INSERT INTO fat VALUES ('x')",
    "DELETE FROM fat WHERE false; INSERT INTO fat VALUES ('x')",
  ]) {
    const answer = await queryByApi('fat', sql);
    assert.equal(answer.status, 400, `${sql}: ${answer.text}`);
    assert.match(answer.text, /larger than allowed|multiple commands/, sql);
  }
  assert.equal((await queryByApi('fat', 'SELECT count(*) FROM fat;')).status, 200);
  assert.equal((await ask('fat', { sql: 'TRUNCATE fat' })).code, undefined);
  await until(
    async () => (await ask('fat', { sql: "INSERT INTO fat VALUES ('small')" })).code === undefined,
    'it may be written again',
  );
});

test('memory that SQL takes has an end in its session: others go on', async () => {
  const huge = await ask('fat', { sql: "SELECT length(repeat('x', 900000000)) AS n" });
  assert.equal(huge.code, '53200', huge.message);
  const script =
    "SET work_mem = '2GB'; SELECT count(*) FROM (SELECT repeat(repeat(md5(g::text), 100), 1250) AS x FROM generate_series(1, 200) g ORDER BY x) AS s";
  const sorted = await ask('fat', { script });
  // SQL that computes gives way to all else: on a machine that is full the time of a statement is over first.
  assert.ok(['53200', '57014'].includes(sorted.code ?? ''), `${sorted.code} ${sorted.message}`);
  assert.equal((await ask('fat', { sql: 'SELECT 1 AS one' })).rows?.[0].one, 1);
});

/** How many steps below the server the kernel runs a session of PostgreSQL's: its group's, where the kernel has groups, or its own. */
function stepsDownOf(processId: number): number {
  const group = existsSync('/proc/self/autogroup') ? readFileSync(`/proc/${processId}/autogroup`, 'latin1') : '';
  return Number(/nice (-?\d+)/.exec(group)?.[1] ?? getPriority(processId) - getPriority(skep.pid));
}

/** The lowest step of the sessions of workers, and of the platform's own. */
const stepsDown = (): Promise<{ workers: number; platform: number }> =>
  withEmbedded(skep.dataDir, async (client) => {
    const { rows } = await client.query<{ pid: number; worker: boolean }>(
      `SELECT pid, usename LIKE 'skep_w_%' AS worker FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    const lowest = (isWorker: boolean): number =>
      Math.max(0, ...rows.filter(({ worker }) => worker === isWorker).map(({ pid }) => stepsDownOf(pid)));
    return { workers: lowest(true), platform: lowest(false) };
  });

test('who computes in SQL gives way to everybody who only answers, until it is quiet again', async () => {
  const looping = ask('mallory', { script: 'DO $$ BEGIN LOOP END LOOP; END $$', times: 2 });
  await until(async () => (await stepsDown()).workers > 0, 'the sessions that loop run at a lower priority');
  assert.equal((await stepsDown()).platform, 0);
  assert.equal((await looping).code, '57014');
  if (mayRaise()) await until(async () => (await stepsDown()).workers === 0, 'they are back where they were', 10_000);
});

/** Without root the kernel lets priorities of groups be raised, those of processes not. */
const mayRaise = (): boolean => process.getuid?.() === 0 || existsSync('/proc/self/autogroup');

const TAKE_ALL_LOCKS =
  'DO $$ DECLARE n int := 0; BEGIN BEGIN LOOP n := n + 1; PERFORM pg_advisory_lock(n); END LOOP; EXCEPTION WHEN out_of_memory THEN NULL; END; PERFORM pg_sleep(20); END $$';

test('who takes all locks of the server loses his sessions, and no deploy fails for want of one', async () => {
  const few = await ask('greedy', {
    sql: 'SELECT count(pg_advisory_lock(n))::int AS n FROM generate_series(1, 5000) AS n',
  });
  assert.deepEqual(few.rows, [{ n: 5_000 }], few.message);
  const greedy = ask('greedy', { script: `SET statement_timeout = 0; ${TAKE_ALL_LOCKS}` });
  const isOver = greedy.then(() => true);
  do {
    await skep.deploy('beside', 'export default { fetch: () => new Response("deployed") };');
  } while (!(await Promise.race([isOver, sleep(20).then(() => false)])));
  const { code, message } = await greedy;
  assert.equal(code, '57014', message);
  assert.match(message ?? '', /\d{5} locks were held in the database at once, allowed are 10000/);
  assert.match((await ask('greedy', { sql: 'SELECT 1' })).message ?? '', /closed for [12] s more: too many locks/);
  await until(async () => (await ask('greedy', { sql: 'SELECT 1' })).code === undefined, 'it is open again');
});

test('deleting a database ends who is in it, and its worker hears that it is gone', async () => {
  const made = await skep.api('POST', '/d1/database', { name: 'short-lived' });
  await skep.deploy('late', SQL_WORKER, {
    bindings: [{ type: 'd1', name: 'DB', id: made.json().result.uuid }],
    compatibility_date: '2026-01-01',
  });
  const slow = ask('late', { sql: 'SELECT pg_sleep(2.5)::text AS nap' });
  await untilFound(`${TENANT_SESSIONS} AND state = 'active' AND query LIKE '%pg_sleep(2.5)%'`);
  assert.equal((await skep.api('DELETE', '/d1/database/short-lived')).status, 200);
  assert.match((await slow).code ?? '', /^(57P01|08006|57014)$/);
  assert.match((await ask('late', { sql: 'SELECT 1' })).message ?? '', /does not exist any longer/);
});
