/** What a worker can reach from inside: everything here is asked by user code in a real cell. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, test } from 'node:test';
import type { AddressInfo } from 'node:net';
import { valuesOf } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
let origin: Server;
/** Header lines of the last request that went out. */
let sentOut: string[] = [];
let originUrl: string;

before(async () => {
  origin = createServer((request, response) => {
    sentOut = request.rawHeaders;
    response.setHeader('x-skep-outcome', 'forged;x');
    response.end('origin');
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`;
  cells = await createTestSupervisor({ prestarted: 2, egressAllow: ['127.0.0.1'] });
});
after(async () => {
  await cells.close();
  await new Promise((resolve) => origin.close(resolve));
});

/** Runs an async function body in a fresh worker; its result travels as JSON. */
// oxlint-disable-next-line typescript/no-explicit-any -- results of every shape
async function inside(name: string, body: string, request = {}): Promise<any> {
  cells.deploy({
    name,
    modules: {
      'index.js': `export default { async fetch(request, env, ctx) { return Response.json(await (async () => { ${body} })() ?? null); } };`,
    },
  });
  return await cells.json(name, request);
}

test('the engine’s own namespaces and every API that leads out of a cell are absent', async () => {
  const absent = [
    'Deno',
    'process',
    'Worker',
    'Buffer',
    'global',
    'window',
    'location',
    'localStorage',
    'sessionStorage',
    'BroadcastChannel',
    'WebTransport',
    'WebSocketStream',
    'require',
    'module',
    '__dirname',
    'alert',
    'prompt',
    'confirm',
    'close',
    'setImmediate',
    'GPU',
    'GPUAdapter',
    'Window',
    'ImageData',
    'OffscreenCanvas',
  ];
  const found = await inside('globals', `return ${JSON.stringify(absent)}.filter((name) => name in globalThis);`);
  assert.deepEqual(found, []);
});

test('the engine cannot be found again through constructors, symbols or stack traces', async () => {
  const found = await inside(
    'reflection',
    `
    const seen = new Set();
    const suspicious = [];
    const visit = (value, path, depth) => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 5) return;
      seen.add(value);
      for (const key of Reflect.ownKeys(value)) {
        const name = path + '.' + String(key);
        if (/^(Deno|dlopen|readFileSync|getBuiltinModule|permissions|execPath|_linkedBinding)$/.test(String(key))) suspicious.push(name);
        let next;
        try { next = value[key]; } catch { continue; }
        visit(next, name, depth + 1);
        const getter = Object.getOwnPropertyDescriptor(value, key)?.get;
        if (getter) visit(getter, name + '.get', depth + 1);
      }
      visit(Object.getPrototypeOf(value), path + '.__proto__', depth + 1);
    };
    visit(globalThis, 'globalThis', 0);
    visit(request, 'request', 0);
    visit(env, 'env', 0);
    visit(ctx, 'ctx', 0);
    let fromStack;
    Error.prepareStackTrace = (_error, sites) => {
      fromStack = sites.map((site) => [site.getThis?.(), site.getFunction?.()]);
      return '';
    };
    new Error().stack;
    Error.prepareStackTrace = undefined;
    for (const pair of fromStack ?? []) for (const value of pair) visit(value, 'stack', 0);
    return suspicious;
  `,
  );
  assert.deepEqual(found, []);
});

test('code cannot be made from strings, as on Workers', async () => {
  const outcomes = await inside(
    'eval',
    `
    const attempt = (run) => { try { return 'ran: ' + run(); } catch (error) { return error.name + ': ' + error.message; } };
    return [
      attempt(() => eval('1 + 1')),
      attempt(() => new Function('return 1')()),
      attempt(() => Function('return globalThis')()),
      attempt(() => (async () => {}).constructor('return 1')()),
      attempt(() => setTimeout('globalThis.x = 1', 0)),
    ];
  `,
  );
  for (const outcome of outcomes.slice(0, 4))
    assert.match(outcome, /^EvalError: Code generation from strings disallowed/);
  assert.match(outcomes[4], /^TypeError/);
});

test('fetch reaches no file, no socket of the machine and no other scheme but data:', async () => {
  const { cwd } = { cwd: cells.runDir };
  const targets = [
    'file:///etc/passwd',
    'file:///proc/self/environ',
    'blob:https://example.com/1',
    `unix:${cwd}/1/broker.sock`,
    `http+unix://${encodeURIComponent(`${cwd}/1/in.sock`)}/`,
    'ws://127.0.0.1/',
    'ftp://127.0.0.1/',
    'about:blank',
  ];
  const outcomes = await inside(
    'schemes',
    `
    const results = [];
    for (const target of ${JSON.stringify(targets)}) {
      results.push(await fetch(target).then(async (response) => 'ANSWERED ' + (await response.text()).slice(0, 40), (error) => error.name));
    }
    return results;
  `,
  );
  for (const [index, outcome] of outcomes.entries()) assert.match(outcome, /^(TypeError|Error)$/, targets[index]);
});

