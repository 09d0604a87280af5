/** Service bindings between real cells: what the caller and the callee see, streams both ways, depth, failures. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 3, cpuMs: 2_000 });
});
after(() => cells.close());

const deploy = (name: string, handler: string, bindings: Parameters<TestSupervisor['deploy']>[0]['bindings'] = []) =>
  cells.deploy({
    name,
    bindings,
    modules: { 'index.js': `export default { async fetch(request, env, ctx) { ${handler} } };` },
  });
const logsOf = (name: string): string[] =>
  cells
    .eventsOf('log')
    .filter(({ version }) => version.workerName === name)
    .map(({ message }) => message.join(' '));

const ECHO = `return Response.json({ method: request.method, url: request.url, headers: Object.fromEntries(request.headers), text: await request.text() });`;

test('the callee sees method, URL, headers and body as the caller gave them, whatever host the URL names', async () => {
  deploy('echo', ECHO);
  deploy(
    'caller',
    `return env.NEXT.fetch('https://any.example:8443/p?q=1', { method: 'PATCH', headers: { 'x-a': '1', cookie: 'c=d' }, body: 'hello' });`,
    [serviceBinding('NEXT', 'echo')],
  );
  const { headers, ...seen } = await cells.json('caller');
  assert.deepEqual(seen, { method: 'PATCH', url: 'https://any.example:8443/p?q=1', text: 'hello' });
  // As in workerd: a call that never was on a wire has no `host`.
  assert.equal(headers.host, undefined);
  assert.equal(headers['x-a'], '1');
  assert.equal(headers.cookie, 'c=d');
  assert.deepEqual(
    Object.keys(headers).filter((name) => name.startsWith('x-skep')),
    [],
  );
});

test('a request handed on as it came arrives whole', async () => {
  deploy('echo', ECHO);
  deploy('proxy', `return env.NEXT.fetch(request);`, [serviceBinding('NEXT', 'echo')]);
  const seen = await cells.json('proxy', { url: '/x', method: 'POST', headers: { 'x-a': 'b' }, body: 'payload' });
  assert.deepEqual([seen.method, seen.text, seen.headers['x-a']], ['POST', 'payload', 'b']);
  assert.match(seen.url, /\/x$/);
});

test('three clones of one request with a body reach three services whole', async () => {
  deploy('echo', `return new Response(String((await request.text()).length));`);
  deploy(
    'cloner',
    `
    const copies = [request.clone(), request.clone(), request];
    const answers = await Promise.all(copies.map((copy) => env.NEXT.fetch(copy).then((response) => response.text())));
    return Response.json(answers);`,
    [serviceBinding('NEXT', 'echo')],
  );
  assert.deepEqual(await cells.json('cloner', { method: 'POST', body: 'x'.repeat(300_000) }), [
    '300000',
    '300000',
    '300000',
  ]);
});

test('status, headers, cookies and bytes of the callee’s response reach the caller', async () => {
  deploy(
    'answer',
    `
    const headers = new Headers({ 'x-from': 'callee', 'x-skep-outcome': 'forged' });
    headers.append('set-cookie', 'a=1'); headers.append('set-cookie', 'b=2');
    return new Response(new Uint8Array([0, 1, 255]), { status: 207, headers });`,
  );
  deploy(
    'reader',
    `
    const response = await env.NEXT.fetch('http://x/');
    return Response.json({
      status: response.status, ok: response.ok, from: response.headers.get('x-from'), cookies: response.headers.getSetCookie(),
      internal: [...response.headers.keys()].filter((name) => name.startsWith('x-skep')), bytes: [...new Uint8Array(await response.arrayBuffer())],
    });`,
    [serviceBinding('NEXT', 'answer')],
  );
  assert.deepEqual(await cells.json('reader'), {
    status: 207,
    ok: true,
    from: 'callee',
    cookies: ['a=1', 'b=2'],
    internal: [],
    bytes: [0, 1, 255],
  });
});

test('null bodies, HEAD and 304 pass through a binding', async () => {
  deploy(
    'statuses',
    `return new Response(request.method === 'HEAD' ? 'dropped' : null, { status: Number(new URL(request.url).searchParams.get('s')) });`,
  );
  deploy(
    'asker',
    `
    const seen = [];
    for (const s of [204, 205, 304]) { const r = await env.NEXT.fetch('http://x/?s=' + s); seen.push([r.status, r.body]); }
    const head = await env.NEXT.fetch('http://x/?s=200', { method: 'HEAD' });
    seen.push([head.status, await head.text()]);
    return Response.json(seen);`,
    [serviceBinding('NEXT', 'statuses')],
  );
  assert.deepEqual(await cells.json('asker'), [
    [204, null],
    [205, null],
    [304, null],
    [200, ''],
  ]);
});

test('what the callee throws is thrown in the caller, with its message', async () => {
  deploy('thrower', `throw new RangeError('from below');`);
  deploy(
    'catcher',
    `try { await env.NEXT.fetch('http://x/'); return new Response('no error'); } catch (error) { return new Response(error.message); }`,
    [serviceBinding('NEXT', 'thrower')],
  );
  assert.equal((await cells.fetch('catcher')).body, 'from below');
});

test('a callee over its CPU limit is an error in the caller, who lives on', async () => {
  deploy('burner', `while (true);`);
  deploy(
    'watcher',
    `try { await env.NEXT.fetch('http://x/', { method: 'POST' }); return new Response('no error'); } catch (error) { return new Response(error.message); }`,
    [serviceBinding('NEXT', 'burner')],
  );
  assert.equal((await cells.fetch('watcher')).body, 'Worker exceeded CPU time limit.');
});

test('a binding whose worker is gone is an error that names both', async () => {
  deploy(
    'lonely',
    `try { await env.NEXT.fetch('http://x/'); return new Response('no error'); } catch (error) { return new Response(error.message); }`,
    [serviceBinding('NEXT', 'never-deployed')],
  );
  assert.match((await cells.fetch('lonely')).body, /"never-deployed".*"NEXT"/);
});

test('a worker may call itself, and a pipeline may be 32 workers deep and no deeper', async () => {
  deploy(
    'recursive',
    `
    const n = Number(new URL(request.url).searchParams.get('n'));
    if (n === 0) return new Response('bottom');
    try { return await env.SELF.fetch('http://x/?n=' + (n - 1)); } catch (error) { return new Response(n + ': ' + error.message); }`,
    [serviceBinding('SELF', 'recursive')],
  );
  assert.equal((await cells.fetch('recursive', '/?n=31')).body, 'bottom', '32 invocations');
  assert.match((await cells.fetch('recursive', '/?n=32')).body, /^1: Subrequest depth limit exceeded/);
  assert.match((await cells.fetch('recursive', '/?n=100')).body, /Subrequest depth limit exceeded/);
});

test('a thousand calls to services are allowed in a pipeline, the next one is refused', async () => {
  deploy('leaf', `return new Response('x');`);
  deploy(
    'counter',
    `
    const results = { ok: 0, errors: new Set() };
    for (let n = 0; n < 21; n++) {
      await Promise.all(Array.from({ length: 50 }, () => env.LEAF.fetch('http://x/').then(() => results.ok++, (error) => results.errors.add(error.message))));
    }
    return Response.json({ ok: results.ok, errors: [...results.errors] });`,
    [serviceBinding('LEAF', 'leaf')],
  );
  assert.deepEqual(await cells.json('counter'), { ok: 1_000, errors: ['Too many subrequests.'] });
});

test('calls of a callee count against its whole pipeline', async () => {
  deploy('leaf', `return new Response('x');`);
  deploy(
    'middle',
    `
    let ok = 0;
    for (let n = 0; n < 600; n++) await env.LEAF.fetch('http://x/').then(() => ok++, () => {});
    return new Response(String(ok));`,
    [serviceBinding('LEAF', 'leaf')],
  );
  deploy(
    'outer',
    `
    const first = Number(await (await env.MIDDLE.fetch('http://x/')).text());
    const second = Number(await (await env.MIDDLE.fetch('http://x/')).text());
    return Response.json({ first, second });`,
    [serviceBinding('MIDDLE', 'middle')],
  );
  const { first, second } = await cells.json('outer');
  assert.deepEqual({ first, second }, { first: 600, second: 1_000 - 600 - 2 });
});

const rssMiB = (): number => {
  const [, resident] = readFileSync('/proc/self/statm', 'latin1').split(' ').map(Number) as [number, number];
  return (resident * 4096) / 1024 / 1024;
};

const STREAM_MB = 64;
const SOURCE = `
  let left = ${STREAM_MB};
  const megabyte = new Uint8Array(1_000_000).fill(7);
  const source = new ReadableStream({ pull(controller) { if (left-- === 0) controller.close(); else controller.enqueue(megabyte); } });`;

/** Watches this process (supervisor and broker) while 64 MB pass through it. */
async function withinMemory<T>(work: () => Promise<T>): Promise<T> {
  const before = rssMiB();
  let highest = before;
  const timer = setInterval(() => {
    highest = Math.max(highest, rssMiB());
  }, 5);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    assert.ok(
      highest - before < 40,
      `the server grew by ${Math.round(highest - before)} MB while ${STREAM_MB} MB passed`,
    );
  }
}

