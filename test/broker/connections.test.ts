/** Connections of a pipeline to the outside: how many wait for an answer, who queues, what is closed. A local server is the internet. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { createBroker } from '../../server/broker/broker.ts';
import { ConnectionCounts } from '../../server/supervisor/connection-counts.ts';
import type { BindingCall } from '../../server/supervisor/types.ts';
import { CELL_LIMITS } from '../../shared/limits.ts';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

const BIG_BYTES = 2 * 1024 * 1024;

let cells: TestSupervisor;
let origin: string;
let tcpPort: number;
/** Requests the origin has and does not answer yet. */
let held: { request: IncomingMessage; response: ServerResponse }[] = [];
let seen: string[] = [];
const sockets = new Set<Socket>();

const web = createServer((request, response) => {
  seen.push(request.url as string);
  if (request.url?.startsWith('/big') === true) response.end(Buffer.alloc(BIG_BYTES, 'x'));
  else if (request.url?.startsWith('/hold') === true) {
    held.push({ request, response });
    request.socket.on('close', () => (held = held.filter((one) => one.request !== request)));
  } else response.end(`answer to ${request.url}`);
});
web.on('upgrade', (request, socket) => {
  seen.push(request.url as string);
  sockets.add(socket as Socket);
});
const tcp = createTcpServer((socket) => {
  sockets.add(socket);
  socket.on('error', () => undefined);
});

before(async () => {
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = web.address() as AddressInfo;
  tcpPort = (tcp.address() as AddressInfo).port;
  origin = `http://127.0.0.1:${port}`;
  cells = await createTestSupervisor({
    cpuMs: 5_000,
    egressAllow: [`127.0.0.1:${port}`, `127.0.0.1:${tcpPort}`],
    externalSubrequests: 200,
  });
});
beforeEach(() => {
  for (const { response } of held.splice(0)) response.destroy();
  seen = [];
});
after(async () => {
  await cells.close();
  for (const socket of sockets) socket.destroy();
  web.closeAllConnections();
  web.close();
  tcp.close();
});

