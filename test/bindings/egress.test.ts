/** `fetch()` from a worker to the internet, through real sockets. Local servers stand where the internet is; the policy lets workers reach them. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
let origin: Server;
/** Not on the allow list. */
let secret: Server;
let originPort: number;
let secretPort: number;
let secretRequests = 0;
let echoes = 0;
/** Requests whose client went away before the answer was complete. */
let brokenOff = 0;

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ server: Server; port: number }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url as string, 'http://x');
  const to = url.searchParams.get('to') ?? '';
  const status = Number(url.searchParams.get('status') ?? 302);
  response.on('close', () => {
    if (!response.writableFinished) brokenOff++;
  });
  switch (url.pathname) {
    case '/echo': {
      echoes++;
      const body = await bodyOf(request);
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          headers: request.headers,
          raw: request.rawHeaders,
          body: body.toString('latin1'),
        }),
      );
      return;
    }
    case '/redirect':
      response.writeHead(status, { location: to });
      response.end();
      return;
    case '/loop':
      response.writeHead(302, { location: '/loop' });
      response.end();
      return;
    case '/gzip':
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' });
      response.end(gzipSync('plain text'.repeat(100)));
      return;
    case '/br':
      response.writeHead(200, { 'content-encoding': 'br' });
      response.end(brotliCompressSync('plain text'));
      return;
    case '/deflate':
      response.writeHead(200, { 'content-encoding': 'deflate' });
      response.end(deflateSync('plain text'));
      return;
    case '/endless': {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(1000)), 2);
      response.on('close', () => clearInterval(timer));
      return;
    }
    case '/never':
      return;
    case '/megabytes': {
      response.writeHead(200);
      const chunk = Buffer.alloc(1_000_000, 1);
      for (let n = 0; n < 32; n++)
        if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve));
      response.end();
      return;
    }
    case '/count': {
      let total = 0;
      for await (const chunk of request) total += (chunk as Buffer).length;
      response.end(String(total));
      return;
    }
    case '/reset':
      request.socket.destroy();
      return;
    case '/half':
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setTimeout(() => request.socket.destroy(), 20);
      return;
    case '/cookies':
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.end();
      return;
    default:
      response.statusCode = 404;
      response.end('no such path');
  }
}

before(async () => {
  ({ server: origin, port: originPort } = await listen((request, response) => void answer(request, response)));
  ({ server: secret, port: secretPort } = await listen((_request, response) => {
    secretRequests++;
    response.end('secret');
  }));
  cells = await createTestSupervisor({
    prestarted: 2,
    cpuMs: 1_000,
    egressAllow: [`127.0.0.1:${originPort}`],
    externalSubrequests: 50,
  });
});
after(async () => {
  await cells.close();
  await Promise.all([closeServer(origin), closeServer(secret)]);
});

let count = 0;
/** Runs an async function body inside a worker; `ORIGIN` and `SECRET` are the servers' URLs. */
// oxlint-disable-next-line typescript/no-explicit-any -- results of every shape
async function inside(body: string): Promise<any> {
  const name = `egress-${++count}`;
  cells.deploy({
    name,
    modules: {
      'index.js': `
        const ORIGIN = 'http://127.0.0.1:${originPort}', SECRET = 'http://127.0.0.1:${secretPort}', SECRET_PORT = ${secretPort};
        const outcome = (promise) => promise.then(async (r) => ({ status: r.status, url: r.url, redirected: r.redirected, text: await r.text() }), (e) => ({ error: e.name + ': ' + e.message }));
        export default { async fetch(request, env, ctx) { return Response.json(await (async () => { ${body} })() ?? null); } };`,
    },
  });
  return await cells.json(name);
}

test('method, path, headers and body go out; status, headers and body come back', async () => {
  const { status, text } = await inside(
    `return outcome(fetch(ORIGIN + '/echo?a=%20b', { method: 'PUT', headers: { 'X-Mine': 'yes', 'user-agent': 'me' }, body: 'payload' }));`,
  );
  assert.equal(status, 200);
  const seen = JSON.parse(text);
  assert.deepEqual([seen.method, seen.url, seen.body], ['PUT', '/echo?a=%20b', 'payload']);
  assert.equal(seen.headers['x-mine'], 'yes');
  assert.equal(seen.headers['user-agent'], 'me');
  assert.equal(seen.headers['content-length'], '7');
  assert.equal(seen.headers.host, `127.0.0.1:${originPort}`);
});

