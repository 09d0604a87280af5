/** R2 with real wrangler and real cells: buckets, objects over the API, a Worker that streams, a server that is killed in the middle of a put. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Skep, startSkep, temporaryDirectory } from '../support/server.ts';
import { until } from '../support/until.ts';
import { createProject, type Project, runWrangler, wranglerEnv, type WranglerResult } from '../support/wrangler.ts';

let skep: Skep;
let project: Project;
const dataDir = temporaryDirectory();
before(async () => {
  skep = await startSkep({ dataDir });
  project = await createProject({
    'wrangler.toml':
      'name = "images"\nmain = "worker.js"\ncompatibility_date = "2026-06-01"\n[[r2_buckets]]\nbinding = "BUCKET"\nbucket_name = "my-images"\n[limits]\ncpu_ms = 10000\n',
    'worker.js': `export default {
      async fetch(request, env) {
        const key = decodeURIComponent(new URL(request.url).pathname.slice(1));
        if (request.method === 'PUT') return Response.json(await env.BUCKET.put(key, request.body, { httpMetadata: request.headers }));
        const object = await env.BUCKET.get(key);
        return object === null ? new Response('none', { status: 404 }) : new Response(object.body, { headers: { etag: object.httpEtag } });
      },
    };`,
  });
});
after(async () => {
  await skep.stop();
  await project.remove();
});

async function wrangler(...args: string[]): Promise<WranglerResult> {
  const env = wranglerEnv({ url: skep.apiUrl, token: skep.token, accountId: skep.accountId });
  return await runWrangler(args, { cwd: project.dir, env });
}

const filesOf = (folder: string): string[] =>
  readdirSync(join(dataDir, 'objects', folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test('wrangler makes a bucket, puts, gets and deletes an object, and a Worker that is bound to it serves it', async () => {
  assert.equal((await wrangler('r2', 'bucket', 'create', 'my-images')).code, 0);
  assert.match((await wrangler('r2', 'bucket', 'list')).stdout, /my-images/);
  const content = randomBytes(300_000);
  writeFileSync(join(project.dir, 'in.bin'), content);
  const put = await wrangler(
    'r2',
    'object',
    'put',
    'my-images/dir/a b.bin',
    '--file',
    'in.bin',
    '--content-type',
    'image/x',
    '--remote',
  );
  assert.equal(put.code, 0, put.stderr);
  const get = await wrangler('r2', 'object', 'get', 'my-images/dir/a b.bin', '--file', 'out.bin', '--remote');
  assert.equal(get.code, 0, get.stderr);
  assert.deepEqual(readFileSync(join(project.dir, 'out.bin')), content);
  const deployed = await wrangler('deploy');
  assert.equal(deployed.code, 0, deployed.stderr);
  const response = await skep.request('images', '/dir/a%20b.bin');
  assert.deepEqual(
    [response.status, response.headers.etag],
    [200, `"${createHash('md5').update(content).digest('hex')}"`],
  );
  const full = await wrangler('r2', 'bucket', 'delete', 'my-images');
  assert.match(full.stderr + full.stdout, /not empty|10008/);
  assert.equal((await wrangler('r2', 'object', 'delete', 'my-images/dir/a b.bin', '--remote')).code, 0);
});

test('a server that is killed in the middle of a put shows the old object, and the space comes back', async () => {
  const old = await skep.request('images', '/big', { method: 'PUT', body: 'the old one' });
  assert.equal(old.status, 200, old.text);
  const size = 100_000_000;
  const upload = httpRequest({
    host: '127.0.0.1',
    port: skep.gatewayPort,
    method: 'PUT',
    path: '/big',
    headers: { host: `images.dev.localhost:${skep.gatewayPort}`, 'content-length': size },
  });
  upload.on('error', () => undefined);
  for (let sent = 0; sent < 60_000_000; sent += 1_000_000) {
    if (upload.destroyed) break;
    await new Promise((resolve) => upload.write(randomBytes(1_000_000), resolve));
  }
  await until(
    () => filesOf('incoming').some((path) => statSync(path).size > 10_000_000),
    'ten megabytes of the content on the disk',
  );
  await skep.stop('SIGKILL');
  upload.destroy();
  skep = await startSkep({ dataDir });
  assert.deepEqual(filesOf('incoming'), []);
  const whole = createHash('sha256').update('the old one').digest('hex');
  await until(
    () => filesOf('content').every((path) => path.endsWith(whole)),
    'nothing on the disk but the old content',
  );
  assert.equal((await skep.request('images', '/big')).text, 'the old one');
  const again = await skep.request('images', '/big', { method: 'PUT', body: 'the new one' });
  assert.equal(again.json().etag, createHash('md5').update('the new one').digest('hex'));
});
