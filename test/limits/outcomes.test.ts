/** How an invocation ended, as its trace event tells it: one test per outcome, with real cells. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  // Long enough for a worker to use up its CPU time in it on a machine that is full.
  cells = await createTestSupervisor({ prestarted: 2, memoryMiB: 64, timings: { waitUntilMs: 4_000 } });
});
after(() => cells.close());

const SLEEP = 'const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));';

const deploy = (name: string, handler: string, cpuMs = 100) =>
  cells.deploy({
    name,
    limits: { cpuMs },
    modules: { 'index.js': `${SLEEP} export default { async fetch(request, env, ctx) { ${handler} } };` },
  });

const outcomesOf = (name: string): string[] =>
  cells
    .eventsOf('invocation')
    .filter(({ version }) => version.workerName === name)
    .map(({ outcome }) => outcome);

async function endsWith(name: string, outcome: string): Promise<void> {
  await until(() => outcomesOf(name).length === 1, `the invocation of ${name} ends`, 8_000);
  assert.deepEqual(outcomesOf(name), [outcome]);
}

test('an answer is ok, and so is waitUntil work that ends in time', async () => {
  deploy('fine', `ctx.waitUntil(sleep(100)); return new Response('fine');`);
  assert.equal((await cells.fetch('fine')).body, 'fine');
  await endsWith('fine', 'ok');
});

test('an exception is one', async () => {
  deploy('throws', `throw new Error('no');`);
  await cells.fetch('throws');
  await endsWith('throws', 'exception');
});

test('an exception in the stream of an answer is one, too', async () => {
  deploy(
    'throws-late',
    `return new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(10)); await sleep(50); c.error(new Error('late')); } }));`,
  );
  assert.notEqual((await cells.fetch('throws-late')).failure, undefined);
  await endsWith('throws-late', 'exception');
});

test('waitUntil work goes on after the stream of an answer has thrown, and is the end of the invocation', async () => {
  deploy(
    'throws-and-waits',
    `ctx.waitUntil(sleep(300).then(() => console.log('done')));
     return new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(10)); await sleep(50); c.error(new Error('late')); } }));`,
  );
  assert.notEqual((await cells.fetch('throws-and-waits')).failure, undefined);
  await endsWith('throws-and-waits', 'exception');
  assert.equal(cells.eventsOf('log').filter(({ version }) => version.workerName === 'throws-and-waits').length, 1);
});

test('CPU beyond the limit is exceededCpu, before the answer, within its stream and in waitUntil', async () => {
  deploy('cpu', 'while (true);');
  deploy(
    'cpu-stream',
    `return new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(10)); await sleep(50); while (true); } }));`,
  );
  deploy('cpu-wait', `ctx.waitUntil(sleep(20).then(() => { while (true); })); return new Response('early');`);
  for (const name of ['cpu', 'cpu-stream', 'cpu-wait']) {
    await cells.fetch(name, { method: 'POST' });
    await endsWith(name, 'exceededCpu');
  }
});

test('memory beyond the limit is exceededMemory', async () => {
  deploy('memory', `const all = []; for (;;) { all.push(new Uint8Array(8_000_000).fill(1)); await sleep(1); }`, 10_000);
  await cells.fetch('memory', { method: 'POST' });
  await endsWith('memory', 'exceededMemory');
});

test('waitUntil work that does not end in time is exceededWallTime', async () => {
  deploy('endless-wait', `ctx.waitUntil(sleep(60_000)); return new Response('early');`);
  assert.equal((await cells.fetch('endless-wait')).body, 'early');
  await endsWith('endless-wait', 'exceededWallTime');
});

test('a stream that lasts has the limit for every second anew', async () => {
  const tick = 'let x = 0; for (let n = 0; n < 2e6; n++) x += Math.sqrt(n);';
  deploy(
    'ticks',
    `let left = 24;
    return new Response(new ReadableStream({ async pull(c) { await sleep(200); ${tick} if (left-- === 0) c.close(); else c.enqueue(new Uint8Array(1)); } }));`,
    60,
  );
  const { bytes, failure } = await cells.fetch('ticks');
  assert.deepEqual([bytes.length, failure?.reason], [24, undefined]);
  await endsWith('ticks', 'ok');
});

test('an RPC session that lasts has the limit for every second anew, as the stream that keeps it', async (t) => {
  cells.deploy({
    name: 'ticks-callee',
    limits: { cpuMs: 60 },
    modules: {
      'index.js': `import { RpcTarget, WorkerEntrypoint } from 'cloudflare:workers';
      class Clock extends RpcTarget { tick() { let x = 0; for (let n = 0; n < 2e6; n++) x += Math.sqrt(n); return x > 0; } }
      export default class extends WorkerEntrypoint { clock() { return new Clock(); } }`,
    },
  });
  cells.deploy({
    name: 'ticks-caller',
    bindings: [serviceBinding('CALLEE', 'ticks-callee')],
    modules: {
      'index.js': `${SLEEP} export default { async fetch(request, env) {
        const clock = await env.CALLEE.clock();
        let left = 20;
        return new Response(new ReadableStream({ async pull(c) { await sleep(250); await clock.tick(); if (left-- === 0) c.close(); else c.enqueue(new Uint8Array(1)); } }));
      } };`,
    },
  });
  const { bytes, failure } = await cells.fetch('ticks-caller');
  assert.deepEqual([bytes.length, failure?.reason], [20, undefined]);
  // With its caller's invocation the session is over, whatever the callee might still have done.
  await endsWith('ticks-callee', 'canceled');
  const { cpuMs = 0 } = cells.eventsOf('invocation').find(({ version }) => version.workerName === 'ticks-callee') ?? {};
  t.diagnostic(`${cpuMs} ms`);
  assert.ok(cpuMs > 60, `${cpuMs} ms together would have been too much for one budget`);
});

test('bytes that a worker only passes on bring the CPU time that carrying them takes', async () => {
  const MiB = 1024 * 1024;
  cells.deploy({
    name: 'source',
    limits: { cpuMs: 60 },
    modules: {
      'index.js': `export default { async fetch() {
        let left = 96;
        return new Response(new ReadableStream({ type: 'bytes', async pull(c) { c.enqueue(new Uint8Array(${MiB})); if (--left === 0) c.close(); } }));
      } };`,
    },
  });
  cells.deploy({
    name: 'passes-on',
    limits: { cpuMs: 60 },
    bindings: [serviceBinding('SOURCE', 'source')],
    modules: { 'index.js': `export default { fetch: (request, env) => env.SOURCE.fetch(request) };` },
  });
  const { bytes, failure } = await cells.fetch('passes-on');
  assert.deepEqual([bytes.length, failure?.reason], [96 * MiB, undefined]);
  await endsWith('passes-on', 'ok');
  const { cpuMs = 0 } = cells.eventsOf('invocation').find(({ version }) => version.workerName === 'passes-on') ?? {};
  assert.ok(cpuMs > 60, `${cpuMs} ms would have been too much for the limit`);
});

test('bytes that pass do not pay for a loop', async () => {
  deploy(
    'carries-and-loops',
    `let left = 8;
     return new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(65_536)); if (--left === 0) while (true); } }));`,
  );
  await cells.fetch('carries-and-loops');
  await endsWith('carries-and-loops', 'exceededCpu');
});

test('a visitor who leaves before the answer makes it canceled', async () => {
  deploy('left', `console.log('began'); await sleep(60_000); return new Response('late');`);
  const call = cells.open('left');
  await until(() => cells.eventsOf('log').some(({ version }) => version.workerName === 'left'), 'the handler runs');
  call.control.cancel();
  await endsWith('left', 'canceled');
});

test('a visitor who leaves in the middle of an answer makes it responseStreamDisconnected', async () => {
  deploy(
    'left-late',
    `return new Response(new ReadableStream({ async pull(c) { await sleep(20); c.enqueue(new Uint8Array(10)); } }));`,
  );
  const call = cells.open('left-late');
  await call.head;
  call.control.cancel();
  await endsWith('left-late', 'responseStreamDisconnected');
});
