/** Requests within requests: bytes that could be read in two ways, written by hand to the gateway in front of a real worker. */
import assert from 'node:assert/strict';
import { RawClient } from '../../gateway/support.ts';
import type { Arena, ClientAttacks } from '../arena.ts';

const WITNESS = `export default { async fetch(request) {
  const path = new URL(request.url).pathname;
  const body = await request.text().catch(() => 'broken');
  return new Response('ran ' + path + ' with ' + body.length + ' bytes, host ' + request.headers.get('host'));
} };`;

const deployed = new WeakSet<Arena>();

async function witnessHost(arena: Arena): Promise<string> {
  if (!deployed.has(arena)) await arena.skep.deploy('witness', WITNESS);
  deployed.add(arena);
  return `witness.dev.localhost:${arena.aim.gatewayPort}`;
}

const TURN_MS = 20;
const QUIET_TURNS = 10;
/** Bytes that wait for more are not answered at all; then nothing has been run either. */
const MAX_TURNS = 75;

/** Sends the bytes on one connection and gives all that comes until it is closed or quiet. */
async function speak(arena: Arena, bytes: string): Promise<string> {
  const host = await witnessHost(arena);
  const client = new RawClient(arena.aim.gatewayPort);
  client.write(bytes.replaceAll('HOST', host));
  // A client that says nothing more is heard to its end: until it is cut, or nothing has come for a while after the first answer.
  for (let quiet = 0, known = 0, turn = 0; quiet < QUIET_TURNS && turn < MAX_TURNS && !client.isClosed; turn++) {
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    quiet = client.text.length > 0 && client.text.length === known ? quiet + 1 : 0;
    known = client.text.length;
  }
  client.destroy();
  return client.text;
}

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n';
const post = (headers: string, body: string): string => `POST /a HTTP/1.1\r\nHost: HOST\r\n${headers}\r\n${body}`;

