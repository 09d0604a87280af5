/** The real wrangler's commands for stores, against the real API: what it asks, and what it is refused with. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createTestApi, type Json, type TestApi, TOKEN } from '../support/api.ts';
import { until } from '../support/until.ts';
import { simpleUpload } from '../support/multipart.ts';
import { createProject, type Project, runWrangler, wranglerEnv } from '../support/wrangler.ts';

describe('wrangler and the stores', () => {
  let t: TestApi;
  let project: Project;
  before(async () => {
    t = await createTestApi();
    project = await createProject({});
  });
  after(async () => {
    await t?.close();
    await project?.remove();
  });

  /** All that it printed, on lines of any length. */
  async function wrangler(...args: string[]): Promise<{ code: number | null; text: string }> {
    const env = wranglerEnv({ url: t.url, token: TOKEN, accountId: t.account.id });
    const { code, stdout, stderr } = await runWrangler(args, { cwd: project.dir, env });
    return { code, text: `${stdout}${stderr}`.replace(/\s+/g, ' ') };
  }

  async function made(method: string, path: string, body?: unknown): Promise<Json> {
    const { status, body: answer } = await t.call(method, path, body);
    assert.equal(status, 200, JSON.stringify(answer.errors));
    return answer.result;
  }

  test('a secret or key named `..` deletes neither the Worker nor the namespace, bucket or database around it', async () => {
    assert.equal((await t.upload('PUT', '/workers/scripts/kept', simpleUpload())).status, 200);
    const { id } = await made('POST', '/storage/kv/namespaces', { title: 'kept' });
    await made('POST', '/r2/buckets', { name: 'kept' });
    const { code, text } = await wrangler('secret', 'delete', '..', '--name', 'kept');
    assert.equal(code, 1, text);
    assert.match(text, /it ends with a slash.*A name or key cannot be empty, '\.' or '\.\.'/);
    // What fetch makes of `…/values/..` and `…/objects/..`.
    for (const path of ['/workers/services/kept', `/storage/kv/namespaces/${id}`, '/r2/buckets/kept']) {
      assert.equal((await t.call('DELETE', `${path}/`)).body.errors[0]?.code, 7003);
      assert.equal((await t.call('GET', path)).status, 200, path);
    }
  });

  test('`r2 bucket info` counts what is in the bucket, `update storage-class` changes it', async () => {
    await made('POST', '/r2/buckets', { name: 'counted' });
    for (const key of ['a', 'dir/']) await made('PUT', `/r2/buckets/counted/objects/${key}`, 12_345);
    const [info, updated] = await Promise.all([
      wrangler('r2', 'bucket', 'info', 'counted', '--json'),
      wrangler('r2', 'bucket', 'update', 'storage-class', 'counted', '-s', 'InfrequentAccess'),
    ]);
    // Two of five bytes, and what their rows take.
    assert.match(info.text, /"object_count": "2", "bucket_size": "7\d\d B"/);
    assert.equal(updated.code, 0, updated.text);
    assert.equal((await made('GET', '/r2/buckets/counted')).storage_class, 'InfrequentAccess');
    const headers = { 'cf-r2-storage-class': 'Glacier' };
    const refused = await t.call('PATCH', '/r2/buckets/counted', undefined, headers);
    assert.match(refused.body.errors[0]?.message ?? '', /'Glacier' does not exist: Standard and InfrequentAccess do/);
  });

  test('`r2 bucket cors` sets the rules and shows them; rules that no browser could follow are refused with their place', async () => {
    await made('POST', '/r2/buckets', { name: 'shared' });
    const path = '/r2/buckets/shared/cors';
    assert.equal((await t.call('GET', path)).body.errors[0]?.code, 10059);
    const rules = [
      { allowed: { origins: ['https://app.example'], methods: ['PUT'], headers: ['*'] }, maxAgeSeconds: 60 },
    ];
    await writeFile(join(project.dir, 'cors.json'), JSON.stringify({ rules }));
    const set = await wrangler('r2', 'bucket', 'cors', 'set', 'shared', '--file', 'cors.json', '--force');
    assert.equal(set.code, 0, set.text);
    assert.deepEqual((await made('GET', path)).rules, rules);
    const listed = await wrangler('r2', 'bucket', 'cors', 'list', 'shared');
    assert.match(listed.text, /allowed_origins: https:\/\/app\.example .*max_age_seconds: 60/);
    const allowed = { origins: ['*'], methods: ['GET'] };
    for (const [rule, message] of [
      [
        { allowed: { ...allowed, origins: ['https://app.example/'] } },
        /rules\[0\]\.allowed\.origins\[0\].*is no origin/,
      ],
      [{ allowed: { ...allowed, origins: ['https://*.*.example'] } }, /is no origin/],
      [{ allowed: { ...allowed, methods: ['PATCH'] } }, /rules\[0\]\.allowed\.methods\[0\]/],
      [{ allowed: { ...allowed, headers: ['a b'] } }, /is no name of a header/],
      [{ allowed, maxAgeSeconds: 86_401 }, /maxAgeSeconds.*86400/],
      [{ allowed, AllowedOrigins: ['*'] }, /AllowedOrigins/],
      [{ allowed: { ...allowed, headers: ['x'.repeat(70_000)] } }, /65536 bytes/],
    ] as const) {
      const answer = await t.call('PUT', path, { rules: [rule] });
      assert.equal(answer.status, 400);
      assert.match(answer.body.errors[0]?.message ?? '', message);
    }
    assert.deepEqual((await made('GET', path)).rules, rules);
    await made('DELETE', path);
    assert.equal((await t.call('GET', path)).status, 404);
  });

  test('how much a bucket holds is told to its own account only', async () => {
    const ask = (accountTag: unknown) =>
      t.call('POST', `${t.url}/graphql`, {
        query: '{ viewer { accounts { r2StorageAdaptiveGroups { max { objectCount } } } } }',
        variables: { accountTag, filter: { bucketName: 'nothing-\u0000' } },
      });
    assert.deepEqual((await ask(t.account.id)).body, {
      data: { viewer: { accounts: [{ r2StorageAdaptiveGroups: [] }] } },
      errors: null,
    });
    await t.database.database.query('INSERT INTO skep.tokens (account_id, name, hash) VALUES ($1, $2, $3)', [
      t.account.id,
      'tenant',
      createHash('sha256').update('tenant').digest(),
    ]);
    const answer = await t.call(
      'POST',
      `${t.url}/graphql`,
      {
        query: 'r2StorageAdaptiveGroups',
        variables: { accountTag: '0'.repeat(32), filter: { bucketName: 'counted' } },
      },
      { authorization: 'Bearer tenant' },
    );
    assert.deepEqual([answer.status, answer.body.errors[0]?.code], [403, 9109]);
  });

  test('what would mean something else than was asked for is refused by name: jurisdictions, certificates, tunnels, half keys', async () => {
    await made('POST', '/r2/buckets', { name: 'plain' });
    const origin = { scheme: 'postgres', host: 'a.example', port: 5432, database: 'd', user: 'u', password: 'p' };
    const refusals: [string, string, unknown, RegExp, Record<string, string>?][] = [
      [
        'POST',
        '/r2/buckets',
        { name: 'in-eu' },
        /The jurisdiction 'eu' does not exist/,
        { 'cf-r2-jurisdiction': 'eu' },
      ],
      ['GET', '/r2/buckets/plain', undefined, /The jurisdiction 'eu' does not exist/, { 'cf-r2-jurisdiction': 'eu' }],
      ['PUT', '/r2/buckets/plain/objects/a?b', 'x', /A \? has to be written as %3F/],
      ['PUT', `/r2/buckets/plain/objects/${'x'.repeat(1025)}`, 'x', /The key has 1025 bytes; 1024 are allowed/],
      ['PUT', '/r2/buckets/plain/objects/a', 'x', /'Nope' does not exist: Standard/, { 'cf-r2-storage-class': 'Nope' }],
      ['PUT', '/r2/buckets/plain/objects/a', 'x', /The header expires is no date: 'soon'/, { expires: 'soon' }],
      [
        'POST',
        '/d1/database',
        { name: 'x', jurisdiction: 'eu' },
        /field 'jurisdiction': is not supported: this platform/,
      ],
      [
        'POST',
        '/hyperdrive/configs',
        { name: 'x', origin: { ...origin, access_client_id: 'a' } },
        /is not supported: Hyperdrive over Access/,
      ],
      [
        'POST',
        '/hyperdrive/configs',
        { name: 'x', origin: { ...origin, service_id: 'a' } },
        /is not supported: databases behind Workers VPC/,
      ],
      [
        'POST',
        '/hyperdrive/configs',
        { name: 'x', origin, mtls: { ca_certificate_id: 'a' } },
        /is not supported: certificates of your own/,
      ],
      [
        'POST',
        '/hyperdrive/configs',
        { name: 'x', origin, caching: { max_age: 99_999 } },
        /'caching.max_age': Too big: .* \(it is 99999\)/,
      ],
      [
        'POST',
        '/hyperdrive/configs',
        { name: 'x', origin: { ...origin, password: undefined } },
        /'origin.password': is missing; expected string/,
      ],
      [
        'GET',
        '/r2/buckets/plain/lock',
        undefined,
        /^Lock rules of R2 buckets: not supported by this version of Skep yet/,
      ],
      ['GET', '/d1/database/x/time_travel/bookmark', undefined, /^Time Travel of databases: not supported/],
      [
        'GET',
        '/event_notifications/r2/plain/configuration',
        undefined,
        /^Event notifications of R2 buckets: not supported/,
      ],
    ];
    for (const [method, path, body, message, headers] of refusals) {
      const answer = await t.call(method, path, body, headers);
      assert.ok(answer.status === 400 || answer.status === 404, `${path}: ${answer.status}`);
      assert.match(answer.body.errors[0]?.message ?? '', message);
    }
    assert.deepEqual((await made('GET', '/r2/buckets/plain/usage')).objectCount, '0');
  });

  test('a binding to what is not there, in a jurisdiction, or a version under an alias is refused in its own words', async () => {
    const refusals: [Record<string, unknown>, RegExp][] = [
      [
        { bindings: [{ type: 'hyperdrive', name: 'HD', id: 'x' }] },
        /^Binding 'HD' references the Hyperdrive configuration 'x'/,
      ],
      [{ bindings: [{ type: 'd1', name: 'DB', id: 'x' }] }, /^Binding 'DB' references database 'x'/],
      [
        { bindings: [{ type: 'r2_bucket', name: 'B', bucket_name: 'plain', jurisdiction: 'eu' }] },
        /is not supported: this platform keeps all objects/,
      ],
      [{ annotations: { 'workers/alias': 'pv' } }, /^Preview URLs of versions \(`--preview-alias`\): not supported/],
    ];
    for (const [metadata, message] of refusals) {
      const { body } = await t.upload('PUT', '/workers/scripts/refused', simpleUpload(metadata));
      assert.match(body.errors[0]?.message ?? 'nothing', message);
    }
  });

  const EVERYTHING = readFileSync(new URL('../fixtures/database-of-everything.sql', import.meta.url), 'utf8');

  const CATALOGS = readFileSync(new URL('../fixtures/catalogs-of-a-database.sql', import.meta.url), 'utf8');

  async function exported(database: string, options: object = {}): Promise<string> {
    const { result } = await made('POST', `/d1/database/${database}/export`, { dump_options: options });
    const response = await fetch(result.signed_url);
    assert.equal(response.status, 200);
    return await response.text();
  }

  test('a file of SQL is what it is: one that is no UTF-8 is refused with the place, and the byte-order mark is none of it', async () => {
    const { uuid } = await made('POST', '/d1/database', { name: 'files' });
    const run = async (content: Buffer) => {
      const etag = createHash('md5').update(content).digest('hex');
      const { filename, upload_url: url } = await made('POST', `/d1/database/${uuid}/import`, { action: 'init', etag });
      await fetch(url, { method: 'PUT', body: new Uint8Array(content) });
      return await t.call('POST', `/d1/database/${uuid}/import`, { action: 'ingest', filename, etag });
    };
    for (const [bytes, reason] of [
      [`SELECT '\xff'`, /byte 8 is no UTF-8. Nothing of it was run/],
      [`CREATE TABLE t (a text); SELECT '\xc3`, /byte 33 is no UTF-8/],
      [`SELECT '\0'`, /byte 8 is 0/],
    ] as const) {
      const answer = await run(Buffer.from(bytes, 'latin1'));
      assert.match(answer.body.errors[0]?.message ?? '', reason);
    }
    const marked = await run(Buffer.from('\ufeffCREATE TABLE marked (a text)'));
    assert.equal(marked.status, 200, JSON.stringify(marked.body.errors));
    const [{ results }] = await made('POST', `/d1/database/${uuid}/query`, {
      sql: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    });
    assert.deepEqual(results, [{ tablename: 'marked' }]);
    const nul = await t.call('POST', `/d1/database/${uuid}/query`, { sql: "SELECT '\0'" });
    assert.match(nul.body.errors[0]?.message ?? '', /'sql': holds the character U\+0000/);
  });

  test('`d1 export` writes SQL that makes the same database again', async () => {
    const [one, two] = [
      await made('POST', '/d1/database', { name: 'one' }),
      await made('POST', '/d1/database', { name: 'two' }),
    ];
    await made('POST', `/d1/database/${one.uuid}/query`, { sql: EVERYTHING });
    assert.equal((await wrangler('d1', 'export', 'one', '--remote', '--output', 'one.sql', '-y')).code, 0);
    const text = await readFile(join(project.dir, 'one.sql'), 'utf8');
    for (const setting of [
      `"lock_timeout" TO ''''7s''''`,
      '"search_path" TO "$user", public, "it',
      `"application_name" TO`,
    ]) {
      assert.ok(text.includes(setting), setting);
    }
    assert.doesNotMatch(text, /temp_file_limit/);
    await made('POST', `/d1/database/${two.uuid}/query`, { sql: text });
    assert.equal(await exported(two.uuid), text);
    const catalogs = [];
    for (const { uuid } of [one, two]) {
      const all = await made('POST', `/d1/database/${uuid}/query`, { sql: CATALOGS });
      catalogs.push(all.map(({ results }: { results: unknown }) => results));
    }
    assert.ok(catalogs[0].every((rows: unknown[]) => rows.length > 0));
    for (const [index, rows] of catalogs[0].entries()) assert.deepEqual(catalogs[1][index], rows);
    const [{ results }] = await made('POST', `/d1/database/${two.uuid}/query`, {
      sql: `SELECT name, tags::text, raw::text, d, two, (pair).b, nextval('people_id_seq') AS next, (SELECT count(*) FROM ONLY base) AS rows,
              (SELECT count(*) FROM pg_index WHERE indrelid = 'extra.log_2025'::regclass) AS indexes FROM people WHERE id = 1`,
    });
    assert.deepEqual(results, [
      {
        name: "a'b\\c\nnew",
        tags: '{"x,y",NULL,"q\\"uote"}',
        raw: '\\x00ff',
        d: 0.300_000_000_000_000_04,
        two: 2,
        b: 'z "q"',
        next: 4,
        rows: 10_001,
        indexes: 1,
      },
    ]);
  });

  test('an export is of the tables that are asked for, with or without rows; of what is not there it is refused', async () => {
    const { uuid } = await made('POST', '/d1/database', { name: 'some' });
    await made('POST', `/d1/database/${uuid}/query`, {
      sql: 'CREATE TABLE a (x serial); INSERT INTO a DEFAULT VALUES; CREATE TABLE b (y int)',
    });
    const schema = await exported(uuid, { tables: ['public.a'], no_data: true });
    assert.match(schema, /CREATE SEQUENCE public.a_x_seq.*CREATE TABLE public.a /s);
    assert.doesNotMatch(schema, /INSERT|public\.b|setval/);
    const rows = await exported(uuid, { tables: ['a'], no_schema: true });
    assert.match(rows, /INSERT INTO public.a \(x\) VALUES \('1'\);\nSELECT pg_catalog.setval/);
    assert.doesNotMatch(rows, /CREATE/);
    const { status, body } = await t.call('POST', `/d1/database/${uuid}/export`, {
      dump_options: { tables: ['a', 'c'] },
    });
    assert.deepEqual(
      [status, body.errors[0]?.code, body.errors[0]?.message],
      [400, 7500, "The database has no table 'c'."],
    );
    // Policies that would hide rows from the owner.
    await made('POST', `/d1/database/${uuid}/query`, {
      sql: 'ALTER TABLE b ENABLE ROW LEVEL SECURITY; ALTER TABLE b FORCE ROW LEVEL SECURITY',
    });
    const { result } = await made('POST', `/d1/database/${uuid}/export`, {});
    await assert.rejects(fetch(result.signed_url).then((response) => response.text()));
  });

  test('a link to an export is good for nothing when its database is gone, or when it was made up; behind a proxy with TLS it is https', async () => {
    const { uuid } = await made('POST', '/d1/database', { name: 'gone' });
    const { result } = await made('POST', `/d1/database/${uuid}/export`, {});
    const proxied = await t.call('POST', `/d1/database/${uuid}/export`, {}, { 'x-forwarded-proto': 'https' });
    assert.equal(new URL(proxied.body.result.result.signed_url).origin, t.origin.replace('http:', 'https:'));
    await made('DELETE', `/d1/database/${uuid}`);
    for (const link of [result.signed_url, `${t.url}/skep/database-exports/${'0'.repeat(48)}`]) {
      assert.equal((await fetch(link)).status, 404);
    }
  });

  test('two exports of an account are read at a time; who goes away in the middle makes room', async () => {
    const { uuid } = await made('POST', '/d1/database', { name: 'long' });
    const sql = "CREATE TABLE long (t text); INSERT INTO long SELECT repeat('x', 1000) FROM generate_series(1, 60000)";
    await made('POST', `/d1/database/${uuid}/query`, { sql });
    const { result } = await made('POST', `/d1/database/${uuid}/export`, {});
    const leaving = new AbortController();
    const read = () => fetch(result.signed_url, { signal: leaving.signal });
    assert.deepEqual(
      (await Promise.all([read(), read()])).map(({ status }) => status),
      [200, 200],
    );
    const third = await fetch(result.signed_url);
    assert.deepEqual([third.status, third.headers.get('retry-after')], [503, '10']);
    leaving.abort();
    await until(async () => (await t.call('POST', `/d1/database/${uuid}/export`, {})).status === 200, 'a place');
    assert.match(await exported(uuid, { no_data: true }), /The end of the export/);
  });

  test('who leaves /client/v4 out of the base URL is told so', async () => {
    const { status, body } = await t.call('GET', `${t.origin}/accounts/${t.account.id}/workers/services/w`);
    assert.deepEqual([status, body.errors[0]?.code], [404, 7003]);
    assert.match(body.messages[0]?.message ?? '', /below \/client\/v4: CLOUDFLARE_API_BASE_URL has to end with that/);
  });
});
