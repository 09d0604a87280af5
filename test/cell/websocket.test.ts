/** WebSocketPair in real cells, spoken to byte by byte (RFC 6455) over the connection the supervisor hands out. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Duplex } from 'node:stream';
import { valuesOf } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 2 });
});
after(() => cells.close());

const deploy = (name: string, handler: string) =>
  cells.deploy({ name, modules: { 'index.js': `export default { async fetch(request, env, ctx) { ${handler} } };` } });

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A client that masks what it sends and takes only unmasked, whole frames. */
class WebSocketClient {
  readonly frames: Frame[] = [];
  readonly socket: Duplex;
  ended = false;
  #buffer = Buffer.alloc(0);

  constructor(socket: Duplex, head: Buffer) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      this.ended = true;
    });
    socket.on('error', () => undefined);
    this.#read(head);
    socket.resume();
  }

  send(opcode: number, payload: Buffer | string): void {
    const bytes = Buffer.from(payload as string);
    const mask = randomBytes(4);
    const masked = bytes.map((byte, index) => byte ^ (mask[index % 4] as number));
    const length =
      bytes.length < 126
        ? Buffer.from([0x80 | bytes.length])
        : bytes.length < 65_536
          ? Buffer.from([0xfe, bytes.length >> 8, bytes.length & 255])
          : longLength(bytes.length);
    this.socket.write(Buffer.concat([Buffer.from([0x80 | opcode]), length, mask, masked]));
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const frame = takeFrame(this.#buffer);
      if (frame === undefined) return;
      this.#buffer = this.#buffer.subarray(frame.size);
      this.frames.push(frame);
    }
  }

  texts(): string[] {
    return this.frames.filter(({ opcode }) => opcode === TEXT).map(({ payload }) => payload.toString());
  }
}