/** Whatever an attack looks like, nothing behind it may be run, and nobody may be told it was. */
const HIDDEN: Readonly<Record<string, string>> = {
  'content-length beside chunked (CL.TE)': post(
    `Content-Length: ${SMUGGLED.length + 5}\r\nTransfer-Encoding: chunked\r\n`,
    `0\r\n\r\n${SMUGGLED}`,
  ),
  'chunked beside content-length (TE.CL)': post(
    'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
    `2f\r\n${SMUGGLED}\r\n0\r\n\r\n`,
  ),
  'chunked spelled with a space before its colon': post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  'chunked spelled with a tab': post('Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n', `0\r\n\r\n${SMUGGLED}`),
  'chunked spelled with a vertical tab': post('Transfer-Encoding: \u000bchunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  'chunked spelled as xchunked': post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  'chunked twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  'chunked beside identity': post('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${SMUGGLED}`),
  'a folded transfer-encoding': post('Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  'a transfer-encoding behind a bare line feed': post('X: y\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  'a transfer-encoding behind a bare carriage return': post(
    'X: y\rTransfer-Encoding: chunked\r\n',
    `0\r\n\r\n${SMUGGLED}`,
  ),
  'two content-lengths': post(`Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n`, SMUGGLED),
  'two content-lengths in one line': post(`Content-Length: 0, ${SMUGGLED.length}\r\n`, SMUGGLED),
  'a content-length with a sign': post('Content-Length: +0\r\n', SMUGGLED),
  'a negative content-length': post('Content-Length: -1\r\n', SMUGGLED),
  'a hexadecimal content-length': post('Content-Length: 0x0\r\n', SMUGGLED),
  'a content-length beyond 64 bits': post('Content-Length: 18446744073709551616\r\n', SMUGGLED),
  'a content-length in other digits': post('Content-Length: \u00b2\r\n', SMUGGLED),
  'a chunk size with a sign': post('Transfer-Encoding: chunked\r\n', `+0\r\n\r\n${SMUGGLED}`),
  'a chunk size beyond 64 bits': post('Transfer-Encoding: chunked\r\n', `10000000000000000\r\n\r\n${SMUGGLED}`),
  'a chunk size with 0x before it': post('Transfer-Encoding: chunked\r\n', `0x0\r\n\r\n${SMUGGLED}`),
  'a chunk with a bare line feed after its size': post('Transfer-Encoding: chunked\r\n', `0\n\n${SMUGGLED}`),
  'a chunk whose data is longer than it says': post(
    'Transfer-Encoding: chunked\r\n',
    `1\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
  ),
  'a chunk extension that hides a line': post('Transfer-Encoding: chunked\r\n', `0;a=\n\r\n\r\n${SMUGGLED}`),
  'trailers that carry framing': post(
    'Transfer-Encoding: chunked\r\n',
    `0\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\nHost\u0000: x\r\n\r\n${SMUGGLED}`,
  ),
  'headers that end with a bare line feed': `POST /a HTTP/1.1\nHost: HOST\nContent-Length: 0\n\n${SMUGGLED}`,
  'a NUL in a header': post('X: a\u0000b\r\nContent-Length: 0\r\n', SMUGGLED),
  'a space at the start of the headers': `POST /a HTTP/1.1\r\n Host: HOST\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`,
  'no Host, and one in the body': `POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`,
  'two Hosts': `POST /a HTTP/1.1\r\nHost: HOST\r\nHost: neighbour.dev.localhost\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`,
  'HTTP/0.9': `GET /smuggled\r\n\r\n`,
  'a version that is none': `GET /smuggled HTTP/9.9\r\nHost: HOST\r\n\r\n`,
  'the preface of HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${SMUGGLED}`,
  CONNECT: `CONNECT HOST:80 HTTP/1.1\r\nHost: HOST\r\n\r\n${SMUGGLED}`,
  'a method with a line break behind it': `GET\r\n /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n`,
  'an upgrade to h2c': `GET /a HTTP/1.1\r\nHost: HOST\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n${SMUGGLED}`,
};

export const attacks: Record<string, ClientAttacks[string]> = {};

for (const [what, bytes] of Object.entries(HIDDEN)) {
  attacks[`${what} hides no second request`] = async (arena) => {
    const text = await speak(arena, bytes);
    assert.doesNotMatch(text, /ran \/smuggled/, text);
    assert.doesNotMatch(text, /ran .*\n[^]*HTTP\/1\.1 2/, 'one good answer at most');
    assert.doesNotMatch(text, /HTTP\/1\.1 500/, text);
  };
}

Object.assign(attacks, {
  'the same bytes without a lie in them run both requests, so that a smuggled one would be seen': async (arena) => {
    const text = await speak(arena, `${post('Content-Length: 3\r\n', 'abc')}${SMUGGLED}`);
    assert.match(text, /ran \/a with 3 bytes[^]*ran \/smuggled/);
  },
  'a body that looks like a request is a body': async (arena) => {
    const text = await speak(
      arena,
      post(`Content-Length: ${SMUGGLED.length + 30}\r\n`, `${SMUGGLED}${' '.repeat(60)}`),
    );
    assert.doesNotMatch(text, /ran \/smuggled/);
  },
  'a target with another host in it goes where Host says, or nowhere': async (arena) => {
    for (const target of [
      'http://neighbour.dev.localhost/',
      '//neighbour.dev.localhost/',
      '@neighbour.dev.localhost/',
      '/\\neighbour',
    ])
      assert.doesNotMatch(await speak(arena, `GET ${target} HTTP/1.1\r\nHost: HOST\r\n\r\n`), /robbed|SECRET/);
  },
  'hosts that are paths, ports or other names lead to no worker': async (arena) => {
    for (const host of [
      'witness.dev.localhost:99999',
      'witness.dev.localhost/../neighbour',
      '[::1]',
      'witness.dev.localhost@neighbour',
      'wit\u0000ness.dev.localhost',
      'witness.dev.localhost,neighbour.dev.localhost',
      `${'a.'.repeat(5_000)}localhost`,
      '__proto__.dev.localhost',
      'constructor',
    ])
      assert.doesNotMatch(await speak(arena, `GET /a HTTP/1.1\r\nHost: ${host}\r\n\r\n`), /HTTP\/1\.1 (200|500)/, host);
  },
  'headers by which the platform speaks are not believed from a client': async (arena) => {
    const echo = `export default { fetch: (request) => Response.json(Object.fromEntries(request.headers)) };`;
    await arena.skep.deploy('echo', echo);
    const { text } = await arena.skep.request('echo', '/', {
      headers: {
        'x-skep-invocation': '1',
        'X-Skep-Outcome': 'x',
        'cf-connecting-ip': '6.6.6.6',
        'x-real-ip': '6.6.6.6',
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-host': 'evil',
        'cf-worker': 'evil',
        'cf-ray': 'evil',
        'true-client-ip': '6.6.6.6',
      },
    });
    assert.doesNotMatch(text, /x-skep|6\.6\.6\.6|evil/i);
  },
  'Connection cannot take away what the platform adds': async (arena) => {
    const text = await speak(
      arena,
      'GET /a HTTP/1.1\r\nHost: HOST\r\nConnection: close, host, cf-connecting-ip\r\n\r\n',
    );
    assert.match(text, /ran \/a with 0 bytes, host witness/);
  },
  'a thousand requests in one packet are answered in order or cut': async (arena) => {
    const text = await speak(arena, 'GET /a HTTP/1.1\r\nHost: HOST\r\n\r\n'.repeat(1_000));
    assert.doesNotMatch(text, /HTTP\/1\.1 500/);
  },
} satisfies ClientAttacks);
