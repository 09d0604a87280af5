/** WebSocket upgrades: raw bytes both ways, half-close, abort, and answers that are no upgrade. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually, HOST, openClient, request, say, sleep, startGateway, valuesOf, type Handler } from './support.ts';

const UPGRADE =
  'Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n';
const NOTHING = Buffer.alloc(0);

/** A real socket to a real server that stands where a cell stands; the test holds the cell's end. */
async function upstreamPair(t: TestContext): Promise<{ near: Socket; cell: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [cell] = await accepted;
  await once(near, 'connect');
  server.close();
  cell.on('error', () => {});
  t.after(() => {
    near.destroy();
    cell.destroy();
  });
  return { near, cell };
}

/** The other side has closed its socket. */
async function ended(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.readableEnded && !socket.destroyed) await Promise.race([once(socket, 'end'), once(socket, 'close')]);
}

const accept =
  (near: Socket, head = NOTHING): Handler =>
  (_call, sink) =>
    sink.upgrade(
      ['sec-websocket-accept', 'y', 'x-skep-cell', '1', 'connection', 'bad', 'content-length', '7'],
      near,
      head,
    );

function collect(socket: Socket): { readonly text: () => string; isEnded: boolean } {
  let text = '';
  const state = { text: () => text, isEnded: false };
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('end', () => (state.isEnded = true));
  return state;
}

test('an upgrade is passed through: the worker sees it, the client gets 101', async (t) => {
  const { near, cell } = await upstreamPair(t);
  const { port, dispatcher, gateway } = await startGateway(t, accept(near));
  const client = openClient(t, port);
  client.write(request('GET /chat', UPGRADE));
  const answer = await client.answer();
  assert.equal(answer?.status, 101);
  assert.equal(answer.headers['connection'], 'Upgrade');
  assert.equal(answer.headers['upgrade'], 'websocket');
  assert.equal(answer.headers['sec-websocket-accept'], 'y');
  assert.equal(answer.headers['x-skep-cell'], undefined);
  assert.equal(answer.headers['content-length'], undefined);
  const call = dispatcher.calls[0];
  assert.equal(call?.upgrade, true);
  assert.equal(call.body, null);
  // Hop-by-hop: the dispatcher asks its own hop for the upgrade.
  assert.deepEqual(valuesOf(call.headers, 'upgrade'), []);
  assert.deepEqual(valuesOf(call.headers, 'connection'), []);
  assert.deepEqual(valuesOf(call.headers, 'sec-websocket-key'), ['x']);
  assert.equal(gateway.counters.byClass[1], 1);
  assert.equal(gateway.counters.openTunnels, 1);
  assert.equal(gateway.counters.inFlight, 0);
  cell.destroy();
  await client.closed;
  await eventually('tunnel counted out', () => gateway.counters.openTunnels === 0);
});

test('bytes pass both ways unchanged, also those that came too early on either side', async (t) => {
  const { near, cell } = await upstreamPair(t);
  const { port } = await startGateway(
    t,
    (_call, sink) => void setTimeout(() => accept(near, Buffer.from('from-cell '))(_call, sink), 30),
  );
  const every = Buffer.from(Array.from({ length: 256 }, (_unused, index) => index));
  const received = collect(cell);
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE, 'early1 '));
  await sleep(10);
  client.write('early2 ');
  assert.equal((await client.answer())?.status, 101);
  client.write(every);
  await eventually('bytes at the cell', () => received.text().length === 14 + 256);
  assert.equal(received.text(), `early1 early2 ${every.toString('latin1')}`);
  cell.write(every);
  await client.until(() => client.text.length === 10 + 256);
  assert.equal(client.text, `from-cell ${every.toString('latin1')}`);
});

test('a half-close passes through and the other direction goes on', async (t) => {
  const { near, cell } = await upstreamPair(t);
  const { port } = await startGateway(t, accept(near));
  const received = collect(cell);
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE));
  await client.answer();
  client.write('last words');
  client.socket.end();
  await eventually('end at the cell', () => received.isEnded);
  assert.equal(received.text(), 'last words');
  cell.write('answer after the end');
  await client.until(() => client.text === 'answer after the end');
  cell.end();
  await client.closed;
});