test('64 MB stream from callee through caller to a slow reader, without piling up anywhere', async () => {
  deploy('source', `${SOURCE} return new Response(source);`);
  deploy('relay', `return env.NEXT.fetch('http://x/');`, [serviceBinding('NEXT', 'source')]);
  await cells.fetch('relay');
  await withinMemory(async () => {
    let turns = 0;
    const call = cells.open(
      'relay',
      {},
      {
        onData: () => {
          if (++turns % 8 !== 0) return true;
          setTimeout(() => call.control.resume(), 2);
          return false;
        },
      },
    );
    const { failure } = await call.done;
    assert.equal(failure, undefined);
    assert.equal(call.receivedBytes(), STREAM_MB * 1_000_000);
  });
});

test('64 MB stream from caller to a slow callee, without piling up anywhere', async () => {
  deploy(
    'sink',
    `
    let total = 0, chunks = 0;
    for await (const chunk of request.body) {
      total += chunk.length;
      if (++chunks % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return new Response(String(total));`,
  );
  deploy('sender', `${SOURCE} return env.NEXT.fetch('http://x/', { method: 'POST', body: source });`, [
    serviceBinding('NEXT', 'sink'),
  ]);
  await withinMemory(async () => assert.equal((await cells.fetch('sender')).body, String(STREAM_MB * 1_000_000)));
});

