/**
 * Memory that waits for somebody else: messages to a client that does not read, bodies nobody consumes, timers. What makes its worker wait stays
 * within the ceiling; what does not ends with it. Never does the server keep it in the cell's place.
 */
import assert from 'node:assert/strict';
import { type Duplex, Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceBinding } from '../support/cells.ts';
import { LONGEST_ABOVE_MS, MemoryArena } from '../support/memory-arena.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;
/** The server may hold windows and buffers of sockets, not what a worker hoards. */
const SERVER_MAY_GROW_MIB = 48;

let arena: MemoryArena;
before(async () => {
  arena = await MemoryArena.open(64);
});
after(() => arena.close());

const serverMiB = (): number => (process.memoryUsage().arrayBuffers + process.memoryUsage().external) / MiB;

const deploy = (name: string, handler: string, services: Readonly<Record<string, string>> = {}): unknown =>
  arena.cells.deploy({
    name,
    modules: { 'index.js': `const kept = [];\nexport default { async fetch(request, env, ctx) { ${handler} } };` },
    bindings: Object.entries(services).map(([binding, service]) => serviceBinding(binding, service)),
  });

const outcomeOf = (name: string): string | undefined =>
  arena.cells.eventsOf('invocation').find(({ version }) => version.workerName === name)?.outcome;

const UPGRADE = {
  upgrade: true,
  headers: { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-version': '13' },
} as const;

async function connect(name: string): Promise<Duplex> {
  const { socket } = await arena.cells.open(name, UPGRADE).upgraded;
  socket.on('error', () => undefined);
  return socket;
}

/** One masked binary frame, as a client sends it. */
function clientFrame(bytes: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(bytes), 2);
  return Buffer.concat([head, Buffer.alloc(bytes, 7)]);
}

test('messages to a WebSocket client that does not read end their own cell at its ceiling', async (t) => {
  deploy(
    'ws-flood',
    `const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    const flood = () => { for (let n = 0; n < 10; n++) server.send(new Uint8Array(500_000).fill(1)); setTimeout(flood, 1); };
    setTimeout(flood, 20);
    return new Response(null, { status: 101, webSocket: client });`,
  );
  await arena.cells.fetch('ws-flood');
  await until(() => arena.cells.supervisor.counts().inFlight === 0, 'the first try is over');
  const before = serverMiB();
  const { peak } = await arena.observe(async () => {
    const socket = await connect('ws-flood');
    await new Promise((resolve) => socket.once('close', resolve));
  });
  t.diagnostic(arena.describe(peak));
  assert.ok(peak.longestAboveMs <= LONGEST_ABOVE_MS, arena.describe(peak));
  assert.ok(peak.peakBytes > arena.ceilingBytes / 2, 'the cell held what the client did not take');
  assert.ok(serverMiB() - before < SERVER_MAY_GROW_MIB, `the server grew by ${serverMiB() - before} MiB`);
  assert.equal(arena.cells.eventsOf('invocation').at(-1)?.outcome, 'exceededMemory');
  assert.equal((await arena.cells.fetch('neighbour')).body, 'fine');
});

const ENDLESS = 'new ReadableStream({ pull(controller) { controller.enqueue(new Uint8Array(500_000).fill(1)); } })';
/** Long enough for gigabytes, if nothing waited. */
const WHILE_MS = 300;

/** The work, and that no cell went beyond its ceiling meanwhile, nor the server beyond its windows. */
async function staysWithin<T>(work: () => Promise<T>): Promise<T> {
  const before = serverMiB();
  const { result, peak } = await arena.observe(work);
  assert.ok(peak.peakBytes < arena.ceilingBytes, arena.describe(peak));
  assert.ok(serverMiB() - before < SERVER_MAY_GROW_MIB, `the server grew by ${serverMiB() - before} MiB`);
  assert.equal((await arena.cells.fetch('neighbour')).body, 'fine');
  return result;
}

test('of the timers that a request asks for without end it gets 10,000, which fit into the limit and end with it', async () => {
  deploy(
    'timers',
    `let set = 0; let refused = 0; const errors = new Set();
    for (let n = 0; n < 100_000 && refused < 500; n++) try { setTimeout(() => undefined, 1e8); set++; } catch (error) { refused++; errors.add(error.name); }
    return new Response(set + ' ' + [...errors]);`,
  );
  for (let round = 0; round < 3; round++) {
    const { body, failure } = await staysWithin(() => arena.cells.fetch('timers'));
    assert.equal(body, '10000 QuotaExceededError', failure?.reason);
  }
});

test('an endless answer waits for the visitor who does not read it', async () => {
  deploy('endless', `return new Response(${ENDLESS});`);
  await staysWithin(async () => {
    const call = arena.cells.open('endless', {}, { onData: () => false });
    await call.head;
    await sleep(WHILE_MS);
    assert.ok(call.receivedBytes() < MiB, `${call.receivedBytes()} bytes went to somebody who reads none`);
    call.control.cancel();
  });
});

