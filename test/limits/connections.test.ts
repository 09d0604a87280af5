/** How many connections may stay open: of a worker, an account, a node; visitors' WebSockets and what workers open count together. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { ConnectionCounts } from '../../server/supervisor/connection-counts.ts';
import { CONNECTION_LIMITS } from '../../shared/limits.ts';
import { buildVersion } from '../support/cells.ts';
import { createTestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

const versionOf = (name: string, accountId: string) =>
  buildVersion({ name, accountId, modules: { 'index.js': '' } }).version;

test('one below, at and above the limits of a worker, an account and a node', () => {
  const { perWorker, perAccount, perNode } = CONNECTION_LIMITS;
  const counts = new ConnectionCounts();
  const worker = (account: string, n: number) => ({ ...versionOf('w', account), workerId: `${account}-${n}` });
  const opened: (() => void)[] = [];
  const fill = (account: string, count: number): void => {
    for (let n = 0; n < count; n++) {
      const one = worker(account, Math.floor(n / perWorker));
      assert.equal(counts.refusal(one), undefined, `${account}, ${n}`);
      opened.push(counts.open(one));
    }
  };
  fill('a', perWorker - 1);
  fill('a', 1);
  assert.equal(counts.refusal(worker('a', 0)), `The worker holds ${perWorker} connections, its most`);
  assert.equal(counts.refusal(worker('a', 1)), undefined, 'another one of the account may');
  for (const close of opened.splice(0)) close();
  fill('a', perAccount);
  assert.equal(counts.refusal(worker('a', 9)), `The account holds ${perAccount} connections, its most`);
  fill('b', perNode - perAccount - 1);
  assert.equal(counts.refusal(worker('c', 1)), undefined, 'one is left');
  fill('c', 1);
  assert.equal(counts.refusal(worker('d', 1)), `This node holds ${perNode} connections, its most`);
  opened[0]?.();
  opened[0]?.();
  assert.equal(counts.all, perNode - 1, 'a connection is taken back once');
});

test('a worker’s sockets and its visitors’ WebSockets share its number; who comes too late hears why, and a closed one makes room', async (t) => {
  const open = new Set<Socket>();
  const server = createServer((socket) => open.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const connections = new ConnectionCounts({ perWorker: 3, perAccount: 10, perNode: 10 });
  const cells = await createTestSupervisor({ connections, egressAllow: [`127.0.0.1:${port}`], cpuMs: 2_000 });
  t.after(async () => {
    await cells.close();
    for (const socket of open) socket.destroy();
    server.close();
  });
  const source = `import { connect } from 'cloudflare:sockets';
    export default { async fetch(request, env, ctx) {
      if (request.headers.get('upgrade') === 'websocket') {
        const [client, server] = Object.values(new WebSocketPair());
        server.accept();
        return new Response(null, { status: 101, webSocket: client });
      }
      const socket = connect({ hostname: '127.0.0.1', port: ${port} });
      const outcome = await socket.opened.then(() => 'open', (error) => error.message);
      if (outcome === 'open') ctx.waitUntil(socket.closed);
      return new Response(outcome);
    } };`;
  cells.deploy({ name: 'both', modules: { 'index.js': source } });
  const headers = { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-version': '13' };
  const upgrade = () => cells.open('both', { upgrade: true, headers });
  const first = await upgrade().upgraded;
  const second = await upgrade().upgraded;
  assert.equal((await cells.fetch('both')).body, 'open');
  assert.equal(connections.all, 3);
  assert.equal((await cells.fetch('both')).body, 'The worker holds 3 connections, its most.');
  const refused = upgrade();
  refused.upgraded.catch(() => undefined);
  const { failure } = await refused.done;
  assert.equal(failure?.kind, 'no-cell');
  assert.equal(failure?.reason, 'The worker holds 3 connections, its most');
  first.socket.destroy();
  await until(() => connections.all === 2, 'the closed one is forgotten');
  const third = await upgrade().upgraded;
  second.socket.destroy();
  third.socket.destroy();
  for (const socket of open) socket.destroy();
  await until(() => connections.all === 0, 'all are forgotten');
});