test('a stream that the caller stops reading stands still at the window, and goes on when it reads again', async () => {
  deploy(
    'counter-source',
    `
    let produced = 0;
    return new Response(new ReadableStream({ pull(controller) {
      produced++;
      console.log(String(produced));
      if (produced > 100) controller.close(); else controller.enqueue(new Uint8Array(100_000));
    } }));`,
  );
  deploy(
    'pauser',
    `
    const response = await env.NEXT.fetch('http://x/');
    const reader = response.body.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 300));
    console.log('paused');
    let total = 0;
    for (;;) { const { done, value } = await reader.read(); if (done) break; total += value.length; }
    return new Response(String(total));`,
    [serviceBinding('NEXT', 'counter-source')],
  );
  const answer = cells.fetch('pauser');
  await until(() => logsOf('pauser').includes('paused'), 'the pause is over');
  const whilePaused = logsOf('counter-source').length;
  assert.ok(whilePaused < 60, `${whilePaused} of 101 chunks of 100 KB were produced for a reader that took one`);
  assert.ok(Number((await answer).body) > 9_900_000);
});

test('when the caller cancels its response, the callee’s source is cancelled and its invocation ends', async () => {
  deploy(
    'endless',
    `return new Response(new ReadableStream({
    async pull(controller) { await new Promise((resolve) => setTimeout(resolve, 2)); controller.enqueue(new Uint8Array(1000)); },
  }));`,
  );
  deploy(
    'canceller',
    `
    const response = await env.NEXT.fetch('http://x/');
    const reader = response.body.getReader();
    await reader.read();
    await reader.cancel();
    return new Response('cancelled');`,
    [serviceBinding('NEXT', 'endless')],
  );
  assert.equal((await cells.fetch('canceller')).body, 'cancelled');
  await until(() => cells.supervisor.counts().inFlight === 0, 'both invocations end');
});

