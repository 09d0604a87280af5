/** What reaches a worker, and what a client gets back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ask,
  deployed,
  describe,
  eventually,
  HOST,
  openClient,
  request,
  say,
  startGateway,
  valuesOf,
  version,
} from './support.ts';
import type { Described } from './support.ts';

test('a request reaches the worker of its host and the answer comes back', async (t) => {
  const { port, dispatcher } = await startGateway(t, say('hello'));
  const answer = await ask(t, port, request('GET /path?x=1'));
  assert.equal(answer?.status, 200);
  assert.equal(answer.body, 'hello');
  assert.equal(answer.headers['content-length'], '5');
  assert.equal(answer.headers['server'], 'skep');
  assert.match(answer.headers['cf-ray'] ?? '', /^[0-9a-f]{16}-test$/);
  assert.ok(!Number.isNaN(Date.parse(answer.headers['date'] ?? '')));
  assert.equal(dispatcher.calls[0]?.version.workerName, 'apple');
  assert.equal(dispatcher.calls[0].url, `http://${HOST}/path?x=1`);
  assert.equal(dispatcher.calls[0].body, null);
  assert.equal(dispatcher.calls[0].bodyBytes, null);
  assert.equal(dispatcher.calls[0].upgrade, false);
});

test('the worker is told who the visitor is, and what the visitor claims about it is dropped', async (t) => {
  const { port } = await startGateway(t, describe);
  const forged =
    'CF-Connecting-IP: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n' +
    'X-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\nCF-Ray: evil\r\nTrue-Client-IP: 6.6.6.6\r\nCF-Worker: evil\r\n' +
    'X-Skep-Version: evil\r\nx-SKEP-anything: evil\r\nX-Custom: kept\r\nCF-IPCountry: evil\r\ncf-bot-score: evil\r\n' +
    'Cf-Access-Authenticated-User-Email: evil\r\nCF-: evil\r\nX-Forwarded-Anything: evil\r\nCfoo: kept, too\r\n';
  const answer = await ask(t, port, request('GET /', forged));
  const seen = JSON.parse(answer?.body ?? '') as Described;
  assert.equal(seen.headers.includes('6.6.6.6'), false);
  assert.equal(seen.headers.includes('evil'), false);
  assert.equal(seen.url, `http://${HOST}/`);
  assert.deepEqual(valuesOf(seen.headers, 'cf-connecting-ip'), ['127.0.0.1']);
  assert.deepEqual(valuesOf(seen.headers, 'x-real-ip'), ['127.0.0.1']);
  assert.deepEqual(valuesOf(seen.headers, 'x-forwarded-for'), ['127.0.0.1']);
  assert.deepEqual(valuesOf(seen.headers, 'x-forwarded-proto'), ['http']);
  assert.deepEqual(valuesOf(seen.headers, 'x-forwarded-host'), [HOST]);
  assert.deepEqual(valuesOf(seen.headers, 'cf-visitor'), ['{"scheme":"http"}']);
  assert.deepEqual(valuesOf(seen.headers, 'cf-ray'), [answer?.headers['cf-ray']]);
  assert.deepEqual(valuesOf(seen.headers, 'x-custom'), ['kept']);
  assert.deepEqual(valuesOf(seen.headers, 'cfoo'), ['kept, too']);
  assert.deepEqual(valuesOf(seen.headers, 'host'), [HOST]);
});

test('behind a trusted proxy its X-Forwarded headers are believed', async (t) => {
  const { port } = await startGateway(t, describe, { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] });
  const extra =
    'X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\nX-Forwarded-For: 10.0.0.3\r\nX-Forwarded-Proto: https\r\n' +
    'X-Forwarded-Host: www.example.com\r\nCF-IPCountry: SE\r\nCF-Connecting-IP: 6.6.6.6\r\n';
  const answer = await ask(t, port, request('GET /a', extra));
  const seen = JSON.parse(answer?.body ?? '') as Described;
  assert.equal(seen.url, `https://${HOST}/a`);
  assert.deepEqual(valuesOf(seen.headers, 'cf-connecting-ip'), ['203.0.113.9']);
  assert.deepEqual(valuesOf(seen.headers, 'x-forwarded-for'), ['1.1.1.1, 203.0.113.9, 10.0.0.3, 127.0.0.1']);
  assert.deepEqual(valuesOf(seen.headers, 'x-forwarded-proto'), ['https']);
  assert.deepEqual(valuesOf(seen.headers, 'x-forwarded-host'), ['www.example.com']);
  assert.deepEqual(valuesOf(seen.headers, 'cf-ipcountry'), ['SE']);
  assert.deepEqual(valuesOf(seen.headers, 'cf-visitor'), ['{"scheme":"https"}']);
});

test('hop-by-hop headers, and those that Connection names, stay at the gateway', async (t) => {
  const { port } = await startGateway(t, describe);
  const extra =
    'Connection: keep-alive, X-Secret, Host, X-Forwarded-For\r\nX-Secret: s\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n' +
    'Proxy-Authorization: p\r\nProxy-Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n';
  const answer = await ask(t, port, request('GET /', extra));
  const seen = JSON.parse(answer?.body ?? '') as Described;
  for (const name of ['connection', 'x-secret', 'keep-alive', 'te', 'proxy-authorization', 'proxy-connection']) {
    assert.deepEqual(valuesOf(seen.headers, name), [], name);
  }
  assert.deepEqual(valuesOf(seen.headers, 'host'), [HOST]);
  assert.deepEqual(valuesOf(seen.headers, 'x-forwarded-for'), ['127.0.0.1']);
  assert.deepEqual(valuesOf(seen.headers, 'upgrade-insecure-requests'), ['1']);
});

test('a body with a length and a chunked body arrive whole', async (t) => {
  const { port } = await startGateway(t, describe);
  const sized = await ask(t, port, request('POST /', 'Content-Length: 4\r\n', 'a\0\xffb'));
  const first = JSON.parse(sized?.body ?? '') as Described;
  assert.equal(first.body, 'a\0\xffb');
  assert.equal(first.bodyBytes, 4);
  // The length is in `bodyBytes` alone: in both places it would be sent to the cell twice.
  assert.deepEqual(valuesOf(first.headers, 'content-length'), []);
  const chunked = await ask(
    t,
    port,
    request('PUT /', 'Transfer-Encoding: Chunked\r\n', '3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n'),
  );
  const second = JSON.parse(chunked?.body ?? '') as Described;
  assert.equal(second.body, 'abcde');
  assert.equal(second.bodyBytes, null);
  assert.deepEqual(valuesOf(second.headers, 'transfer-encoding'), []);
  assert.deepEqual(valuesOf(second.headers, 'x-trailer'), []);
});

test('a body of length 0 is no body, but its length is known', async (t) => {
  const { port } = await startGateway(t, describe);
  const answer = await ask(t, port, request('POST /', 'Content-Length: 0\r\n'));
  const seen = JSON.parse(answer?.body ?? '') as Described;
  assert.equal(seen.body, null);
  assert.equal(seen.bodyBytes, 0);
  assert.deepEqual(valuesOf(seen.headers, 'content-length'), ['0']);
});

test('an absolute-form target outranks the Host header', async (t) => {
  const { port } = await startGateway(t, describe, { workers: [deployed('apple'), deployed('banana')] });
  const answer = await ask(t, port, request('GET HTTPS://Banana.dev.localhost:8787?x'));
  const seen = JSON.parse(answer?.body ?? '') as Described;
  assert.equal(seen.url, 'http://banana.dev.localhost:8787/?x');
  assert.deepEqual(valuesOf(seen.headers, 'host'), ['Banana.dev.localhost:8787']);
  assert.deepEqual(valuesOf(seen.headers, 'x-forwarded-host'), ['Banana.dev.localhost:8787']);
});

test('OPTIONS * asks about the host as a whole', async (t) => {
  const { port } = await startGateway(t, describe);
  const answer = await ask(t, port, request('OPTIONS *'));
  assert.equal((JSON.parse(answer?.body ?? '') as Described).url, `http://${HOST}/`);
});

test('a host is found in any case, with a port, and with the root dot', async (t) => {
  const { port } = await startGateway(t, describe);
  const answer = await ask(t, port, 'GET /A HTTP/1.1\r\nHost: APPLE.dev.LocalHost.:8787\r\n\r\n');
  assert.equal((JSON.parse(answer?.body ?? '') as Described).url, `http://${HOST}:8787/A`);
});

test('methods that HTTP knows pass; CONNECT and TRACE do not', async (t) => {
  const { port, dispatcher } = await startGateway(t, describe);
  for (const method of ['DELETE', 'PATCH', 'PROPFIND', 'PURGE', 'OPTIONS']) {
    const answer = await ask(t, port, request(`${method} /`));
    assert.equal((JSON.parse(answer?.body ?? '') as Described).method, method);
  }
  dispatcher.calls.length = 0;
  const trace = await ask(t, port, request('TRACE /'));
  assert.equal(trace?.status, 405);
  const connect = await ask(t, port, `CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  assert.equal(connect?.status, 405);
  assert.equal(dispatcher.calls.length, 0);
});

test('HEAD, 204 and 304 answers have no body and leave the connection usable', async (t) => {
  const statuses = [200, 204, 304, 200];
  const { port } = await startGateway(t, (call, sink) => {
    const status = statuses.shift() ?? 500;
    sink.head(status, '', ['content-length', '5', 'etag', 'x']);
    sink.data(Buffer.from(call.method === 'HEAD' || status === 200 ? 'hello' : 'WRONG'));
    sink.end();
  });
  const client = openClient(t, port);
  client.write(request('HEAD /'));
  const head = await client.answer('HEAD');
  assert.equal(head?.status, 200);
  assert.equal(head.headers['content-length'], '5');
  client.write(request());
  const noContent = await client.answer();
  assert.equal(noContent?.status, 204);
  assert.equal(noContent.headers['content-length'], undefined);
  assert.equal(noContent.headers['transfer-encoding'], undefined);
  client.write(request());
  assert.equal((await client.answer())?.status, 304);
  client.write(request());
  assert.equal((await client.answer())?.body, 'hello');
  assert.equal(client.text, '');
});

test('an answer without a length is chunked for HTTP/1.1 and ends with the connection for HTTP/1.0', async (t) => {
  const { port } = await startGateway(t, (_call, sink) => {
    sink.head(200, 'Fine', []);
    sink.data(Buffer.from('ab'));
    setImmediate(() => {
      sink.data(Buffer.from('cd'));
      sink.end();
    });
  });
  const chunked = await ask(t, port, request());
  assert.equal(chunked?.headers['transfer-encoding'], 'chunked');
  assert.equal(chunked.statusText, 'Fine');
  assert.equal(chunked.body, 'abcd');
  const old = await ask(t, port, `GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`);
  assert.equal(old?.headers['transfer-encoding'], undefined);
  assert.equal(old?.headers['connection'], 'close');
  assert.equal(old?.body, 'abcd');
});

test('the head of an event stream is sent before its first event', async (t) => {
  const { port } = await startGateway(t, (_call, sink) =>
    sink.head(200, '', ['content-type', 'text/event-stream', 'x-name', 'caf\xe9']),
  );
  const client = openClient(t, port);
  client.write(request());
  await client.until(() => client.text.includes('\r\n\r\n'));
  assert.match(client.text, /content-type: text\/event-stream/i);
  // As Latin-1, byte for byte.
  assert.ok(client.text.includes('x-name: caf\xe9\r\n'));
});

test('set-cookie lines stay separate, hop-by-hop and x-skep headers of a worker do not get out', async (t) => {
  const { port } = await startGateway(t, (_call, sink) => {
    const own = ['set-cookie', 'a=1', 'Set-Cookie', 'b=2', 'connection', 'close, x-internal', 'x-internal', '1'];
    const bad = [
      'keep-alive',
      'x',
      'transfer-encoding',
      'gzip',
      'upgrade',
      'h2c',
      'X-Skep-Cell',
      '1',
      'server',
      'me',
      'cf-ray',
      'mine',
    ];
    sink.head(200, '', [...own, ...bad]);
    sink.end();
  });
  const client = openClient(t, port);
  client.write(request());
  const answer = await client.answer();
  assert.equal(answer?.headers['set-cookie'], 'a=1, b=2');
  assert.equal(answer.headers['x-internal'], undefined);
  assert.equal(answer.headers['x-skep-cell'], undefined);
  assert.equal(answer.headers['upgrade'], undefined);
  assert.equal(answer.headers['connection'], 'keep-alive');
  assert.equal(answer.headers['transfer-encoding'], 'chunked');
  assert.equal(answer.headers['server'], 'skep');
  assert.match(answer.headers['cf-ray'] ?? '', /-test$/);
});

test('pipelined requests are answered in order, one at a time', async (t) => {
  let running = 0;
  let most = 0;
  const { port } = await startGateway(t, (call, sink) => {
    most = Math.max(most, ++running);
    // The first takes longest: answers would come in the wrong order if they ran at once.
    setTimeout(
      () => {
        running--;
        sink.head(200, '', []);
        sink.data(Buffer.from(new URL(call.url).pathname));
        sink.end();
      },
      call.url.endsWith('/1') ? 60 : 1,
    );
  });
  const client = openClient(t, port);
  client.write(
    request('GET /1') + request('GET /2') + request('POST /3', 'Content-Length: 2\r\n', 'xy') + request('GET /4'),
  );
  for (const path of ['/1', '/2', '/3', '/4']) assert.equal((await client.answer())?.body, path);
  assert.equal(most, 1);
});

test('a connection with too many pipelined requests is closed', async (t) => {
  const { port, dispatcher } = await startGateway(t, () => {}, { limits: { maxPipelinedRequests: 8 } });
  const within = openClient(t, port);
  within.write(request().repeat(9));
  await eventually('first call', () => dispatcher.calls.length === 1);
  const beyond = openClient(t, port);
  beyond.write(request().repeat(10));
  await beyond.closed;
  assert.equal(within.isClosed, false);
  assert.equal(dispatcher.calls.length, 2);
});

test('a pipelined upload waits for its turn and arrives whole', async (t) => {
  const { port } = await startGateway(t, (call, sink) => {
    if (call.method === 'GET') setTimeout(() => say('slow')(call, sink), 50);
    else describe(call, sink);
  });
  const body = 'x'.repeat(500_000);
  const client = openClient(t, port);
  client.write(request('GET /') + request('POST /', `Content-Length: ${body.length}\r\n`, body) + request('GET /'));
  assert.equal((await client.answer())?.body, 'slow');
  const seen = JSON.parse((await client.answer())?.body ?? '') as Described;
  assert.equal(seen.body, body);
  assert.equal((await client.answer())?.body, 'slow');
});

test('100-continue is answered when the worker is called, and not before an error', async (t) => {
  const { port, dispatcher } = await startGateway(t, describe, { limits: { maxBodyBytes: 10 } });
  const client = openClient(t, port);
  client.write(request('POST /', 'Expect: 100-continue\r\nContent-Length: 3\r\n'));
  await client.until(() => client.text.includes('\r\n\r\n'));
  assert.equal(client.text, 'HTTP/1.1 100 Continue\r\n\r\n');
  client.text = '';
  client.write('abc');
  const seen = JSON.parse((await client.answer())?.body ?? '') as Described;
  assert.equal(seen.body, 'abc');
  assert.deepEqual(valuesOf(seen.headers, 'expect'), []);
  dispatcher.calls.length = 0;
  const refused = await ask(t, port, request('POST /', 'Expect: 100-continue\r\nContent-Length: 11\r\n'));
  assert.equal(refused?.status, 413);
  const odd = await ask(t, port, request('POST /', 'Expect: the-unexpected\r\nContent-Length: 3\r\n', 'abc'));
  assert.equal(odd?.status, 417);
  assert.equal(dispatcher.calls.length, 0);
});

test('traffic is split over versions by their share', async (t) => {
  const versions = [
    { version: version('apple', 'stable'), percentage: 75 },
    { version: version('apple', 'canary'), percentage: 25 },
  ];
  const { port, dispatcher } = await startGateway(t, say('x'), { workers: [deployed('apple', { versions })] });
  const client = openClient(t, port);
  for (let batch = 0; batch < 20; batch++) {
    client.write(request().repeat(20));
    for (let index = 0; index < 20; index++) assert.equal((await client.answer())?.status, 200);
  }
  const canaries = dispatcher.calls.filter((call) => call.version.id === 'canary').length;
  // 400 draws at 25 %: outside 50…150 once in 10^8 runs.
  assert.ok(canaries > 50 && canaries < 150, `${canaries} of 400`);
});

test('an early answer to an unfinished upload is read by the client, and the connection is used again after a small one', async (t) => {
  const { port } = await startGateway(t, say('enough'));
  const client = openClient(t, port);
  client.write(request('POST /', 'Content-Length: 2000\r\n', 'x'.repeat(1_000)));
  assert.equal((await client.answer())?.body, 'enough');
  client.write('x'.repeat(1_000) + request('GET /'));
  assert.equal((await client.answer())?.body, 'enough');
  assert.equal(client.isClosed, false);
});

test('who reads the body of a request that was answered early sees an error and never an end', async (t) => {
  const seen: string[] = [];
  const { port } = await startGateway(t, (call, sink) => {
    if (call.body === null) return say('next')(call, sink);
    let received = '';
    call.body.on('data', (chunk: Buffer) => {
      received += chunk.toString();
      if (received === 'abc') say('enough')(call, sink);
    });
    call.body.on('end', () => seen.push(`end of ${received}`));
    call.body.on('error', () => seen.push(`error after ${received}`));
  });
  const client = openClient(t, port);
  for (const [framing, first, rest] of [
    ['Content-Length: 6', 'abc', 'def'],
    ['Transfer-Encoding: chunked', '3\r\nabc\r\n', '3\r\ndef\r\n0\r\n\r\n'],
  ] as const) {
    client.write(request('POST /', `${framing}\r\n`, first));
    assert.equal((await client.answer())?.body, 'enough');
    client.write(rest + request('GET /'));
    assert.equal((await client.answer())?.body, 'next');
  }
  assert.deepEqual(seen, ['error after abc', 'error after abc']);
});

test('after an early answer an endless upload is cut', async (t) => {
  const { port } = await startGateway(t, say('enough'), { limits: { maxDiscardedBytes: 100_000 } });
  const client = openClient(t, port);
  client.write(request('POST /', 'Transfer-Encoding: chunked\r\n'));
  assert.equal((await client.answer())?.body, 'enough');
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  const pump = setInterval(() => client.write(chunk), 1);
  await client.closed.finally(() => clearInterval(pump));
});

test('after an early answer a silent upload is cut', async (t) => {
  const { port } = await startGateway(t, say('enough'), { limits: { discardTimeoutMs: 100 } });
  const client = openClient(t, port);
  client.write(request('POST /', 'Content-Length: 5\r\n'));
  assert.equal((await client.answer())?.body, 'enough');
  await client.closed;
});

test('counters tell requests, classes of answers and what is open', async (t) => {
  const { port, gateway, dispatcher } = await startGateway(t, (call, sink) => {
    if (!call.url.endsWith('/wait')) say('x')(call, sink);
  });
  await ask(t, port, request());
  await ask(t, port, request('GET /', 'Host: b\r\n'));
  const waiting = openClient(t, port);
  waiting.write(request('GET /wait'));
  await eventually('call', () => dispatcher.calls.length === 2);
  assert.equal(gateway.counters.requests, 3);
  assert.equal(gateway.counters.inFlight, 1);
  assert.equal(gateway.counters.byClass[2], 1);
  assert.equal(gateway.counters.byClass[4], 1);
  waiting.destroy();
  await eventually('client gone', () => gateway.counters.inFlight === 0);
  assert.equal(gateway.counters.aborted, 1);
});
