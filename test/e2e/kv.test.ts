/** KV with everything around it: unmodified wrangler, workers on two nodes of one database, and a database that goes away. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DatabaseProxy, startDatabaseProxy } from '../support/database-proxy.ts';
import { createEmptyTestDatabase } from '../support/postgres.ts';
import { type HttpAnswer, type Skep, startSkep } from '../support/server.ts';
import { until } from '../support/until.ts';
import { createProject, type Project, runWrangler, type WranglerResult } from '../support/wrangler.ts';

const CODE = `export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const key = decodeURIComponent(pathname.slice(1));
    try {
      if (request.method === 'PUT') {
        await env.KV.put(key, request.body ?? '', { metadata: { from: 'worker' } });
        return new Response('stored');
      }
      if (request.method === 'DELETE') return new Response(await env.KV.delete(key) ?? 'deleted');
      if (searchParams.has('list')) return Response.json(await env.KV.list({ prefix: key }));
      const value = await env.KV.get(key, 'stream');
      return value === null ? new Response(null, { status: 404 }) : new Response(value);
    } catch (error) {
      return new Response(error.message, { status: 503 });
    }
  },
};`;

let database: Awaited<ReturnType<typeof createEmptyTestDatabase>>;
let proxy: DatabaseProxy;
let one: Skep;
let two: Skep;
let namespace: string;
let project: Project;

before(async () => {
  database = await createEmptyTestDatabase();
  proxy = await startDatabaseProxy(database.url);
  const env = {
    DATABASE_URL: proxy.url,
    SKEP_MASTER_KEY: randomBytes(32).toString('base64'),
    SKEP_ADMIN_TOKEN: randomBytes(24).toString('hex'),
    SKEP_PRESTARTED_CELLS: '1',
  };
  one = await startSkep({ env });
  two = await startSkep({ env });
  const made = await one.api('POST', '/storage/kv/namespaces', { title: 'made by the API' });
  namespace = made.json().result.id;
  await one.deploy('kv', CODE, { bindings: [{ type: 'kv_namespace', name: 'KV', namespace_id: namespace }] });
  project = await createProject({
    'wrangler.toml': `name = "kv"\nmain = "worker.js"\ncompatibility_date = "2025-01-01"\n[[kv_namespaces]]\nbinding = "KV"\nid = "${namespace}"\n`,
    'worker.js': CODE,
  });
});
after(async () => {
  await project?.remove();
  await Promise.all([one?.stop(), two?.stop()]);
  await proxy?.close();
  await database?.close();
});

const wrangler = (...args: string[]): Promise<WranglerResult> =>
  runWrangler(args, { cwd: project.dir, env: one.wranglerEnv });

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await wrangler(...args);
  assert.equal(code, 0, `wrangler ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

const asked = async (node: Skep, path: string): Promise<string | null> => {
  const { status, text } = await node.request('kv', path);
  assert.ok(status === 200 || status === 404, `${status} ${text}`);
  return status === 200 ? text : null;
};

describe('wrangler, unmodified', { concurrency: 3 }, () => {
  test('makes, lists, renames and deletes namespaces', async () => {
    await done('kv', 'namespace', 'create', 'made-by-wrangler');
    const again = await wrangler('kv', 'namespace', 'create', 'made-by-wrangler');
    assert.notEqual(again.code, 0);
    assert.match(again.stdout + again.stderr, /already exists/);
    const listed = JSON.parse(await done('kv', 'namespace', 'list')) as { id: string; title: string }[];
    const made = listed.find(({ title }) => title.includes('made-by-wrangler'));
    assert.ok(made !== undefined, JSON.stringify(listed));
    await done('kv', 'namespace', 'rename', '--namespace-id', made.id, '--new-name', 'renamed');
    const status = (await one.api('GET', '/skep/kv/namespaces')).json().result as { id: string; title: string }[];
    const usage = (await one.api('GET', '/skep/kv/usage')).json().result;
    assert.equal(usage.quota_bytes, 10 * 1024 ** 3);
    assert.ok(usage.entries >= 0 && usage.bytes >= 64 * usage.entries, JSON.stringify(usage));
    assert.equal(status.find(({ id }) => id === made.id)?.title, 'renamed');
    await done('kv', 'namespace', 'delete', '--namespace-id', made.id, '--skip-confirmation');
    assert.equal((await one.api('GET', `/storage/kv/namespaces/${made.id}`)).status, 404);
  });

  test('writes, reads, lists and deletes keys; the worker sees the same', async () => {
    const key = 'from wrangler/é?&';
    const path = `/${encodeURIComponent(key)}`;
    const of = ['--binding', 'KV', '--remote', '--preview', 'false'];
    await done('kv', 'key', 'put', key, 'plain value', ...of);
    assert.equal(await asked(one, path), 'plain value');
    const bytes = randomBytes(70_000);
    writeFileSync(join(project.dir, 'value.bin'), bytes);
    const more = ['--metadata', '{"a":[1]}', '--ttl', '3600'];
    await done('kv', 'key', 'put', key, '--path', 'value.bin', ...more, ...of);
    const listed = JSON.parse(await done('kv', 'key', 'list', '--prefix', 'from ', ...of)) as Record<string, unknown>[];
    const { expiration, ...rest } = listed[0] as { expiration: number };
    assert.deepEqual([listed.length, rest], [1, { name: key, metadata: { a: [1] } }]);
    assert.ok(Math.abs(expiration - Date.now() / 1000 - 3600) < 120);
    const read = await one.api('GET', `/storage/kv/namespaces/${namespace}/values/${encodeURIComponent(key)}`);
    assert.equal(read.headers['content-length'], '70000');
    assert.equal((await done('kv', 'key', 'get', key, ...of)).length > 0, true);
    await done('kv', 'key', 'delete', key, ...of);
    assert.equal(await asked(one, path), null);
    const missing = await wrangler('kv', 'key', 'get', key, ...of);
    assert.notEqual(missing.code, 0);
    assert.match(missing.stdout + missing.stderr, /404|not found/i);
  });

  test('writes, reads and deletes many at once', async () => {
    const pairs = Array.from({ length: 1200 }, (_, index) => ({
      key: `bulk:${index}`,
      value: index === 5 ? Buffer.from('five').toString('base64') : `value ${index}`,
      ...(index === 5 && { base64: true, metadata: { five: true } }),
    }));
    await project.write({
      'pairs.json': JSON.stringify(pairs),
      'keys.json': JSON.stringify(['bulk:5', 'bulk:7', 'bulk:no']),
      'doomed.json': JSON.stringify(pairs.map(({ key }) => key)),
    });
    const of = ['--namespace-id', namespace, '--remote'];
    await done('kv', 'bulk', 'put', 'pairs.json', ...of);
    assert.deepEqual(await Promise.all([asked(one, '/bulk:5'), asked(one, '/bulk:1199')]), ['five', 'value 1199']);
    const found = await done('kv', 'bulk', 'get', 'keys.json', ...of);
    for (const part of [/"bulk:5"/, /five/, /value 7/, /"bulk:no"/]) assert.match(found, part);
    await done('kv', 'bulk', 'delete', 'doomed.json', ...of, '--force');
    assert.deepEqual(JSON.parse((await asked(one, '/bulk?list')) ?? ''), {
      keys: [],
      list_complete: true,
      cacheStatus: null,
    });
  });

  test('deploys a worker with a binding, which keeps it, and refuses one to a namespace that is not there', async () => {
    await done('deploy');
    const settings = (await one.api('GET', '/workers/scripts/kv/settings')).json().result;
    assert.deepEqual(settings.bindings, [{ name: 'KV', type: 'kv_namespace', namespace_id: namespace }]);
    const bindings = [{ type: 'kv_namespace', name: 'KV', namespace_id: '0'.repeat(32) }];
    const refused = await one.upload('lost', CODE, { bindings });
    assert.deepEqual([refused.status, refused.json().errors[0].code], [400, 10041]);
    const odd = await one.upload('lost', CODE, { bindings: [{ ...bindings[0], namespace_id: 'not an id' }] });
    assert.deepEqual([odd.status, odd.json().errors[0].code], [400, 10042]);
  });
});

describe('the API', () => {
  test('says what is wrong with a key, a value, metadata or an expiration, and changes nothing', async () => {
    const values = `/storage/kv/namespaces/${namespace}/values`;
    const refused = (answer: HttpAnswer, message: RegExp): void => {
      assert.ok(answer.status === 400 || answer.status === 413, answer.text);
      assert.match(answer.json().errors[0].message, message);
    };
    const text = { 'content-type': 'text/plain' };
    refused(await one.api('PUT', `${values}/${'x'.repeat(513)}`, Buffer.from('v'), text), /513 bytes; 512 are allowed/);
    refused(await one.api('PUT', `${values}/k?expiration_ttl=59`, Buffer.from('v'), text), /at least 60 seconds/);
    refused(
      await one.api('PUT', `${values}/k?expiration=soon`, Buffer.from('v'), text),
      /'soon'; it has to be a whole number/,
    );
    refused(await one.api('PUT', `${values}/k`, Buffer.alloc(25 * 1024 * 1024 + 1), text), /25 MiB/);
    const pair = { key: 'k', value: 'v', metadata: 'x'.repeat(1023) };
    refused(await one.api('PUT', `/storage/kv/namespaces/${namespace}/bulk`, [pair]), /1025 bytes as JSON; 1024/);
    refused(await one.api('GET', `/storage/kv/namespaces/${namespace}/keys?limit=1001`), /from 1 to 1000/);
    refused(await one.api('GET', `/storage/kv/namespaces/${namespace}/keys?cursor=bogus`), /Invalid cursor/);
    assert.equal(await asked(one, '/k'), null);
  });

  test('of another account a namespace is not there', async () => {
    const elsewhere = await one.api('GET', `/storage/kv/namespaces/${'f'.repeat(32)}/keys`);
    assert.deepEqual([elsewhere.status, elsewhere.json().errors[0].code], [404, 10013]);
  });
});

describe('two nodes', () => {
  test('a write is seen at once where it was made, and within a second on the other node, cached or not', async () => {
    for (let round = 0; round < 5; round++) {
      const text = `round ${round}`;
      assert.equal((await one.request('kv', '/shared', { method: 'PUT', body: text })).status, 200);
      assert.equal(await asked(one, '/shared'), text);
      await until(async () => (await asked(two, '/shared')) === text, 'the other node');
    }
    assert.equal((await two.request('kv', '/shared', { method: 'DELETE' })).status, 200);
    assert.equal(await asked(two, '/shared'), null);
    await until(async () => (await asked(one, '/shared')) === null, 'the deletion');
  });

  test('two that write one key at once: both see the same afterwards, whole', async () => {
    const write = (node: Skep, text: string) =>
      node.request('kv', '/contended', { method: 'PUT', body: text.repeat(1000) });
    for (let round = 0; round < 10; round++) await Promise.all([write(one, 'a'), write(two, 'b')]);
    await sleep(1_000);
    const [here, there] = await Promise.all([asked(one, '/contended'), asked(two, '/contended')]);
    assert.equal(here, there);
    assert.match(here ?? '', /^(a{1000}|b{1000})$/);
  });
});

/** A connection that is kept open for further requests may close under the next one: a client sends that again. */
const onceMore = <T>(ask: () => Promise<T>): Promise<T> => ask().catch(ask);