test('an AbortSignal given to a binding’s fetch rejects it and ends the callee', async () => {
  deploy(
    'slow',
    `request.signal.addEventListener('abort', () => console.log('callee aborted')); ctx.waitUntil(new Promise((r) => setTimeout(r, 200))); await new Promise((resolve) => setTimeout(resolve, 10_000)); return new Response('late');`,
  );
  deploy(
    'impatient',
    `
    try { await env.NEXT.fetch('http://x/', { signal: AbortSignal.timeout(500) }); return new Response('no error'); }
    catch (error) { return new Response(error.name); }`,
    [serviceBinding('NEXT', 'slow')],
  );
  // The callee must have the call by then: a cold start could take longer, and a machine that is busy takes its time, too.
  await cells.supervisor.warm(cells.versionOf('slow'));
  assert.equal((await cells.fetch('impatient')).body, 'TimeoutError');
  await until(() => logsOf('slow').includes('callee aborted'), 'the callee hears of it');
  await until(() => cells.supervisor.counts().inFlight === 0, 'all invocations end');
});

test('when the outside client goes away, the whole pipeline ends', async () => {
  deploy(
    'deep',
    `console.log('reached'); await new Promise((resolve) => setTimeout(resolve, 30_000)); return new Response('late');`,
  );
  deploy('mid', `return env.NEXT.fetch('http://x/');`, [serviceBinding('NEXT', 'deep')]);
  const call = cells.open('mid');
  await until(() => logsOf('deep').includes('reached'), 'the call is deep down');
  call.control.cancel();
  await until(() => cells.supervisor.counts().inFlight === 0, 'no invocation is left');
});

test('a callee that dies in the middle of its answer is an error in the caller’s stream', async () => {
  deploy(
    'dying',
    `
    let n = 0;
    return new Response(new ReadableStream({ async pull(controller) {
      if (n++ < 3) { controller.enqueue(new TextEncoder().encode('part ')); await new Promise((resolve) => setTimeout(resolve, 5)); return; }
      while (true);
    } }));`,
  );
  deploy(
    'mourner',
    `
    const response = await env.NEXT.fetch('http://x/');
    let text = '';
    try { for await (const chunk of response.body) text += new TextDecoder().decode(chunk); return new Response('WHOLE ' + text); }
    catch (error) { return new Response(text + '| ' + error.name); }`,
    [serviceBinding('NEXT', 'dying')],
  );
  assert.match((await cells.fetch('mourner')).body, /^(part ){1,3}\| Error$/);
});

test('calls made after the invocation has ended are refused', async () => {
  deploy('echo', ECHO);
  deploy(
    'late-caller',
    `
    globalThis.late ??= [];
    const { NEXT } = env;
    if (request.url.endsWith('/result')) return Response.json(globalThis.late);
    (async () => {
      for (let n = 0; n < 50; n++) await crypto.subtle.digest('SHA-256', new Uint8Array(1_000_000));
      await NEXT.fetch('http://x/').then(() => globalThis.late.push('answered'), (error) => globalThis.late.push(error.message));
    })();
    return new Response('early');`,
    [serviceBinding('NEXT', 'echo')],
  );
  await cells.fetch('late-caller');
  await until(async () => (await cells.json('late-caller', '/result')).length > 0, 'the late call is settled');
  assert.match((await cells.json('late-caller', '/result'))[0], /invocation is over/);
});

test('an upload to a callee that answers early does not disturb the answer or the next call', async () => {
  deploy('early', `return new Response('early ' + request.method);`);
  deploy(
    'uploader',
    `
    const answers = [];
    for (let n = 0; n < 10; n++) {
      const body = new Uint8Array(500_000);
      answers.push(await (await env.NEXT.fetch('http://x/', { method: 'POST', body })).text());
      answers.push(await (await env.NEXT.fetch('http://x/')).text());
    }
    return Response.json([...new Set(answers)]);`,
    [serviceBinding('NEXT', 'early')],
  );
  assert.deepEqual(await cells.json('uploader'), ['early POST', 'early GET']);
});