function longLength(length: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = 0xff;
  bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

function takeFrame(buffer: Buffer): (Frame & { size: number }) | undefined {
  if (buffer.length < 2) return undefined;
  assert.equal((buffer[1] as number) & 0x80, 0, 'a server does not mask');
  assert.equal((buffer[0] as number) & 0xf0, 0x80, 'whole messages without extensions');
  let length = (buffer[1] as number) & 0x7f;
  let at = 2;
  if (length === 126) {
    if (buffer.length < 4) return undefined;
    length = buffer.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (buffer.length < 10) return undefined;
    length = Number(buffer.readBigUInt64BE(2));
    at = 10;
  }
  if (buffer.length < at + length) return undefined;
  return {
    opcode: (buffer[0] as number) & 15,
    payload: Buffer.from(buffer.subarray(at, at + length)),
    size: at + length,
  };
}

const UPGRADE = ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version', '13'];

async function connect(
  name: string,
  headers: readonly string[] = UPGRADE,
): Promise<{ client: WebSocketClient; headers: readonly string[] }> {
  const { headers: answered, socket, head } = await cells.open(name, { headers, upgrade: true }).upgraded;
  return { client: new WebSocketClient(socket, head), headers: answered };
}

const ECHO = `
  const pair = new WebSocketPair();
  pair[1].accept();
  pair[1].addEventListener('message', (event) => pair[1].send(event.data));
  pair[1].addEventListener('close', (event) => { console.log('closed ' + event.code + ' ' + event.reason); pair[1].close(event.code === 1005 ? undefined : event.code, event.reason); });
  return new Response(null, { status: 101, webSocket: pair[0] });`;

test('the handshake answers the key as RFC 6455 says', async () => {
  deploy('handshake', ECHO);
  const { client, headers } = await connect('handshake');
  assert.deepEqual(valuesOf(headers, 'sec-websocket-accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
  assert.deepEqual(
    headers.filter((name) => name.startsWith('x-skep')),
    [],
  );
  client.socket.destroy();
});

test('text and binary messages of all sizes come back whole and in order', async () => {
  deploy('echo', ECHO);
  const { client } = await connect('echo');
  const messages: Frame[] = [
    { opcode: TEXT, payload: Buffer.from('') },
    { opcode: TEXT, payload: Buffer.from('Grüße 👋') },
    { opcode: BINARY, payload: Buffer.from([0, 255, 1]) },
    { opcode: TEXT, payload: Buffer.from('x'.repeat(125)) },
    { opcode: TEXT, payload: Buffer.from('y'.repeat(126)) },
    { opcode: BINARY, payload: randomBytes(65_536) },
    { opcode: BINARY, payload: randomBytes(1_000_000) },
  ];
  for (const { opcode, payload } of messages) client.send(opcode, payload);
  await until(() => client.frames.length >= messages.length, 'all come back');
  for (const [index, { opcode, payload }] of messages.entries()) {
    assert.equal(client.frames[index]?.opcode, opcode, `message ${index}`);
    assert.ok(client.frames[index]?.payload.equals(payload), `message ${index}`);
  }
  client.socket.destroy();
});

test('a close from the client reaches the worker with code and reason, and is answered', async () => {
  deploy('close-client', ECHO);
  const { client } = await connect('close-client');
  client.send(CLOSE, Buffer.concat([Buffer.from([0x0f, 0xa0]), Buffer.from('bye')]));
  await until(() => client.frames.some(({ opcode }) => opcode === CLOSE), 'the close is answered');
  await until(
    () => cells.eventsOf('log').some(({ message }) => message[0] === 'closed 4000 bye'),
    'the worker hears of it',
  );
  client.socket.destroy();
  await until(() => cells.supervisor.counts().inFlight === 0, 'the invocation ends');
});

test('a close from the worker reaches the client with code and reason', async () => {
  deploy(
    'close-worker',
    `
    const pair = new WebSocketPair();
    pair[1].accept();
    pair[1].addEventListener('message', () => pair[1].close(4321, 'enough'));
    return new Response(null, { status: 101, webSocket: pair[0] });`,
  );
  const { client } = await connect('close-worker');
  client.send(TEXT, 'anything');
  await until(() => client.frames.length > 0, 'the close comes');
  const [frame] = client.frames;
  assert.equal(frame?.opcode, CLOSE);
  assert.equal(frame?.payload.readUInt16BE(0), 4321);
  assert.equal(frame?.payload.subarray(2).toString(), 'enough');
  client.socket.destroy();
});

test('a client that just goes away closes the worker’s end and ends the invocation', async () => {
  deploy('vanish', ECHO);
  const { client } = await connect('vanish');
  client.send(TEXT, 'hello');
  await until(() => client.frames.length === 1, 'it works');
  client.socket.destroy();
  await until(() => cells.supervisor.counts().inFlight === 0, 'the invocation ends');
  await until(
    () =>
      cells
        .eventsOf('log')
        .some(({ message, version }) => version.workerName === 'vanish' && message[0]?.startsWith('closed')),
    'the worker hears of it',
  );
});

test('messages sent before the response left are delivered', async () => {
  deploy(
    'eager',
    `
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.send('one');
    ctx.waitUntil((async () => { await new Promise((resolve) => setTimeout(resolve, 20)); server.send('two'); })());
    return new Response(null, { status: 101, webSocket: client });`,
  );
  const { client } = await connect('eager');
  await until(() => client.texts().length === 2, 'both come');
  assert.deepEqual(client.texts(), ['one', 'two']);
  client.socket.destroy();
});

test('a sub-protocol that the worker chose is in the handshake', async () => {
  deploy(
    'protocol',
    `
    const pair = new WebSocketPair();
    pair[1].accept();
    return new Response(null, { status: 101, webSocket: pair[0], headers: { 'sec-websocket-protocol': 'chat' } });`,
  );
  const { client, headers } = await connect('protocol', [...UPGRADE, 'sec-websocket-protocol', 'chat, other']);
  assert.deepEqual(valuesOf(headers, 'sec-websocket-protocol'), ['chat']);
  client.socket.destroy();
});

test('a ping is answered without the worker', async () => {
  deploy('ping', ECHO);
  const { client } = await connect('ping');
  client.send(PING, 'are you there');
  await until(() => client.frames.some(({ opcode }) => opcode === PONG), 'the pong comes');
  assert.equal(client.frames.find(({ opcode }) => opcode === PONG)?.payload.toString(), 'are you there');
  client.socket.destroy();
});

test('a connection lives longer than one request’s CPU, as long as each second stays below the limit', async () => {
  deploy(
    'long-lived',
    `
    const pair = new WebSocketPair();
    pair[1].accept();
    pair[1].addEventListener('message', (event) => { let x = 0; for (let n = 0; n < 5e6; n++) x += Math.sqrt(n); pair[1].send(event.data); });
    return new Response(null, { status: 101, webSocket: pair[0] });`,
  );
  const { client } = await connect('long-lived');
  for (let round = 0; round < 12; round++) {
    client.send(TEXT, String(round));
    await until(() => client.texts().length === round + 1, `answer ${round}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  client.socket.destroy();
});

test('a message whose handler burns CPU ends the connection', async () => {
  deploy(
    'ws-burn',
    `
    const pair = new WebSocketPair();
    pair[1].accept();
    pair[1].addEventListener('message', () => { while (true); });
    return new Response(null, { status: 101, webSocket: pair[0] });`,
  );
  const { client } = await connect('ws-burn');
  client.send(TEXT, 'go');
  await until(() => client.ended, 'the connection ends');
});

test('a plain request to a WebSocket worker and an upgrade of a plain worker both get an answer', async () => {
  deploy(
    'ws-only',
    `if (request.headers.get('upgrade') !== 'websocket') return new Response('Upgrade required', { status: 426 }); ${ECHO}`,
  );
  assert.equal((await cells.fetch('ws-only')).status, 426);
  deploy('plain', `return new Response('no sockets here', { status: 400 });`);
  const { status, body } = await cells.open('plain', { headers: UPGRADE, upgrade: true }).done;
  assert.deepEqual([status, body], [400, 'no sockets here']);
});

test('both ends of a pair inside one worker talk to one another', async () => {
  deploy(
    'pair',
    `
    const { 0: a, 1: b } = new WebSocketPair();
    const seen = [];
    a.addEventListener('message', (event) => seen.push('a:' + event.data));
    b.addEventListener('message', (event) => seen.push('b:' + event.data));
    b.accept(); b.send('held until accept');
    a.accept(); a.send('direct');
    const errors = [];
    const { 0: c } = new WebSocketPair();
    try { c.send('x'); } catch (error) { errors.push(error.name); }
    try { a.close(1005); } catch (error) { errors.push(error.name); }
    a.close(1000, 'done');
    try { a.send('late'); } catch (error) { errors.push(error.name); }
    const closing = [a.readyState, b.readyState];
    b.addEventListener('close', (event) => b.close(event.code));
    await new Promise((resolve) => a.addEventListener('close', resolve));
    return Response.json({ seen, errors, closing, closed: [a.readyState, b.readyState] });`,
  );
  assert.deepEqual(await cells.json('pair'), {
    seen: ['a:held until accept', 'b:direct'],
    errors: ['TypeError', 'InvalidAccessError', 'TypeError'],
    closing: [2, 1],
    closed: [3, 3],
  });
});

test('when a version’s time to drain is nearly over its connections are closed with 1001, and its cell ends with the last', async (t) => {
  const own = await createTestSupervisor({ prestarted: 1, timings: { drainMs: 30_000, closeMs: 29_700 } });
  t.after(() => own.close());
  const modules = { 'index.js': `export default { async fetch() { ${ECHO} } };` };
  own.deploy({ name: 'replaced', modules });
  const { socket, head } = await own.open('replaced', { headers: UPGRADE, upgrade: true }).upgraded;
  const client = new WebSocketClient(socket, head);
  const replacedAt = performance.now();
  own.deploy({ name: 'replaced', modules });
  client.send(TEXT, 'still served');
  await until(() => client.texts().includes('still served'), 'the old version goes on');
  await until(() => client.frames.some(({ opcode }) => opcode === CLOSE), 'the connection is closed');
  assert.ok(performance.now() - replacedAt >= 290, 'not before its time');
  assert.equal(client.frames.at(-1)?.payload.readUInt16BE(0), 1001);
  client.send(CLOSE, Buffer.from([0x03, 0xe9]));
  client.socket.end();
  await until(() => own.supervisor.counts().inFlight === 0, 'the invocation is over');
  await until(() => own.supervisor.counts().serving === 0, 'the cell has ended');
  const tookMs = performance.now() - replacedAt;
  assert.ok(tookMs < 20_000, `it did not wait for its deadline, but ended after ${tookMs} ms`);
});
