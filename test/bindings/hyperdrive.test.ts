/** `env.HYPERDRIVE` from inside a worker, with the drivers `pg` and `postgres` bundled into it as a user would. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import type { Json } from '../support/api.ts';
import { withEmbedded } from '../support/embedded-sql.ts';
import { ESM, MULTIPART_TYPE, multipartBody } from '../support/multipart.ts';
import { type Skep, startSkep } from '../support/server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { tlsPostgres } from '../support/tls-postgres.ts';
import { until } from '../support/until.ts';

const PASSWORD = `origin-${randomBytes(8).toString('hex')}`;

let skep: Skep;
let origin: TcpProxy;
let configId: string;

const CASES = `
import pg from 'pg';
import postgres from 'postgres';
import { connect } from 'cloudflare:sockets';

const withPg = async ({ HYPERDRIVE }, work) => {
  const client = new pg.Client({ connectionString: HYPERDRIVE.connectionString });
  client.on('error', () => {});
  await client.connect();
  try { return await work(client); } finally { await client.end(); }
};
const withPostgres = async ({ HYPERDRIVE }, work, options = {}) => {
  const sql = postgres(HYPERDRIVE.connectionString, { max: 2, ...options });
  try { return await work(sql); } finally { await sql.end(); }
};
const cases = {
  shape({ HYPERDRIVE: h }) {
    const url = new URL(h.connectionString);
    return [h.constructor.name, h.port, h.host.endsWith('.hyperdrive.local'), url.hostname === h.host, url.username === h.user, url.password === h.password, url.pathname === '/' + h.database, JSON.stringify(h)];
  },
  pg: (env) => withPg(env, async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS people (id serial PRIMARY KEY, name text)');
    await client.query('TRUNCATE people RESTART IDENTITY');
    await client.query('BEGIN');
    await client.query('INSERT INTO people (name) VALUES ($1), ($2)', ['Ada', 'Grace']);
    await client.query('COMMIT');
    const named = [];
    for (const id of [1, 2]) named.push((await client.query({ name: 'by-id', text: 'SELECT name FROM people WHERE id = $1', values: [id] })).rows[0].name);
    const error = await client.query('SELECT * FROM nowhere').catch(({ code, position }) => [code, position]);
    const several = await client.query('SELECT 1 AS a; SELECT 2 AS b');
    return { named, error, several: several.map(({ rows }) => rows[0]), left: (await client.query('SELECT count(*)::int AS n FROM people')).rows[0].n };
  }),
  postgres: (env) => withPostgres(env, async (sql) => {
    await sql\`CREATE TABLE IF NOT EXISTS things (id serial PRIMARY KEY, name text, tags text[])\`;
    await sql\`TRUNCATE things RESTART IDENTITY\`;
    await sql.begin(async (tx) => {
      await tx\`INSERT INTO things \${tx([{ name: 'a', tags: ['x', 'y'] }, { name: 'b', tags: [] }])}\`;
      await tx.savepoint((point) => point\`INSERT INTO things (name) VALUES ('c')\`);
    });
    const rolledBack = await sql.begin(async (tx) => { await tx\`DELETE FROM things\`; throw new Error('no'); }).catch((e) => e.message);
    const pages = [];
    await sql\`SELECT n FROM generate_series(1, 5) AS n\`.cursor(2, (rows) => { pages.push(rows.map(({ n }) => n)); });
    const parallel = await Promise.all([1, 2, 3, 4, 5].map((n) => sql\`SELECT \${n}::int AS n\`));
    return { rolledBack, pages, parallel: parallel.map(([row]) => row.n), rows: await sql\`SELECT name, tags FROM things ORDER BY id\` };
  }),
  state: (env) => withPg(env, async (client) => {
    await client.query("SET search_path = pg_catalog");
    const kept = (await client.query('SHOW search_path')).rows[0].search_path;
    await client.query('CREATE TEMP TABLE mine (x int)');
    await client.query('INSERT INTO mine VALUES (7)');
    const temp = (await client.query('SELECT x FROM mine')).rows[0].x;
    const fresh = await withPg(env, async (other) => [(await other.query('SHOW search_path')).rows[0].search_path, (await other.query("SELECT to_regclass('mine') AS t")).rows[0].t]);
    return { kept, temp, fresh };
  }),
  pid: (env) => withPg(env, async (client) => (await client.query('SELECT pg_backend_pid() AS pid, inet_client_port() AS port')).rows[0]),
  nap: (env) => withPg(env, async (client) => (await client.query("SELECT pg_sleep(0.05)::text AS nap")).rows[0].nap),
  forgotten: (env) => withPg(env, async (client) => {
    await client.query('BEGIN');
    await client.query('SELECT 1');
    await scheduler.wait(3_000);
    return (await client.query('SELECT 1')).rows;
  }),
  slow: (env) => withPg(env, (client) => client.query('SELECT pg_sleep(20)')),
  postgresCancel: (env) => withPostgres(env, async (sql) => {
    const query = sql\`SELECT pg_sleep(20)\`;
    const result = query.execute().catch((e) => e.code);
    await scheduler.wait(200);
    query.cancel();
    return result;
  }),
  notes: (env) => withPg(env, async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS notes (x int)');
    return client.query('BEGIN').then(() => 'left open');
  }),
  cached: (env) => withPg(env, async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS seen (n int)');
    await client.query('INSERT INTO seen VALUES (1)');
    const simple = (await client.query('SELECT count(*)::int AS n FROM seen')).rows[0].n;
    const withValue = (await client.query('SELECT count(*)::int AS n FROM seen WHERE n = $1', [1])).rows[0].n;
    const named = (await client.query({ name: 'all', text: 'SELECT count(*)::int AS n FROM seen WHERE n < $1', values: [9] })).rows[0].n;
    await client.query('BEGIN');
    const inside = (await client.query('SELECT count(*)::int AS n FROM seen')).rows[0].n;
    await client.query('COMMIT');
    const fresh = (await client.query('SELECT count(*)::int AS n, now() IS NOT NULL AS live FROM seen')).rows[0].n;
    const failed = await client.query('SELECT 1 / (count(*) - count(*)) FROM seen').catch((e) => e.code);
    return { simple, withValue, named, inside, fresh, failed };
  }),
  one: (env) => withPg(env, async (client) => (await client.query('SELECT 1 AS one')).rows[0].one),
  hostOfAnother({ HYPERDRIVE }) {
    const socket = connect('0123456789abcdef0123456789abcdef.hyperdrive.local:5432');
    return socket.opened.then(() => 'connected', (e) => e.message);
  },
  async hoard({ HYPERDRIVE }) {
    const startup = [0, 0, 0, 16, 0, 3, 0, 0, ...new TextEncoder().encode('user\\0x\\0\\0')];
    const beginning = [0x51, 0, 0xff, 0xff, 0, 65];
    const heard = await Promise.all(Array.from({ length: 20 }, async () => {
      const socket = HYPERDRIVE.connect();
      await socket.writable.getWriter().write(new Uint8Array([...startup, ...beginning]));
      let text = '';
      const reading = socket.readable.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write: (part) => { text += part; } })).catch(() => {});
      await Promise.race([reading, scheduler.wait(1_500)]);
      return /there is no memory for a message of \\d+ bytes/.exec(text)?.[0];
    }));
    return heard.filter((text) => text !== undefined).length;
  },
  async flood({ HYPERDRIVE }) {
    const socket = HYPERDRIVE.connect();
    await socket.writable.getWriter().write(new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47, 0, 0, 0, 8, 4, 210, 22, 47]));
    return (await new Response(socket.readable).text()).replace(/[^ -~]/g, ' ').slice(0, 120);
  },
  async garbage({ HYPERDRIVE }) {
    const answers = [];
    for (const bytes of [[255, 255, 255, 255, 0, 3, 0, 0], [0, 0, 0, 8, 0, 2, 0, 0], [0, 0, 0, 1]]) {
      const socket = HYPERDRIVE.connect();
      const writer = socket.writable.getWriter();
      await writer.write(new Uint8Array([...bytes, 0, 0, 0, 0]));
      answers.push((await new Response(socket.readable).text()).replace(/[^ -~]/g, ' ').slice(0, 120));
    }
    return answers;
  },
};
export default {
  async fetch(request, env, ctx) {
    const name = new URL(request.url).pathname.slice(1);
    try {
      return Response.json({ value: await cases[name](env, ctx) });
    } catch (error) {
      return Response.json({ error: { message: String(error.message), code: error.code } });
    }
  },
};`;

/** As wrangler bundles it: with what the packages offer to workers. */
async function bundle(code: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: resolve('.'), loader: 'js' },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    mainFields: ['browser', 'module', 'main'],
    external: ['node:*', 'cloudflare:*', ...NODE_MODULES],
    alias: Object.fromEntries(NODE_MODULES.map((name) => [name, `node:${name}`])),
    logLevel: 'error',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire('/');",
    },
  });
  return outputFiles[0]?.text ?? '';
}

