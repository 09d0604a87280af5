/** Clients that break RFC 6455, or use it to hold on to what they should not have. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RawClient } from '../../gateway/support.ts';
import { residentBytes } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import type { Arena, ClientAttacks } from '../arena.ts';

const ECHO = `export default { fetch(request) {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener('message', ({ data }) => {
    if (data === 'flood') for (let turn = 0; turn < 200; turn++) server.send('x'.repeat(100_000));
    else server.send('heard ' + (typeof data === 'string' ? data.length : data.byteLength));
  });
  return new Response(null, { status: 101, webSocket: client });
} };`;

const deployed = new WeakSet<Arena>();

async function open(arena: Arena, headers = ''): Promise<RawClient> {
  if (!deployed.has(arena)) await arena.skep.deploy('sockets', ECHO);
  deployed.add(arena);
  const client = new RawClient(arena.aim.gatewayPort);
  client.write(
    `GET / HTTP/1.1\r\nHost: sockets.dev.localhost:${arena.aim.gatewayPort}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `${headers === '' ? 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' : headers}\r\n`,
  );
  await client.until(() => client.text.includes('\r\n\r\n'));
  return client;
}

/** One frame as a client sends it, masked with zeros unless told otherwise. */
function frame(first: number, payload: Buffer | string, isMasked = true): Buffer {
  const bytes = Buffer.from(payload as string);
  const mark = isMasked ? 0x80 : 0;
  const length =
    bytes.length < 126
      ? Buffer.from([mark | bytes.length])
      : Buffer.from([mark | 126, bytes.length >> 8, bytes.length & 255]);
  return Buffer.concat([Buffer.from([first]), length, isMasked ? Buffer.alloc(4) : Buffer.alloc(0), bytes]);
}

const announced = (first: number, length: bigint): Buffer => {
  const head = Buffer.alloc(14);
  head[0] = first;
  head[1] = 0xff;
  head.writeBigUInt64BE(length, 2);
  return head;
};

/** What no endpoint may take: the worker hears nothing of it, and the client is told the code that workerd tells it. */
const BROKEN: Readonly<Record<string, { readonly code: number; readonly frames: readonly Buffer[] }>> = {
  'a reserved bit': { code: 1002, frames: [frame(0xc1, 'abc')] },
  'all reserved bits': { code: 1002, frames: [frame(0xf1, 'abc')] },
  'a reserved bit in the middle of a message': { code: 1002, frames: [frame(0x02, 'a'), frame(0xc0, 'b')] },
  'a reserved opcode': { code: 1002, frames: [frame(0x83, 'abc')] },
  'a reserved control opcode': { code: 1002, frames: [frame(0x8b, 'abc')] },
  'a ping in pieces': { code: 1002, frames: [frame(0x09, 'x')] },
  'a close in pieces': { code: 1002, frames: [frame(0x08, '')] },
  'a continuation of nothing': { code: 1002, frames: [frame(0x80, 'abc')] },
  'a new message within another': { code: 1002, frames: [frame(0x01, 'a'), frame(0x81, 'b')] },
  'a message of 2^63 bytes': { code: 1009, frames: [announced(0x82, 2n ** 63n)] },
  'a message of 2^62 bytes': { code: 1009, frames: [announced(0x82, 2n ** 62n)] },
  'a message of 4 GB': { code: 1009, frames: [announced(0x82, 2n ** 32n)] },
};

/** Closes that RFC 6455 forbids: workerd hands them to the worker, which hears a close and no message. */
const STRANGE_CLOSES: Readonly<Record<string, readonly Buffer[]>> = {
  'a close of one byte': [frame(0x88, 'x')],
  'a close with a code that is none': [frame(0x88, Buffer.from([0, 1]))],
  'a close with the code 1006': [frame(0x88, Buffer.from([3, 238]))],
  'a close with the code 1015': [frame(0x88, Buffer.from([3, 247]))],
  'a close with the code 5000': [frame(0x88, Buffer.from([0x13, 0x88]))],
  'a close whose reason is no UTF-8': [frame(0x88, Buffer.from([3, 232, 0xff]))],
  'a message behind a close': [frame(0x88, Buffer.from([3, 232])), frame(0x81, 'abc')],
};

/** What RFC 6455 forbids and workerd (2026-11-17, asked with these bytes) takes: a matter between a client and its worker. */
const TOLERATED: Readonly<Record<string, readonly Buffer[]>> = {
  'a frame without a mask': [frame(0x81, 'abc', false)],
  'text that is no UTF-8': [frame(0x81, Buffer.from([0xff, 0xfe, 0xfd]))],
  'text that ends within a character': [frame(0x81, Buffer.from([0xe2, 0x82]))],
  'text with a surrogate': [frame(0x81, Buffer.from([0xed, 0xa0, 0x80]))],
  'a ping of 126 bytes': [frame(0x89, 'x'.repeat(126))],
  'a length in more bytes than it needs': [Buffer.from([0x81, 0xfe, 0, 3, 0, 0, 0, 0, 97, 98, 99])],
};

/** How long a connection is listened to that should stay silent. */
const QUIET_MS = 250;

export const attacks: Record<string, ClientAttacks[string]> = {};

/** The code of the close frame that came behind the handshake; undefined when none has come. */
function closeCode(client: RawClient): number | undefined {
  const bytes = Buffer.from(client.text.slice(client.text.indexOf('\r\n\r\n') + 4), 'latin1');
  if (bytes.length < 4 || bytes[0] !== 0x88) return undefined;
  return bytes.readUInt16BE(bytes[1] === 126 ? 4 : 2);
}