test('the header that names the invocation cannot be seen in any way', async () => {
  const found = await inside(
    'hidden',
    `
    const name = 'x-skep-invocation';
    const clone = request.clone();
    const copy = new Request(request);
    const views = { request: request.headers, clone: clone.headers, copy: copy.headers, made: new Headers(request.headers) };
    const found = [];
    for (const [view, headers] of Object.entries(views)) {
      if (headers.get(name) !== null) found.push(view + '.get');
      if (headers.has(name)) found.push(view + '.has');
      if ([...headers.keys()].some((key) => key.startsWith('x-skep'))) found.push(view + '.keys');
      if ([...headers].some(([key]) => key.startsWith('x-skep'))) found.push(view + '.iterate');
      headers.forEach((_value, key) => { if (key.startsWith('x-skep')) found.push(view + '.forEach'); });
      if (JSON.stringify(Object.fromEntries(headers)).includes('x-skep')) found.push(view + '.fromEntries');
      if (headers.get('x-visible') !== 'yes') found.push(view + ' lost a header');
    }
    return found;
  `,
    { headers: { 'x-visible': 'yes' } },
  );
  assert.deepEqual(found, []);
});

test('the header that names the invocation is hidden from the very first request of a cell, however it is first touched', async () => {
  // Each in a cell of its own: what the engine caches on first use differs by the way of the first use.
  const ways = [
    'request.headers.get("x-skep-invocation")',
    'request.headers.has("x-skep-invocation") || null',
    'Object.fromEntries(request.headers)["x-skep-invocation"] ?? null',
  ];
  for (const [index, way] of ways.entries()) assert.equal(await inside(`first-${index}`, `return ${way};`), null, way);
});

test('a response cannot speak in the harness’s name, and its x-skep- headers do not leave', async () => {
  cells.deploy({
    name: 'forger',
    modules: {
      'index.js': `export default { fetch() {
        return new Response('fine', { headers: { 'x-skep-outcome': 'guess;x', 'X-Skep-Anything': '1', 'x-kept': 'yes' } });
      } };`,
    },
  });
  const { status, body, raw, failure } = await cells.fetch('forger');
  assert.deepEqual({ status, body, failure }, { status: 200, body: 'fine', failure: undefined });
  assert.deepEqual(
    raw.filter((name) => name.startsWith('x-skep')),
    [],
  );
  assert.deepEqual(valuesOf(raw, 'x-kept'), ['yes']);
});

test('x-skep- headers neither go out to the internet nor come in from there', async () => {
  const seen = await inside(
    'outward',
    `
    const response = await fetch(${JSON.stringify(originUrl)}, { headers: { 'x-skep-invocation': '1;1', 'x-skep-outcome': 'x', 'x-mine': '1' } });
    return [...response.headers.keys()].filter((key) => key.startsWith('x-skep'));
  `,
  );
  assert.deepEqual(seen, []);
  const names = sentOut.map((text) => text.toLowerCase());
  assert.ok(names.includes('x-mine'), 'the worker’s own header was sent');
  assert.deepEqual(
    names.filter((name) => name.startsWith('x-skep')),
    [],
  );
});

