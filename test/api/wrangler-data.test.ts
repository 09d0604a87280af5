/** The real wrangler's commands for stores, against the real API: what it asks, and what it is refused with. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createTestApi, type Json, type TestApi, TOKEN } from '../support/api.ts';
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
    assert.match(info.text, /"object_count": "2", "bucket_size": "10 B"/);
    assert.equal(updated.code, 0, updated.text);
    assert.equal((await made('GET', '/r2/buckets/counted')).storage_class, 'InfrequentAccess');
    const headers = { 'cf-r2-storage-class': 'Glacier' };
    const refused = await t.call('PATCH', '/r2/buckets/counted', undefined, headers);
    assert.match(refused.body.errors[0]?.message ?? '', /'Glacier' does not exist: Standard and InfrequentAccess do/);
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
        '/r2/buckets/plain/cors',
        undefined,
        /^CORS rules of R2 buckets: this version of Skep does not support it yet/,
      ],
      ['GET', '/d1/database/x/time_travel/bookmark', undefined, /^Time Travel of databases: this version/],
      [
        'GET',
        '/event_notifications/r2/plain/configuration',
        undefined,
        /^Event notifications of R2 buckets: this version/,
      ],
    ];
    for (const [method, path, body, message, headers] of refusals) {
      const answer = await t.call(method, path, body, headers);
      assert.ok(answer.status === 400 || answer.status === 404, `${path}: ${answer.status}`);
      assert.match(answer.body.errors[0]?.message ?? '', message);
    }
    assert.deepEqual((await made('GET', '/r2/buckets/plain/usage')).objectCount, '0');
  });
});
