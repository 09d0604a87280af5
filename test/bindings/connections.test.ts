/** Connections of a worker to the outside: WebSockets, TCP sockets, EventSource. Local servers stand where the internet is. */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
const web = createHttpServer((request, response) => {
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end('data: one\n\ndata: two\n\n');
  } else {
    response.writeHead(403);
    response.end('no');
  }
});
const sockets = new WebSocketServer({ noServer: true, handleProtocols: (protocols) => [...protocols][0] ?? false });
/** Connections that are open, and bytes that came in over them. */
const tcpConnections = new Set<Socket>();
let tcpBytes = 0;
const tcp = createTcpServer({ allowHalfOpen: true }, (socket) => {
  tcpConnections.add(socket);
  socket.on('close', () => tcpConnections.delete(socket));
  socket.on('error', () => undefined);
  socket.write('hello');
  socket.on('data', (data) => {
    tcpBytes += data.length;
    const text = data.length < 100 ? data.toString() : '';
    // The beginning of a TLS handshake.
    if (data[0] === 0x16) socket.write('this is not TLS');
    else if (text === 'quit') socket.end('bye');
    else if (text === 'pour') for (let n = 0; n < 64; n++) socket.write(Buffer.alloc(65_536, n));
    else if (text !== '') socket.write(`echo ${text}`);
  });
  socket.on('end', () => socket.end(`got ${tcpBytes}`));
});
/** Not on the allow list. */
const secret = createTcpServer((socket) => socket.end('secret'));