// Not Function.prototype: the engine's own import hook needs its `apply`, and the process ends without it.
test('patched prototypes and replaced globals do not break a cell’s own work', async () => {
  cells.deploy({
    name: 'patcher',
    modules: {
      'index.js': `
        const wreck = () => { throw new Error('wrecked'); };
        const { defineProperty, getOwnPropertyDescriptor, ownKeys } = Reflect;
        const targets = [];
        for (const { prototype } of [Array, Map, Set, Promise, String, Headers, Response, Uint8Array, ReadableStream, TextEncoder, Date]) {
          for (const key of ownKeys(prototype)) if (key !== 'constructor') targets.push({ prototype, key, ...getOwnPropertyDescriptor(prototype, key) });
        }
        const names = ['JSON', 'Headers', 'Date', 'Map', 'Promise', 'Uint8Array', 'TextEncoder', 'Object', 'Reflect'];
        globalThis.wrecked = 0;
        for (let index = 0; index < targets.length; index++) {
          const { prototype, key, configurable, value, get } = targets[index];
          if (!configurable) continue;
          if (typeof value === 'function') defineProperty(prototype, key, { value: wreck });
          else if (get) defineProperty(prototype, key, { get: wreck });
          globalThis.wrecked++;
        }
        for (let index = 0; index < names.length; index++) globalThis[names[index]] = undefined;
        export default { fetch(request, env) { return new Response('still here ' + (globalThis.wrecked > 200)); } };`,
    },
  });
  for (let round = 0; round < 3; round++) {
    const { body, failure } = await cells.fetch('patcher');
    assert.equal(failure, undefined, failure?.reason);
    assert.equal(body, 'still here true');
  }
});

test('Atomics.wait throws instead of stopping the thread', async () => {
  const outcome = await inside(
    'atomics',
    `
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    try { return String(Atomics.wait(new Int32Array(memory.buffer), 0, 0, 60000)); } catch (error) { return error.name; }
  `,
  );
  assert.equal(outcome, 'TypeError');
});

test('an exception that nobody catches after the response does not end the cell and is reported', async () => {
  cells.deploy({
    name: 'late-throw',
    modules: {
      'index.js': `let count = 0; export default { fetch(request, env, ctx) {
        if (++count === 1) { Promise.reject(new Error('nobody listens')); ctx.waitUntil(Promise.reject(new RangeError('in waitUntil'))); }
        return new Response(String(count));
      } };`,
    },
  });
  assert.equal((await cells.fetch('late-throw')).body, '1');
  assert.equal((await cells.fetch('late-throw')).body, '2', 'the same cell answers');
  const messages = () => cells.eventsOf('exception').map(({ message }) => message);
  await until(() => messages().includes('nobody listens'), 'the unhandled rejection is reported');
  await until(() => messages().includes('in waitUntil'), 'the rejected waitUntil is reported');
});

test('console calls become log events of their invocation, with arguments shown as text', async () => {
  await inside(
    'logger',
    `console.log('one', 2, { three: [4] }); console.error(new Error('five')); console.debug(null);`,
  );
  const ours = () => cells.eventsOf('log').filter(({ version }) => version.workerName === 'logger');
  await until(() => ours().length >= 3, 'the logs arrive');
  const logs = ours();
  assert.deepEqual(
    logs.map(({ level }) => level),
    ['log', 'error', 'debug'],
  );
  assert.deepEqual(logs[0]?.message, ['one', '2', '{ three: [ 4 ] }']);
  assert.match(logs[1]?.message[0] ?? '', /Error: five/);
  assert.ok(logs.every(({ invocationId, pipelineId }) => invocationId > 0 && pipelineId !== ''));
});

test('logs beyond 256 KB of one invocation are dropped, and the request is answered', async () => {
  assert.equal(
    await inside('flood', `for (let n = 0; n < 400; n++) console.log('x'.repeat(4096)); return 'done';`),
    'done',
  );
  const kept = () => cells.eventsOf('log').filter(({ version }) => version.workerName === 'flood');
  await until(() => kept().length * 4096 > 200_000, 'the logs arrive');
  // The second request's logs come after all of the first's.
  await cells.fetch('flood');
  await until(() => kept().length * 4096 > 400_000, 'the logs of the second request arrive');
  const first = kept().filter(({ invocationId }) => invocationId === 1).length * 4096;
  assert.ok(first <= 256 * 1024, `${first} bytes were kept`);
});