test('nothing of the cell or the server shows in the headers that go out', async () => {
  const { text } = await inside(`return outcome(fetch(ORIGIN + '/echo'));`);
  const names = Object.keys(JSON.parse(text).headers).filter(
    (name) => !['host', 'connection', 'accept', 'accept-encoding', 'accept-language', 'user-agent'].includes(name),
  );
  assert.deepEqual(names, []);
  assert.doesNotMatch(text, /[Dd]eno|x-skep/);
});

test('a body that is there as a whole goes out with its length, whatever its size; a stream goes out chunked', async () => {
  const results = await inside(`
    const framing = async (body) => {
      const { headers, body: text } = JSON.parse((await outcome(fetch(ORIGIN + '/echo', { method: 'POST', body }))).text);
      return [headers['content-length'] ?? null, headers['transfer-encoding'] ?? null, text.length];
    };
    return [
      await framing('short'), await framing(''), await framing('é'.repeat(100_000)), await framing(new Uint8Array(1_000_000)),
      await framing(new URLSearchParams({ a: 'b' })), await framing(new ReadableStream({ async pull(controller) { await new Promise((resolve) => setTimeout(resolve, 50)); controller.enqueue(new TextEncoder().encode('streamed')); controller.close(); } })),
    ];`);
  assert.deepEqual(results, [
    ['5', null, 5],
    ['0', null, 0],
    ['200000', null, 200_000],
    ['1000000', null, 1_000_000],
    ['3', null, 3],
    [null, 'chunked', 8],
  ]);
});

test('a body sent as a whole counts as used afterwards, and a redirect that keeps the method sends it again', async () => {
  const { used, error, again } = await inside(`
    const request = new Request(ORIGIN + '/echo', { method: 'POST', body: 'once' });
    await (await fetch(request)).text();
    const again = await outcome(fetch(ORIGIN + '/redirect?status=307&to=/echo', { method: 'POST', body: 'twice' }));
    return { used: request.bodyUsed, error: (await outcome(fetch(request))).error, again: JSON.parse(again.text) };`);
  assert.equal(used, true);
  assert.match(error, /^TypeError/);
  assert.deepEqual([again.method, again.body], ['POST', 'twice']);
});

test('a stream cannot be sent again after a redirect that keeps the method', async () => {
  const { error } = await inside(
    `return outcome(fetch(ORIGIN + '/redirect?status=307&to=/echo', { method: 'POST', body: new ReadableStream({ start(controller) { controller.enqueue(new TextEncoder().encode('streamed')); controller.close(); } }) }));`,
  );
  assert.match(error, /^TypeError: A request with a one-time-use body/);
});

test('set-cookie lines of an origin stay apart', async () => {
  assert.deepEqual(await inside(`return (await fetch(ORIGIN + '/cookies')).headers.getSetCookie();`), ['a=1', 'b=2']);
});

test('an address that is not public is refused, with a sentence that says how to allow it', async () => {
  const { error } = await inside(`return outcome(fetch(SECRET));`);
  assert.match(
    error,
    new RegExp(
      `^Error: Fetch to 127\\.0\\.0\\.1:${secretPort} was refused: the address is not public\\. .*SKEP_EGRESS_ALLOW`,
    ),
  );
});

test('every spelling of this machine’s address is refused', async () => {
  const hosts = [
    'localhost',
    'LOCALHOST',
    'localhost.',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
    '127.255.255.254',
    '0',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '１２７.0.0.1',
  ];
  const outcomes = await inside(`
    const outcomes = {};
    for (const host of ${JSON.stringify(hosts)}) outcomes[host] = await outcome(fetch('http://' + host + ':' + SECRET_PORT + '/'));
    return outcomes;`);
  for (const host of hosts) assert.match(outcomes[host].error ?? 'ANSWERED', /^(Error|TypeError): /, host);
  assert.equal(secretRequests, 0, 'nothing ever reached it');
});

test('a name that resolves to this machine is refused like its address', async () => {
  const { error } = await inside(`return outcome(fetch('http://localhost:' + SECRET_PORT + '/'));`);
  assert.match(error, /was refused: the address is not public/);
});

test('cloud metadata addresses are refused', async () => {
  const outcomes = await inside(
    `return Promise.all(['http://169.254.169.254/latest/meta-data/', 'http://[fd00:ec2::254]/', 'http://100.100.100.200/'].map((url) => outcome(fetch(url))));`,
  );
  for (const { error } of outcomes) assert.match(error, /was refused: the address is not public/);
});

