/**
 * What a tenant has Skep connect to may be anything: a database that is none, a server that breaks off. The server hears it out, answers
 * with an error and goes on. One message of nine bytes ended the whole server, one of five kept it busy for ever.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Backend } from '../../server/storage/wire/backend.ts';
import { type Skep, startSkep } from '../support/server.ts';

/** What it says, piece by piece, to whoever has said something. */
let answers: readonly Buffer[] = [];
let server: Server;
let skep: Skep;
let port: number;

before(async () => {
  server = createServer((socket) => {
    const said = answers;
    socket.on('error', () => undefined);
    socket.once('data', () => {
      say(socket, said).catch(() => socket.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
  skep = await startSkep({ env: { SKEP_EGRESS_ALLOW: '127.0.0.1' } });
});
after(() => server.close());

async function say(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece);
    await sleep(2);
  }
  socket.end();
}

function message(type: string, body: Buffer, length = body.length + 4): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, body]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const WELCOME = message('R', word(0));
const READY = message('Z', Buffer.from('I'));
const SCRAM = message('R', Buffer.concat([word(10), Buffer.from('SCRAM-SHA-256\0\0')]));
const BODIES = [Buffer.alloc(0), Buffer.alloc(12), Buffer.alloc(12, 255), ...[5, 10, 11, 12, 99].map(word)];

/** What is said first, behind the welcome, and behind the end of the greeting. */
function lies(): Buffer[][] {
  const found: Buffer[][] = [
    [message('R', Buffer.alloc(9), 0)],
    [message('E', Buffer.from('SERROR'))],
    [message('E', Buffer.from('SERROR\0'))],
    [SCRAM, message('R', Buffer.concat([word(12), Buffer.from('v=eA==')]))],
    [SCRAM, message('R', Buffer.concat([word(11), Buffer.from('r=,s=,i=2147483647')]))],
    [Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
    [randomBytes(64)],
  ];
  for (const type of 'RKSZEN123nDTtCHGWdcsIAvVX!') {
    for (const body of BODIES) found.push([message(type, body)], [WELCOME, message(type, body)]);
    found.push([WELCOME, message('K', Buffer.alloc(8)), Buffer.concat([READY, message(type, Buffer.alloc(12, 255))])]);
  }
  return found;
}

const target = () => ({
  host: '127.0.0.1',
  port,
  user: 'u',
  password: 'p',
  database: 'd',
  tls: false as const,
  settings: {},
});

test('whatever a database says first, connecting to it succeeds or fails, and nothing else happens', async () => {
  let refused = 0;
  const all = lies();
  for (const said of all) {
    answers = said;
    const outcome = await Backend.connect(target(), 1_000).catch((error: Error) => error);
    if (outcome instanceof Backend) outcome.destroy();
    else refused++;
  }
  assert.ok(refused > all.length / 2, `${refused} of ${all.length}`);
});

test('a greeting without end is cut off', async () => {
  const setting = message('S', Buffer.from(`name\0${'x'.repeat(1_000)}\0`));
  answers = [WELCOME, ...Array.from({ length: 100 }, () => setting)];
  await assert.rejects(Backend.connect(target(), 5_000), /says too much before it is ready/);
  answers = [message('R', Buffer.alloc(0), 100 * 1024 * 1024)];
  await assert.rejects(Backend.connect(target(), 5_000), /a row or message of \d+ bytes came/);
});

test('a configuration whose database lies is refused in words, and the server lives on', async () => {
  const cases: readonly (readonly [said: readonly Buffer[], expected: RegExp])[] = [
    [[message('R', word(99))], /does not speak PostgreSQL/],
    [[message('R', Buffer.alloc(0))], /does not speak PostgreSQL/],
    [[message('E', Buffer.alloc(0))], /a text without an end came/],
    [[message('D', Buffer.alloc(12, 255))], /a message of type 68 came before the database was ready/],
    [[WELCOME, message('K', Buffer.alloc(0))], /does not speak PostgreSQL/],
  ];
  for (const [said, expected] of cases) {
    answers = said;
    const origin = { scheme: 'postgresql', host: '127.0.0.1', port, database: 'd', user: 'u', password: 'p' };
    const answer = await skep.api('POST', '/hyperdrive/configs', {
      name: 'liar',
      origin,
      mtls: { sslmode: 'disable' },
    });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json().errors[0].message, expected);
  }
  assert.equal((await skep.api('GET', '/hyperdrive/configs')).status, 200);
});

test('an origin that breaks off behind the head of its answer to a WebSocket costs that answer, and no more', async () => {
  await skep.deploy(
    'caller',
    `export default {
      async fetch() {
        const answer = await fetch('http://127.0.0.1:${port}/', { headers: { upgrade: 'websocket' } });
        return new Response(await answer.text().then((text) => 'whole: ' + text, () => 'broken off'));
      },
    };`,
  );
  const cases: readonly (readonly [said: string, expected: string])[] = [
    ['transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nZZZ\r\n', 'broken off'],
    ['content-length: 100\r\n\r\nabc', 'broken off'],
    ['content-length: 3\r\n\r\nabcGARBAGE', 'whole: abc'],
  ];
  for (const [said, expected] of cases) {
    answers = [Buffer.from(`HTTP/1.1 200 OK\r\n${said}`)];
    assert.equal((await skep.request('caller')).text, expected);
  }
});
