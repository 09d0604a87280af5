import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { StoreConflict } from '../../server/storage/store.ts';
import { createTestApi, STARTED, type ApiAnswer, type Json, type TestApi, TOKEN } from '../support/api.ts';
import { recordingLog } from '../support/log.ts';
import { ESM, MULTIPART_TYPE, multipartBody, simpleUpload } from '../support/multipart.ts';

describe('the control API', () => {
  let t: TestApi;
  before(async () => {
    t = await createTestApi();
  });
  after(() => t.close());

  let counter = 0;
  /** A fresh worker name: tests share one database. */
  function fresh(): string {
    counter += 1;
    return `worker-${counter}`;
  }

  function refused(answer: ApiAnswer, status: number, code: number, message: RegExp): void {
    assert.deepEqual(
      [answer.status, answer.body.success, answer.body.errors[0]?.code, answer.body.result],
      [status, false, code, null],
      JSON.stringify(answer.body),
    );
    assert.match(answer.body.errors[0]?.message ?? '', message);
  }

  function done(answer: ApiAnswer): Json {
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.deepEqual([answer.body.success, answer.body.errors], [true, []]);
    return answer.body.result;
  }

  async function deploy(name: string, metadata: Record<string, unknown> = {}): Promise<Json> {
    return done(
      await t.upload(
        'PUT',
        `/workers/scripts/${name}?excludeScript=true&bindings_inherit=strict`,
        simpleUpload(metadata),
      ),
    );
  }

  test('healthz and readyz need no token; readyz shows parts and sandbox', async () => {
    const health = await fetch(`${t.origin}/healthz`);
    assert.deepEqual([health.status, await health.text()], [200, 'ok\n']);
    const ready = await fetch(`${t.origin}/readyz`);
    assert.deepEqual(
      [ready.status, await ready.json()],
      [200, { ready: true, parts: { database: { ok: true } }, sandbox: { layers: [] } }],
    );
  });

  test('a request without a token, with an unknown one or a malformed header is 401 code 10001', async () => {
    for (const headers of [
      { authorization: '' },
      { authorization: 'Bearer wrong' },
      { authorization: `Basic ${TOKEN}` },
      { authorization: 'Bearer' },
    ]) {
      refused(
        await t.call('GET', '/workers/scripts', undefined, headers),
        401,
        10001,
        /^Unable to authenticate request/,
      );
    }
    // Also for paths that do not exist: nobody learns what there is without a token.
    refused(await t.call('GET', `${t.url}/nothing`, undefined, { authorization: '' }), 401, 10001, /no API token/);
  });

  test('a key in X-Auth-Key counts as a token', async () => {
    done(await t.call('GET', '/workers/scripts', undefined, { authorization: '', 'x-auth-key': TOKEN }));
  });

  test('a token of one account gets 403 for another, whether that exists or not; the administrator gets 404', async () => {
    const hash = createHash('sha256').update('tenant').digest();
    await t.database.database.query('INSERT INTO skep.tokens (account_id, name, hash) VALUES ($1, $2, $3)', [
      t.account.id,
      'tenant',
      hash,
    ]);
    const headers = { authorization: 'Bearer tenant' };
    done(await t.call('GET', '/workers/scripts', undefined, headers));
    refused(
      await t.call('GET', `${t.url}/user/tokens/verify`, undefined, headers),
      401,
      1000,
      /it belongs to an account/,
    );
    assert.equal(done(await t.call('GET', '/tokens/verify', undefined, headers)).status, 'active');
    const other = `${t.url}/accounts/${'0'.repeat(32)}/workers/scripts`;
    refused(await t.call('GET', other, undefined, headers), 403, 9109, /does not belong to account/);
    refused(await t.call('GET', other), 404, 7003, /Could not route to \/accounts\/0/);
    const accounts = done(await t.call('GET', `${t.url}/accounts?page=1`, undefined, headers));
    assert.deepEqual(
      accounts.map((account: { id: string }) => account.id),
      [t.account.id],
    );
  });

  test("whoami's reads: token, its name, accounts and memberships with page ends", async () => {
    assert.equal(done(await t.call('GET', `${t.url}/user/tokens/verify`)).status, 'active');
    assert.equal(done(await t.call('GET', `${t.url}/user`)).email, 'admin');
    const accounts = await t.call('GET', `${t.url}/accounts?page=1`);
    assert.equal(done(accounts)[0].id, t.account.id);
    assert.deepEqual(accounts.body.result_info, { page: 1, per_page: 50, count: 1, total_count: 1, total_pages: 1 });
    assert.deepEqual(done(await t.call('GET', `${t.url}/accounts?page=2`)), []);
    assert.equal(done(await t.call('GET', `${t.url}/memberships?page=1`))[0].account.id, t.account.id);
  });

  test('unknown paths and products that Skep lacks are 404 code 7003 with a sentence', async () => {
    refused(await t.call('GET', '/workers/nonsense'), 404, 7003, /Could not route to \/client\/v4\/accounts/);
    refused(
      await t.call('POST', '/queues', { queue_name: 'x' }),
      404,
      7003,
      /^Queues: not supported by this version of Skep yet/,
    );
    const wrongMethod = await t.call('POST', '/workers/scripts/w');
    refused(wrongMethod, 404, 7003, /Could not route/);
    assert.equal(wrongMethod.body.messages[0]?.message, 'This path answers DELETE and PUT, not POST.');
    refused(await t.call('GET', '/r2/buckets/b'), 404, 10006, /^The specified bucket does not exist: 'b'/);
    refused(await t.call('GET', '/d1/database/x?fields=uuid,name'), 404, 7404, /^The database 'x' could not be found/);
    refused(await t.call('POST', '/workers/scripts/w/tails', { filters: [] }), 404, 7003, /^Live logs/);
    refused(
      await t.call('GET', `${t.url}/zones?name=example.com`),
      404,
      7003,
      /^Routes and custom domains \('example.com'\)/,
    );
  });

  test('paths with doubled slashes are the same paths; with one at the end they are others, which name an empty thing', async () => {
    done(await t.call('GET', `${t.origin}/client/v4//accounts//${t.account.id}/workers/scripts`));
    refused(await t.call('GET', '/workers/scripts/'), 400, 7003, /it ends with a slash/);
  });

  test('a percent-encoded slash in a name is part of the name, which is then refused', async () => {
    refused(await t.upload('PUT', '/workers/scripts/a%2Fb', simpleUpload()), 400, 10016, /^Invalid Worker name 'a\/b'/);
    for (const name of ['UPPER', 'a.b', '-a', 'a-', 'x'.repeat(64), 'a%20b', '%00', '%zz']) {
      const answer = await t.upload('PUT', `/workers/scripts/${name}`, simpleUpload());
      refused(answer, 400, 10016, /^Invalid Worker name/);
    }
    await deploy('a_b-9');
  });

  test('a first deploy: not found, upload, then the Worker is there with one version at 100 %', async () => {
    const name = fresh();
    for (const path of [
      `/workers/services/${name}`,
      `/workers/scripts/${name}/secrets`,
      `/workers/scripts/${name}/deployments`,
    ]) {
      refused(await t.call('GET', path), 404, 10007, /does not exist/);
    }
    t.waitedFor.length = 0;
    const result = await deploy(name, {
      bindings: [{ type: 'plain_text', name: 'MODE', text: 'dev' }],
      limits: { cpu_ms: 50 },
    });
    assert.match(result.deployment_id, /^[0-9a-f]{32}$/);
    assert.deepEqual([result.id, result.startup_time_ms, result.handlers], [name, 3, ['fetch']]);
    assert.equal(t.waitedFor.length, 1, 'answered only when this node serves it');
    const { deployments } = done(await t.call('GET', `/workers/scripts/${name}/deployments`));
    assert.equal(deployments.length, 1);
    assert.deepEqual(
      deployments[0].versions.map((share: Json) => [share.version_id.replaceAll('-', ''), share.percentage]),
      [[result.deployment_id, 100]],
    );
    const version = done(
      await t.call('GET', `/workers/scripts/${name}/versions/${deployments[0].versions[0].version_id}`),
    );
    assert.deepEqual(version.resources.bindings, [{ type: 'plain_text', name: 'MODE', text: 'dev' }]);
    assert.deepEqual(version.resources.script_runtime.limits, { cpu_ms: 50 });
    assert.equal(version.resources.script_runtime.compatibility_date, '2023-07-24');
    assert.equal(version.number, 1);
    const service = done(await t.call('GET', `/workers/services/${name}`));
    assert.equal(service.default_environment.environment, 'production');
    assert.equal(service.default_environment.script.id, name);
    const [, modules] = t.started.at(-1) ?? [];
    assert.equal(
      Buffer.from(modules?.[0]?.content ?? '').toString(),
      'export default { fetch() { return new Response("ok"); } };',
    );
  });

  test('a later deploy: version first, live only after the deployment; settings stay for both', async () => {
    const name = fresh();
    await deploy(name, { observability: { enabled: true } });
    const version = done(
      await t.upload(
        'POST',
        `/workers/scripts/${name}/versions?bindings_inherit=strict`,
        simpleUpload({ annotations: { 'workers/message': 'second' } }),
      ),
    );
    assert.equal(version.number, 2);
    assert.equal(version.annotations['workers/message'], 'second');
    assert.equal(version.metadata.author_email, 'admin', JSON.stringify(version.metadata));
    const before_ = done(await t.call('GET', `/workers/scripts/${name}/deployments`)).deployments;
    assert.equal(before_.length, 1);
    const body = {
      strategy: 'percentage',
      versions: [{ version_id: version.id, percentage: 100 }],
      annotations: {},
      code_update_strategy: { mode: 'deferred', max_delay: 300 },
    };
    const deployment = done(await t.call('POST', `/workers/scripts/${name}/deployments`, body));
    const after_ = done(await t.call('GET', `/workers/scripts/${name}/deployments`)).deployments;
    assert.deepEqual([after_.length, after_[0].id, after_[0].versions[0].version_id], [2, deployment.id, version.id]);
    const settings = done(
      await t.call('PATCH', `/workers/scripts/${name}/script-settings`, {
        observability: { enabled: false },
        tags: ['cf:service=x'],
      }),
    );
    assert.deepEqual(settings, { observability: { enabled: false }, logpush: false, tags: ['cf:service=x'] });
    const items = done(await t.call('GET', `/workers/scripts/${name}/versions?deployable=true`)).items;
    assert.deepEqual(
      items.map((item: Json) => item.number),
      [2, 1],
    );
  });

  test('Tail Workers are refused when settings name them, and nothing is changed', async () => {
    const name = fresh();
    await deploy(name);
    const path = `/workers/scripts/${name}/script-settings`;
    const named = await t.call('PATCH', path, { logpush: true, tail_consumers: [{ service: 'listener' }] });
    refused(named, 404, 7003, /Tail Workers \(`tail_consumers`\)/);
    assert.equal(done(await t.call('GET', path)).logpush, false);
    assert.equal(done(await t.call('PATCH', path, { logpush: true, tail_consumers: [] })).logpush, true);
  });

  test('a version of a Worker that does not exist is 10007', async () => {
    refused(
      await t.upload('POST', `/workers/scripts/${fresh()}/versions`, simpleUpload()),
      404,
      10007,
      /does not exist/,
    );
  });

  test('secrets are kept over uploads, never shown, and inherited by name', async () => {
    const name = fresh();
    await deploy(name, { bindings: [{ type: 'secret_text', name: 'KEY', text: 'the-value' }] });
    const keep = { keep_bindings: ['secret_text', 'secret_key'] };
    await deploy(name, keep);
    assert.deepEqual(done(await t.call('GET', `/workers/scripts/${name}/secrets`)), [
      { name: 'KEY', type: 'secret_text' },
    ]);
    await deploy(name, { bindings: [{ type: 'inherit', name: 'KEY' }] });
    const settings = await t.call('GET', `/workers/scripts/${name}/settings`);
    assert.deepEqual(done(settings).bindings, [{ name: 'KEY', type: 'secret_text' }]);
    assert.ok(!JSON.stringify(settings.body).includes('the-value'));
    const worker = await t.database.store.findWorker(t.account.id, name);
    const version = await t.database.store.findVersion(t.account.id, name, worker?.latestVersionId ?? '');
    assert.deepEqual(version?.bindings, [{ type: 'secret_text', name: 'KEY', text: 'the-value' }]);
    await deploy(name);
    assert.deepEqual(
      done(await t.call('GET', `/workers/scripts/${name}/secrets`)),
      [],
      'without keep_bindings they go',
    );
    const inherit = simpleUpload({ bindings: [{ type: 'inherit', name: 'GONE' }] });
    refused(
      await t.upload('PUT', `/workers/scripts/${name}?bindings_inherit=strict`, inherit),
      400,
      10057,
      /^inherit binding 'GONE' is invalid/,
    );
  });

  test('secret put, list, delete and bulk make new versions that are live', async () => {
    const name = fresh();
    await deploy(name);
    const path = `/workers/scripts/${name}`;
    assert.deepEqual(done(await t.call('PUT', `${path}/secrets`, { name: 'A/B c', text: '1', type: 'secret_text' })), {
      name: 'A/B c',
      type: 'secret_text',
    });
    done(await t.call('PUT', `${path}/secrets`, { name: 'A/B c', text: '2', type: 'secret_text' }));
    const names = async () => done(await t.call('GET', `${path}/secrets`)).map((secret: Json) => secret.name);
    assert.deepEqual(await names(), ['A/B c']);
    done(
      await t.call('PATCH', `${path}/secrets-bulk`, {
        secrets: { X: { name: 'X', text: 'x', type: 'secret_text' }, Y: { text: 'y' }, ABSENT: null },
      }),
    );
    assert.deepEqual((await names()).sort(), ['A/B c', 'X', 'Y']);
    done(await t.call('DELETE', `${path}/secrets/A%2FB%20c?url_encoded=true`));
    done(await t.call('PATCH', `${path}/secrets-bulk`, { secrets: { X: null } }));
    assert.deepEqual(await names(), ['Y']);
    refused(await t.call('DELETE', `${path}/secrets/NOPE`), 404, 10056, /Secret 'NOPE' was not found/);
    const { items } = done(await t.call('GET', `${path}/versions`));
    const live = done(await t.call('GET', `${path}/deployments`)).deployments[0];
    assert.equal(live.versions[0].version_id, items[0].id);
    assert.equal(items[0].annotations['workers/triggered_by'], 'secret');
    assert.equal(
      t.started.filter(([version]) => version.workerName === name).length,
      1,
      'the same code is not run again',
    );
  });

  test('a secret cannot take the name of another binding, nor pass the limits', async () => {
    const name = fresh();
    await deploy(name, { bindings: [{ type: 'plain_text', name: 'MODE', text: 'x' }] });
    const path = `/workers/scripts/${name}/secrets`;
    refused(
      await t.call('PUT', path, { name: 'MODE', text: 'x', type: 'secret_text' }),
      400,
      10053,
      /^Binding name 'MODE' already in use/,
    );
    refused(
      await t.call('PUT', path, {
        name: 'BIG',
        text: 'x'.repeat(UPLOAD_LIMITS.maxSecretBytes + 1),
        type: 'secret_text',
      }),
      400,
      10054,
      /'BIG'/,
    );
    refused(await t.call('PUT', path, { name: 'K', text: 'x', type: 'secret_key' }), 400, 10021, /field 'type'/);
    refused(await t.call('PUT', path, { name: '', text: 'x' }), 400, 10021, /field 'name'/);
    assert.deepEqual(done(await t.call('GET', path)), []);
  });

  test('while the latest version is not the live one, secret edits are 10215 and versions secret still works', async () => {
    const name = fresh();
    await deploy(name);
    done(await t.upload('POST', `/workers/scripts/${name}/versions`, simpleUpload()));
    refused(
      await t.call('PUT', `/workers/scripts/${name}/secrets`, { name: 'A', text: '1' }),
      400,
      10215,
      /latest version/,
    );
    refused(
      await t.call('PATCH', `/workers/scripts/${name}/secrets-bulk`, { secrets: { A: { text: '1' } } }),
      400,
      10215,
      /latest version/,
    );
    const latest = `/workers/workers/${name}/versions/latest`;
    const version = done(
      await t.call('PATCH', latest, {
        env: { A: { type: 'secret_text', text: '1' } },
        annotations: { 'workers/tag': 'v3' },
      }),
    );
    assert.deepEqual(
      [version.number, version.annotations['workers/tag'], version.resources.bindings],
      [3, 'v3', [{ name: 'A', type: 'secret_text' }]],
    );
    assert.equal(
      done(await t.call('GET', `/workers/scripts/${name}/deployments`)).deployments.length,
      1,
      'not deployed',
    );
  });

  test('a service binding to a missing Worker is 10143, to itself or an existing one is fine, to a missing entrypoint 10144', async () => {
    const apple = fresh();
    const banana = `${apple}-banana`;
    const bound = { bindings: [{ type: 'service', name: 'BANANA', service: banana }] };
    refused(
      await t.upload('PUT', `/workers/scripts/${apple}`, simpleUpload(bound)),
      400,
      10143,
      new RegExp(
        `^Could not resolve service binding 'BANANA'\\. Target script '${banana}' not found\\. Please verify the target script and try again\\.$`,
      ),
    );
    assert.equal(await t.database.store.findWorker(t.account.id, apple), null, 'nothing half-stored');
    t.startup = { ...STARTED, entrypoints: ['Admin'] };
    await deploy(banana, { bindings: [{ type: 'service', name: 'SELF', service: banana, entrypoint: 'Admin' }] });
    const wrongSelf = simpleUpload({
      bindings: [{ type: 'service', name: 'SELF', service: banana, entrypoint: 'Nope' }],
    });
    refused(
      await t.upload('PUT', `/workers/scripts/${banana}`, wrongSelf),
      400,
      10144,
      /Target entrypoint 'Nope' not found/,
    );
    t.startup = STARTED;
    await deploy(apple, bound);
    await deploy(apple, { bindings: [{ type: 'service', name: 'B', service: banana, entrypoint: 'Admin' }] });
    const missing = simpleUpload({ bindings: [{ type: 'service', name: 'B', service: banana, entrypoint: 'Other' }] });
    refused(
      await t.upload('PUT', `/workers/scripts/${apple}`, missing),
      400,
      10144,
      /Target entrypoint 'Other' not found in target script/,
    );
    for (const service of ['NOT A NAME', 'a\u0000b', 'x'.repeat(200)]) {
      const odd = simpleUpload({ bindings: [{ type: 'service', name: 'B', service }] });
      refused(await t.upload('PUT', `/workers/scripts/${apple}`, odd), 400, 10143, /not found/);
    }
  });

  test('deleting a Worker that others are bound to needs force; references tell wrangler beforehand', async () => {
    const callee = fresh();
    const caller = fresh();
    await deploy(callee, { bindings: [{ type: 'service', name: 'SELF', service: callee }] });
    await deploy(caller, { bindings: [{ type: 'service', name: 'B', service: callee }] });
    const references = done(await t.call('GET', `/workers/scripts/${callee}/references`));
    assert.deepEqual(references.services.incoming, [{ service: caller, environment: 'production' }]);
    refused(
      await t.call('DELETE', `/workers/services/${callee}?force=false`),
      400,
      10064,
      new RegExp(`still in use by the service bindings of: ${caller}\\.`),
    );
    assert.equal(done(await t.call('DELETE', `/workers/services/${callee}?force=true`)), null);
    refused(await t.call('DELETE', `/workers/services/${callee}?force=true`), 404, 10007, /does not exist/);
    assert.equal(done(await t.call('DELETE', `/workers/scripts/${caller}`)), null);
  });

  test("the answers of a start-up run become Cloudflare's errors, and nothing is stored", async () => {
    const name = fresh();
    const put = () => t.upload('PUT', `/workers/scripts/${name}`, simpleUpload());
    const message = 'ReferenceError: x is not defined\n  at index.js:2:3';
    const cases = [
      ['exception', 400, 10021, /^Uncaught ReferenceError: x is not defined\n {2}at index\.js:2:3$/],
      ['cpu', 400, 10021, /^Script startup exceeded CPU time limit\.$/],
      ['memory', 400, 10021, /^Script startup exceeded memory limits\.$/],
      ['hang', 400, 10021, /^Script startup timed out/],
      ['no-cell', 503, 7010, /^Service temporarily unavailable: no cell could be started/],
    ] as const;
    for (const [kind, status, code, pattern] of cases) {
      t.startup = { ok: false, kind, message };
      const answer = await put();
      refused(answer, status, code, pattern);
      assert.equal(answer.headers.get('retry-after'), kind === 'no-cell' ? '5' : null);
    }
    t.startup = { ...STARTED, handlers: [] };
    refused(await put(), 400, 10068, /no registered event handlers/);
    t.startup = async () => {
      throw Object.assign(new Error('secret detail'), { code: 'ENOENT' });
    };
    const broken = await put();
    refused(broken, 500, 10002, /^Internal error\. .* request id [0-9a-f]{16}/);
    assert.ok(!JSON.stringify(broken.body).includes('secret detail'));
    t.startup = STARTED;
    assert.equal(await t.database.store.findWorker(t.account.id, name), null);
  });

  test('a draft as wrangler makes for the first secret of a new Worker: no date, the part named after the Worker', async () => {
    const name = fresh();
    refused(
      await t.call('PUT', `/workers/scripts/${name}/secrets`, { name: 'A', text: '1' }),
      404,
      10007,
      /does not exist/,
    );
    const draft = multipartBody([
      { name: 'metadata', content: JSON.stringify({ main_module: name, bindings: [], logpush: false }) },
      { name, content: 'export default { fetch() {} }', type: ESM },
    ]);
    done(await t.upload('PUT', `/workers/scripts/${name}`, draft));
    done(await t.call('PUT', `/workers/scripts/${name}/secrets`, { name: 'A', text: '1' }));
    assert.deepEqual(done(await t.call('GET', `/workers/scripts/${name}/secrets`)), [
      { name: 'A', type: 'secret_text' },
    ]);
  });

  test('a service-worker upload with blobs is stored with its format', async () => {
    const name = fresh();
    const body = multipartBody([
      { name: 'TXT', content: 'text', type: 'text/plain' },
      { name: 'WSM', content: Buffer.from('0061736d01000000', 'hex'), type: 'application/wasm' },
      {
        name: 'metadata',
        content: JSON.stringify({
          body_part: 'worker.js',
          bindings: [
            { type: 'text_blob', name: 'TXT', part: 'TXT' },
            { type: 'wasm_module', name: 'WSM', part: 'WSM' },
          ],
        }),
      },
      { name: 'worker.js', content: 'addEventListener("fetch", () => {})', type: 'application/javascript' },
    ]);
    done(await t.upload('PUT', `/workers/scripts/${name}`, body));
    const worker = await t.database.store.findWorker(t.account.id, name);
    const version = await t.database.store.findVersion(t.account.id, name, worker?.latestVersionId ?? '');
    assert.deepEqual(
      [version?.format, version?.mainModule, version?.modules.map((module) => module.name)],
      ['service-worker', 'worker.js', ['worker.js', 'TXT', 'WSM']],
    );
  });

  test('workers_dev is switched by POST subdomain and shown with the address', async () => {
    const name = fresh();
    await deploy(name);
    const path = `/workers/scripts/${name}/subdomain`;
    assert.deepEqual(done(await t.call('GET', path)), { enabled: false, previews_enabled: false });
    assert.deepEqual(done(await t.call('POST', path, { enabled: true })), { enabled: true, previews_enabled: false });
    assert.deepEqual(done(await t.call('POST', path, { enabled: false, previews_enabled: true })), {
      enabled: false,
      previews_enabled: true,
    });
    const shown = done(await t.call('GET', `/workers/workers/${name}`));
    assert.deepEqual(shown.subdomain, {
      enabled: false,
      previews_enabled: true,
      url: `http://${name}.dev.localhost:8787`,
    });
    refused(await t.call('POST', path, { enabled: 'yes' }), 400, 10021, /field 'enabled'/);
  });

  test("the account's label can be read, changed and asked about", async () => {
    assert.deepEqual(done(await t.call('GET', '/workers/subdomain')), { subdomain: 'dev' });
    refused(await t.call('GET', '/workers/subdomains/free-one'), 404, 10032, /is available/);
    refused(await t.call('PUT', '/workers/subdomain', { subdomain: 'Not A Label' }), 400, 10021, /field 'subdomain'/);
    done(await t.call('PUT', '/workers/subdomain', { subdomain: 'team' }));
    assert.deepEqual(done(await t.call('GET', '/workers/subdomain')), { subdomain: 'team' });
    done(await t.call('PUT', '/workers/subdomain', { subdomain: 'dev' }));
  });

  test('crons and routes: none is fine, any is refused by name', async () => {
    const name = fresh();
    await deploy(name);
    done(await t.call('PUT', `/workers/scripts/${name}/schedules`, []));
    refused(
      await t.call('PUT', `/workers/scripts/${name}/schedules`, [{ cron: '*/5 * * * *' }]),
      404,
      7003,
      /^Cron triggers \('\*\/5 \* \* \* \*'\)/,
    );
    done(await t.call('PUT', `/workers/scripts/${name}/routes`, []));
    refused(
      await t.call('PUT', `/workers/scripts/${name}/routes`, [{ pattern: 'a.example/*' }]),
      404,
      7003,
      /^Routes \('a\.example\/\*'\)/,
    );
  });

  test('deployments: shares add up to 100, versions exist, no more than two', async () => {
    const name = fresh();
    await deploy(name);
    const second = done(await t.upload('POST', `/workers/scripts/${name}/versions`, simpleUpload()));
    const first = done(await t.call('GET', `/workers/scripts/${name}/versions`)).items[1];
    const post = (versions: unknown) =>
      t.call('POST', `/workers/scripts/${name}/deployments`, { strategy: 'percentage', versions });
    refused(
      await post([{ version_id: first.id, percentage: 50 }]),
      400,
      10021,
      /add up to 50; they have to add up to 100/,
    );
    refused(
      await post([
        { version_id: first.id, percentage: 50 },
        { version_id: first.id.toUpperCase(), percentage: 50 },
      ]),
      400,
      10021,
      /same version twice/,
    );
    refused(await post([]), 400, 10021, /field 'versions'/);
    refused(
      await post([
        { version_id: first.id, percentage: 33.333 },
        { version_id: second.id, percentage: 66.667 },
      ]),
      400,
      10021,
      /two decimals/,
    );
    refused(
      await post([{ version_id: '00000000-0000-0000-0000-000000000000', percentage: 100 }]),
      404,
      10025,
      /does not exist/,
    );
    refused(await post([{ version_id: "'; DROP TABLE", percentage: 100 }]), 404, 10025, /does not exist/);
    const split = done(
      await post([
        { version_id: first.id, percentage: 33.33 },
        { version_id: second.id, percentage: 66.67 },
      ]),
    );
    assert.deepEqual(split.versions, [
      { version_id: first.id, percentage: 33.33 },
      { version_id: second.id, percentage: 66.67 },
    ]);
  });

  test('going back to a version with other secrets asks for force, naming them at the end of the sentence', async () => {
    const name = fresh();
    await deploy(name, { bindings: [{ type: 'secret_text', name: 'A', text: '1' }] });
    const [{ id }] = done(await t.call('GET', `/workers/scripts/${name}/versions`)).items;
    done(await t.call('PUT', `/workers/scripts/${name}/secrets`, { name: 'A', text: '2' }));
    done(await t.call('PUT', `/workers/scripts/${name}/secrets`, { name: 'B', text: '2' }));
    const body = { strategy: 'percentage', versions: [{ version_id: id, percentage: 100 }] };
    refused(
      await t.call('POST', `/workers/scripts/${name}/deployments`, body),
      400,
      10220,
      /The following secrets have changed: A, B$/,
    );
    const back = done(await t.call('POST', `/workers/scripts/${name}/deployments?force=true`, body));
    assert.equal(back.annotations['workers/triggered_by'], 'rollback');
  });

  test('several uploads of one Worker at once all succeed, with consecutive numbers', async () => {
    const name = fresh();
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => t.upload('PUT', `/workers/scripts/${name}`, simpleUpload())),
    );
    answers.forEach(done);
    const { items } = done(await t.call('GET', `/workers/scripts/${name}/versions`));
    assert.deepEqual(
      items.map((item: Json) => item.number),
      [4, 3, 2, 1],
    );
  });

  test('an upload above the size limit is 10027, and the client that sends it all hears so', async () => {
    const big = Buffer.alloc(UPLOAD_LIMITS.maxWorkerBytes + 1024 * 1024, 'x');
    const body = multipartBody([
      { name: 'metadata', content: '{"main_module":"index.js"}' },
      { name: 'index.js', content: big, type: ESM },
    ]);
    refused(
      await t.upload('PUT', `/workers/scripts/${fresh()}`, body),
      413,
      10027,
      /^Your Worker exceeded the size limit of 64 MiB/,
    );
  });

  test('a client that goes away in the middle of an upload leaves nothing behind and harms nobody', async () => {
    const name = fresh();
    const body = simpleUpload();
    const socket = connect(Number(new URL(t.origin).port), '127.0.0.1');
    socket.write(
      `PUT /client/v4/accounts/${t.account.id}/workers/scripts/${name} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n` +
        `Content-Type: ${MULTIPART_TYPE}\r\nContent-Length: ${body.byteLength}\r\n\r\n`,
    );
    socket.write(body.subarray(0, body.byteLength - 40));
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    refused(await t.call('GET', `/workers/services/${name}`), 404, 10007, /does not exist/);
  });

  test('a body that ends before its last boundary is 10026 and stores nothing', async () => {
    const name = fresh();
    const body = simpleUpload();
    refused(
      await t.upload('PUT', `/workers/scripts/${name}`, body.subarray(0, body.byteLength - 30)),
      400,
      10026,
      /broken or was cut off/,
    );
    refused(await t.call('GET', `/workers/services/${name}`), 404, 10007, /does not exist/);
  });

  test('JSON bodies that are broken or too large are refused', async () => {
    const path = `/workers/scripts/${fresh()}/secrets`;
    const raw = (body: string) => t.upload('PUT', path, Buffer.from(body), { 'content-type': 'text/plain' });
    refused(await raw('{"name":'), 400, 10026, /the body is not JSON/);
    refused(await raw(''), 400, 10026, /the body is not JSON/);
    refused(await raw(`"${'x'.repeat(UPLOAD_LIMITS.maxJsonBodyBytes)}"`), 413, 10026, /larger than 4 MiB/);
  });

  test('the OpenAPI document lists every route, with unique operation ids', async () => {
    const document = (await (await fetch(`${t.url}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    assert.equal(document.openapi, '3.1.0');
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map((operation) => operation.operationId),
    );
    assert.equal(ids.length, t.api.routes.length);
    assert.equal(new Set(ids).size, ids.length);
  });

  test('skep/status shows the account, its Workers and readiness', async () => {
    const status = done(await t.call('GET', '/skep/status'));
    assert.equal(status.account.subdomain, 'dev');
    assert.equal(status.ready, true);
    assert.deepEqual(status.limits, { cpu_ms: 100, subrequests: 50 });
  });

  test('a database that is down is 503 with Retry-After and a sentence; the token is never logged', async () => {
    const { log, lines } = recordingLog();
    const down = await createTestApi({
      log,
      store: (store) => ({
        ...store,
        listWorkers: async () => {
          throw Object.assign(new Error('connect ECONNREFUSED /run/x/.s.PGSQL.5432'), { code: 'ECONNREFUSED' });
        },
      }),
    });
    try {
      const answer = await down.call('GET', '/workers/scripts');
      refused(answer, 503, 7010, /the database of this platform cannot be reached/);
      assert.equal(answer.headers.get('retry-after'), '2');
      assert.ok(lines.join('').includes('could not serve'));
      assert.ok(!lines.join('').includes(TOKEN));
    } finally {
      await down.close();
    }
  });

  test('a write that always loses against others is 10035 after a few attempts', async () => {
    let attempts = 0;
    const racing = await createTestApi({
      store: (store) => ({
        ...store,
        publishVersion: async () => {
          attempts += 1;
          throw new StoreConflict('somebody else was first');
        },
      }),
    });
    try {
      refused(
        await racing.upload('PUT', '/workers/scripts/w', simpleUpload()),
        409,
        10035,
        /Multiple attempts to modify/,
      );
      assert.deepEqual([attempts, racing.started.length], [5, 1]);
    } finally {
      await racing.close();
    }
  });

  test('close() lets a request under way finish', async () => {
    const own = await createTestApi();
    let release: (() => void) | undefined;
    const reached = new Promise<void>((resolve) => {
      own.startup = () =>
        new Promise((answer) => {
          release = () => answer(STARTED);
          resolve();
        });
    });
    const upload = own.upload('PUT', '/workers/scripts/w', simpleUpload());
    await reached;
    const closing = own.close(20_000);
    await assert.rejects(fetch(`${own.origin}/healthz`), 'no new connections');
    release?.();
    done(await upload);
    const waited = performance.now();
    await closing;
    const tookMs = performance.now() - waited;
    assert.ok(tookMs < 10_000, `the connection of that request is not kept open for ${tookMs} ms`);
  });
});
