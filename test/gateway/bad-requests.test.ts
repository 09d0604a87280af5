/** Clients that lie about where a request ends, send too much, or too slowly. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ask,
  deployed,
  describe,
  eventually,
  HOST,
  openClient,
  request,
  say,
  sleep,
  startGateway,
  type Described,
} from './support.ts';

const H = `Host: ${HOST}\r\n`;
const POST = `POST / HTTP/1.1\r\n${H}`;
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${H}\r\n`;

/** Each could be read in two ways by two HTTP programs in a row. None may be answered as a good request. */
const AMBIGUOUS: Readonly<Record<string, string>> = {
  'content-length beside transfer-encoding': `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
  'transfer-encoding beside content-length': `${POST}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX`,
  'two different content-lengths': `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
  'two equal content-lengths': `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`,
  'a list of content-lengths': `${POST}Content-Length: 2, 2\r\n\r\nab`,
  'a signed content-length': `${POST}Content-Length: +2\r\n\r\nab`,
  'a negative content-length': `${POST}Content-Length: -2\r\n\r\nab`,
  'a hexadecimal content-length': `${POST}Content-Length: 0x2\r\n\r\nab`,
  'an empty content-length': `${POST}Content-Length:\r\n\r\nab`,
  'a content-length with a space inside': `${POST}Content-Length: 1 0\r\n\r\nab`,
  'a content-length beyond 64 bits': `${POST}Content-Length: 99999999999999999999\r\n\r\nab`,
  'a space before the colon of content-length': `${POST}Content-Length : 2\r\n\r\nab`,
  'a space before the colon of transfer-encoding': `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  'two transfer-encodings': `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  'chunked twice': `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  'an unknown coding before chunked': `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  'an unknown coding alone': `${POST}Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n`,
  'an unknown coding after chunked': `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  'a transfer-encoding that looks like chunked': `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'a quoted transfer-encoding': `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
  'a transfer-encoding with a vertical tab': `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'an empty transfer-encoding': `${POST}Transfer-Encoding:\r\n\r\n0\r\n\r\n`,
  'transfer-encoding in HTTP/1.0': `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a folded header': `${POST}X: a\r\n Content-Length: 2\r\n\r\nab`,
  'a folded transfer-encoding': `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  'a bare CR in a header': `${POST}X: a\rContent-Length: 2\r\n\r\nab`,
  'a bare LF between headers': `GET / HTTP/1.1\r\n${H}X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'bare LFs only': `GET / HTTP/1.1\nHost: ${HOST}\n\n`,
  'a bare LF after the request line': `GET / HTTP/1.1\n${H}\r\n`,
  'a NUL in a header': `${POST}X: a\0b\r\n\r\n`,
  'a NUL in a header name': `${POST}X\0Y: a\r\n\r\n`,
  'a header without colon': `${POST}Nonsense\r\n\r\n`,
  'a header without name': `${POST}: value\r\n\r\n`,
  'a space before the first header': `GET / HTTP/1.1\r\n ${H}\r\n`,
  'a chunk size with a sign': `${POST}Transfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n`,
  'a chunk size with 0x': `${POST}Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n`,
  'a chunk size beyond 64 bits': `${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n0\r\n\r\n`,
  'a chunk longer than its size': `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`,
  'a chunk ended by a bare LF': `${POST}Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n`,
  'a chunk extension with a bare LF': `${POST}Transfer-Encoding: chunked\r\n\r\n2;x\nab\r\n0\r\n\r\n`,
  'an empty chunk size': `${POST}Transfer-Encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n`,
  'two Host headers': `GET / HTTP/1.1\r\n${H}Host: other.dev.localhost\r\n\r\n`,
  'the same Host twice': `GET / HTTP/1.1\r\n${H}${H}\r\n`,
  'no Host header': 'GET / HTTP/1.1\r\n\r\n',
  'an empty Host header': 'GET / HTTP/1.1\r\nHost:\r\n\r\n',
  'a Host with user info': `GET / HTTP/1.1\r\nHost: user@${HOST}\r\n\r\n`,
  'a Host with a path': `GET / HTTP/1.1\r\nHost: ${HOST}/x\r\n\r\n`,
  'a Host with a comma': `GET / HTTP/1.1\r\nHost: ${HOST},evil\r\n\r\n`,
  'a target with user info': `GET http://user@${HOST}/ HTTP/1.1\r\n${H}\r\n`,
  'a target with a fragment': `GET /#x HTTP/1.1\r\n${H}\r\n`,
  'a target that is no URL': `GET nonsense HTTP/1.1\r\n${H}\r\n`,
  'a target with another scheme': `GET ftp://${HOST}/ HTTP/1.1\r\n${H}\r\n`,
  'a target with a space': `GET /a b HTTP/1.1\r\n${H}\r\n`,
  'a target with a tab': `GET /a\tb HTTP/1.1\r\n${H}\r\n`,
  'a target with a byte beyond ASCII': `GET /\xe9 HTTP/1.1\r\n${H}\r\n`,
  'an asterisk for GET': `GET * HTTP/1.1\r\n${H}\r\n`,
  'HTTP/0.9': 'GET /\r\n\r\n',
  'HTTP/1.2': `GET / HTTP/1.2\r\n${H}\r\n`,
  'HTTP/2.0 in clear': `GET / HTTP/2.0\r\n${H}\r\n`,
  'the HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a method that is none': `FOO / HTTP/1.1\r\n${H}\r\n`,
  'a lower-case method': `get / HTTP/1.1\r\n${H}\r\n`,
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
};

test('what can be read in two ways is refused, the connection closed, and nothing behind it is run', async (t) => {
  // The worker answers only whole requests, as a real one that reads its body does.
  const { port, dispatcher } = await startGateway(t, describe);
  for (const [name, bytes] of Object.entries(AMBIGUOUS)) {
    await t.test(name, async (t) => {
      const client = openClient(t, port);
      client.write(bytes + SMUGGLED);
      await client.closed;
      const statuses = [...client.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
      assert.ok(statuses.length <= 1, `one answer at most: ${client.text}`);
      for (const status of statuses) assert.ok(status >= 400 && status < 600, `refused: ${status}`);
      assert.equal(
        dispatcher.calls.some((call) => call.url.endsWith('/smuggled')),
        false,
      );
    });
  }
});

test('rubbish behind a good request does not change its answer', async (t) => {
  const { port } = await startGateway(t, (call, sink) => void setTimeout(() => say('good')(call, sink), 30));
  const client = openClient(t, port);
  client.write(`${request('GET /')}\0\0rubbish\r\n\r\n`);
  const answer = await client.answer();
  assert.equal(answer?.status, 200);
  assert.equal(answer.body, 'good');
  assert.equal(answer.headers['connection'], 'close');
  await client.closed;
  assert.equal(client.text, '');
});

test('an upload that breaks off into rubbish is refused although good requests wait before it', async (t) => {
  const { port, dispatcher } = await startGateway(t, (call, sink) => {
    if (call.method === 'GET') setTimeout(() => say('good')(call, sink), 30);
  });
  const client = openClient(t, port);
  client.write(`${request('GET /')}${POST}Transfer-Encoding: chunked\r\n\r\nZZ\r\n`);
  assert.equal((await client.answer())?.body, 'good');
  assert.equal((await client.answer())?.status, 400);
  await client.closed;
  assert.equal(dispatcher.calls.length, 1);
});

test('a body that turns into rubbish cancels its worker', async (t) => {
  const { port, dispatcher } = await startGateway(t, (call) => void call.body?.resume());
  const client = openClient(t, port);
  client.write(`${POST}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`);
  await eventually('call', () => dispatcher.calls.length === 1);
  client.write('rubbish');
  assert.equal((await client.answer())?.status, 400);
  assert.equal(dispatcher.cancels, 1);
  await client.closed;
});

test('an Upgrade to something else than a WebSocket is an ordinary request, and the last of its connection', async (t) => {
  const { port, dispatcher } = await startGateway(t, describe);
  const client = openClient(t, port);
  const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
  client.write(request('POST /', `${h2c}Content-Length: 3\r\n`, 'abc') + SMUGGLED);
  const answer = await client.answer();
  const seen = JSON.parse(answer?.body ?? '') as Described;
  assert.equal(seen.body, 'abc');
  assert.equal(seen.upgrade, false);
  assert.equal(
    seen.headers.some((value) => /h2c|http2-settings/i.test(value)),
    false,
  );
  assert.equal(answer?.headers['connection'], 'close');
  await client.closed;
  assert.equal(dispatcher.calls.length, 1);
});

test('a WebSocket handshake with a body is an ordinary request', async (t) => {
  const { port, dispatcher } = await startGateway(t, describe);
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  const answer = await ask(t, port, request('GET /', `${upgrade}Content-Length: ${SMUGGLED.length}\r\n`, SMUGGLED));
  const seen = JSON.parse(answer?.body ?? '') as Described;
  assert.equal(seen.upgrade, false);
  assert.equal(seen.body, SMUGGLED);
  assert.equal(dispatcher.calls.length, 1);
});

test('an unknown host gets a page that names it, safely', async (t) => {
  const { port, dispatcher } = await startGateway(t, say('x'), {
    workers: [deployed('apple'), deployed('hidden', { workersDev: false })],
  });
  const plain = await ask(t, port, 'GET / HTTP/1.1\r\nHost: nobody.dev.localhost:8787\r\n\r\n');
  assert.equal(plain?.status, 404);
  assert.match(plain.headers['content-type'] ?? '', /^text\/plain/);
  assert.match(plain.body, /nobody\.dev\.localhost:8787/);
  const html = await ask(t, port, 'GET / HTTP/1.1\r\nHost: nobody.example\r\nAccept: text/html,*/*\r\n\r\n');
  assert.match(html?.headers['content-type'] ?? '', /^text\/html/);
  assert.match(html?.body ?? '', /<code>nobody\.example<\/code>/);
  assert.ok(html?.body.includes(html.headers['cf-ray'] ?? 'no ray'));
  const hostile = await ask(
    t,
    port,
    'GET / HTTP/1.1\r\nHost: <script>alert(1)</script>"\'&\r\nAccept: text/html\r\n\r\n',
  );
  assert.equal(hostile?.status, 400);
  assert.ok(!hostile.body.includes('<script>'));
  assert.ok(hostile.body.includes('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;'));
  const hidden = await ask(t, port, 'GET / HTTP/1.1\r\nHost: hidden.dev.localhost\r\n\r\n');
  assert.equal(hidden?.status, 404);
  assert.equal(hidden.body, plain.body.replace('nobody.dev.localhost:8787', 'hidden.dev.localhost'));
  assert.equal(dispatcher.calls.length, 0);
});

test('the URL limit is exact: one byte more is 414', async (t) => {
  const { port } = await startGateway(t, say('x'), { limits: { maxUrlBytes: 100 } });
  const path = (length: number): string => `/${'a'.repeat(length - 1)}`;
  for (const [length, status] of [
    [99, 200],
    [100, 200],
    [101, 414],
  ] as const) {
    assert.equal((await ask(t, port, request(`GET ${path(length)}`)))?.status, status, String(length));
  }
});

test('too many or too large headers are 431', async (t) => {
  const { port, dispatcher } = await startGateway(t, say('x'), {
    limits: { maxHeaderLines: 20, maxHeaderBytes: 4_000, maxUrlBytes: 1_000 },
  });
  const lines = (count: number): string =>
    Array.from({ length: count - 1 }, (_unused, index) => `X-${index}: 1\r\n`).join('');
  assert.equal((await ask(t, port, request('GET /', lines(20))))?.status, 200);
  assert.equal((await ask(t, port, request('GET /', lines(21))))?.status, 431);
  assert.equal((await ask(t, port, request('GET /', lines(400))))?.status, 431);
  assert.equal((await ask(t, port, request('GET /', `X: ${'a'.repeat(3_900)}\r\n`)))?.status, 200);
  assert.equal((await ask(t, port, request('GET /', `X: ${'a'.repeat(4_000)}\r\n`)))?.status, 431);
  // More than Node's parser takes: refused before the request is complete.
  assert.equal((await ask(t, port, request('GET /', `X: ${'a'.repeat(200_000)}\r\n`)))?.status, 431);
  assert.equal((await ask(t, port, request(`GET /${'a'.repeat(200_000)}`)))?.status, 431);
  assert.equal(dispatcher.calls.length, 2);
});

test('the defaults take what Cloudflare takes: 16 KB of URL and nearly 128 KB of headers', async (t) => {
  const { port } = await startGateway(t, say('x'));
  const headers = Array.from({ length: 8 }, (_unused, index) => `X-${index}: ${'a'.repeat(16_000)}\r\n`).join('');
  assert.equal((await ask(t, port, request(`GET /${'u'.repeat(16_383)}`, headers)))?.status, 200);
  assert.equal((await ask(t, port, request(`GET /${'u'.repeat(16_384)}`, headers)))?.status, 414);
});

test('the body limit holds for a length and for chunks; the worker is cancelled', async (t) => {
  const { port, dispatcher } = await startGateway(t, describe, { limits: { maxBodyBytes: 1_000 } });
  const post = (length: number): string => request('POST /', `Content-Length: ${length}\r\n`, 'x'.repeat(length));
  assert.equal((await ask(t, port, post(1_000)))?.status, 200);
  const refused = await ask(t, port, post(1_001));
  assert.equal(refused?.status, 413);
  assert.equal(refused.headers['connection'], 'close');
  assert.equal(dispatcher.calls.length, 1);
  const chunks = (total: number): string =>
    `${request('POST /', 'Transfer-Encoding: chunked\r\n')}${'1\r\nx\r\n'.repeat(total)}0\r\n\r\n`;
  assert.equal((await ask(t, port, chunks(1_000)))?.status, 200);
  assert.equal((await ask(t, port, chunks(1_001)))?.status, 413);
  assert.equal(dispatcher.calls.length, 3);
  assert.equal(dispatcher.cancels, 1);
});

test('a client sees 413 although it sends the whole upload first', async (t) => {
  const { port } = await startGateway(t, say('x'), { limits: { maxBodyBytes: 1_000 } });
  const client = openClient(t, port);
  client.write(request('POST /', 'Content-Length: 900000\r\n'));
  for (let sent = 0; sent < 9; sent++) {
    client.write('x'.repeat(100_000));
    await sleep(2);
  }
  assert.equal((await client.answer())?.status, 413);
  await client.closed;
});

test('a body limit of 0 is none', async (t) => {
  const { port } = await startGateway(t, describe, { limits: { maxBodyBytes: 0 } });
  const body = 'x'.repeat(100_000);
  const answer = await ask(t, port, request('POST /', `Content-Length: ${body.length}\r\n`, body));
  assert.equal((JSON.parse(answer?.body ?? '') as Described).body, body);
});

test('headers that come too slowly end in 408', async (t) => {
  const { port, dispatcher } = await startGateway(t, say('x'), { limits: { headersTimeoutMs: 150 } });
  const slow = openClient(t, port);
  slow.write('GET / HTTP/1.1\r\n');
  const drip = setInterval(() => slow.write('X: y\r\n'), 20);
  const answer = await slow.answer().finally(() => clearInterval(drip));
  assert.equal(answer?.status, 408);
  await slow.closed;
  const silent = openClient(t, port);
  await silent.closed;
  assert.equal(dispatcher.calls.length, 0);
});

test('a body that stops coming ends in 408 and cancels the worker; a slow but steady one does not', async (t) => {
  const { port, dispatcher } = await startGateway(t, describe, { limits: { bodyIdleTimeoutMs: 500 } });
  const stopped = await ask(t, port, request('POST /', 'Content-Length: 10\r\n', 'abc'));
  assert.equal(stopped?.status, 408);
  assert.equal(dispatcher.cancels, 1);
  const steady = openClient(t, port);
  steady.write(request('POST /', 'Content-Length: 15\r\n'));
  for (let index = 0; index < 15; index++) {
    await sleep(50);
    steady.write('x');
  }
  assert.equal((await steady.answer())?.status, 200);
});

test('a body that comes a few bytes at a time ends in 408, but not while the worker does not read', async (t) => {
  const limits = { bodyWindowMs: 250, minBodyBytesPerWindow: 1_000 };
  const { port, dispatcher } = await startGateway(t, describe, { limits });
  const slow = openClient(t, port);
  slow.write(request('POST /', 'Transfer-Encoding: chunked\r\n'));
  const drip = setInterval(() => slow.write('1\r\nx\r\n'), 10);
  const answer = await slow.answer().finally(() => clearInterval(drip));
  assert.equal(answer?.status, 408);
  assert.equal(dispatcher.cancels, 1);
  const fast = openClient(t, port);
  fast.write(request('POST /', 'Content-Length: 30000\r\n'));
  for (let sent = 0; sent < 30_000; sent += 1_500) {
    await sleep(40);
    fast.write('x'.repeat(1_500));
  }
  assert.equal((await fast.answer())?.status, 200);
});

test('a worker that does not read its body is not the fault of the client', async (t) => {
  const { port, dispatcher } = await startGateway(
    t,
    (call, sink) => {
      setTimeout(() => describe(call, sink), 500);
    },
    { limits: { bodyIdleTimeoutMs: 100 } },
  );
  const body = 'x'.repeat(1_000_000);
  const answer = await ask(t, port, request('POST /', `Content-Length: ${body.length}\r\n`, body));
  assert.equal(answer?.status, 200);
  assert.equal(dispatcher.cancels, 0);
});

test('a body that stops coming while the answer is under way cuts the connection', async (t) => {
  const { port, dispatcher } = await startGateway(
    t,
    (call, sink) => {
      call.body?.resume();
      sink.head(200, '', []);
      sink.data(Buffer.from('begun'));
    },
    { limits: { bodyIdleTimeoutMs: 100 } },
  );
  const answer = await ask(t, port, request('POST /', 'Content-Length: 10\r\n', 'abc'));
  assert.equal(answer?.status, 200);
  assert.equal(answer.isWhole, false);
  assert.equal(dispatcher.cancels, 1);
});

test('more connections than allowed are closed at once', async (t) => {
  const { port } = await startGateway(t, say('x'), { limits: { maxConnections: 2 } });
  const first = openClient(t, port);
  const second = openClient(t, port);
  for (const client of [first, second]) {
    client.write(request());
    assert.equal((await client.answer())?.status, 200);
  }
  const third = openClient(t, port);
  await third.closed;
  assert.equal(third.text, '');
});

test('one address has so many connections and no more, and gets them back when it closes some', async (t) => {
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  if (own === undefined) return t.skip('this machine has only loopback addresses, which are not counted');
  const limits = { maxConnectionsPerAddress: 2 };
  const { port, gateway } = await startGateway(t, say('x'), { limits, host: '0.0.0.0' });
  const from = (host: string) => openClient(t, port, host);
  const [first, second] = [from(own), from(own)];
  for (const client of [first, second]) {
    client.write(request());
    assert.equal((await client.answer())?.status, 200);
  }
  const third = from(own);
  await third.closed;
  assert.equal(third.text, '');
  assert.equal(gateway.counters.connections, 2);
  const local = from('127.0.0.1');
  local.write(request());
  assert.equal((await local.answer())?.status, 200, 'others have theirs');
  first.destroy();
  await eventually('a place is free again', () => gateway.counters.connections === 2);
  const fourth = from(own);
  fourth.write(request());
  assert.equal((await fourth.answer())?.status, 200);
});

const token = fc.constantFrom(
  'GET',
  'POST',
  'HEAD',
  'CONNECT',
  'PRI',
  ' ',
  '/',
  '/a?b#c',
  '*',
  'http://',
  HOST,
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/9.9',
  '\r\n',
  '\r',
  '\n',
  '\0',
  ':',
  'Host: ',
  'Content-Length: ',
  'Transfer-Encoding: chunked',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Expect: 100-continue',
  '0',
  '5',
  'ffffffff',
  '\r\n\r\n',
  'x'.repeat(3_000),
);
const nearlyHttp = fc
  .array(
    fc.oneof({ weight: 6, arbitrary: token }, { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) }),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));
