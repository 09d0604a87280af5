/** Starting, health, draining. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { createGateway } from '../../server/gateway/gateway.ts';
import { testLog } from '../support/log.ts';
import { ask, eventually, HOST, openClient, Recorder, request, say, sleep, startGateway } from './support.ts';

test('health is answered on hosts that are no worker’s, and belongs to the worker on its own', async (t) => {
  let isReady = true;
  const { port, dispatcher } = await startGateway(t, say('from the worker'), {
    readyz: () => ({ ready: isReady, detail: { sandbox: ['seccomp'] } }),
  });
  const bare = (path: string, method = 'GET'): string =>
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  const alive = await ask(t, port, bare('/healthz'));
  assert.equal(alive?.status, 200);
  assert.equal(alive.headers['content-type'], 'application/json');
  const ready = await ask(t, port, bare('/readyz'));
  assert.equal(ready?.status, 200);
  assert.deepEqual(JSON.parse(ready.body), { ready: true, draining: false, sandbox: ['seccomp'] });
  isReady = false;
  assert.equal((await ask(t, port, bare('/readyz')))?.status, 503);
  assert.equal((await ask(t, port, bare('/healthz', 'HEAD'), 'HEAD'))?.status, 200);
  assert.equal((await ask(t, port, bare('/healthz', 'POST')))?.status, 404);
  assert.equal((await ask(t, port, bare('/healthz/x')))?.status, 404);
  // Probes of load balancers may be as old as this.
  assert.equal((await ask(t, port, 'GET /healthz HTTP/1.0\r\n\r\n'))?.status, 200);
  assert.equal((await ask(t, port, 'GET / HTTP/1.0\r\n\r\n'))?.status, 400);
  assert.equal(dispatcher.calls.length, 0);
  assert.equal((await ask(t, port, request('GET /healthz')))?.body, 'from the worker');
});

test('a port in use is one clear sentence', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const address = other.address();
  assert.ok(address !== null && typeof address !== 'string');
  const gateway = createGateway({
    catalog: { findByHost: () => undefined },
    dispatcher: new Recorder(say('x')),
    log: testLog,
    host: '127.0.0.1',
    port: address.port,
    nodeName: 'test',
    trustedProxies: [],
    readyz: () => ({ ready: true }),
  });
  await assert.rejects(gateway.listen(), (error: NodeJS.ErrnoException) => {
    assert.equal(error.code, 'EADDRINUSE');
    assert.match(error.message, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${address.port}\\..*SKEP_GATEWAY_PORT`));
    return true;
  });
  await gateway.close({ graceMs: 0 });
});

test('a trusted proxy that is no address is refused at the start, by name', async (t) => {
  await assert.rejects(startGateway(t, say('x'), { trustedProxies: ['10.0.0.0/8', '10.0.0.0/33'] }), /10\.0\.0\.0\/33/);
});

test('closing lets answers finish, tells clients to go, and takes no new ones', async (t) => {
  const { port, gateway, dispatcher } = await startGateway(t, (call, sink) => {
    if (call.url.endsWith('/slow')) setTimeout(() => say('slow')(call, sink), 150);
    else say('quick')(call, sink);
  });
  const idle = openClient(t, port);
  idle.write(request('GET /quick'));
  assert.equal((await idle.answer())?.headers['connection'], 'keep-alive');
  const busy = openClient(t, port);
  busy.write(request('GET /slow') + request('GET /quick'));
  await eventually('both called', () => dispatcher.calls.length === 2);
  const startedAt = performance.now();
  const closed = gateway.close({ graceMs: 20_000 });
  await idle.closed;
  const refused = connect(port, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
  assert.equal((await busy.answer())?.body, 'slow');
  const last = await busy.answer();
  assert.equal(last?.body, 'quick');
  assert.equal(last.headers['connection'], 'close');
  await busy.closed;
  await closed;
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < 10_000, `closed after ${tookMs} ms: it waited for somebody who had nothing to say`);
  assert.equal(dispatcher.cancels, 0);
});

test('a connection that has just been opened may still send its request while the gateway drains', async (t) => {
  const { port, gateway } = await startGateway(t, say('made it'));
  const client = openClient(t, port);
  await once(client.socket, 'connect');
  await eventually('accepted', () => gateway.counters.connections === 1);
  const closed = gateway.close({ graceMs: 5_000 });
  await sleep(20);
  client.write(request());
  assert.equal((await client.answer())?.body, 'made it');
  await closed;
});

test('what outlasts the grace is cut and cancelled, silent connections and tunnels included', async (t) => {
  const { port, gateway, dispatcher } = await startGateway(t, () => {});
  const silent = openClient(t, port);
  const waiting = openClient(t, port);
  waiting.write(request());
  await eventually('call', () => dispatcher.calls.length === 1 && gateway.counters.connections === 2);
  const startedAt = performance.now();
  await gateway.close({ graceMs: 200 });
  const took = performance.now() - startedAt;
  assert.ok(took >= 190 && took < 10_000, `${took} ms`);
  await Promise.all([silent.closed, waiting.closed]);
  assert.equal(dispatcher.cancels, 1);
  assert.equal(gateway.counters.connections, 0);
});

test('closing twice waits for the same end, and the shorter grace counts', async (t) => {
  const { port, gateway } = await startGateway(t, () => {});
  const client = openClient(t, port);
  client.write(request());
  await eventually('call', () => gateway.counters.inFlight === 1);
  const first = gateway.close({ graceMs: 60_000 });
  const second = gateway.close({ graceMs: 50 });
  await Promise.all([first, second]);
  await client.closed;
});

test('/readyz says no while the gateway drains', async (t) => {
  const { port, gateway, dispatcher } = await startGateway(t, (call, sink) => {
    if (call.url.endsWith('/slow')) setTimeout(() => say('slow')(call, sink), 100);
  });
  const client = openClient(t, port);
  client.write(`${request('GET /slow')}GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  await eventually('call', () => dispatcher.calls.length === 1);
  const closed = gateway.close({ graceMs: 5_000 });
  assert.equal((await client.answer())?.body, 'slow');
  const readiness = await client.answer();
  assert.equal(readiness?.status, 503);
  assert.deepEqual(JSON.parse(readiness.body), { ready: false, draining: true, sandbox: 'none' });
  await closed;
});

test('an idle connection is closed after the keep-alive time', async (t) => {
  const { port } = await startGateway(t, say('x'), { limits: { keepAliveTimeoutMs: 100 } });
  const client = openClient(t, port);
  client.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  assert.equal((await client.answer())?.status, 200);
  await client.closed;
});