const NODE_MODULES = [
  'assert',
  'buffer',
  'crypto',
  'dns',
  'events',
  'fs',
  'net',
  'os',
  'path',
  'perf_hooks',
  'stream',
  'string_decoder',
  'timers',
  'tls',
  'url',
  'util',
];

before(async () => {
  skep = await startSkep({
    env: {
      SKEP_EGRESS_ALLOW: '127.0.0.1',
      SKEP_LIMIT_STATEMENT_MS: '2000',
      SKEP_LIMIT_TRANSACTION_MS: '2500',
    },
  });
  origin = await startTcpProxy(join(skep.dataDir, 'postgres/socket/.s.PGSQL.5432'));
  await withEmbedded(skep.dataDir, async (client) => {
    await client.query(`CREATE ROLE origin LOGIN PASSWORD '${PASSWORD}'`);
    await client.query('CREATE DATABASE origin OWNER origin');
  });
  const made = await createConfig('main', { origin_connection_limit: 5, caching: { disabled: true } });
  assert.equal(made.status, 200, made.text);
  configId = made.json().result.id;
  await deploy('hd', configId);
});

after(() => origin?.close());

const originOf = (more: Json = {}): Json => ({
  scheme: 'postgresql',
  host: '127.0.0.1',
  port: origin.port,
  database: 'origin',
  user: 'origin',
  password: PASSWORD,
  ...more,
});

