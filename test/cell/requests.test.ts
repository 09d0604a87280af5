/** Requests and responses as a worker sees and makes them; the invocation's life around them. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceBinding, valuesOf } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 2, timings: { waitUntilMs: 1_000 } });
});
after(() => cells.close());

const logsOf = (name: string): string[] =>
  cells
    .eventsOf('log')
    .filter(({ version }) => version.workerName === name)
    .map(({ message }) => message.join(' '));

function deploy(name: string, handler: string, extra: Partial<Parameters<TestSupervisor['deploy']>[0]> = {}): void {
  cells.deploy({
    name,
    modules: { 'index.js': `export default { async fetch(request, env, ctx) { ${handler} } };` },
    ...extra,
  });
}

const ECHO = `
  return Response.json({
    method: request.method, url: request.url, headers: [...request.headers], hasBody: request.body !== null, text: await request.text(),
  });`;

test('method, URL, headers and body arrive as they were sent', async () => {
  deploy('echo', ECHO);
  const seen = await cells.json('echo', {
    url: 'https://echo.dev.localhost/a%20b/?q=%E2%82%AC&q=2',
    method: 'PROPFIND',
    headers: ['x-one', '1', 'x-two', '2', 'X-Two', '3', 'cookie', 'a=b; c=d'],
    body: 'Grüße',
  });
  assert.equal(seen.method, 'PROPFIND');
  assert.equal(seen.url, 'https://echo.dev.localhost/a%20b/?q=%E2%82%AC&q=2');
  assert.equal(seen.text, 'Grüße');
  const headers = Object.fromEntries(seen.headers);
  assert.equal(headers['x-two'], '2, 3');
  assert.equal(headers.cookie, 'a=b; c=d');
  assert.equal(headers.host, 'echo.dev.localhost');
});

test('a body of unknown length arrives whole, an absent one is null', async () => {
  deploy('echo', ECHO);
  const chunks = Array.from({ length: 50 }, (_value, index) => Buffer.from(`chunk ${index};`));
  const seen = await cells.json('echo', { method: 'POST', body: Readable.from(chunks) });
  assert.equal(seen.text, Buffer.concat(chunks).toString());
  assert.equal((await cells.json('echo')).hasBody, false);
});

test('large bodies that follow one another closely all arrive: a connection into the cell that it is about to close is not used again', async () => {
  deploy('mirror', 'return new Response(request.body);');
  const text = '0123456789abcdef'.repeat(10_000);
  const visitor = async (): Promise<string[]> => {
    const failures: string[] = [];
    for (let round = 0; round < 30; round++) {
      const { status, body, failure } = await cells.fetch('mirror', { method: 'POST', body: text });
      if (status !== 200 || body !== text) failures.push(`${status} ${body.length} ${failure?.reason}`);
    }
    return failures;
  };
  assert.deepEqual((await Promise.all(Array.from({ length: 12 }, visitor))).flat(), []);
});

test('200 KB of headers in 300 lines arrive whole', async () => {
  deploy('echo', ECHO);
  const headers = Array.from({ length: 300 }, (_value, index) => [`x-${index}`, `${index}`.padEnd(300, 'v')]).flat();
  const seen = Object.fromEntries((await cells.json('echo', { headers })).headers);
  for (let index = 0; index < 300; index++) assert.equal(seen[`x-${index}`], `${index}`.padEnd(300, 'v'));
  assert.equal(seen.host, 'echo.dev.localhost:8787');
});

test('large headers also arrive with a body and to many requests at once', async () => {
  deploy('large-echo', `return new Response(request.headers.get('x-big').length + ' ' + await request.text());`);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_value, index) =>
      cells.fetch('large-echo', {
        method: 'POST',
        headers: { 'x-big': 'b'.repeat(70_000 + index) },
        body: `body ${index}`,
      }),
    ),
  );
  assert.deepEqual(
    answers.map(({ body }) => body),
    Array.from({ length: 20 }, (_value, index) => `${70_000 + index} body ${index}`),
  );
});

test('status, headers and bytes of a response leave as they were made', async () => {
  deploy(
    'shaped',
    `return new Response(new Uint8Array([0, 255, 13, 10]), { status: 418, statusText: 'Short and stout', headers: { 'x-a': 'é' } });`,
  );
  const { status, raw, bytes } = await cells.fetch('shaped');
  assert.deepEqual({ status, bytes: [...bytes] }, { status: 418, bytes: [0, 255, 13, 10] });
  // UTF-8, as workerd sends it: two bytes, read as Latin-1 here.
  assert.deepEqual(valuesOf(raw, 'x-a'), ['\u00c3\u00a9']);
});

test('set-cookie lines stay apart, also through waitUntil’s marked response', async () => {
  deploy(
    'cookies',
    `
    const headers = new Headers();
    headers.append('set-cookie', 'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT');
    headers.append('set-cookie', 'b=2');
    if (new URL(request.url).pathname === '/wait') ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 10)));
    return new Response('', { headers });`,
  );
  for (const path of ['/', '/wait']) {
    const { raw } = await cells.fetch('cookies', path);
    assert.deepEqual(valuesOf(raw, 'set-cookie'), ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2'], path);
  }
});

test('responses that must not have a body have none, and the connection serves on', async () => {
  deploy(
    'null-body',
    `
    const status = Number(new URL(request.url).searchParams.get('status'));
    return new Response(null, { status, headers: { 'x-status': String(status) } });`,
  );
  for (const status of [204, 304, 205]) {
    const answer = await cells.fetch('null-body', `/?status=${status}`);
    assert.deepEqual(
      { status: answer.status, body: answer.body, failure: answer.failure },
      { status, body: '', failure: undefined },
    );
    assert.deepEqual(valuesOf(answer.raw, 'x-status'), [String(status)]);
  }
  assert.equal((await cells.fetch('null-body', '/?status=200')).status, 200);
});

test('HEAD gets the headers of a response and none of its body', async () => {
  deploy('head', `return new Response(request.method + ' body', { headers: { 'x-seen': request.method } });`);
  for (let round = 0; round < 3; round++) {
    const { status, body, raw, failure } = await cells.fetch('head', { method: 'HEAD' });
    assert.deepEqual({ status, body, failure }, { status: 200, body: '', failure: undefined });
    assert.deepEqual(valuesOf(raw, 'x-seen'), ['HEAD']);
    assert.equal((await cells.fetch('head')).body, 'GET body');
  }
});

test('an exception fails the request with name, message and the user’s own lines', async () => {
  deploy('thrower', `\nthrow new RangeError('too far');`);
  const { failure } = await cells.fetch('thrower');
  assert.equal(failure?.kind, 'exception');
  assert.equal(failure?.outcome, 'exception');
  assert.equal(failure?.error?.name, 'RangeError');
  assert.equal(failure?.error?.message, 'too far');
  assert.match(failure?.reason ?? '', /RangeError: too far\n {4}at Object\.fetch \(index\.js:2:7\)/);
  assert.doesNotMatch(failure?.reason ?? '', /harness|ext:/);
});

test('whatever a handler returns that is no Response fails the request', async () => {
  for (const value of [
    'undefined',
    'null',
    '"text"',
    '{}',
    'Promise.resolve(7)',
    'Object.create(Response.prototype)',
    'new Response("", { status: 101 })',
  ]) {
    deploy('no-response', `return ${value};`);
    const { failure, status } = await cells.fetch('no-response');
    assert.equal(failure?.kind, 'exception', `${value}: ${status}`);
  }
});

test('a thrown value that is no Error, and one whose getters throw, fail the request and nothing else', async () => {
  for (const value of [
    'undefined',
    '"text"',
    '{ get message() { throw 1 } }',
    'Object.defineProperty(new Error("x"), "stack", { get() { throw 1 } })',
    'Object.create(null)',
  ]) {
    deploy('odd-thrower', `if (request.method === 'PUT') throw ${value}; return new Response('alive');`);
    const { failure } = await cells.fetch('odd-thrower', { method: 'PUT' });
    assert.equal(failure?.kind, 'exception', value);
    assert.equal((await cells.fetch('odd-thrower')).body, 'alive');
  }
});

test('a body that breaks after the head is a failure after the head, never a whole answer', async () => {
  deploy(
    'broken-body',
    `
    let pulls = 0;
    return new Response(new ReadableStream({ pull(controller) {
      if (++pulls === 1) controller.enqueue(new TextEncoder().encode('first'));
      else controller.error(new Error('source broke'));
    } }));`,
  );
  const { status, body, failure } = await cells.fetch('broken-body');
  assert.deepEqual({ status, body }, { status: 200, body: 'first' });
  assert.equal(failure?.outcome, 'exception');
});

test('ctx.waitUntil goes on after the response, with the request still readable', async () => {
  deploy(
    'waiter',
    `
    ctx.waitUntil((async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log('after', request.method, new URL(request.url).pathname, request.headers.get('x-mark'));
    })());
    return new Response('early');`,
  );
  assert.equal((await cells.fetch('waiter', { url: '/late', headers: { 'x-mark': 'm' } })).body, 'early');
  await until(() => logsOf('waiter').length > 0, 'the background work logs');
  assert.deepEqual(logsOf('waiter'), ['after GET /late m']);
  await until(() => cells.supervisor.counts().inFlight === 0, 'the invocation ends with its background work');
});

test('waitUntil work that writes the response’s own stream ends its invocation with it, however often', async () => {
  // It settles before the last byte has left: the two facts reach the supervisor on different sockets, in any order.
  deploy(
    'writer',
    `
    const { readable, writable } = new TransformStream();
    ctx.waitUntil((async () => {
      const writer = writable.getWriter();
      for (let n = 0; n < 10; n++) await writer.write(new TextEncoder().encode('part '));
      await writer.close();
    })());
    return new Response(readable);`,
  );
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(Array.from({ length: 30 }, () => cells.fetch('writer')));
    assert.deepEqual(
      [...new Set(answers.map(({ body, failure }) => failure?.reason ?? body))],
      ['part '.repeat(10)],
      `round ${round}`,
    );
  }
  await until(() => cells.supervisor.counts().inFlight === 0, 'all invocations end');
});

test('ctx.waitUntil goes on when the client goes away before the response', async () => {
  deploy(
    'deserted',
    `
    ctx.waitUntil((async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log('finished');
    })());
    console.log('began');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return new Response('never');`,
  );
  const call = cells.open('deserted');
  await until(() => logsOf('deserted').includes('began'), 'the handler runs');
  call.control.cancel();
  await until(() => logsOf('deserted').includes('finished'), 'the background work finishes');
  await until(() => cells.supervisor.counts().inFlight === 0, 'the invocation ends');
});

test('waitUntil work is cut off at its limit: its timers stop and the invocation ends', async () => {
  deploy(
    'endless',
    `
    ctx.waitUntil((async () => {
      for (let n = 0; ; n++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        console.log('tick ' + n);
      }
    })());
    return new Response('early');`,
  );
  const startedAt = performance.now();
  await cells.fetch('endless');
  await until(() => cells.supervisor.counts().inFlight === 0, 'the invocation is ended');
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs > 900 && tookMs < 10_000, `ended after ${tookMs} ms of 1000`);
  await sleep(50);
  const ticks = logsOf('endless').length;
  assert.ok(ticks >= 1, 'it ran while it might');
  await sleep(350);
  assert.equal(logsOf('endless').length, ticks, 'no timer runs after the end');
});

test('work that nobody waits for stops with the response', async () => {
  deploy(
    'orphan',
    `
    setInterval(() => console.log('tick'), 20);
    return new Response('done');`,
  );
  await cells.fetch('orphan');
  await sleep(150);
  const ticks = logsOf('orphan').length;
  await sleep(150);
  assert.equal(logsOf('orphan').length, ticks);
});

test('request.signal aborts when the client goes away, and not after a whole answer', async () => {
  deploy(
    'signal',
    `
    request.signal.addEventListener('abort', () => console.log('aborted ' + new URL(request.url).pathname));
    if (request.url.endsWith('/wait')) {
      console.log('waits');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }
    ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 100)));
    console.log('answers ' + new URL(request.url).pathname);
    return new Response('whole');`,
  );
  assert.equal((await cells.fetch('signal', '/whole')).body, 'whole');
  const call = cells.open('signal', { url: '/wait' });
  await until(() => logsOf('signal').includes('waits'), 'the call runs');
  call.control.cancel();
  await until(() => logsOf('signal').some((line) => line === 'aborted /wait'), 'the signal aborts');
  assert.deepEqual(
    logsOf('signal').filter((line) => line.startsWith('aborted')),
    ['aborted /wait'],
  );
});

test('a client that goes away in the middle of a stream ends the stream’s source', async () => {
  deploy(
    'cancelled',
    `
    return new Response(new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        controller.enqueue(new Uint8Array(1000));
      },
      cancel(reason) { console.log('source cancelled'); },
    }));`,
  );
  const call = cells.open('cancelled');
  await until(() => call.receivedBytes() > 5_000, 'the stream runs');
  call.control.cancel();
  await until(() => cells.supervisor.counts().inFlight === 0, 'the invocation ends');
});

test('the clock stands still while code runs and moves on at timers', async () => {
  deploy(
    'clock',
    `
    const first = Date.now();
    for (let n = 0; n < 2_000_000; n++) Math.sqrt(n);
    const second = Date.now();
    const fresh = [new Date().getTime(), performance.now(), new Intl.DateTimeFormat('en', { dateStyle: 'short' }).format() !== ''];
    await null; await Promise.resolve();
    const afterMicrotasks = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 30));
    const third = Date.now();
    return Response.json({ first, second, afterMicrotasks, third, fresh });`,
  );
  const beforeMs = Date.now();
  const { first, second, afterMicrotasks, third, fresh } = await cells.json('clock');
  assert.ok(first >= beforeMs - 1 && first <= Date.now(), 'it starts at the real time');
  assert.equal(second, first);
  assert.equal(afterMicrotasks, first);
  assert.deepEqual(fresh, [first, first, true]);
  assert.ok(third - first >= 28 && third <= Date.now(), `moved ${third - first} ms at a timer of 30`);
});

test('all workers of a pipeline read one clock', async () => {
  deploy(
    'clock-callee',
    `
    for (let n = 0; n < 3_000_000; n++) Math.sqrt(n);
    if (request.url.endsWith('/sleep')) await new Promise((resolve) => setTimeout(resolve, 40));
    return new Response(String(Date.now()));`,
  );
  deploy(
    'clock-caller',
    `
    const before = Date.now();
    const callee = Number(await (await env.NEXT.fetch('http://x/')).text());
    const after = Date.now();
    const slept = Number(await (await env.NEXT.fetch('http://x/sleep')).text());
    return Response.json({ before, callee, after, slept, end: Date.now() });`,
    { bindings: [serviceBinding('NEXT', 'clock-callee')] },
  );
  const { before, callee, after, slept, end } = await cells.json('clock-caller');
  assert.equal(callee, before);
  assert.equal(after, before);
  assert.ok(slept - before >= 38, `the callee slept ${slept - before} ms`);
  assert.equal(end, slept, 'what the callee waited the caller waited too');
});

test('AsyncLocalStorage-like context: concurrent requests do not mix their clocks, logs and ends', async () => {
  deploy(
    'mixed',
    `
    const id = new URL(request.url).searchParams.get('id');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
    console.log('line ' + id);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
    console.log('line ' + id);
    return new Response(id);`,
  );
  const ids = Array.from({ length: 40 }, (_value, index) => String(index));
  const answers = await Promise.all(ids.map((id) => cells.fetch('mixed', `/?id=${id}`)));
  assert.deepEqual(
    answers.map(({ body }) => body),
    ids,
  );
  await until(() => logsOf('mixed').length === 80, 'all logs arrive');
  const byInvocation = new Map<number, Set<string>>();
  for (const event of cells.eventsOf('log')) {
    if (event.version.workerName !== 'mixed') continue;
    const texts = byInvocation.get(event.invocationId) ?? new Set();
    byInvocation.set(event.invocationId, texts.add(event.message.join(' ')));
  }
  assert.equal(byInvocation.size, 40);
  for (const texts of byInvocation.values()) assert.equal(texts.size, 1, [...texts].join());
});

test('a connection into a cell is used again, also after failures and aborted calls', async () => {
  deploy(
    'reuse',
    `
    if (request.method === 'PUT') throw new Error('no');
    if (request.url.endsWith('/slow')) await new Promise((resolve) => setTimeout(resolve, 1_000));
    return new Response('ok');`,
  );
  for (let round = 0; round < 30; round++) {
    assert.equal((await cells.fetch('reuse', { method: 'PUT' })).failure?.kind, 'exception');
    const call = cells.open('reuse', { url: '/slow' });
    if (round % 3 === 0) await sleep(2);
    call.control.cancel();
    assert.equal((await cells.fetch('reuse')).body, 'ok');
  }
});

test('an early answer to a large upload is delivered, and the next request is not confused by its rest', async () => {
  deploy(
    'early',
    `if (request.method === 'POST') return new Response('enough', { status: 413 }); return new Response('next');`,
  );
  for (let round = 0; round < 5; round++) {
    const body = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(65_536, 'x')));
    const answer = await cells.fetch('early', { method: 'POST', body });
    assert.deepEqual(
      { status: answer.status, body: answer.body, failure: answer.failure },
      { status: 413, body: 'enough', failure: undefined },
    );
    assert.equal((await cells.fetch('early')).body, 'next');
  }
});

test('an upload that breaks off is an error to the worker and never a whole body', async () => {
  deploy(
    'upload',
    `
    const text = await request.text().then((body) => 'WHOLE ' + body.length, (error) => 'broken');
    console.log(text);
    return new Response(text);`,
  );
  const body = new Readable({ read() {} });
  body.push(Buffer.alloc(1000));
  const call = cells.open('upload', { method: 'POST', body });
  await until(() => cells.supervisor.counts().inFlight > 0, 'the upload began');
  await sleep(30);
  body.destroy(new Error('client reset'));
  const { failure } = await call.done;
  assert.notEqual(failure, undefined);
  await sleep(50);
  assert.deepEqual(
    logsOf('upload').filter((line) => line.startsWith('WHOLE')),
    [],
  );
});

test('request.cf says what the headers of a trusted proxy say, and nothing that is not known', async () => {
  deploy(
    'cf',
    `return Response.json({ cf: request.cf, same: request.cf === request.cf, frozen: Object.isFrozen(request.cf) });`,
  );
  const seen = await cells.json('cf', {
    headers: {
      'cf-ray': '0123456789abcdef-NODE',
      'cf-ipcountry': 'FR',
      'cf-ipcity': Buffer.from('Orléans').toString('latin1'),
      'accept-encoding': 'gzip',
    },
  });
  assert.deepEqual(seen, {
    cf: { httpProtocol: 'HTTP/1.1', colo: 'NODE', country: 'FR', city: 'Orléans', clientAcceptEncoding: 'gzip' },
    same: true,
    frozen: true,
  });
});

test('a status text and a date of the worker’s own leave with large answers as with small ones', async () => {
  deploy(
    'named',
    `
    const size = Number(new URL(request.url).searchParams.get('size'));
    return new Response('x'.repeat(size), { statusText: 'Schön', headers: { date: 'Thu, 01 Jan 1970 00:00:00 GMT' } });`,
  );
  deploy('undated', `return new Response('x'.repeat(100_000));`);
  for (const size of [1, 100_000]) {
    const { statusText, raw } = await cells.fetch('named', `/?size=${size}`);
    assert.equal(Buffer.from(statusText, 'latin1').toString(), 'Schön');
    assert.deepEqual(valuesOf(raw, 'date'), ['Thu, 01 Jan 1970 00:00:00 GMT']);
  }
  assert.deepEqual(valuesOf((await cells.fetch('undated')).raw, 'date'), []);
});

test('a worker that has replaced the iterator of arrays gets its events all the same, from timers and in turns of their own', async () => {
  cells.deploy({
    name: 'no-iterator',
    limits: { cpuMs: 5_000 },
    modules: {
      'index.js': `Array.prototype[Symbol.iterator] = () => { throw new Error('patched'); };
      export default { async fetch() {
        await new Promise((resolve) => setTimeout(resolve, 0));
        let sum = 0;
        for (let n = 0; n < 3e7; n++) sum += n % 7;
        await new Promise((resolve) => setTimeout(resolve, 0));
        return new Response('ok');
      } };`,
    },
  });
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(Array.from({ length: 4 }, () => cells.fetch('no-iterator')));
    assert.deepEqual(new Set(answers.map(({ body }) => body)), new Set(['ok']));
  }
});
