/** Every example, deployed with the real wrangler and asked what its README line promises. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, symlinkSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join, resolve } from 'node:path';
import { before, describe, test } from 'node:test';
import { request } from 'undici';
import { WebSocket } from 'ws';
import { type Skep, startSkep, temporaryDirectory } from '../support/server.ts';
import { runWrangler } from '../support/wrangler.ts';

/** Deployed by its own test, which also wants it refused, changed and deleted. */
const ELSEWHERE = 'service-bindings';

/** For answers that are no text. */
async function fetchBytes(
  { gatewayPort }: Skep,
  worker: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly bytes: Buffer }> {
  const response = await request(`http://127.0.0.1:${gatewayPort}${path}`, {
    headers: { host: `${worker}.dev.localhost:${gatewayPort}`, ...headers },
  });
  const bytes = Buffer.from(await response.body.arrayBuffer());
  return { status: response.statusCode, headers: new Headers(response.headers as Record<string, string>), bytes };
}

/** What a PUT hears that announces so many bytes and waits for the answer before it sends them. */
function statusOfAnnounced({ gatewayPort }: Skep, worker: string, path: string, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host: `${worker}.dev.localhost:${gatewayPort}`, 'content-length': bytes };
    const put = httpRequest({ host: '127.0.0.1', port: gatewayPort, path, method: 'PUT', headers }, (response) => {
      resolve(response.statusCode ?? 0);
      put.destroy();
    });
    put.on('error', reject);
    put.flushHeaders();
  });
}

