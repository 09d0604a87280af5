/** What the clients of WebSockets hear when the server is told to stop: a Close with 1001, soon, and nobody holds the stop up. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { type Skep, startSkep } from '../support/server.ts';
import { until } from '../support/until.ts';

const ECHO = `export default { fetch(request) {
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  if (new URL(request.url).pathname === '/busy') setInterval(() => server.send('x'.repeat(50_000)), 1);
  server.addEventListener('message', ({ data }) => server.send('echo ' + data));
  server.addEventListener('close', ({ code }) => console.log('worker saw ' + code));
  return new Response(null, { status: 101, webSocket: client });
} };`;
/** Passes the connection of another worker on: its messages only go through. */
const PROXY = `export default { fetch: (request, env) => env.ECHO.fetch(request) };`;

const hostOf = (skep: Skep, worker: string): string => `${worker}.dev.localhost:${skep.gatewayPort}`;

async function open(skep: Skep, worker: string, path = '/'): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${skep.gatewayPort}${path}`, {
    headers: { host: hostOf(skep, worker) },
  });
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return socket;
}

/** A client that answers nothing it is sent, not even a Close. */
async function openMute(skep: Skep, worker: string): Promise<{ received: () => Buffer; closedAt: () => number }> {
  const socket = connect(skep.gatewayPort, '127.0.0.1');
  const chunks: Buffer[] = [];
  let closedAt = 0;
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('close', () => (closedAt = performance.now()));
  socket.write(
    `GET / HTTP/1.1\r\nHost: ${hostOf(skep, worker)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await until(() => Buffer.concat(chunks).includes('\r\n\r\n'), 'the upgrade is answered');
  return { received: () => Buffer.concat(chunks), closedAt: () => closedAt };
}

test('on SIGTERM clients get Close 1001 at once, those that do not answer are cut after five seconds, and the server ends with 0', async (t) => {
  const skep = await startSkep();
  await skep.deploy('echo', ECHO);
  await skep.deploy('proxy', PROXY, { bindings: [{ type: 'service', name: 'ECHO', service: 'echo' }] });
  const sockets = [await open(skep, 'echo'), await open(skep, 'echo', '/busy'), await open(skep, 'proxy')];
  const mute = await openMute(skep, 'echo');
  const echoed = once(sockets[0] as WebSocket, 'message');
  sockets[0]?.send('hello');
  assert.equal(String((await echoed)[0]), 'echo hello');

  const stoppedAt = performance.now();
  const closes = sockets.map(async (socket) => {
    const [code] = (await once(socket, 'close')) as [number];
    return { code, ms: performance.now() - stoppedAt };
  });
  const exit = skep.stop('SIGTERM');
  for (const { code, ms } of await Promise.all(closes)) {
    assert.equal(code, 1001);
    assert.ok(ms < 4_000, `the Close took ${ms} ms`);
  }
  await until(() => mute.received().includes(Buffer.from([0x88, 2, 0x03, 0xe9])), 'the mute client was told, too');
  assert.deepEqual(await exit, { code: 0, signal: null });
  const tookMs = performance.now() - stoppedAt;
  t.diagnostic(`stopped in ${Math.round(tookMs)} ms`);
  await sleep(10);
  const cutMs = mute.closedAt() - stoppedAt;
  assert.ok(cutMs > 4_000 && cutMs < 20_000, `the mute client was cut after ${cutMs} ms`);
  assert.ok(tookMs < 25_000, `${tookMs} ms`);
  assert.match(skep.stdout(), /worker saw 1001/);
});