describe('a database that is gone', () => {
  test('a namespace that this node has not seen yet is an error of the operation, and the server goes on', async () => {
    const made = await one.api('POST', '/storage/kv/namespaces', { title: 'not seen by the other node' });
    const code = `export default { async fetch(request, env) {
      if (new URL(request.url).pathname === '/alive') return new Response('alive');
      return await env.KV.get('key').then(() => new Response('read'), (error) => new Response(error.message, { status: 503 }));
    } };`;
    await one.deploy('unseen', code, {
      bindings: [{ type: 'kv_namespace', name: 'KV', namespace_id: made.json().result.id }],
    });
    await until(
      async () => (await two.request('unseen', '/alive')).text === 'alive',
      'it is on the other node',
      15_000,
    );
    await proxy.behave('refuse');
    try {
      for (let round = 0; round < 3; round++) {
        const { status, text } = await onceMore(() => two.request('unseen'));
        assert.deepEqual([status, text.startsWith('KV GET failed: 503 ')], [503, true], text);
      }
    } finally {
      await proxy.behave('through');
    }
    await until(async () => (await onceMore(() => two.request('unseen'))).text === 'read', 'all is well', 15_000);
  });

  for (const how of ['refuse', 'stall'] as const) {
    test(`${how}: what was read before still answers, other operations fail within 2 s with a sentence, and all is well when it is back`, async () => {
      assert.equal((await one.request('kv', '/kept', { method: 'PUT', body: 'kept' })).status, 200);
      assert.equal(await asked(one, '/kept'), 'kept');
      await proxy.behave(how);
      try {
        const started = performance.now();
        const failing = await Promise.all([
          onceMore(() => one.request('kv', '/never read')),
          onceMore(() => one.request('kv', '/new', { method: 'PUT', body: 'x' })),
          onceMore(() => one.request('kv', '/?list')),
        ]);
        const ms = performance.now() - started;
        for (const { status, text } of failing) {
          assert.equal(status, 503, text);
          assert.match(text, /^KV (GET|PUT) failed: 503 .*database .* does not answer/);
        }
        // Two seconds, and what a busy machine adds; the statements themselves may take fifteen.
        assert.ok(ms < 6_000, `failed after ${Math.round(ms)} ms`);
        for (let round = 0; round < 20; round++) assert.equal(await onceMore(() => asked(one, '/kept')), 'kept');
      } finally {
        await proxy.behave('through');
      }
      const isWritten = async (): Promise<boolean> =>
        (await one.request('kv', '/new', { method: 'PUT', body: how })).status === 200;
      await until(() => isWritten().catch(() => false), 'writes go on', 15_000);
      assert.equal(await onceMore(() => asked(one, '/new')), how);
      await until(async () => (await two.request('kv', '/new')).text === how, 'the other node', 15_000);
    });
  }
});