test('a redirect to a refused address fails at that hop', async () => {
  const { error } = await inside(`return outcome(fetch(ORIGIN + '/redirect?to=' + encodeURIComponent(SECRET)));`);
  assert.match(error, /was refused: the address is not public/);
  assert.equal(secretRequests, 0);
});

test('a redirect to a file or another scheme fails', async () => {
  for (const to of ['file:///etc/passwd', 'data:text/plain,x', 'ftp://127.0.0.1/']) {
    const { error } = await inside(`return outcome(fetch(ORIGIN + '/redirect?to=' + encodeURIComponent('${to}')));`);
    assert.match(error ?? 'ANSWERED', /^TypeError/, to);
  }
});

test('redirects are followed as on Workers: method, body and headers', async () => {
  const results = await inside(`
    const go = async (status, init) => {
      const { text, url, redirected } = await outcome(fetch(ORIGIN + '/redirect?status=' + status + '&to=/echo', init));
      const { method, body, headers } = JSON.parse(text);
      return { method, body, type: headers['content-type'] ?? null, end: new URL(url).pathname, redirected };
    };
    return {
      get302: await go(302), post302: await go(302, { method: 'POST', body: 'b' }), put303: await go(303, { method: 'PUT', body: 'b' }), head303: await outcome(fetch(ORIGIN + '/redirect?status=303&to=/echo', { method: 'HEAD' })).then((r) => r.status),
      get307: await go(307),
    };`);
  const followed = { method: 'GET', body: '', type: null, end: '/echo', redirected: true };
  // As on Workers: the headers stay as they were when a redirect turns the request into a GET.
  const turned = { ...followed, type: 'text/plain;charset=UTF-8' };
  assert.deepEqual(results, { get302: followed, post302: turned, put303: turned, head303: 200, get307: followed });
});

test('redirect modes: manual gives the redirect, error throws, and twenty are the limit', async () => {
  const { manual, thrown, loop } = await inside(`
    const manual = await fetch(ORIGIN + '/redirect?to=/echo', { redirect: 'manual' });
    return { manual: [manual.status, manual.headers.get('location')], thrown: await outcome(fetch(ORIGIN + '/redirect?to=/echo', { redirect: 'error' })), loop: await outcome(fetch(ORIGIN + '/loop')) };`);
  assert.deepEqual(manual, [302, '/echo']);
  assert.match(thrown.error, /^TypeError/);
  assert.match(loop.error, /^TypeError: Too many redirects/);
});

test('gzip and br are read as plain text under the header that names them; deflate is left as it is', async () => {
  const results = await inside(`
    const read = async (path) => {
      const response = await fetch(ORIGIN + path, { headers: { 'accept-encoding': 'gzip, br, deflate' } });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return [path === '/deflate' ? bytes[0] : new TextDecoder().decode(bytes), response.headers.get('content-encoding')];
    };
    return [await read('/gzip'), await read('/br'), await read('/deflate')];`);
  const zlibHeader = 0x78;
  assert.deepEqual(results, [
    ['plain text'.repeat(100), 'gzip'],
    ['plain text', 'br'],
    [zlibHeader, 'deflate'],
  ]);
});

test('32 MB come down and 32 MB go up whole', async () => {
  const { down, up } = await inside(`
    let down = 0;
    for await (const chunk of (await fetch(ORIGIN + '/megabytes')).body) down += chunk.length;
    let left = 32;
    const body = new ReadableStream({ pull(controller) { if (left-- === 0) controller.close(); else controller.enqueue(new Uint8Array(1_000_000)); } });
    const up = await (await fetch(ORIGIN + '/count', { method: 'POST', body })).text();
    return { down, up: Number(up) };`);
  assert.deepEqual({ down, up }, { down: 32_000_000, up: 32_000_000 });
});

test('an aborted fetch rejects with its reason, and the origin’s connection is closed', async () => {
  const before = brokenOff;
  echoes = 0;
  const results = await inside(`
    const controller = new AbortController();
    const early = outcome(fetch(ORIGIN + '/never', { signal: controller.signal }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    controller.abort(new Error('changed my mind'));
    const reading = new AbortController();
    const response = await fetch(ORIGIN + '/endless', { signal: reading.signal });
    const text = response.text().then(() => 'whole', (error) => error.message);
    reading.abort(new Error('enough'));
    return { early: await early, late: await text, already: await outcome(fetch(ORIGIN + '/echo', { signal: AbortSignal.abort(new Error('before')) })) };`);
  assert.equal(echoes, 0, 'an aborted call does not go out');
  assert.deepEqual(results, {
    early: { error: 'Error: changed my mind' },
    late: 'enough',
    already: { error: 'Error: before' },
  });
  await until(() => brokenOff === before + 2, 'both connections are closed');
});