web.on('upgrade', (request, socket, head) => {
  if (request.url === '/refuse') {
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on('message', (data, isBinary) => {
      const text = (data as Buffer).toString();
      if (text === 'close me') client.close(4001, 'as asked');
      else if (text === 'drop me') client.terminate();
      else client.send(data, { binary: isBinary });
    });
  });
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

let webPort: number;
let tcpPort: number;
let secretPort: number;

before(async () => {
  [webPort, tcpPort, secretPort] = await Promise.all([listen(web), listen(tcp), listen(secret)]);
  cells = await createTestSupervisor({
    prestarted: 2,
    cpuMs: 2_000,
    egressAllow: [`127.0.0.1:${webPort}`, `127.0.0.1:${tcpPort}`],
    externalSubrequests: 50,
  });
});
after(async () => {
  await cells.close();
  for (const client of sockets.clients) client.terminate();
  for (const socket of tcpConnections) socket.destroy();
  web.closeAllConnections();
  await Promise.all([web, tcp, secret].map((server) => new Promise((resolve) => server.close(resolve))));
});

let count = 0;
/** Runs an async function body inside a worker. */
// oxlint-disable-next-line typescript/no-explicit-any -- results of every shape
async function inside(body: string): Promise<any> {
  const name = `connections-${++count}`;
  cells.deploy({
    name,
    modules: {
      'index.js': `
        import { connect } from 'cloudflare:sockets';
        const WEB = '127.0.0.1:${webPort}', TCP = '127.0.0.1:${tcpPort}', SECRET = '127.0.0.1:${secretPort}';
        const outcome = (promise) => promise.then((value) => value ?? null, (e) => e.name + ': ' + e.message);
        const event = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
        const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        const encode = (text) => new TextEncoder().encode(text);
        const next = async (reader) => { const { done, value } = await reader.read(); return done ? 'end' : new TextDecoder().decode(value); };
        export default { async fetch(request, env, ctx) { return Response.json(await (async () => { ${body} })() ?? null); } };`,
    },
  });
  return await cells.json(name);
}

test('new WebSocket() connects, agrees on a protocol, sends and receives, and closes in order', async () => {
  const result = await inside(`
    const ws = new WebSocket('ws://' + WEB + '/', ['chat', 'other']);
    const before = ws.readyState;
    await event(ws, 'open');
    ws.binaryType = 'arraybuffer';
    const answers = [];
    ws.addEventListener('message', (e) => answers.push(typeof e.data === 'string' ? e.data : e.data.byteLength));
    ws.send('text'); ws.send(new Uint8Array(100_000)); ws.send('x'.repeat(70_000));
    while (answers.length < 3) await wait(5);
    ws.close(1000, 'done');
    const { code, reason, wasClean } = await event(ws, 'close');
    return [before, ws.protocol, answers[0], answers[1], answers[2].length, code, reason, wasClean, ws.readyState];`);
  assert.deepEqual(result, [0, 'chat', 'text', 100_000, 70_000, 1000, 'done', true, 3]);
});

test('fetch() with Upgrade brings a webSocket; the server’s close reaches the worker', async () => {
  const result = await inside(`
    const { status, webSocket } = await fetch('http://' + WEB + '/', { headers: { Upgrade: 'websocket' } });
    webSocket.accept();
    webSocket.send('close me');
    const { code, reason } = await event(webSocket, 'close');
    return [status, code, reason];`);
  assert.deepEqual(result, [101, 4001, 'as asked']);
});

test('a server that refuses the upgrade, drops the connection or is not allowed is an error, not a hang', async () => {
  const result = await inside(`
    const refused = new WebSocket('ws://' + WEB + '/refuse');
    const { message } = await event(refused, 'error');
    const dropped = new WebSocket('ws://' + WEB + '/');
    await event(dropped, 'open');
    dropped.send('drop me');
    const close = await event(dropped, 'close');
    const response = await fetch('http://' + WEB + '/refuse', { headers: { Upgrade: 'websocket' } });
    const hidden = new WebSocket('ws://' + SECRET + '/');
    const policy = await event(hidden, 'error');
    return [message, close.code, close.wasClean, response.status, response.webSocket, await response.text(), policy.message];`);
  assert.match(result[0], /received 403 instead/);
  assert.deepEqual(result.slice(1, 6), [1006, false, 403, null, 'no']);
  assert.match(result[6], /not public/);
});

test('a worker passes a WebSocket on: the visitor talks to the origin through it', async () => {
  cells.deploy({
    name: 'pass-on',
    modules: { 'index.js': `export default { fetch: (request) => fetch('http://127.0.0.1:${webPort}/', request) };` },
  });
  const headers = ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version', '13'];
  const { socket } = await cells.open('pass-on', { headers, upgrade: true }).upgraded;
  const received: Buffer[] = [];
  socket.on('data', (data: Buffer) => received.push(data));
  // A masked text frame "hi" with an all-zero mask.
  socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  await until(() => Buffer.concat(received).equals(Buffer.from([0x81, 0x02, 0x68, 0x69])), 'the echo comes');
  socket.destroy();
  await until(() => cells.supervisor.counts().inFlight === 0, 'the invocation ends');
});

test('a WebSocket goes from worker to worker over a service binding', async () => {
  cells.deploy({
    name: 'ws-callee',
    modules: {
      'index.js': `export default { fetch() {
        const [client, server] = Object.values(new WebSocketPair());
        server.accept();
        server.addEventListener('message', (e) => server.send('callee: ' + e.data));
        server.addEventListener('close', (e) => server.close(e.code));
        return new Response(null, { status: 101, webSocket: client, headers: { 'x-from': 'callee' } });
      } };`,
    },
  });
  cells.deploy({
    name: 'ws-caller',
    bindings: [{ type: 'service', name: 'CALLEE', service: 'ws-callee' }],
    modules: {
      'index.js': `export default { async fetch(request, env) {
        const response = await env.CALLEE.fetch('http://callee/', { headers: { Upgrade: 'websocket' } });
        const ws = response.webSocket;
        ws.accept();
        ws.send('hello');
        const { data } = await new Promise((resolve) => ws.addEventListener('message', resolve));
        ws.close(1000, 'bye');
        const { code } = await new Promise((resolve) => ws.addEventListener('close', resolve));
        return Response.json([response.status, response.headers.get('x-from'), data, code]);
      } };`,
    },
  });
  assert.deepEqual(await cells.json('ws-caller'), [101, 'callee', 'callee: hello', 1000]);
});

test('connect() talks TCP both ways, and each side may end first', async () => {
  tcpBytes = 0;
  const result = await inside(`
    const socket = connect(TCP);
    const { remoteAddress } = await socket.opened;
    const reader = socket.readable.getReader(), writer = socket.writable.getWriter();
    const seen = [remoteAddress === TCP, await next(reader)];
    await writer.write(encode('one'));
    seen.push(await next(reader));
    await writer.close();
    seen.push(await next(reader), await next(reader), await outcome(socket.closed));
    const other = connect({ hostname: '127.0.0.1', port: Number(TCP.split(':')[1]) });
    const from = other.readable.getReader(), to = other.writable.getWriter();
    await next(from);
    await to.write(encode('quit'));
    seen.push(await next(from), await next(from), await outcome(other.closed), await outcome(to.write(encode('late'))));
    return seen;`);
  assert.deepEqual(result, [
    true,
    'hello',
    'echo one',
    'got 3',
    'end',
    null,
    'bye',
    'end',
    null,
    'TypeError: This WritableStream has been closed.',
  ]);
});

test('4 MiB come through a socket and 4 MiB go out, and a reader that does not read stops the sender', async () => {
  tcpBytes = 0;
  const result = await inside(`
    const socket = connect(TCP);
    const reader = socket.readable.getReader(), writer = socket.writable.getWriter();
    await next(reader);
    await writer.write(encode('pour'));
    let bytes = 0;
    while (bytes < 64 * 65_536) bytes += (await reader.read()).value.length;
    for (let n = 0; n < 64; n++) await writer.write(new Uint8Array(65_536));
    await socket.close();
    return bytes;`);
  assert.equal(result, 64 * 65_536);
  await until(() => tcpBytes === 4 + 64 * 65_536, 'everything arrives');
});

test('an address that is not allowed, a closed port and mail are refused alike', async () => {
  const [secretError, closedError, mailError] = await inside(
    `return await Promise.all([SECRET, '127.0.0.1:1', '127.0.0.1:25'].map((address) => outcome(connect(address).opened)));`,
  );
  const message = 'Error: proxy request failed, cannot connect to the specified address';
  assert.deepEqual([secretError, closedError, mailError], [message, message, message]);
});

test('TLS is verified: a server that does not speak it opens no socket, and startTls() on it fails', async () => {
  const result = await inside(`
    const tls = connect(TCP, { secureTransport: 'on' });
    const plain = connect(TCP, { secureTransport: 'starttls' });
    await plain.opened;
    const upgraded = plain.startTls();
    return [tls.secureTransport, await outcome(tls.opened).then((text) => text.slice(0, 27)), await outcome(plain.closed), upgraded.secureTransport, await outcome(upgraded.opened)];`);
  assert.deepEqual(result, ['on', 'Error: proxy request failed', null, 'on', 'Error: The TLS handshake failed.']);
});

test('sockets end with the invocation that opened them', async () => {
  await inside(`const socket = connect(TCP); await socket.opened; return 1;`);
  await until(() => tcpConnections.size === 0, 'the connection is closed');
});

test('an EventSource reads events over fetch', async () => {
  const result = await inside(`
    const source = new EventSource('http://' + WEB + '/events');
    const seen = [];
    await new Promise((resolve) => { source.onmessage = (e) => { seen.push(e.data, e.origin === 'http://' + WEB); if (seen.length === 4) resolve(); }; });
    source.close();
    return seen;`);
  assert.deepEqual(result, ['one', true, 'two', true]);
});