describe('examples', () => {
  let skep: Skep;
  let projects: string;
  before(async () => {
    projects = temporaryDirectory();
    cpSync('examples', projects, { recursive: true });
    // What an example imports is a development dependency of this project; wrangler looks for it above the example.
    symlinkSync(resolve('node_modules'), join(projects, 'node_modules'));
    // Frameworks at their first use are much code: on a machine that is full it takes more CPU than the default is.
    skep = await startSkep({ env: { SKEP_LIMIT_CPU_MS: '1000' } });
  });

  /** Asks with a JSON body, when there is one. */
  const ask = (worker: string, method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    skep.request(worker, path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const wrangler = async (name: string, args: readonly string[], stdin?: string): Promise<void> => {
    const cwd = join(projects, name);
    const run = await runWrangler(args, { cwd, env: skep.wranglerEnv, ...(stdin === undefined ? {} : { stdin }) });
    assert.equal(run.code, 0, `${run.stdout}\n${run.stderr}`);
  };

  const asked: Readonly<Record<string, () => Promise<void>>> = {
    'url-shortener': async () => {
      const at = (method: string, path: string, body?: unknown) =>
        ask('url-shortener', method, path, body, { authorization: 'Bearer sesame' });
      assert.equal(
        (await at('POST', '/', { url: 'https://example.com' })).status,
        401,
        'without a token nobody writes',
      );
      await wrangler('url-shortener', ['secret', 'put', 'TOKEN'], 'sesame');
      const made = await at('POST', '/', { url: 'https://example.com/a?b=c', slug: 'bee' });
      const short = made.json().short as string;
      assert.deepEqual([made.status, new URL(short).pathname, made.headers['location']], [201, '/bee', short]);
      assert.equal((await at('POST', '/', { url: 'https://example.com', slug: 'bee' })).status, 409);
      const followed = await skep.request('url-shortener', '/bee');
      assert.deepEqual([followed.status, followed.headers['location']], [302, 'https://example.com/a?b=c']);
      const lasting = (await at('POST', '/', { url: 'https://example.org/', ttlSeconds: 60 })).json().slug as string;
      const { links } = (await at('GET', '/')).json() as { links: { slug: string; expiration?: number }[] };
      assert.deepEqual(links.map(({ slug }) => slug).toSorted(), ['bee', lasting].toSorted());
      assert.ok((links.find(({ slug }) => slug === lasting)?.expiration ?? 0) > Date.now() / 1_000);
      assert.equal((await at('DELETE', '/bee')).status, 204);
      assert.equal((await skep.request('url-shortener', '/bee')).status, 404);
      for (const bad of [
        '{',
        '[]',
        { url: 'javascript:alert(1)' },
        { url: 'https://a.example', slug: '../x' },
        { url: 'https://a.example', ttlSeconds: 5 },
      ])
        assert.equal((await at('POST', '/', bad)).status, 400, JSON.stringify(bad));
      assert.equal((await ask('url-shortener', 'GET', '/', undefined, { authorization: 'Bearer wrong' })).status, 401);
    },
    'image-store': async () => {
      const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(100_000, 7)]);
      const put = (name: string, body: Buffer) => skep.request('image-store', name, { method: 'PUT', body });
      const stored = await put('/bees/one.png', png);
      assert.deepEqual([stored.status, stored.json().contentType, stored.json().size], [201, 'image/png', png.length]);
      const etag = stored.headers['etag'] as string;
      const shown = await fetchBytes(skep, 'image-store', '/bees/one.png');
      assert.deepEqual(
        [shown.status, shown.headers.get('content-type'), shown.headers.get('etag')],
        [200, 'image/png', etag],
      );
      assert.ok(png.equals(shown.bytes));
      const part = await fetchBytes(skep, 'image-store', '/bees/one.png', { range: 'bytes=0-7' });
      assert.deepEqual([part.status, part.headers.get('content-range')], [206, `bytes 0-7/${png.length}`]);
      assert.ok(png.subarray(0, 8).equals(part.bytes));
      assert.equal((await fetchBytes(skep, 'image-store', '/bees/one.png', { 'if-none-match': etag })).status, 304);
      const head = await skep.request('image-store', '/bees/one.png', { method: 'HEAD' });
      assert.deepEqual([head.status, head.headers['content-length']], [200, String(png.length)]);
      const { images } = (await skep.request('image-store', '/?prefix=bees/')).json();
      assert.deepEqual(
        images.map(({ name, size }: { name: string; size: number }) => [name, size]),
        [['bees/one.png', png.length]],
      );
      assert.equal((await put('/page.png', Buffer.from('<script>alert(1)</script>'))).status, 415);
      assert.equal(await statusOfAnnounced(skep, 'image-store', '/large.png', 10_000_001), 413);
      assert.equal((await put('/..%2fx', png)).status, 400);
      assert.equal((await skep.request('image-store', '/page.png')).status, 404);
      assert.equal((await skep.request('image-store', '/bees/one.png', { method: 'DELETE' })).status, 204);
      assert.equal((await skep.request('image-store', '/bees/one.png')).status, 404);
    },
    'todo-api': async () => {
      await wrangler('todo-api', ['d1', 'execute', 'todo', '--remote', '-y', '--file', 'schema.sql']);
      const at = (method: string, path: string, body?: unknown) => ask('todo-api', method, path, body);
      const titles = ['water the garden', 'harvest'];
      const made = await Promise.all(titles.map((title) => at('POST', '/todos', { title })));
      assert.deepEqual(
        made.map(({ status }) => status),
        [201, 201],
      );
      const [first, second] = made.map((answer) => answer.json().id as number) as [number, number];
      const open = (await at('GET', '/todos?done=false')).json().todos as { title: string; created_at: string }[];
      assert.deepEqual(open.map(({ title }) => title).toSorted(), titles.toSorted());
      assert.match(open[0]?.created_at ?? '', /^\d{4}-\d{2}-\d{2}T/);
      assert.deepEqual(
        (await at('PATCH', `/todos/${first}`, { title: "it's done; DROP TABLE todos --", done: true })).json().done,
        true,
      );
      assert.equal((await at('POST', '/todos/complete', { ids: [second, 99_999] })).status, 404);
      assert.equal((await at('GET', `/todos/${second}`)).json().done, false, 'all or none');
      assert.equal((await at('POST', '/todos/complete', { ids: [first, second] })).status, 200);
      assert.deepEqual((await at('GET', '/todos?done=false')).json(), { todos: [] });
      assert.deepEqual((await at('DELETE', `/todos/${first}`)).status, 204);
      assert.deepEqual((await at('DELETE', `/todos/${first}`)).status, 404);
      for (const [method, path, body] of [
        ['POST', '/todos', '{'],
        ['POST', '/todos', { title: ' ' }],
        ['POST', '/todos', { title: 'x'.repeat(201) }],
        ['PATCH', `/todos/${second}`, { done: 'yes' }],
        ['GET', '/todos/9999999999', undefined],
        ['GET', '/todos?done=maybe', undefined],
        ['POST', '/todos/complete', { ids: [] }],
      ] as const)
        assert.equal((await at(method, path, body)).status, 400, `${method} ${path}`);
    },
    'hono-api': async () => {
      const body = JSON.stringify({ text: 'first' });
      const headers = { 'content-type': 'application/json' };
      const made = await skep.request('hono-api', '/notes', { method: 'POST', headers, body });
      assert.deepEqual(
        [made.status, made.headers['location'], made.json()],
        [201, '/notes/1', { id: 1, text: 'first' }],
      );
      assert.deepEqual((await skep.request('hono-api', '/notes/1')).json(), { id: 1, text: 'first' });
      const refused = await skep.request('hono-api', '/notes', { method: 'POST', headers, body: '{}' });
      assert.deepEqual([refused.status, refused.text], [400, 'A note has a text.']);
      assert.equal((await skep.request('hono-api', '/notes/1', { method: 'DELETE' })).status, 204);
      assert.deepEqual((await skep.request('hono-api', '/notes')).json(), []);
    },
    'html-rewriter': async () => {
      const { text } = await skep.request('html-rewriter');
      assert.match(text, /<h1 id="h1">About bees<\/h1>[\s\S]*<h1 id="h2">About skeps<\/h1>/);
      assert.match(text, /<a href="https:\/\/example\.com\/bees" target="_blank" rel="noopener">/);
    },
    'nodejs-compat': async () => {
      assert.deepEqual((await skep.request('nodejs-compat', '/hive')).json(), {
        path: '/hive',
        sha256: '034bfc5a1c16d7fa094bd823438870cc22deb6f9b991838a69af16231bdc6b72',
        base64: 'aG9uZXk=',
        heard: ['buzz'],
      });
    },
    streaming: async () => {
      const { headers, text } = await skep.request('streaming');
      assert.equal(headers['content-type'], 'text/event-stream');
      assert.deepEqual([...text.matchAll(/^data: (\d)$/gm)].map(([, count]) => count).join(), '1,2,3,4,5');
    },
    wasm: async () => assert.deepEqual((await skep.request('wasm', '/?a=40&b=2')).json(), { sum: 42 }),
    'websocket-echo': async () => {
      assert.equal((await skep.request('websocket-echo')).status, 426);
      const socket = new WebSocket(`ws://127.0.0.1:${skep.gatewayPort}/`, {
        headers: { host: `websocket-echo.dev.localhost:${skep.gatewayPort}` },
      });
      const messages: string[] = [];
      await new Promise<void>((done, fail) => {
        socket.on('error', fail);
        socket.on('close', () => done());
        socket.on('message', (data: Buffer) => {
          messages.push(data.toString());
          if (messages.length === 2) socket.close(1000);
        });
        socket.on('open', () => {
          socket.send('hello');
          socket.send(new Uint8Array(3));
        });
      });
      assert.deepEqual(messages, ['1: hello', '2: 3 bytes']);
    },
  };

  test('each folder of examples has a test here or its own', () => {
    const folders = readdirSync('examples', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(folders.map(({ name }) => name).sort(), [...Object.keys(asked), ELSEWHERE].sort());
  });

  for (const [name, check] of Object.entries(asked)) {
    test(name, async () => {
      await wrangler(name, ['deploy']);
      await check();
    });
  }
});