test('answers of another worker that nobody reads wait in both cells', async () => {
  deploy('many-endless', `return new Response(${ENDLESS});`);
  deploy(
    'reads-none',
    `for (let n = 0; n < 40; n++) kept.push(await env.MANY.fetch('http://many/')); await new Promise((resolve) => setTimeout(resolve, ${WHILE_MS})); return new Response('kept ' + kept.length);`,
    { MANY: 'many-endless' },
  );
  const { body, failure } = await staysWithin(() => arena.cells.fetch('reads-none'));
  assert.equal(body, 'kept 40', failure?.reason);
});

test('a pipe waits for the reader at its end', async () => {
  deploy(
    'pipe',
    `const { readable, writable } = new TransformStream();
    void ${ENDLESS}.pipeTo(writable).catch(() => undefined);
    kept.push(readable);
    await new Promise((resolve) => setTimeout(resolve, ${WHILE_MS}));
    return new Response('piped');`,
  );
  assert.equal((await staysWithin(() => arena.cells.fetch('pipe'))).body, 'piped');
});

test('a request body that the worker does not read stays with the visitor', async () => {
  deploy(
    'no-reader',
    `await new Promise((resolve) => setTimeout(resolve, ${WHILE_MS})); return new Response('unread');`,
  );
  let sent = 0;
  const body = new Readable({
    read() {
      sent += MiB;
      this.push(Buffer.alloc(MiB, 1));
    },
  });
  const { body: text } = await staysWithin(() => arena.cells.fetch('no-reader', { method: 'POST', body }));
  body.destroy();
  assert.equal(text, 'unread');
  assert.ok(sent <= 16 * MiB, `${sent / MiB} MiB were taken`);
});

test('a request body that the worker collects ends it at its ceiling', async () => {
  deploy('collects', 'return new Response(String((await request.arrayBuffer()).byteLength));');
  await arena.cells.fetch('collects', { method: 'POST', body: 'warm' });
  const body = new Readable({
    read() {
      this.push(Buffer.alloc(MiB, 1));
    },
  });
  const { result, peak } = await arena.observe(() => arena.cells.fetch('collects', { method: 'POST', body }));
  body.destroy();
  assert.equal(result.failure?.outcome, 'exceededMemory', result.failure?.reason);
  assert.ok(peak.longestAboveMs <= LONGEST_ABOVE_MS, arena.describe(peak));
});

test('messages for a WebSocket that its worker never accepts stay with the client', async () => {
  deploy(
    'no-accept',
    `const [client, server] = Object.values(new WebSocketPair()); kept.push(server); setTimeout(() => server.accept(), 1e8); return new Response(null, { status: 101, webSocket: client });`,
  );
  const socket = await connect('no-accept');
  const written = await staysWithin(async () => {
    let count = 0;
    for (const until = performance.now() + WHILE_MS; performance.now() < until && count < 200; ) {
      if (!socket.writableNeedDrain) {
        socket.write(clientFrame(MiB));
        count++;
      }
      await sleep(1);
    }
    return count;
  });
  socket.destroy();
  assert.ok(written < 16, `${written} MiB were taken`);
});

test('memory taken after the answer, when nobody waits for the cell, ends it as well', async () => {
  deploy(
    'late',
    `const hoard = async () => { for (;;) { kept.push(new Uint8Array(4_000_000).fill(1)); await scheduler.wait(1); } };
    ctx.waitUntil(hoard()); return new Response('answered');`,
  );
  const { result, peak } = await arena.observe(async () => {
    const answer = await arena.cells.fetch('late');
    await until(() => outcomeOf('late') !== undefined, 'the invocation is over');
    return answer;
  });
  assert.equal(result.body, 'answered');
  assert.equal(outcomeOf('late'), 'exceededMemory');
  assert.ok(peak.longestAboveMs <= LONGEST_ABOVE_MS, arena.describe(peak));
});

test('memory taken when no request is left, by work that nobody waits for, ends the cell in time, too', async () => {
  deploy(
    'orphan',
    `const hoard = async () => { for (;;) { kept.push(new Uint8Array(4_000_000).fill(1)); await crypto.subtle.digest('SHA-256', new Uint8Array(1)); } };
    void hoard(); return new Response('answered');`,
  );
  const ended = (): boolean =>
    arena.cells.logLines.some((line) => line.includes('orphan') && /exceeded(Memory|Cpu)/.test(line));
  const { result, peak } = await arena.observe(async () => {
    const answer = await arena.cells.fetch('orphan');
    await until(ended, 'the cell is gone');
    return answer;
  });
  assert.equal(result.body, 'answered');
  assert.ok(peak.longestAboveMs <= LONGEST_ABOVE_MS, arena.describe(peak));
});