test('a tunnel that is cut on one side is cut on the other', async (t) => {
  for (const side of ['client', 'cell'] as const) {
    const { near, cell } = await upstreamPair(t);
    const { port, gateway } = await startGateway(t, accept(near));
    const client = openClient(t, port);
    client.write(request('GET /', UPGRADE));
    await client.answer();
    cell.resume();
    if (side === 'client') {
      client.socket.resetAndDestroy();
      await ended(cell);
    } else {
      cell.resetAndDestroy();
      await client.closed;
    }
    await eventually('both gone', () => gateway.counters.openTunnels === 0 && near.destroyed);
  }
});

test('a slow receiver in a tunnel stops the sender', async (t) => {
  const { near, cell } = await upstreamPair(t);
  const { port } = await startGateway(t, accept(near));
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE));
  await client.answer();
  client.socket.pause();
  const total = 64 * 1024 * 1024;
  cell.write(Buffer.alloc(total));
  await sleep(300);
  assert.ok(cell.writableLength > total / 2, `only ${cell.writableLength} bytes wait`);
});

test('an answer that is no upgrade is an ordinary answer, then the connection ends', async (t) => {
  const { port, dispatcher } = await startGateway(t, (call, sink) => void setTimeout(() => say('no')(call, sink), 10));
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE));
  const answer = await client.answer();
  assert.equal(answer?.status, 200);
  assert.equal(answer.body, 'no');
  assert.equal(answer.headers['connection'], 'close');
  await client.closed;
  assert.equal(dispatcher.cancels, 0);
});

test('a large answer to an upgrade request keeps to back-pressure', async (t) => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const { port, dispatcher } = await startGateway(t, (_call, sink) => {
    let left = 50;
    const pump = (): void => {
      while (left-- > 0) if (!sink.data(chunk)) return;
      if (left < 0) sink.end();
    };
    sink.head(200, '', []);
    setImmediate(pump);
    return { resume: pump };
  });
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE));
  assert.equal((await client.answer())?.body.length, 50 * chunk.length);
  assert.ok(dispatcher.resumes > 0);
});

test('a failure before the upgrade is an error page', async (t) => {
  const { port } = await startGateway(t, (_call, sink) =>
    sink.fail({ kind: 'exception', outcome: 'exception', reason: 'x' }),
  );
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE));
  const answer = await client.answer();
  assert.equal(answer?.body, 'error code: 1101');
  await client.closed;
});

test('an upgrade to an unknown host is 404', async (t) => {
  const { port, dispatcher } = await startGateway(t, say('x'));
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE).replace(HOST, 'nobody.dev.localhost'));
  assert.equal((await client.answer())?.status, 404);
  await client.closed;
  assert.equal(dispatcher.calls.length, 0);
});

test('a client that leaves before the upgrade cancels it', async (t) => {
  for (const how of ['end', 'reset'] as const) {
    const { port, dispatcher, gateway } = await startGateway(t, () => {});
    const client = openClient(t, port);
    client.write(request('GET /', UPGRADE));
    await eventually('call', () => dispatcher.calls.length === 1);
    if (how === 'end') client.destroy();
    else client.socket.resetAndDestroy();
    await eventually('cancel', () => dispatcher.cancels === 1);
    await eventually('over', () => gateway.counters.inFlight === 0 && gateway.counters.connections === 0);
  }
});

test('a switch of protocols that nobody asked for is 1101, and its socket is closed', async (t) => {
  const { near, cell } = await upstreamPair(t);
  cell.resume();
  const { port, dispatcher } = await startGateway(t, accept(near));
  const client = openClient(t, port);
  client.write(request('GET /'));
  assert.equal((await client.answer())?.body, 'error code: 1101');
  await ended(cell);
  assert.equal(dispatcher.cancels, 1);
});

