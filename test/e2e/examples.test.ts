/** Every example, deployed with the real wrangler and asked what its README line promises. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { type Skep, startSkep, temporaryDirectory } from '../support/server.ts';
import { runWrangler } from '../support/wrangler.ts';

/** Deployed by its own test, which also wants it refused, changed and deleted. */
const ELSEWHERE = 'service-bindings';

describe('examples', () => {
  let skep: Skep;
  let projects: string;
  before(async () => {
    projects = temporaryDirectory();
    cpSync('examples', projects, { recursive: true });
    // What an example imports is a development dependency of this project; wrangler looks for it above the example.
    symlinkSync(resolve('node_modules'), join(projects, 'node_modules'));
    skep = await startSkep();
  });

  const asked: Readonly<Record<string, () => Promise<void>>> = {
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

  for (const [name, ask] of Object.entries(asked)) {
    test(name, async () => {
      const result = await runWrangler(['deploy'], { cwd: join(projects, name), env: skep.wranglerEnv });
      assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
      await ask();
    });
  }
});
