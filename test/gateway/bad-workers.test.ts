/** Workers that fail, lie, or try to write HTTP of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { InvocationFailure } from '../../server/supervisor/types.ts';
import { ask, eventually, HOST, openClient, request, say, startGateway, type Handler } from './support.ts';

const failWith =
  (kind: InvocationFailure['kind'], reason = 'the operator’s reason'): Handler =>
  (_call, sink) =>
    sink.fail({ kind, outcome: kind === 'exception' ? 'exception' : 'exceededCpu', reason });

test('a failure is answered with Cloudflare’s status and code; the reason is in the log only', async (t) => {
  const expected = { exception: [500, '1101'], limit: [503, '1102'], loop: [500, '1019'] } as const;
  for (const [kind, [status, code]] of Object.entries(expected)) {
    const { port, logText } = await startGateway(
      t,
      failWith(kind as keyof typeof expected, 'TypeError: secret-reason'),
    );
    const plain = await ask(t, port, request('GET /'));
    assert.equal(plain?.status, status);
    assert.equal(plain.body, `error code: ${code}`);
    assert.match(plain.headers['content-type'] ?? '', /^text\/plain/);
    assert.equal(plain.headers['cache-control'], 'no-store');
    const html = await ask(t, port, request('GET /', 'Accept: text/html\r\n'));
    assert.equal(html?.status, status);
    assert.match(html.headers['content-type'] ?? '', /^text\/html/);
    assert.ok(html.body.includes(`Error ${code}`));
    assert.ok(html.body.includes(html.headers['cf-ray'] ?? 'no ray'));
    for (const answer of [plain, html]) assert.ok(!answer.raw.includes('secret-reason'));
    assert.ok(logText().includes('secret-reason'));
    assert.ok(logText().includes(html.headers['cf-ray'] ?? 'no ray'));
  }
});

test('without a cell the answer is 503 with Retry-After', async (t) => {
  const { port } = await startGateway(t, failWith('no-cell'));
  const answer = await ask(t, port, request());
  assert.equal(answer?.status, 503);
  assert.match(answer.headers['retry-after'] ?? '', /^\d+$/);
});

test('an error page keeps the connection alive', async (t) => {
  const { port } = await startGateway(t, failWith('exception'));
  const client = openClient(t, port);
  for (let round = 0; round < 3; round++) {
    client.write(request());
    assert.equal((await client.answer())?.status, 500);
  }
  client.write(request('HEAD /'));
  const head = await client.answer('HEAD');
  assert.equal(head?.status, 500);
  assert.equal(client.text, '');
});

test('a dispatcher that throws is a 500, not a crash', async (t) => {
  const { port, logText } = await startGateway(t, () => {
    throw new Error('broken dispatcher');
  });
  assert.equal((await ask(t, port, request()))?.status, 500);
  assert.ok(logText().includes('broken dispatcher'));
});

test('an answer that fails midway is seen to be cut: no last chunk, no error page', async (t) => {
  const { port, dispatcher, gateway } = await startGateway(t, (_call, sink) => {
    sink.head(200, '', []);
    sink.data(Buffer.from('half'));
    setTimeout(() => sink.fail({ kind: 'exception', outcome: 'exception', reason: 'x' }), 20);
  });
  const client = openClient(t, port);
  client.write(request());
  const answer = await client.answer();
  assert.equal(answer?.status, 200);
  assert.equal(answer.body, 'half');
  assert.equal(answer.isWhole, false);
  assert.equal(dispatcher.cancels, 0);
  await eventually('truncation counted', () => gateway.counters.truncated === 1);
  assert.equal(gateway.counters.aborted, 0);
});

test('an answer with a length that fails midway is short', async (t) => {
  const { port } = await startGateway(t, (_call, sink) => {
    sink.head(200, '', ['content-length', '10']);
    sink.data(Buffer.from('half'));
    setTimeout(() => sink.fail({ kind: 'limit', outcome: 'exceededCpu', reason: 'x' }), 20);
  });
  const answer = await ask(t, port, request());
  assert.equal(answer?.body, 'half');
  assert.equal(answer?.isWhole, false);
});

test('to HTTP/1.0, where the end of the connection ends the answer, a cut is a reset', async (t) => {
  const { port } = await startGateway(t, (_call, sink) => {
    sink.head(200, '', []);
    sink.data(Buffer.from('half'));
    setTimeout(() => sink.fail({ kind: 'exception', outcome: 'exception', reason: 'x' }), 20);
  });
  const client = openClient(t, port);
  let errorCode: string | undefined;
  client.socket.on('error', (error: NodeJS.ErrnoException) => (errorCode = error.code));
  client.write(`GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`);
  await client.closed;
  assert.equal(errorCode, 'ECONNRESET');
});

test('a worker that sends fewer or more bytes than its content-length is cut, and can never write a second answer', async (t) => {
  const second = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
  const { port, dispatcher } = await startGateway(t, (call, sink) => {
    sink.head(200, '', ['content-length', '4']);
    sink.data(Buffer.from(call.url.endsWith('/more') ? `good${second}` : 'go'));
    setTimeout(() => sink.end(), 20);
  });
  const client = openClient(t, port);
  client.write(request('GET /more') + request('GET /next'));
  await client.closed;
  assert.ok(!client.text.includes('evil'));
  const fewer = await ask(t, port, request('GET /fewer'));
  assert.equal(fewer?.isWhole, false);
  assert.equal(dispatcher.cancels, 2);
});

const HOSTILE_HEADS: Readonly<Record<string, readonly [number, string, string[]]>> = {
  'CRLF in a value': [200, '', ['x', 'a\r\nset-cookie: evil=1']],
  'LF in a value': [200, '', ['x', 'a\nevil: 1']],
  'CR in a value': [200, '', ['x', 'a\revil: 1']],
  'NUL in a value': [200, '', ['x', 'a\0']],
  'a letter beyond Latin-1 in a value': [200, '', ['x', 'a\u010d\u010a']],
  'CRLF in a name': [200, '', ['x\r\nevil', '1']],
  'a colon in a name': [200, '', ['evil: 1\r\nx', '1']],
  'a space in a name': [200, '', ['evil x', '1']],
  'an empty name': [200, '', ['', 'evil']],
  'a name without value': [200, '', ['evil']],
  'CRLF in the reason phrase': [200, 'OK\r\nevil: 1', []],
  'a letter beyond Latin-1 in the reason phrase': [200, 'O\u010a', []],
  'two content-lengths': [200, '', ['content-length', '1', 'Content-Length', '2']],
  'a content-length that is no number': [200, '', ['content-length', '0x10']],
  'a negative content-length': [200, '', ['content-length', '-1']],
  'a content-length with a list': [200, '', ['content-length', '4, 4']],
  'headers beyond the limit': [200, '', ['x', 'a'.repeat(200_000)]],
  'CRLF in a value of a 204': [204, '', ['x', 'a\r\nevil: 1']],
  'a bad name in a 304': [304, '', ['evil x', '1']],
  'CRLF in the reason phrase of a 204': [204, 'No\r\nevil: 1', []],
  'status 0': [0, '', []],
  'status 99': [99, '', []],
  'status 100': [100, '', []],
  'status 101 without an upgrade': [101, '', []],
  'status 600': [600, '', []],
  'status 1000': [1_000, '', []],
  'a status that is no integer': [200.5, '', []],
  'a status that is no number': [Number.NaN, '', []],
};

test('headers that HTTP cannot carry end in 1101, and the worker is cancelled', async (t) => {
  for (const [name, [status, statusText, headers]] of Object.entries(HOSTILE_HEADS)) {
    await t.test(name, async (t) => {
      const { port, dispatcher } = await startGateway(t, (_call, sink) => {
        sink.head(status, statusText, headers);
        sink.data(Buffer.from('ignored'));
        sink.end();
      });
      const client = openClient(t, port);
      client.write(request());
      const answer = await client.answer();
      assert.equal(answer?.status, 500);
      assert.equal(answer.statusText, 'Internal Server Error');
      assert.equal(answer.body, 'error code: 1101');
      assert.ok(!answer.raw.includes('evil'));
      assert.equal(client.text, '');
      assert.equal(dispatcher.cancels, 1);
    });
  }
});

test('any status, reason and headers give one well-formed answer', async (t) => {
  let head: readonly [number, string, string[]] = [200, '', []];
  const { port } = await startGateway(t, (_call, sink) => {
    sink.head(...head);
    sink.data(Buffer.from('body'));
    sink.end();
  });
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom(
      'content-length',
      'transfer-encoding',
      'connection',
      'trailer',
      'upgrade',
      'date',
      '4',
      'chunked',
      'close',
    ),
  );
  const heads = fc.tuple(
    fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 200, max: 599 })),
    text,
    fc.array(text, { maxLength: 8 }),
  );
  await fc.assert(
    fc.asyncProperty(heads, async (value) => {
      head = value;
      const client = openClient(t, port);
      client.write(request('GET /', 'Connection: close\r\n'));
      await client.closed;
      const [first] = client.text.split('\r\n', 1);
      assert.match(first ?? '', /^HTTP\/1\.1 [2-5]\d\d [\t\x20-\x7e\x80-\xff]*$/);
      assert.equal(client.text.match(/^cf-ray: /gim)?.length, 1);
    }),
    { numRuns: 200 },
  );
});

test('what a dispatcher says after the end, or twice, is not heard', async (t) => {
  const { port } = await startGateway(t, (call, sink) => {
    say('once')(call, sink);
    sink.head(500, '', []);
    sink.data(Buffer.from('twice'));
    sink.end();
    sink.fail({ kind: 'exception', outcome: 'exception', reason: 'x' });
  });
  const client = openClient(t, port);
  for (let round = 0; round < 2; round++) {
    client.write(request());
    assert.equal((await client.answer())?.body, 'once');
    assert.equal(client.text, '');
  }
});

test('a worker that fails on every request does not drown the log', async (t) => {
  const { port, logText } = await startGateway(t, failWith('limit', 'again'));
  const client = openClient(t, port);
  for (let batch = 0; batch < 5; batch++) {
    client.write(request().repeat(40));
    for (let index = 0; index < 40; index++) assert.equal((await client.answer())?.status, 503);
  }
  const lines = logText().match(/gave no whole answer/g)?.length ?? 0;
  // 200 failures within at most two seconds of the clock.
  assert.ok(lines >= 20 && lines <= 60, `${lines} lines`);
});