test('an answer whose body is cancelled closes the origin’s connection', async () => {
  const before = brokenOff;
  await inside(
    `const response = await fetch(ORIGIN + '/endless'); const reader = response.body.getReader(); await reader.read(); await reader.cancel(); return 1;`,
  );
  await until(() => brokenOff === before + 1, 'the connection is closed');
});

test('what an invocation left open is closed with it', async () => {
  const before = brokenOff;
  await inside(
    `await fetch(ORIGIN + '/endless'); fetch(ORIGIN + '/never').catch(() => {}); await new Promise((resolve) => setTimeout(resolve, 50)); return 1;`,
  );
  await until(() => brokenOff === before + 2, 'both connections are closed');
});

test('an origin that breaks off is an error, before and in the middle of its answer', async () => {
  const { reset, half } = await inside(
    `return { reset: await outcome(fetch(ORIGIN + '/reset')), half: await fetch(ORIGIN + '/half').then((r) => r.text()).then((text) => 'WHOLE ' + text, (error) => error.message) };`,
  );
  assert.match(reset.error, /^Error: Network connection lost/);
  assert.match(half, /^Network connection lost/);
});

test('a port nobody listens on and a name that does not exist are errors that say so', async () => {
  const { dead, unknown } = await inside(
    `return { dead: await outcome(fetch('http://127.0.0.1:1/')), unknown: await outcome(fetch('http://no-such-host.invalid/')) };`,
  );
  assert.match(dead.error, /^Error: /);
  assert.match(unknown.error, /^Error: Network connection lost: the name no-such-host\.invalid does not resolve/);
});

test('header names and values, methods and URLs that would split a request are refused', async () => {
  const results = await inside(`
    const attempt = async (make) => { try { return await outcome(make()); } catch (error) { return { error: error.name }; } };
    return [
      await attempt(() => fetch(ORIGIN + '/echo', { headers: { 'x-a': 'b\\r\\nhost: evil' } })),
      await attempt(() => fetch(ORIGIN + '/echo', { method: 'GET / HTTP/1.1\\r\\nhost: evil' })),
      await attempt(() => fetch(ORIGIN + '/echo\\r\\nx: y')),
      await attempt(() => fetch('http://127.0.0.1:00000/')),
      await attempt(() => fetch(ORIGIN + '/' + 'x'.repeat(20_000))),
    ];`);
  assert.match(results[0].error, /TypeError/);
  assert.match(results[1].error, /TypeError/);
  assert.ok(
    results[2].error !== undefined || !JSON.stringify(results[2]).includes('"x":"y"'),
    'line breaks do not survive in a path',
  );
  assert.notEqual(results[3].error, undefined);
  assert.match(results[4].error, /longer than 16384 bytes/);
});

test('framing headers that a worker sets do not go out as such', async () => {
  const { text } = await inside(
    `return outcome(fetch(ORIGIN + '/echo', { method: 'POST', body: 'four', headers: { 'content-length': '2', 'transfer-encoding': 'chunked', connection: 'close', te: 'x', host: 'evil.example', expect: '100-continue' } }));`,
  );
  const { headers, body } = JSON.parse(text);
  assert.equal(body, 'four');
  assert.equal(headers.host, `127.0.0.1:${originPort}`);
  assert.equal(headers.te, undefined);
  assert.equal(headers.expect, undefined);
});

test('the fifty-first call to the internet is refused', async () => {
  const { ok, errors } = await inside(`
    let ok = 0; const errors = [];
    for (let n = 0; n < 55; n++) await fetch(ORIGIN + '/echo').then((r) => r.text()).then(() => ok++, (error) => errors.push(error.message));
    return { ok, errors: [...new Set(errors)] };`);
  assert.deepEqual({ ok, errors }, { ok: 50, errors: ['Too many subrequests.'] });
});

test('a redirect counts as a call of its own', async () => {
  const { ok } = await inside(
    `let ok = 0; for (let n = 0; n < 30; n++) await fetch(ORIGIN + '/redirect?to=/echo').then((r) => r.text()).then(() => ok++, () => {}); return { ok };`,
  );
  assert.equal(ok, 25);
});

test('the clock moves on when an answer arrives', async () => {
  const { before: first, after: second } = await inside(`
    const before = Date.now();
    await (await fetch(ORIGIN + '/megabytes')).arrayBuffer();
    return { before, after: Date.now() };`);
  assert.ok(second > first && second <= Date.now(), `${second - first} ms`);
});
