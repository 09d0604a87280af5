/**
 * One tenant's token against another tenant's account, on every route there is: the table of routes is read from the API, so a new route is
 * tried as soon as it exists.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { insertConfig } from '../../server/storage/hyperdrive/records.ts';
import { createTestApi, type TestApi } from '../support/api.ts';
import { MULTIPART_TYPE, simpleUpload } from '../support/multipart.ts';

const STRANGER_ACCOUNT = 'b'.repeat(32);
const STRANGER_TOKEN = 'token-of-a-stranger';
/** In every value and name of the victim's that a stranger could be shown. */
const MARK = 'mark-of-the-victim';

let t: TestApi;
/** What stands for each `:parameter` of a path: things that the victim has. */
let victims: Readonly<Record<string, string>>;

before(async () => {
  t = await createTestApi();
  const { database: db } = t.database;
  await db.query('INSERT INTO skep.accounts (id, name, subdomain) VALUES ($1, $2, $3)', [
    STRANGER_ACCOUNT,
    'stranger',
    'strangers',
  ]);
  const hash = createHash('sha256').update(STRANGER_TOKEN).digest();
  await db.query('INSERT INTO skep.tokens (account_id, name, hash) VALUES ($1, $2, $3)', [
    STRANGER_ACCOUNT,
    'stranger',
    hash,
  ]);
  victims = await makeVictim();
});
after(() => t?.close());

async function done(answer: ReturnType<TestApi['call']>) {
  const { status, body } = await answer;
  assert.equal(status, 200, JSON.stringify(body));
  return body.result;
}

async function makeVictim(): Promise<Readonly<Record<string, string>>> {
  const name = `worker-${MARK}`;
  const upload = simpleUpload({ bindings: [{ type: 'secret_text', name: 'SECRET', text: MARK }] });
  await done(t.upload('PUT', `/workers/scripts/${name}`, upload));
  const [version] = (await done(t.call('GET', `/workers/scripts/${name}/versions`))).items;
  const database = (await done(t.call('POST', '/d1/database', { name: `database-${MARK}` }))).uuid;
  const sql = `CREATE TABLE t AS SELECT '${MARK}' AS text`;
  await done(t.call('POST', `/d1/database/${database}/query`, { sql }));
  const namespace = (await done(t.call('POST', '/storage/kv/namespaces', { title: `namespace ${MARK}` }))).id;
  await done(t.call('PUT', `/storage/kv/namespaces/${namespace}/bulk`, [{ key: 'key', value: MARK }]));
  const bucket = `bucket-${MARK}`;
  await done(t.call('POST', '/r2/buckets', { name: bucket }));
  await done(t.call('PUT', `/r2/buckets/${bucket}/objects/key`, MARK));
  const config = await insertConfig(t.database.database, t.database.masterKey, t.account.id, {
    name: `hyperdrive ${MARK}`,
    origin: {
      scheme: 'postgres',
      host: `${MARK}.example`,
      port: 5432,
      user: 'user',
      database: 'postgres',
      sslMode: 'disable',
    },
    password: MARK,
    caching: { disabled: false, maxAgeS: 60, staleWhileRevalidateS: 15 },
    connectionLimit: 5,
  });
  return {
    name,
    version: version.id,
    database,
    namespace,
    bucket,
    id: config.id,
    secret: 'SECRET',
    key: 'key',
    'key{.+}': 'key',
    subdomain: 'unknown',
  };
}

/** A body that each route which takes JSON would take from the account's owner, where there is one that fits many. */
const BODY = {
  name: 'taken',
  title: 'taken',
  sql: 'SELECT * FROM t',
  enabled: true,
  type: 'secret_text',
  text: 'taken',
  subdomain: 'taken',
  keys: ['key'],
  output_format: 'polling',
  action: 'init',
  etag: '0'.repeat(32),
  rules: [{ allowed: { origins: ['https://taken.example'], methods: ['GET'] } }],
  strategy: 'percentage',
  quota_bytes: 1,
};
const LISTS = /\/(?:bulk|bulk\/delete|schedules|routes)$/;

const routes = () => t.api.routes.filter(({ scope }) => scope === 'account');