const deploy = (name: string, body: string, target = 'callee'): void => {
  const source = `import { connect } from 'cloudflare:sockets';
    const origin = '${origin}';
    export default { async fetch(request, env) { ${body} } };`;
  cells.deploy({ name, modules: { 'index.js': source }, bindings: [serviceBinding('NEXT', target)] });
};
/** Longer than a call needs to get from a cell to the origin. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 300));

test('six fetches wait for their answers, the seventh goes when one has its head, before its body is over', async () => {
  deploy(
    'ten',
    `
    const all = Array.from({ length: 10 }, (_, n) => fetch(origin + '/hold' + n).then((response) => response.text()));
    return Response.json(await Promise.all(all));`,
  );
  const answer = cells.json('ten');
  await until(() => held.length === CELL_LIMITS.waitingConnections, 'the origin has what it can get');
  await aMoment();
  assert.deepEqual(seen, ['/hold0', '/hold1', '/hold2', '/hold3', '/hold4', '/hold5']);
  const first = held[0]?.response as ServerResponse;
  first.write('head and half a body, ');
  await until(() => seen.length === 7, 'the origin has what it can get');
  await aMoment();
  assert.equal(seen.length, 7, 'one head lets one go');
  first.end('and the rest');
  const answered = new Set([first]);
  while (answered.size < 10) {
    await until(() => held.some(({ response }) => !answered.has(response)), 'the next one comes');
    for (const { response } of held) {
      if (answered.has(response)) continue;
      answered.add(response);
      response.end('whole');
    }
  }
  assert.deepEqual(await answer, ['head and half a body, and the rest', ...Array.from({ length: 9 }, () => 'whole')]);
});

test('the six are the whole pipeline’s, and calls of services are none of them', async () => {
  deploy(
    'callee',
    `const { pathname } = new URL(request.url);
    return fetch(origin + pathname);`,
  );
  deploy(
    'caller',
    `
    const all = [];
    for (let n = 0; n < 4; n++) all.push(fetch(origin + '/hold-own' + n), env.NEXT.fetch('http://x/hold-callee' + n));
    const seen = await Promise.all(all.map((one) => one.then((response) => response.text())));
    return Response.json(seen);`,
  );
  const answer = cells.json('caller');
  await until(() => held.length === 6, 'the origin has what it can get');
  await aMoment();
  assert.equal(seen.length, 6);
  assert.ok(
    seen.some((path) => path.startsWith('/hold-callee')),
    'workers are called while connections are used',
  );
  const free = setInterval(() => held.splice(0).forEach(({ response }) => response.end('ok')), 20);
  assert.deepEqual(
    await answer,
    Array.from({ length: 8 }, () => 'ok'),
  );
  clearInterval(free);
});

test('another request has six of its own', async () => {
  deploy(
    'six',
    `await Promise.all(Array.from({ length: 7 }, (_, n) => fetch(origin + '/hold' + n))); return new Response('ok');`,
  );
  const one = cells.open('six');
  const two = cells.open('six');
  await until(() => held.length === 12, 'the origin has what it can get');
  one.control.cancel();
  two.control.cancel();
  await until(() => held.length === 0, 'the origin has what it can get');
});

test('what is given up in the queue never reaches the origin, and what is given up at the origin makes room', async () => {
  deploy(
    'abort',
    `
    const stop = new AbortController();
    const stopFirst = new AbortController();
    const held = Array.from({ length: 6 }, (_, n) =>
      fetch(origin + '/hold' + n, { signal: n === 0 ? stopFirst.signal : undefined }).catch((error) => error.name));
    const queued = fetch(origin + '/hold-never', { signal: stop.signal }).catch((error) => error.name);
    const last = fetch(origin + '/last').then((response) => response.text());
    stop.abort();
    const gone = await queued;
    stopFirst.abort();
    return Response.json([gone, await held[0], await last]);`,
  );
  assert.deepEqual(await cells.json('abort'), ['AbortError', 'AbortError', 'answer to /last']);
  assert.ok(!seen.includes('/hold-never'));
});

test('a WebSocket that waits for its handshake is one of the six, and so is a cache look-up behind it', async () => {
  deploy(
    'handshakes',
    `
    const upgrades = Array.from({ length: 6 }, (_, n) =>
      fetch(origin + '/upgrade' + n, { headers: { upgrade: 'websocket' } }).catch(() => undefined));
    const cached = caches.default.match('http://cache/').then(() => 'cache');
    const timer = new Promise((resolve) => setTimeout(resolve, 100, 'time'));
    const first = await Promise.race([cached, timer]);
    await Promise.all(upgrades);
    return new Response(first + upgrades.length);`,
  );
  const call = cells.open('handshakes');
  await until(() => seen.length === 6, 'the origin has what it can get');
  await aMoment();
  for (const socket of sockets) socket.destroy();
  const { body } = await call.done;
  assert.equal(body, 'time6');
});

test('a connected socket waits for nothing: eight of them, and a fetch goes', async () => {
  deploy(
    'sockets',
    `
    const open = Array.from({ length: 8 }, () => connect({ hostname: '127.0.0.1', port: ${tcpPort} }));
    await Promise.all(open.map((socket) => socket.opened));
    const text = await (await fetch(origin + '/free')).text();
    await Promise.all(open.map((socket) => socket.close()));
    return new Response(text);`,
  );
  assert.equal((await cells.fetch('sockets')).body, 'answer to /free');
});

test('of too many responses that nobody reads, the one that has not moved for longest is closed', async () => {
  const most = CELL_LIMITS.openResponses;
  deploy(
    'unread',
    `
    const count = Number(new URL(request.url).searchParams.get('count'));
    const responses = [];
    for (let n = 0; n < count; n++) {
      responses.push(await fetch(origin + '/big' + n));
      // So long its window takes to fill.
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    const sizes = [];
    for (const response of responses) {
      sizes.push(await response.arrayBuffer().then((bytes) => bytes.byteLength, (error) => error.message));
    }
    return Response.json(sizes);`,
  );
  const whole = Array.from({ length: most - 1 }, () => BIG_BYTES);
  assert.deepEqual(await cells.json('unread', `/?count=${most - 1}`), whole);
  assert.deepEqual(await cells.json('unread', `/?count=${most}`), [...whole, BIG_BYTES]);
  const closed = 'Response closed due to connection limit';
  assert.deepEqual(await cells.json('unread', `/?count=${most + 1}`), [closed, ...whole, BIG_BYTES]);
});

test('a thousand queued calls that fail together do not run over the server’s stack', async () => {
  const waiting: BindingCall[] = [];
  const fail = (call: BindingCall): void => call.fail({ name: 'Error', message: 'no' });
  const own = await createTestSupervisor({
    broker: createBroker({
      connections: new ConnectionCounts(),
      bindings: {},
      loopback: fail,
      cache: fail,
      session: (session) => session.fail({ name: 'Error', message: 'no sessions here' }),
      egress: (call) => (waiting.length < 6 ? waiting.push(call) : fail(call)),
      externalSubrequests: 10_000,
      maxExternalSubrequests: 10_000,
    }),
    cpuMs: 10_000,
  });
  try {
    own.deploy({
      name: 'flood',
      modules: {
        'index.js': `export default { async fetch() {
          const all = Array.from({ length: 3500 }, () => fetch('http://host/').catch((error) => error.message));
          return Response.json((await Promise.all(all)).filter((outcome) => outcome === 'no').length);
        } };`,
      },
    });
    const answer = own.json('flood');
    await until(() => waiting.length === 6, 'the origin has what it can get');
    await aMoment();
    for (const call of waiting) fail(call);
    assert.equal(await answer, 3500);
  } finally {
    await own.close();
  }
});

test('a hundred requests of one cell that make forty-eight fetches each are all answered', async () => {
  deploy(
    'many-calls',
    `const answers = await Promise.all(Array.from({ length: 48 }, async (_v, n) => (await fetch(origin + '/' + n)).text()));
    return new Response(String(answers.length));`,
  );
  const answers = await Promise.all(Array.from({ length: 100 }, () => cells.fetch('many-calls', { method: 'POST' })));
  assert.deepEqual([...new Set(answers.map(({ body, failure }) => failure?.reason ?? body))], ['48']);
});