const anyBytes = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));
/** A good request with one byte changed: it comes further than noise does. */
const mutated = fc.tuple(fc.nat(), fc.nat(255)).map(([position, byte]) => {
  const bytes = Buffer.from(
    request(
      'POST /a?b=c',
      'Connection: close\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n',
      '3\r\nabc\r\n0\r\n\r\n',
    ),
    'latin1',
  );
  bytes[position % bytes.length] = byte;
  return bytes;
});

test('whatever bytes come, the gateway answers with well-formed HTTP or closes, and lives on', async (t) => {
  const { port } = await startGateway(t, describe, {
    limits: { headersTimeoutMs: 60, bodyIdleTimeoutMs: 60, discardTimeoutMs: 60, keepAliveTimeoutMs: 60 },
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(nearlyHttp, anyBytes, mutated), async (bytes) => {
      const client = openClient(t, port);
      client.write(bytes);
      client.socket.end();
      await client.closed;
      for (const [, status] of client.text.matchAll(/^HTTP\/1\.1 (\S+)/gm))
        assert.match(status ?? '', /^(100|200|4\d\d|5\d\d)$/);
      if (client.text !== '') assert.match(client.text, /^HTTP\/1\.1 \d{3} /);
    }),
    { numRuns: 300 },
  );
  assert.equal((await ask(t, port, request()))?.status, 200);
});