const createConfig = (name: string, more: Json = {}) =>
  skep.api('POST', '/hyperdrive/configs', { name, origin: originOf(), ...more });

let bundled: string | undefined;

async function deploy(name: string, id: string): Promise<void> {
  bundled ??= await bundle(CASES);
  const metadata = {
    main_module: 'index.js',
    compatibility_date: '2026-01-01',
    compatibility_flags: ['nodejs_compat'],
    bindings: [{ type: 'hyperdrive', name: 'HYPERDRIVE', id }],
    limits: { cpu_ms: 10_000 },
  };
  const body = multipartBody([
    { name: 'metadata', content: JSON.stringify(metadata) },
    { name: 'index.js', content: bundled, type: ESM },
  ]);
  const answer = await skep.api('PUT', `/workers/scripts/${name}`, body, { 'content-type': MULTIPART_TYPE });
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await skep.api('POST', `/workers/scripts/${name}/subdomain`, { enabled: true })).status, 200);
}

async function ask(path: string, worker = 'hd'): Promise<Json> {
  const answer = await skep.request(worker, `/${path}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json();
}

test('the binding has what a driver needs, and nothing of the origin’s', async () => {
  assert.deepEqual((await ask('shape')).value, ['Hyperdrive', 5432, true, true, true, true, true, '{}']);
});

test('pg queries, prepares, rolls back and hears errors', async () => {
  const { value, error } = await ask('pg');
  assert.equal(error, undefined, JSON.stringify(error));
  assert.deepEqual(value, { named: ['Ada', 'Grace'], error: ['42P01', '15'], several: [{ a: 1 }, { b: 2 }], left: 2 });
});

test('postgres queries, opens transactions with savepoints, pages and pipelines', async () => {
  const { value, error } = await ask('postgres');
  assert.equal(error, undefined, JSON.stringify(error));
  assert.deepEqual(value, {
    rolledBack: 'no',
    pages: [[1, 2], [3, 4], [5]],
    parallel: [1, 2, 3, 4, 5],
    rows: [
      { name: 'a', tags: ['x', 'y'] },
      { name: 'b', tags: [] },
      { name: 'c', tags: null },
    ],
  });
});

test('what a client puts into its session stays with it, and with nobody else', async () => {
  const { value, error } = await ask('state');
  assert.deepEqual(value, { kept: 'pg_catalog', temp: 7, fresh: ['"$user", public', null] }, JSON.stringify(error));
});

test('a host of Hyperdrive’s names leads nowhere from another binding', async () => {
  assert.match((await ask('hostOfAnother')).value, /cannot connect to the specified address/);
});

test('bytes that are no PostgreSQL are answered with an error and the end', async () => {
  for (const text of (await ask('garbage')).value) assert.match(text, /C08P01 MThe client broke the protocol/);
});

test('connections that begin large messages and do not end them hold no more than the account may', async () => {
  // 16 MiB each, 256 MiB in all.
  assert.equal((await ask('hoard')).value, 4);
  assert.equal((await ask('one')).value, 1);
});

test('encryption is refused once and not as often as it is asked for', async () => {
  assert.match((await ask('flood')).value, /^N.*08P01.*encryption was asked for twice/);
});

test('many cells at once share the few connections of the pool', async () => {
  const names = Array.from({ length: 3 }, (_, index) => `storm${index}`);
  for (const name of names) await deploy(name, configId);
  origin.forgetPeak();
  const answers = await Promise.all(names.flatMap((name) => Array.from({ length: 16 }, () => ask('nap', name))));
  assert.deepEqual(new Set(answers.map(({ value, error }) => error?.message ?? value)), new Set(['']));
  // Five, and on a busy machine one that is closing or cancels; without a pool it would be 48.
  assert.ok(origin.peak <= 8, `${origin.peak} connections`);
});

test('a transaction that is never ended is cut off by the limit, and its connection is good for others', async () => {
  const { error } = await ask('forgotten');
  assert.match(
    error?.message ?? '',
    /A transaction may take 2.5 s; this one was rolled back|Connection terminated|not queryable/,
  );
  assert.equal((await ask('one')).value, 1);
});

test('a statement ends by the limit, and by its own client’s cancel', async () => {
  const [slow, canceled] = await Promise.all([ask('slow'), ask('postgresCancel')]);
  assert.equal(slow.error.code, '57014');
  assert.match(slow.error.message, /A statement may take 2 s; this one was ended/);
  assert.equal(canceled.value, '57014');
});

test('the password goes in and never comes out', async () => {
  const texts = [
    await skep.api('GET', '/hyperdrive/configs'),
    await skep.api('GET', `/hyperdrive/configs/${configId}`),
    await skep.api('GET', '/workers/scripts/hd/settings'),
  ].map(({ text }) => text);
  const rows = await withEmbedded(skep.dataDir, (client) => client.query('SELECT * FROM skep.hyperdrive_configs'));
  for (const text of [
    ...texts,
    JSON.stringify(rows.rows),
    Buffer.from(rows.rows[0].password).toString('latin1'),
    skep.stdout(),
    skep.stderr(),
  ])
    assert.ok(!text.includes(PASSWORD));
});

test('wrong passwords, unknown hosts, private addresses and sockets are refused in words', async () => {
  const refusals: [Json, RegExp][] = [
    [originOf({ password: 'wrong' }), /password authentication failed for user "origin"/],
    [originOf({ port: 1 }), /ECONNREFUSED/],
    [originOf({ host: 'nowhere.invalid' }), /The name nowhere.invalid does not resolve/],
    [originOf({ host: '10.0.0.1' }), /10.0.0.1:\d+ may not be reached: its address is not public/],
    [originOf({ host: join(skep.dataDir, 'postgres/socket') }), /has to be a host name or an address/],
    [originOf({ scheme: 'mysql' }), /has to be postgres or postgresql/],
  ];
  for (const [given, expected] of refusals) {
    const answer = await createConfig('refused', { origin: given });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json().errors[0].message, expected);
  }
  const moved = await skep.api('PATCH', `/hyperdrive/configs/${configId}`, { origin: { host: 'example.com' } });
  assert.match(moved.text, /Another host or port needs the password again/);
  // With the password that is kept.
  for (const change of [
    { origin: { database: 'nowhere' } },
    { origin: { user: 'nobody' } },
    { mtls: { sslmode: 'require' } },
  ]) {
    const changed = await skep.api('PATCH', `/hyperdrive/configs/${configId}`, change);
    assert.deepEqual([changed.status, changed.json().errors[0].code], [400, 2012], changed.text);
  }
});

test('TLS to the origin is as sslmode says', async (t) => {
  const secure = await tlsPostgres(join(skep.dataDir, 'postgres/socket/.s.PGSQL.5432'));
  t.after(() => secure.close());
  const outcomes: Json = {};
  for (const sslmode of ['disable', 'prefer', 'require', 'verify-ca', 'verify-full']) {
    const tried = [origin.port, secure.port].map(async (port) => {
      const made = await createConfig(`${sslmode}-${port}`, { origin: originOf({ port }), mtls: { sslmode } });
      return made.status === 200 ? 'connected' : made.json().errors[0].message.replace(/^.*database: /, '');
    });
    outcomes[sslmode] = await Promise.all(tried);
  }
  const noTls = 'The server does not support SSL connections.';
  assert.deepEqual(outcomes, {
    disable: ['connected', 'Connection terminated unexpectedly.'],
    prefer: ['connected', 'connected'],
    require: [noTls, 'connected'],
    'verify-ca': [noTls, 'self-signed certificate.'],
    'verify-full': [noTls, 'self-signed certificate.'],
  });
  assert.equal(secure.secured, 2);
});

test('a changed configuration is used by what comes next', async () => {
  const made = await createConfig('changing', { caching: { disabled: true } });
  const { id } = made.json().result;
  await deploy('changing', id);
  assert.equal((await ask('one', 'changing')).value, 1);
  await withEmbedded(skep.dataDir, async (client) => {
    await client.query("CREATE ROLE origin_two LOGIN PASSWORD 'two'; GRANT ALL ON DATABASE origin TO origin_two");
  });
  const changed = await skep.api('PATCH', `/hyperdrive/configs/${id}`, {
    origin: { user: 'origin_two', password: 'two' },
  });
  assert.equal(changed.status, 200, changed.text);
  assert.equal((await ask('one', 'changing')).value, 1);
  assert.equal((await skep.api('DELETE', `/hyperdrive/configs/${id}`)).status, 200);
  assert.match((await ask('one', 'changing')).error.message, /There is no Hyperdrive configuration/);
});

test('what was read is given again while it is good, never inside a transaction, and never when it may be another thing', async () => {
  // Longer than this test may take on a machine that is busy with something else.
  const made = await createConfig('cached', { caching: { max_age: 600, stale_while_revalidate: 0 } });
  await deploy('cached', made.json().result.id);
  const values = [];
  for (let round = 0; round < 3; round++) values.push((await ask('cached', 'cached')).value);
  assert.deepEqual(values, [
    { simple: 1, withValue: 1, named: 1, inside: 1, fresh: 1, failed: '22012' },
    { simple: 1, withValue: 1, named: 1, inside: 2, fresh: 2, failed: '22012' },
    { simple: 1, withValue: 1, named: 1, inside: 3, fresh: 3, failed: '22012' },
  ]);
  const short = await createConfig('cached-for-a-second', { caching: { max_age: 1, stale_while_revalidate: 0 } });
  await deploy('cached-for-a-second', short.json().result.id);
  const { simple: first } = (await ask('cached', 'cached-for-a-second')).value;
  await until(
    async () => (await ask('cached', 'cached-for-a-second')).value.simple > first,
    'answers that are too old are fetched anew',
  );
});

test('a database that Skep made is reached by its id, too', async () => {
  const { uuid } = (await skep.api('POST', '/d1/database', { name: 'own' })).json().result;
  await deploy('own', uuid.replaceAll('-', ''));
  assert.deepEqual((await ask('pg', 'own')).value?.named, ['Ada', 'Grace']);
});

test('an origin that is gone is an error at once, and it answers again by itself', async () => {
  await origin.behave('refuse');
  const started = performance.now();
  assert.match((await ask('one')).error.message, /cannot be reached|lost/);
  const tookMs = performance.now() - started;
  assert.ok(tookMs < 5_000, `told after ${tookMs} ms`);
  await origin.behave('through');
  await until(async () => (await ask('one')).value === 1, 'it answers again');
});
