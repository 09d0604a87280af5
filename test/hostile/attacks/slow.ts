/**
 * Clients that take their time, and many of them. What each limit of `GATEWAY_LIMITS` ends, and when, is in test/gateway; here the limits of a
 * whole Skep are waited for once, by clients that stand still while the others attack.
 */
import assert from 'node:assert/strict';
import { RawClient } from '../../gateway/support.ts';
import { residentBytes } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import { GATEWAY_LIMITS, UPLOAD_LIMITS } from '../../../shared/limits.ts';
import type { Arena, ClientAttacks } from '../arena.ts';

const WORKER = `export default { async fetch(request) {
  const { pathname } = new URL(request.url);
  if (pathname === '/endless') return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) }));
  if (pathname === '/large') return new Response(new Uint8Array(20_000_000));
  if (pathname === '/socket') {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    for (let turn = 0; turn < 100; turn++) server.send('x'.repeat(100_000));
    return new Response(null, { status: 101, webSocket: client });
  }
  return new Response(String((await request.arrayBuffer()).byteLength));
} };`;

const deployed = new WeakMap<Arena, Promise<void>>();

async function connect(arena: Arena, line: string, rest = '\r\n', worker = 'slow'): Promise<RawClient> {
  // One deploy for all that come at once: the second of two at the same time would be refused.
  const ready = deployed.get(arena) ?? arena.skep.deploy('slow', WORKER);
  deployed.set(arena, ready);
  await ready;
  const client = new RawClient(arena.aim.gatewayPort);
  client.write(`${line} HTTP/1.1\r\nHost: ${worker}.dev.localhost:${arena.aim.gatewayPort}\r\n${rest}`);
  return client;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Holds what the attack opened for a while, then checks that the server did not pay for it in memory. */
async function hold(arena: Arena, maxBytes: number, begin: () => Promise<readonly RawClient[]>): Promise<void> {
  const before = residentBytes(arena.skep.pid);
  const clients = await begin();
  await pause(1_000);
  await arena.neighbour.assertWell();
  const grown = residentBytes(arena.skep.pid) - before;
  for (const client of clients) client.destroy();
  assert.ok(grown < maxBytes, `${Math.round(grown / 1e6)} MB more in the server`);
}

const many = (count: number, make: (index: number) => Promise<RawClient>): Promise<RawClient[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

/** Clients that stand still from the first attack to the last, by what should end them. */
interface Standing {
  readonly sinceMs: number;
  readonly heads: readonly RawClient[];
  readonly bodies: readonly RawClient[];
  readonly silent: readonly RawClient[];
}
const standing = new WeakMap<Arena, Standing>();

const UPGRADE =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
/** The limits are looked at once a second; the rest is for a machine that is busy with something else. */
const SLACK_MS = 5_000;

function upload(arena: Arena): RawClient {
  const client = new RawClient(arena.aim.apiPort);
  client.write(
    `PUT /client/v4/accounts/${arena.skep.accountId}/workers/scripts/slow-upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${arena.skep.token}\r\n` +
      'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n--x\r\n',
  );
  return client;
}

export const attacks: ClientAttacks = {
  'heads and bodies that stand still, and connections that say nothing, hold nobody up': async (arena) => {
    // A worker of their own: the cell of the others is filled until it ends.
    await arena.skep.deploy('patient', WORKER);
    const stand = (line: string, rest: string) => many(20, () => connect(arena, line, rest, 'patient'));
    standing.set(arena, {
      sinceMs: performance.now(),
      heads: await stand('GET /', 'X-Slow: yes\r\n'),
      bodies: await stand('POST /', 'Content-Length: 10\r\n\r\nx'),
      silent: Array.from({ length: 200 }, () => new RawClient(arena.aim.gatewayPort)),
    });
  },
  'five hundred clients that never finish their headers hold nobody up': (arena) =>
    hold(arena, 60_000_000, () => many(500, (index) => connect(arena, 'GET /', `X-Slow: ${index}`))),
  'clients that send a header a byte at a time hold nobody up': (arena) =>
    hold(arena, 60_000_000, async () => {
      const clients = await many(50, () => connect(arena, 'GET /', ''));
      for (const byte of 'X-Slow: abcdefgh') {
        for (const client of clients) client.write(byte);
        await pause(20);
      }
      return clients;
    }),
  'two hundred bodies that never come hold nobody up': (arena) =>
    hold(arena, 100_000_000, () => many(200, () => connect(arena, 'POST /', 'Content-Length: 1000000\r\n\r\nx'))),
  'chunks of one byte, slowly, hold nobody up': (arena) =>
    hold(arena, 60_000_000, async () => {
      const clients = await many(20, () => connect(arena, 'POST /', 'Transfer-Encoding: chunked\r\n\r\n'));
      for (let turn = 0; turn < 20; turn++) {
        for (const client of clients) client.write('1\r\nx\r\n');
        await pause(20);
      }
      return clients;
    }),
  'twenty readers who take nothing of an endless answer fill neither server nor cell': (arena) =>
    hold(arena, 80_000_000, async () => {
      const clients = await many(20, () => connect(arena, 'GET /endless'));
      for (const client of clients) client.socket.pause();
      return clients;
    }),
  'readers who take nothing of a large answer fill no server': (arena) =>
    hold(arena, 80_000_000, async () => {
      const clients = await many(4, () => connect(arena, 'GET /large'));
      for (const client of clients) client.socket.pause();
      return clients;
    }),
  'twenty WebSockets that are sent 10 MB each and read nothing fill their cell, not the server': (arena) =>
    hold(arena, 80_000_000, async () => {
      const clients = await many(20, () => connect(arena, 'GET /socket', UPGRADE));
      for (const client of clients) client.socket.pause();
      return clients;
    }),
  'a reader of one byte at a time holds nobody up': async (arena) => {
    const client = await connect(arena, 'GET /endless');
    client.socket.pause();
    for (let turn = 0; turn < 50; turn++) {
      client.socket.read(1);
      await pause(5);
    }
    client.destroy();
  },
  'connections that are opened and reset leave nothing behind': async (arena) => {
    for (let round = 0; round < 5; round++) {
      const clients = await many(100, () => connect(arena, 'GET /endless'));
      for (const client of clients) client.socket.resetAndDestroy();
    }
  },
  'half of a connection closed early is no way to keep the other half for ever': async (arena) => {
    const clients = await many(50, () => connect(arena, 'POST /', 'Content-Length: 10\r\n\r\nx'));
    for (const client of clients) client.socket.end();
    await Promise.all(clients.map((client) => client.until(() => false, 8_000)));
  },
  'a body sent after its refusal is dropped, not kept': async (arena) => {
    const before = residentBytes(arena.skep.pid);
    const client = await connect(arena, 'POST /', 'Content-Length: 900000000\r\n\r\n');
    for (let turn = 0; turn < 100 && !client.isClosed; turn++) {
      client.write(Buffer.alloc(100_000));
      await pause(2);
    }
    await client.until(() => client.text.includes('\r\n'), 8_000);
    assert.match(client.text, /^HTTP\/1\.1 413 /);
    const grown = residentBytes(arena.skep.pid) - before;
    assert.ok(grown < 60_000_000, `${Math.round(grown / 1e6)} MB more in the server`);
    client.destroy();
  },
  'uploads of a byte at a time to the control API are ended, and whoever waited behind them has his turn': async (
    arena,
  ) => {
    const clients = Array.from({ length: UPLOAD_LIMITS.maxConcurrentUploads + 1 }, () => upload(arena));
    const drip = setInterval(() => clients.forEach((client) => client.write('x')), 100);
    try {
      // Some of them, whoever came first, take all places that the account has.
      await until(
        () => clients.filter((client) => client.isClosed).length >= UPLOAD_LIMITS.maxConcurrentUploadsPerAccount,
        'all that had a place are ended',
        UPLOAD_LIMITS.bodyWindowMs + SLACK_MS,
      );
    } finally {
      clearInterval(drip);
    }
    for (const client of clients.filter(({ isClosed }) => isClosed)) {
      assert.match(client.text, /^HTTP\/1\.1 408 /);
      assert.match(client.text, /came in 10 seconds, at least 10 KiB are needed/);
    }
    for (const client of clients) client.destroy();
    await arena.skep.deploy('prompt', `export default { fetch: () => new Response('x') };`);
  },
  'whatever stood still all the time has been ended by its limit': async (arena) => {
    const { sinceMs, heads, bodies, silent } = standing.get(arena) as Standing;
    const limit = Math.max(GATEWAY_LIMITS.headersTimeoutMs, GATEWAY_LIMITS.bodyIdleTimeoutMs) + SLACK_MS;
    const leftMs = Math.max(1, sinceMs + limit - performance.now());
    await Promise.all([...heads, ...bodies, ...silent].map((client) => client.until(() => false, leftMs)));
    for (const client of [...heads, ...bodies]) assert.match(client.text, /^HTTP\/1\.1 408 /);
  },
};