test('hostile headers of an upgrade are 1101, and its socket is closed', async (t) => {
  const { near, cell } = await upstreamPair(t);
  cell.resume();
  const { port } = await startGateway(t, (_call, sink) => sink.upgrade(['x', 'a\r\nevil: 1'], near, NOTHING));
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE));
  const answer = await client.answer();
  assert.equal(answer?.body, 'error code: 1101');
  assert.ok(!answer.raw.includes('evil'));
  await ended(cell);
});

test('an upgrade pipelined behind an unanswered request closes the connection', async (t) => {
  const { port, dispatcher } = await startGateway(t, () => {});
  const client = openClient(t, port);
  client.write(request('GET /') + request('GET /', UPGRADE));
  await client.closed;
  assert.equal(client.text, '');
  assert.equal(dispatcher.calls.length, 1);
  await eventually('cancel', () => dispatcher.cancels === 1);
});

test('more upgrades than allowed are 503', async (t) => {
  const { near } = await upstreamPair(t);
  const { port, dispatcher } = await startGateway(t, accept(near), { limits: { maxUpgrades: 1 } });
  const first = openClient(t, port);
  first.write(request('GET /', UPGRADE));
  assert.equal((await first.answer())?.status, 101);
  const second = openClient(t, port);
  second.write(request('GET /', UPGRADE));
  const answer = await second.answer();
  assert.equal(answer?.status, 503);
  assert.ok(answer.headers['retry-after']);
  assert.equal(dispatcher.calls.length, 1);
});

test('a tunnel that is silent for too long is closed; one that is used is not', async (t) => {
  const { near, cell } = await upstreamPair(t);
  const { port } = await startGateway(t, accept(near), { limits: { upgradeIdleTimeoutMs: 200 } });
  cell.resume();
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE));
  await client.answer();
  for (let round = 0; round < 4; round++) {
    await sleep(100);
    if (round % 2 === 0) client.write('ping');
    else cell.write('pong');
  }
  assert.equal(client.isClosed, false);
  await Promise.all([client.closed, ended(cell)]);
});

test('bytes sent before the upgrade are held only up to a limit', async (t) => {
  const { port, dispatcher } = await startGateway(t, () => {}, { limits: { maxEarlyUpgradeBytes: 64 * 1024 } });
  const client = openClient(t, port);
  client.write(request('GET /', UPGRADE));
  await eventually('call', () => dispatcher.calls.length === 1);
  const total = 64 * 1024 * 1024;
  client.write(Buffer.alloc(total));
  await sleep(200);
  assert.ok(client.socket.writableLength > total / 2, `only ${client.socket.writableLength} bytes wait`);
});

test('real WebSocket programs talk through the gateway, in text and binary', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  t.after(() => server.close());
  const { port } = await startGateway(t, (call, sink) => {
    // What a dispatcher does: the handshake goes to the cell, which answers it.
    const upstream = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const lines = call.headers.map((value, index) => (index % 2 === 0 ? `${value}: ` : `${value}\r\n`)).join('');
    upstream.write(
      `GET ${new URL(call.url).pathname} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines}\r\n`,
    );
    upstream.once('data', (bytes: Buffer) => {
      upstream.pause();
      const end = bytes.indexOf('\r\n\r\n');
      const headers = bytes
        .subarray(0, end)
        .toString('latin1')
        .split('\r\n')
        .slice(1)
        .flatMap((line) => line.split(/: (.*)/s).slice(0, 2));
      sink.upgrade(headers, upstream, bytes.subarray(end + 4));
    });
  });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`, { headers: { host: HOST } });
  await once(socket, 'open');
  const large = Buffer.alloc(5_000_000, 7);
  for (const message of ['hello', Buffer.from([0, 255, 128]), large]) {
    socket.send(message);
    const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
    assert.equal(isBinary, typeof message !== 'string');
    assert.ok(Buffer.from(message).equals(data));
  }
  socket.close(1000, 'bye');
  const [code] = (await once(socket, 'close')) as [number];
  assert.equal(code, 1000);
});
