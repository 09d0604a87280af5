/** The real wrangler against the real API and store. Start-up runs are scripted here; startup.test.ts has real cells. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestApi, STARTED, type TestApi, TOKEN } from '../support/api.ts';
import { createProject, type Project, runWrangler, wranglerEnv, type WranglerResult } from '../support/wrangler.ts';

const WORKER = `
import text from './note.txt';
import { helper } from './helper.ts';
export default { async fetch(request: Request, env: { MODE: string }): Promise<Response> { return new Response(text + helper(env.MODE)); } };
`;

const CONFIG = `
name = "plain"
main = "src/worker.ts"
compatibility_date = "2023-07-24"
[vars]
MODE = "dev"
LIST = [1, 2]
`;

describe('wrangler', () => {
  let t: TestApi;
  let project: Project;
  let env: Record<string, string>;
  before(async () => {
    t = await createTestApi();
    env = wranglerEnv({ url: t.url, token: TOKEN, accountId: t.account.id });
    project = await createProject({
      'wrangler.toml': CONFIG,
      'src/worker.ts': WORKER,
      'src/helper.ts': 'export const helper = (mode: string) => mode.toUpperCase();',
      'src/note.txt': 'a note',
    });
  });
  after(async () => {
    await t?.close();
    await project?.remove();
  });

  const run = (args: string[], more: { env?: Record<string, string>; stdin?: string } = {}) =>
    runWrangler(args, {
      cwd: project.dir,
      env: { ...env, ...more.env },
      ...(more.stdin === undefined ? {} : { stdin: more.stdin }),
    });

  function succeeded(result: WranglerResult): string {
    assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
    assert.doesNotMatch(result.stderr, /\[ERROR\]/);
    return result.stdout;
  }

  function failedWith(result: WranglerResult, message: RegExp): void {
    assert.equal(result.code, 1, `${result.stdout}\n${result.stderr}`);
    assert.match(unwrapped(result.stderr), message);
    // A message for people, not a crash of wrangler's.
    assert.doesNotMatch(result.stderr, /\n\s+at .*wrangler-dist/);
  }

  /** wrangler breaks long lines at the width of the terminal. */
  function unwrapped(text: string): string {
    return text.replace(/\s*\n\s*/g, ' ');
  }

  test('whoami names the account and the token', async () => {
    const stdout = succeeded(await run(['whoami']));
    assert.ok(stdout.includes(t.account.id));
    assert.match(stdout, /User API Token, associated with the email admin\./);
  });

  test('whoami finds the account without CLOUDFLARE_ACCOUNT_ID', async () => {
    const { CLOUDFLARE_ACCOUNT_ID: _omitted, ...rest } = env;
    const result = await runWrangler(['whoami'], { cwd: project.dir, env: rest });
    assert.ok(succeeded(result).includes(t.account.id));
  });

  test('an unknown token is one plain line', async () => {
    failedWith(
      await run(['deploy'], { env: { CLOUDFLARE_API_TOKEN: 'wrong' } }),
      /Unable to authenticate request: the API token is not known here\. \[code: 10001\]/,
    );
  });

  test('first deploy of a TypeScript project with a text module and variables', async () => {
    const stdout = succeeded(await run(['deploy']));
    assert.match(stdout, /Uploaded plain/);
    assert.match(stdout, /plain\.dev\.localhost/);
    const [version, modules] = t.started.at(-1) ?? [];
    assert.deepEqual(version?.bindings, [
      { type: 'plain_text', name: 'MODE', text: 'dev' },
      { type: 'json', name: 'LIST', json: [1, 2] },
    ]);
    assert.deepEqual(modules?.map((module) => module.type).sort(), ['esm', 'text', 'text']);
    const worker = await t.database.store.findWorker(t.account.id, 'plain');
    assert.equal(worker?.workersDev, true);
  });

  test('second deploy goes through versions and deployments', async () => {
    await project.write({ 'src/note.txt': 'another note' });
    assert.match(
      succeeded(await run(['deploy', '--message', 'second', '--tag', 'v2'])),
      /Current Version ID: [0-9a-f-]{36}/,
    );
    const [deployment] = await t.database.store.listDeployments(t.account.id, 'plain', 1);
    assert.equal(deployment?.source, 'wrangler');
    assert.equal(deployment?.annotations['workers/message'], 'second');
  });

  test('secret put, list, bulk and delete', async () => {
    succeeded(await run(['secret', 'put', 'KEY'], { stdin: 'the value\n' }));
    succeeded(await run(['secret', 'bulk'], { stdin: '{"OTHER":"1","THIRD":"2"}' }));
    assert.deepEqual(JSON.parse(succeeded(await run(['secret', 'list']))), [
      { name: 'KEY', type: 'secret_text' },
      { name: 'OTHER', type: 'secret_text' },
      { name: 'THIRD', type: 'secret_text' },
    ]);
    succeeded(await run(['secret', 'delete', 'OTHER']));
    succeeded(await run(['deploy']));
    assert.deepEqual(
      JSON.parse(succeeded(await run(['secret', 'list']))).map((secret: { name: string }) => secret.name),
      ['KEY', 'THIRD'],
    );
    const worker = await t.database.store.findWorker(t.account.id, 'plain');
    const version = await t.database.store.findVersion(t.account.id, 'plain', worker?.latestVersionId ?? '');
    assert.deepEqual(
      version?.bindings.find(({ name }) => name === 'KEY'),
      { type: 'secret_text', name: 'KEY', text: 'the value' },
    );
  });

  test('secret put on a Worker that does not exist makes a draft and then sets the secret', async () => {
    succeeded(await run(['secret', 'put', 'KEY', '--name', 'draft'], { stdin: 'x' }));
    assert.deepEqual(JSON.parse(succeeded(await run(['secret', 'list', '--name', 'draft']))), [
      { name: 'KEY', type: 'secret_text' },
    ]);
  });

  test('versions upload, list, view and deploy with shares; deployments list and status', async () => {
    const uploaded = succeeded(await run(['versions', 'upload', '--tag', 'canary']));
    const id = /Worker Version ID: ([0-9a-f-]{36})/.exec(uploaded)?.[1] ?? assert.fail(uploaded);
    assert.ok(succeeded(await run(['versions', 'list'])).includes(id));
    assert.match(succeeded(await run(['versions', 'view', id])), /Secret Name:\s+KEY/);
    const [live] = await t.database.store.listDeployments(t.account.id, 'plain', 1);
    const old = live?.versions[0]?.versionId ?? assert.fail('nothing is deployed');
    succeeded(await run(['versions', 'deploy', `${old}@90`, `${id}@10`, '-y']));
    const [split] = await t.database.store.listDeployments(t.account.id, 'plain', 1);
    assert.deepEqual(split?.versions, [
      { versionId: old, percentage: 90 },
      { versionId: id, percentage: 10 },
    ]);
    assert.ok(succeeded(await run(['deployments', 'list'])).includes(id));
    assert.match(succeeded(await run(['deployments', 'status'])), /\(90%\)/);
    succeeded(await run(['versions', 'deploy', `${id}@100`, '-y']));
  });

  test('rollback goes back, also over changed secrets', async () => {
    const [, before_] = await t.database.store.listVersions(t.account.id, 'plain', 2);
    succeeded(await run(['secret', 'put', 'KEY'], { stdin: 'changed' }));
    succeeded(await run(['rollback', before_?.id ?? '', '-y', '-m', 'back']));
    const [live] = await t.database.store.listDeployments(t.account.id, 'plain', 1);
    assert.deepEqual(live?.versions, [{ versionId: before_?.id, percentage: 100 }]);
    assert.equal(live?.annotations['workers/triggered_by'], 'rollback');
  });

  test('versions secret put makes a version without deploying it', async () => {
    succeeded(await run(['versions', 'secret', 'put', 'LATER'], { stdin: 'x' }));
    failedWith(
      await run(['secret', 'put', 'NOW'], { stdin: 'x' }),
      /latest version of your Worker isn't currently deployed/,
    );
    succeeded(await run(['deploy']));
  });

  test('a service binding to a Worker that is missing fails with its name, and works once that is deployed', async () => {
    const apple = await createProject({
      'wrangler.toml':
        'name = "apple"\nmain = "worker.js"\ncompatibility_date = "2023-07-24"\nservices = [{ binding = "BANANA", service = "banana" }]\n',
      'worker.js': 'export default { fetch: (request, env) => env.BANANA.fetch(request) };',
    });
    try {
      failedWith(
        await runWrangler(['deploy'], { cwd: apple.dir, env }),
        /Could not resolve service binding 'BANANA'\. Target script 'banana' not found\. Please verify the target script and try again\. \[code: 10143\]/,
      );
      await apple.write({
        'banana.toml': 'name = "banana"\nmain = "worker.js"\ncompatibility_date = "2023-07-24"\nworkers_dev = false\n',
      });
      succeeded(await runWrangler(['deploy', '-c', 'banana.toml'], { cwd: apple.dir, env }));
      assert.equal((await t.database.store.findWorker(t.account.id, 'banana'))?.workersDev, false);
      succeeded(await runWrangler(['deploy'], { cwd: apple.dir, env }));
    } finally {
      await apple.remove();
    }
  });

  test("code that throws at start is refused with the place in the user's own file", async () => {
    t.startup = { ok: false, kind: 'exception', message: 'Uncaught Error: boom\n  at worker.js:2:9\n' };
    try {
      failedWith(await run(['deploy']), /Uncaught Error: boom .*\[code: 10021\]/);
    } finally {
      t.startup = STARTED;
    }
  });

  test('bindings and crons that Skep lacks are refused by name', async () => {
    const other = await createProject({
      'wrangler.toml':
        'name = "other"\nmain = "worker.js"\ncompatibility_date = "2023-07-24"\nanalytics_engine_datasets = [{ binding = "STORE", dataset = "d" }]\n',
      'worker.js': 'export default { fetch: () => new Response("x") };',
    });
    try {
      failedWith(
        await runWrangler(['deploy'], { cwd: other.dir, env }),
        /Binding 'STORE' has type 'analytics_engine' \(Analytics Engine\), which this version of Skep does not support yet\. Supported are vars, secrets, services, kv_namespaces/,
      );
      await other.write({
        'wrangler.toml':
          'name = "other"\nmain = "worker.js"\ncompatibility_date = "2023-07-24"\n[triggers]\ncrons = ["*/5 * * * *"]\n',
      });
      failedWith(
        await runWrangler(['deploy'], { cwd: other.dir, env }),
        /Cron triggers \('\*\/5 \* \* \* \*'\): not supported by this version of Skep yet/,
      );
    } finally {
      await other.remove();
    }
  });

  test('an environment of the config is a Worker of its own with tags', async () => {
    await project.write({ 'wrangler.toml': `${CONFIG}\n[env.staging]\nvars = { MODE = "staging" }\n` });
    succeeded(await run(['deploy', '--env', 'staging']));
    const worker = await t.database.store.findWorker(t.account.id, 'plain-staging');
    assert.deepEqual(worker?.settings.tags, ['cf:service=plain', 'cf:environment=staging']);
    await project.write({ 'wrangler.toml': CONFIG });
  });

  test('a service-worker project with a text blob deploys twice', async () => {
    const classic = await createProject({
      'wrangler.toml':
        'name = "classic"\nmain = "worker.js"\ncompatibility_date = "2023-07-24"\n[text_blobs]\nTXT = "files/a.txt"\n',
      'worker.js': "addEventListener('fetch', (event) => event.respondWith(new Response(TXT)));",
      'files/a.txt': 'from a file',
    });
    try {
      succeeded(await runWrangler(['deploy'], { cwd: classic.dir, env }));
      succeeded(await runWrangler(['deploy'], { cwd: classic.dir, env }));
      const [version] = await t.database.store.listVersions(t.account.id, 'classic', 1);
      assert.deepEqual([version?.number, version?.format], [2, 'service-worker']);
      assert.deepEqual(version?.bindings, [{ type: 'text_blob', name: 'TXT', part: 'TXT' }]);
      assert.ok(version?.modules.some((module) => module.name === 'TXT' && module.type === 'text'));
    } finally {
      await classic.remove();
    }
  });

  test('delete removes the Worker; a second time it is not found', async () => {
    succeeded(await run(['delete', '--name', 'classic']));
    assert.equal(await t.database.store.findWorker(t.account.id, 'classic'), null);
    failedWith(await run(['delete', '--name', 'classic']), /does not exist/);
  });
});