for (const [what, { code, frames }] of Object.entries(BROKEN)) {
  attacks[`${what} is answered with a close ${code} and not heard`] = async (arena) => {
    const client = await open(arena);
    assert.match(client.text, /^HTTP\/1\.1 101 /);
    for (const bytes of frames) client.write(bytes);
    await client.until(() => closeCode(client) !== undefined);
    assert.equal(closeCode(client), code);
    await client.until(() => false);
    assert.doesNotMatch(client.text, /heard/);
  };
}
for (const [what, frames] of Object.entries(STRANGE_CLOSES)) {
  attacks[`${what} is not heard`] = async (arena) => {
    const client = await open(arena);
    for (const bytes of frames) client.write(bytes);
    client.write(frame(0x81, 'after'));
    await client.until(() => false, QUIET_MS).catch(() => {});
    assert.doesNotMatch(client.text, /heard/);
    client.destroy();
  };
}
for (const [what, frames] of Object.entries(TOLERATED)) {
  attacks[`${what} is taken as workerd takes it, and harms nobody`] = async (arena) => {
    const client = await open(arena);
    for (const bytes of frames) client.write(bytes);
    client.write(frame(0x81, 'still there'));
    await client.until(() => client.text.includes('heard 11'));
    client.destroy();
  };
}

const HANDSHAKES: Readonly<Record<string, string>> = {
  'without a key': 'Sec-WebSocket-Version: 13\r\n',
  'with a key of the wrong length': 'Sec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13\r\n',
  'with another version': 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 12\r\n',
  'with two keys': `${'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'.repeat(2)}Sec-WebSocket-Version: 13\r\n`,
  'with extensions nobody knows': `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99, x-${'y'.repeat(2_000)}\r\n`,
  'with a protocol that splits headers when echoed':
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a\u0085b\r\n',
};
for (const [what, headers] of Object.entries(HANDSHAKES)) {
  attacks[`a handshake ${what} is refused or answered in order`] = async (arena) => {
    const client = await open(arena, headers);
    assert.match(client.text, /^HTTP\/1\.1 (101|400|404|426|500) /);
    assert.doesNotMatch(client.text, /bits=99|yyyy/);
    client.destroy();
  };
}

Object.assign(attacks, {
  'frames of any bytes close their own connection at most': async (arena) => {
    const anyFrame = fc.oneof(
      fc
        .tuple(fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 140 }), fc.boolean())
        .map(([first, payload, isMasked]) => frame(first, Buffer.from(payload), isMasked)),
      fc
        .tuple(fc.nat({ max: 255 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
        .map(([first, length]) => announced(first, length)),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { minLength: 1, maxLength: 8 }), async (frames) => {
        const client = await open(arena);
        client.write(Buffer.concat(frames));
        client.socket.end();
        // Half a message waits for the rest; with the client's side closed nothing keeps the connection.
        await client.until(() => false, 8_000);
        const next = await open(arena);
        next.write(frame(0x81, 'well'));
        await next.until(() => next.text.includes('heard 4'));
        next.destroy();
      }),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 60) },
    );
  },
  'ten thousand pings are answered or cut, and hold nobody up': async (arena) => {
    const client = await open(arena);
    client.write(Buffer.concat(Array.from({ length: 10_000 }, () => frame(0x89, 'ping'))));
    client.write(frame(0x81, 'after'));
    await client.until(() => client.text.includes('heard 5'), 8_000);
    client.destroy();
  },
  'a message in endless pieces ends at the limit of the cell, not in the server': async (arena) => {
    const before = residentBytes(arena.skep.pid);
    const client = await open(arena);
    const piece = frame(0x00, Buffer.alloc(60_000, 120));
    client.write(frame(0x01, 'start'));
    for (let turn = 0; turn < 2_000 && !client.isClosed; turn++) {
      if (!client.socket.write(piece))
        await Promise.race([
          new Promise((resolve) => client.socket.once('drain', resolve)),
          client.closed,
          new Promise((resolve) => setTimeout(resolve, 1_000)),
        ]);
    }
    await until(() => client.isClosed, 'the connection ends', 10_000);
    assert.doesNotMatch(client.text, /heard/);
    const grown = residentBytes(arena.skep.pid) - before;
    assert.ok(grown < 100_000_000, `${grown} bytes more in the server`);
    client.destroy();
  },
  'a client that asks for a flood and does not read fills the cell, not the server': async (arena) => {
    const before = residentBytes(arena.skep.pid);
    const client = await open(arena);
    client.socket.pause();
    for (let turn = 0; turn < 20; turn++) client.write(frame(0x81, 'flood'));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const grown = residentBytes(arena.skep.pid) - before;
    assert.ok(grown < 60_000_000, `${grown} bytes more in the server`);
    client.destroy();
  },
  'three hundred sockets opened and dropped leave nothing behind': async (arena) => {
    for (let round = 0; round < 6; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => open(arena)));
      for (const client of clients) client.destroy();
    }
  },
  'frames sent before the handshake is answered wait, or the connection ends': async (arena) => {
    const client = new RawClient(arena.aim.gatewayPort);
    client.write(
      `GET / HTTP/1.1\r\nHost: sockets.dev.localhost:${arena.aim.gatewayPort}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    client.write(Buffer.concat([frame(0x81, 'early'), Buffer.alloc(1_000_000)]));
    await client.until(() => false, 8_000).catch(() => {});
    assert.doesNotMatch(client.text, /HTTP\/1\.1 200/);
    client.destroy();
  },
} satisfies ClientAttacks);
