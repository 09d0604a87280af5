/** `env.DB` from inside a worker: a real server, a real cell, a real PostgreSQL. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Json } from '../support/api.ts';
import { descendantsOf } from '../support/processes.ts';
import { type Skep, startSkep } from '../support/server.ts';
import { until } from '../support/until.ts';

let skep: Skep;
let databaseId: string;

before(async () => {
  skep = await startSkep();
  databaseId = await makeDatabase('main');
  await skep.deploy('db', CASES, {
    bindings: [{ type: 'd1', name: 'DB', id: databaseId }],
    limits: { cpu_ms: 10_000 },
  });
});

async function makeDatabase(name: string): Promise<string> {
  const made = await skep.api('POST', '/d1/database', { name });
  assert.equal(made.status, 200, made.text);
  return made.json().result.uuid;
}

/** What a case of the worker answers: its value, or the error it threw. */
async function ask(path: string): Promise<Json> {
  const answer = await skep.request('db', `/${path}`).catch((error: unknown) => {
    throw new Error(`${String(error)}; the server said: ${skep.stderr().slice(-2_000)}`, { cause: error });
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.json();
}

/** A case is a path. Code cannot be made from text in a worker, so they stand here. */
const CASES = `
async function bookmarks(DB) {
  const session = DB.withSession('first-primary');
  const before = session.getBookmark();
  await session.prepare('SELECT 1').run();
  const first = session.getBookmark();
  await session.batch([session.prepare('SELECT 2')]);
  return [before, /^[0-9a-f]{8}(-[0-9a-f]{8}){2}-[0-9a-f]{32}$/.test(first), session.getBookmark() > first, DB.withSession(' mine ').getBookmark()];
}
const cases = {
  async types({ DB }) {
    const [row] = await DB.query(\`SELECT 1::int2 AS small, 2147483647 AS whole, 9007199254740991::int8 AS safe, 9223372036854775807::int8 AS large,
      1.50::numeric AS exact, 0.1::float8 AS float, 'NaN'::float8 AS nan, true AS yes, '\\\\x00ff'::bytea AS bytes, '{"a":[1,null]}'::jsonb AS doc,
      ARRAY[1,NULL,3] AS ints, ARRAY[['a','b c'],['"q"','\\\\']] AS texts, ARRAY[]::text[] AS none, '2026-11-22T12:00:00.123456Z'::timestamptz AS at,
      'infinity'::timestamptz AS ever, '2026-11-22'::date AS day, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS id, NULL::int AS nothing,
      '[1,5)'::int4range AS range, interval '1 day 2 hours' AS span\`);
    return { ...row, at: [row.at instanceof Date, row.at], bytes: [row.bytes instanceof Uint8Array, ...row.bytes], nan: String(row.nan) };
  },
  async parameters({ DB }) {
    const values = [1, 1.5, 'text', true, null, 12345678901234567890n, new Date(0), new Uint8Array([0, 255]), [1, 2], ['a"b', null, 'c\\\\d'], { a: [1] }];
    const types = ['int4', 'float8', 'text', 'bool', 'int4', 'numeric', 'timestamptz', 'bytea', 'int4[]', 'text[]', 'jsonb'];
    const [row] = await DB.query('SELECT ' + types.map((type, index) => '$' + (index + 1) + '::' + type + ' AS c' + index).join(', '), values);
    return { ...row, c7: [...row.c7] };
  },
  async shape({ DB }) {
    await DB.exec('CREATE TABLE IF NOT EXISTS shape (id serial PRIMARY KEY, name text, n int); TRUNCATE shape RESTART IDENTITY');
    const insert = DB.prepare('INSERT INTO shape (name, n) VALUES (?, ?)');
    const run = await insert.bind('a', 1).run();
    const batch = await DB.batch([insert.bind('b', 2), DB.prepare('UPDATE shape SET n = n + ?1 WHERE n >= ?1').bind(1), DB.prepare('SELECT count(*) AS c FROM shape')]);
    const all = await DB.prepare('SELECT name, n FROM shape ORDER BY id').all();
    return {
      run: [run.success, run.meta.changes, run.results],
      batch: batch.map(({ results, meta }) => [results, meta.changes]),
      all: all.results,
      first: await DB.prepare('SELECT name, n FROM shape ORDER BY id').first(),
      column: await DB.prepare('SELECT name, n FROM shape ORDER BY id').first('n'),
      none: await DB.prepare('SELECT 1 WHERE false').first(),
      raw: await DB.prepare('SELECT name, n FROM shape ORDER BY id').raw({ columnNames: true }),
      dollar: await DB.prepare('SELECT $1::int + $2::int AS sum').bind(1, 2).first('sum'),
      literals: await DB.prepare("SELECT '?' AS a, ? AS b, \\"c?\\".x AS c, E'\\\\'?' AS d, $$?$$ AS e -- ?\\n FROM (SELECT 1 AS x) AS \\"c?\\" /* ? /* ? */ */").bind('v').first(),
      operator: await DB.prepare("SELECT '{\\"a\\":1}'::jsonb ?? ? AS has").bind('a').first('has'),
      session: await bookmarks(DB),
      names: [DB.constructor.name, insert.constructor.name, Object.prototype.toString.call(DB)],
    };
  },
  async scriptError({ DB }) { return DB.exec('SELECT 1;\\nSELECT oops;\\nSELECT 3'); },
  async emptyScript({ DB }) { return DB.exec(' '); },
  async wrongCount({ DB }) { return DB.prepare('SELECT ?, ?').bind(1).all(); },
  async missingColumn({ DB }) { return DB.prepare('SELECT 1 AS a').first('b'); },
  async dump({ DB }) { return DB.dump(); },
  async undefinedParameter({ DB }) { return DB.prepare('SELECT ?').bind(undefined).all(); },
  async syntaxError({ DB }) { return DB.query('SELECT 1,\\n  nothing FROM nowhere'); },
  async positionBehindPlaceholder({ DB }) { return DB.prepare('SELECT ?, ?, oops').bind('a', 'b').all(); },
  async uniqueViolation({ DB }) {
    await DB.exec('CREATE TABLE IF NOT EXISTS once (id int PRIMARY KEY)');
    await DB.query('INSERT INTO once VALUES (1) ON CONFLICT DO NOTHING');
    return DB.query('INSERT INTO once VALUES (1)');
  },
  async batchIsAtomic({ DB }) {
    await DB.exec('CREATE TABLE IF NOT EXISTS atomic (id int PRIMARY KEY); TRUNCATE atomic');
    const insert = DB.prepare('INSERT INTO atomic VALUES (?)');
    const error = await DB.batch([insert.bind(1), insert.bind(2), insert.bind(1)]).then(() => null, (e) => e.code);
    return [error, await DB.prepare('SELECT count(*) AS c FROM atomic').first('c')];
  },
  async transaction({ DB }) {
    await DB.exec('CREATE TABLE IF NOT EXISTS tx (id int PRIMARY KEY); TRUNCATE tx');
    const seen = await DB.transaction(async (tx) => {
      await tx.query('INSERT INTO tx VALUES (1)');
      await tx.prepare('INSERT INTO tx VALUES (?)').bind(2).run();
      const outside = await DB.prepare('SELECT count(*) AS c FROM tx').first('c');
      const together = await Promise.all([tx.query('SELECT 1 AS n'), tx.query('SELECT 2 AS n')]);
      return [outside, (await tx.query('SELECT count(*) AS c FROM tx'))[0].c, together.flat().map(({ n }) => n)];
    });
    const thrown = await DB.transaction(async (tx) => { await tx.query('INSERT INTO tx VALUES (3)'); throw new Error('mine'); }).catch((e) => e.message);
    let leaked;
    await DB.transaction(async (tx) => { leaked = tx; });
    const late = await leaked.query('SELECT 1').catch((e) => e.message);
    const failed = await DB.transaction(async (tx) => { await tx.query('SELECT 1/0').catch(() => 0); }).catch((e) => e.message);
    const readOnly = await DB.transaction((tx) => tx.query('INSERT INTO tx VALUES (9)'), { readOnly: true }).catch((e) => e.code);
    const level = await DB.transaction(async (tx) => (await tx.query('SHOW transaction_isolation'))[0].transaction_isolation, { isolation: 'serializable' });
    return { seen, thrown, late, failed, readOnly, level, left: await DB.prepare('SELECT count(*) AS c FROM tx').first('c') };
  },
  async cursor({ DB }) {
    let rows = 0, sum = 0, bytes = 0;
    for await (const row of DB.cursor("SELECT n, repeat('é', 50) AS t FROM generate_series(1, $1::int) AS n", [100000])) {
      rows++; sum += row.n; bytes += row.t.length;
    }
    const few = [];
    for await (const { n } of DB.cursor('SELECT n FROM generate_series(1, 1000000) AS n')) { few.push(n); if (n === 3) break; }
    const empty = [];
    for await (const row of DB.cursor('SELECT 1 WHERE false')) empty.push(row);
    const reader = DB.cursor('SELECT 10 / (3 - n) AS x FROM generate_series(1, 3) AS n').getReader();
    const error = await reader.read().then(() => reader.read()).then(() => reader.read()).catch((e) => e.code);
    return { rows, sum, bytes, few, empty, error };
  },
  async state({ DB }) {
    await DB.exec("SET search_path = pg_catalog; SET timezone = 'Asia/Tokyo'; CREATE TEMP TABLE left_behind (x int); SELECT pg_advisory_lock(42); PREPARE mine AS SELECT 1; LISTEN news");
    const rows = await Promise.all(Array.from({ length: 20 }, () => DB.query(
      "SELECT current_setting('search_path') AS path, current_setting('timezone') AS zone, to_regclass('pg_temp.left_behind') AS temp, (SELECT count(*) FROM pg_prepared_statements) AS prepared, pg_try_advisory_lock(42) AS free, (SELECT count(*) FROM pg_listening_channels()) AS listening")));
    return [...new Set(rows.map(([row]) => JSON.stringify({ ...row, free: undefined })))];
  },
  async open({ DB }) { await DB.batch([DB.prepare('BEGIN'), DB.prepare('CREATE TABLE never_there (x int)')]); return (await DB.query("SELECT to_regclass('never_there') AS t"))[0].t; },
  async copy({ DB }) {
    await DB.exec('CREATE TABLE IF NOT EXISTS copied (x int)');
    const codes = [];
    for (const sql of ['COPY copied FROM STDIN', 'COPY copied TO STDOUT']) {
      codes.push(await DB.query(sql).then(() => 'done', (e) => e.code), await DB.exec(sql).then(() => 'done', (e) => e.code));
    }
    return [codes, (await DB.query('SELECT 1 AS one'))[0].one];
  },
  async patched({ DB }) {
    const names = ['push', 'map', 'join', 'slice', 'indexOf'];
    const kept = names.map((name) => Array.prototype[name]);
    const { parse, stringify } = JSON, then = Promise.prototype.then;
    for (const name of names) Array.prototype[name] = () => { throw new Error('patched'); };
    JSON.parse = JSON.stringify = () => { throw new Error('patched'); };
    try {
      return (await DB.prepare('SELECT ?::int[] AS list, ? AS text').bind([1, 2], 'x').all()).results;
    } finally {
      names.forEach((name, index) => { Array.prototype[name] = kept[index]; });
      Object.assign(JSON, { parse, stringify });
    }
  },
  async one({ DB }) { return (await DB.query('SELECT 1 AS one'))[0].one; },
  async large({ DB }) {
    const text = 'x'.repeat(3_000_000);
    const [row] = await DB.query('SELECT $1::text AS text, length($1) AS n', [text]);
    return [row.n, row.text === text];
  },
};
export default {
  async fetch(request, env, ctx) {
    const name = new URL(request.url).pathname.slice(1);
    try {
      return Response.json({ value: await cases[name](env, ctx) });
    } catch (error) {
      return Response.json({ error: { name: error.name, message: String(error.message), ...error } });
    }
  },
};`;

test('values of PostgreSQL become values of JavaScript, and nothing loses a digit', async () => {
  const { value } = await ask('types');
  assert.deepEqual(value, {
    small: 1,
    whole: 2147483647,
    safe: 9007199254740991,
    large: '9223372036854775807',
    exact: '1.50',
    float: 0.1,
    nan: 'NaN',
    yes: true,
    bytes: [true, 0, 255],
    doc: { a: [1, null] },
    ints: [1, null, 3],
    texts: [
      ['a', 'b c'],
      ['"q"', '\\'],
    ],
    none: [],
    at: [true, '2026-11-22T12:00:00.123Z'],
    ever: 'infinity',
    day: '2026-11-22',
    id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    nothing: null,
    range: '[1,5)',
    span: 'P1DT2H',
  });
});

test('values of JavaScript arrive as what they are', async () => {
  assert.deepEqual((await ask('parameters')).value, {
    c0: 1,
    c1: 1.5,
    c2: 'text',
    c3: true,
    c4: null,
    c5: '12345678901234567890',
    c6: '1970-01-01T00:00:00.000Z',
    c7: [0, 255],
    c8: [1, 2],
    c9: ['a"b', null, 'c\\d'],
    c10: { a: [1] },
  });
});

test("prepare, bind, first, all, run, raw, batch and exec have D1's shape", async () => {
  const { value, error } = await ask('shape');
  assert.deepEqual(
    value,
    {
      run: [true, 1, []],
      batch: [
        [[], 1],
        [[], 2],
        [[{ c: 2 }], 0],
      ],
      all: [
        { name: 'a', n: 2 },
        { name: 'b', n: 3 },
      ],
      first: { name: 'a', n: 2 },
      column: 2,
      none: null,
      raw: [
        ['name', 'n'],
        ['a', 2],
        ['b', 3],
      ],
      dollar: 3,
      literals: { a: '?', b: 'v', c: 1, d: "'?", e: '?' },
      operator: true,
      session: [null, true, true, 'mine'],
      names: ['D1Database', 'D1PreparedStatement', '[object Object]'],
    },
    JSON.stringify(error),
  );
});

test('an error has SQLSTATE, position and detail, and D1’s beginning where D1 has one', async () => {
  const syntax = (await ask('syntaxError')).error;
  assert.deepEqual(
    [syntax.code, syntax.position, syntax.message, syntax.remote],
    ['42P01', 26, 'relation "nowhere" does not exist', undefined],
  );
  const behind = (await ask('positionBehindPlaceholder')).error;
  assert.deepEqual([behind.code, behind.position], ['42703', 'SELECT ?, ?, '.length + 1]);
  assert.match(behind.message, /^D1_ERROR: column "oops" does not exist$/);
  const unique = (await ask('uniqueViolation')).error;
  assert.deepEqual(
    [unique.code, unique.constraint, unique.table, unique.detail],
    ['23505', 'once_pkey', 'once', 'Key (id)=(1) already exists.'],
  );
  assert.match((await ask('wrongCount')).error.message, /Wrong number of parameter bindings for SQL query: 1 for 2/);
  assert.equal((await ask('missingColumn')).error.message, 'D1_COLUMN_NOTFOUND: Column not found (b)');
  assert.match((await ask('undefinedParameter')).error.message, /^D1_TYPE_ERROR: Type 'undefined' not supported/);
  assert.match((await ask('dump')).error.message, /^D1_DUMP_ERROR: dump\(\) is not supported/);
  const script = (await ask('scriptError')).error;
  assert.equal(script.message, 'D1_EXEC_ERROR: Error in line 2: SELECT oops;: column "oops" does not exist');
  assert.deepEqual([script.code, script.position], ['42703', 'SELECT 1;\nSELECT '.length + 1]);
  assert.match((await ask('emptyScript')).error.message, /^D1_EXEC_ERROR: .*No SQL statements detected\.$/);
});

test('a batch is carried out whole or not at all', async () => {
  assert.deepEqual((await ask('batchIsAtomic')).value, ['23505', 0]);
});

test('a transaction is seen by nobody before its end, rolls back on an exception, and is of no use afterwards', async () => {
  const { value, error } = await ask('transaction');
  assert.equal(error, undefined, JSON.stringify(error));
  assert.deepEqual(value.seen, [0, 2, [1, 2]]);
  assert.equal(value.thrown, 'mine');
  assert.match(value.late, /The transaction is over/);
  assert.match(value.failed, /was rolled back: one of its statements had failed/);
  assert.deepEqual([value.readOnly, value.level, value.left], ['25006', 'serializable', 2]);
});

test('a cursor gives rows as they are taken, ends early when nobody wants more, and tells of late errors', async () => {
  const { value, error } = await ask('cursor');
  assert.equal(error, undefined, JSON.stringify(error));
  assert.deepEqual(value, {
    rows: 100_000,
    sum: 5_000_050_000,
    bytes: 5_000_000,
    few: [1, 2, 3],
    empty: [],
    error: '22012',
  });
});

test('what one use of a connection leaves in its session, the next one does not find', async () => {
  const { value, error } = await ask('state');
  assert.equal(error, undefined, JSON.stringify(error));
  assert.deepEqual(
    value.map((row: string) => JSON.parse(row)),
    [{ path: '"$user", public', zone: 'UTC', temp: null, prepared: 0, listening: 0 }],
  );
  assert.equal((await ask('open')).value, null);
});

test('COPY is refused, and the connection is good afterwards', async () => {
  assert.deepEqual((await ask('copy')).value, [['0A000', '0A000', '0A000', '0A000'], 1]);
});

test('a worker that has patched the built-ins still has its database', async () => {
  assert.deepEqual((await ask('patched')).value, [{ list: [1, 2], text: 'x' }]);
});

test('values of megabytes go in and out', async () => {
  assert.deepEqual((await ask('large')).value, [3_000_000, true]);
});

/** The processes of the embedded PostgreSQL. */
const postgresPids = (): number[] =>
  descendantsOf(skep.pid)
    .filter(({ command }) => /postgres/.test(command))
    .map(({ pid }) => pid);

test('databases that are asked for at the same time are all made', async () => {
  const ids = await Promise.all(['one', 'two', 'three', 'four'].map((name) => makeDatabase(`together-${name}`)));
  assert.equal(new Set(ids).size, 4);
});

test('a database that hangs is an error within seconds, and is as before when it goes on', async () => {
  assert.equal((await ask('one')).value, 1);
  const pids = postgresPids();
  assert.ok(pids.length > 1);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    const started = performance.now();
    const { error } = await ask('one');
    assert.deepEqual([error?.code, error?.retryable], ['08006', true], error?.message);
    // 2 s, and what a busy machine adds.
    const tookMs = performance.now() - started;
    assert.ok(tookMs < 8_000, `told after ${tookMs} ms`);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  await until(async () => (await ask('one')).value === 1, 'the database answers again');
});

test('a database that is killed is an error at once, and recovers by itself', async () => {
  const [postmaster] = readFileSync(join(skep.dataDir, 'postgres/data/postmaster.pid'), 'utf8').split('\n');
  process.kill(Number(postmaster), 'SIGKILL');
  await until(async () => {
    const { error } = await ask('one');
    return (
      error?.code === '08006' &&
      /^The (?:database cannot be reached|connection to the database was lost)/.test(error.message)
    );
  }, 'the worker hears that its database is gone');
  await until(async () => (await ask('one')).value === 1, 'the database answers again', 20_000);
});