async function tryRoute(
  route: TestApi['api']['routes'][number],
  accountId: string,
): Promise<{ status: number; text: string }> {
  const path = route.path
    .replace(':account', accountId)
    .replace(
      /:(\w+(?:\{\.\+\})?)/g,
      (_all, name: string) => victims[name] ?? assert.fail(`no ${name} for ${route.path}`),
    );
  const isUpload = route.body === 'multipart';
  const json = LISTS.test(route.path) ? (route.method === 'PUT' ? [{ key: 'key', value: 'taken' }] : ['key']) : BODY;
  const body = route.body === undefined ? undefined : isUpload ? simpleUpload() : JSON.stringify(json);
  const response = await fetch(`${t.url}${path}`, {
    method: route.method,
    headers: {
      authorization: `Bearer ${STRANGER_TOKEN}`,
      ...(body !== undefined && { 'content-type': isUpload ? MULTIPART_TYPE : 'application/json' }),
    },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, text: await response.text() };
}

/** Every row of the platform's tables but those of the stranger, and all that is in the victim's database. */
async function everythingStored(): Promise<string[]> {
  const { database: db } = t.database;
  const { rows: tables } = await db.query<{ name: string }>(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'skep' ORDER BY 1",
  );
  const lines: string[] = [];
  for (const { name } of tables) {
    const { rows } = await db.query<{ line: string }>(`SELECT row_to_json(t)::text AS line FROM ${name} t`);
    lines.push(...rows.map(({ line }) => `${name} ${line}`));
  }
  return lines.filter((line) => !line.includes(STRANGER_ACCOUNT));
}

test('a stranger’s token is refused on every route of an account that is not its own', async () => {
  const before = await everythingStored();
  assert.ok(routes().length > 70);
  for (const route of routes()) {
    const { status, text } = await tryRoute(route, t.account.id);
    assert.equal(status, 403, `${route.method} ${route.path}: ${status} ${text}`);
    assert.ok(!text.includes(MARK), `${route.method} ${route.path}: ${text}`);
  }
  // Its account stands in the body.
  const variables = { accountTag: t.account.id, filter: { bucketName: victims['bucket'] } };
  const question = { query: '{ r2StorageAdaptiveGroups }', variables };
  const headers = { authorization: `Bearer ${STRANGER_TOKEN}` };
  assert.equal((await t.call('POST', `${t.url}/graphql`, question, headers)).status, 403);
  const now = new Set(await everythingStored());
  assert.deepEqual(
    before.filter((line) => !now.has(line)),
    [],
  );
});

test('what another account has is found by no route of one’s own, whoever knows its name or id', async () => {
  const before = await everythingStored();
  for (const route of routes()) {
    const { status, text } = await tryRoute(route, STRANGER_ACCOUNT);
    const shown = text.replaceAll(victims['name'] as string, '').replaceAll(victims['bucket'] as string, '');
    assert.ok(!shown.includes(MARK), `${route.method} ${route.path}: ${status} ${text}`);
    assert.ok(status < 500 || status === 501, `${route.method} ${route.path}: ${status} ${text}`);
    const names = [...route.path.matchAll(/:(database|namespace|id|version|key)\b/g)];
    // By id: nobody but its owner has one. Names, of workers and buckets, may be anybody's own.
    if (names.length > 0) assert.ok(status >= 400, `${route.method} ${route.path}: ${status} ${text}`);
  }
  const now = new Set(await everythingStored());
  assert.deepEqual(
    before.filter((line) => !now.has(line)),
    [],
  );
  assert.equal(
    await (
      await fetch(`${t.url}/accounts/${t.account.id}/storage/kv/namespaces/${victims['namespace']}/values/key`, {
        headers: { authorization: 'Bearer test-token-of-the-administrator' },
      })
    ).text(),
    MARK,
  );
});

test('no number that a query can say brings the API to an error of its own', async () => {
  const hostile = [
    '-1',
    '0',
    'NaN',
    'Infinity',
    '-0',
    '1e308',
    '9007199254740993',
    '99999999999999999999999',
    '0x10',
    '',
    ' 1',
    '1.5',
    '١',
    'null',
    '%00',
    '1;DROP',
  ];
  const lists = routes().filter(
    ({ method, path }) => method === 'GET' && !path.includes('{') && !path.includes(':key'),
  );
  const failures: string[] = [];
  for (const route of lists) {
    const path = route.path
      .replace(':account', t.account.id)
      .replace(/:(\w+)/g, (_all, name: string) => victims[name] as string);
    await Promise.all(
      hostile.map(async (value) => {
        const query = [
          'page',
          'per_page',
          'limit',
          'minutes',
          'cursor',
          'prefix',
          'order',
          'direction',
          'start_after',
          'name',
        ]
          .map((key) => `${key}=${value.startsWith('%') ? value : encodeURIComponent(value)}`)
          .join('&');
        const response = await fetch(`${t.url}${path}?${query}`, {
          headers: { authorization: 'Bearer test-token-of-the-administrator' },
        });
        if (response.status >= 500 && response.status !== 501)
          failures.push(`${route.path} ${value}: ${await response.text()}`);
        else await response.arrayBuffer();
      }),
    );
  }
  assert.deepEqual(failures, []);
});
