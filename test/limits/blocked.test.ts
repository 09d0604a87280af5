/** Cells that stand still: blocked threads, event loops that never look around, suspects that last. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';
import { WAIT_MODULE } from '../support/wait-module.ts';

const HANG_MS = 1_000;
const PROBATION_MS = 700;

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({
    prestarted: 2,
    cpuMs: 2_000,
    timings: { hangMs: HANG_MS, probationMs: PROBATION_MS },
  });
  cells.deploy({ name: 'neighbour', modules: { 'index.js': `export default { fetch: () => new Response('fine') };` } });
  cells.deploy({
    name: 'slow',
    modules: {
      'index.js': `export default { async fetch() { await new Promise((resolve) => setTimeout(resolve, 800)); return new Response('x'.repeat(100_000)); } };`,
    },
  });
});
after(() => cells.close());

const deploy = (name: string, handler: string, top = '', cpuMs?: number): unknown =>
  cells.deploy({
    name,
    ...(cpuMs !== undefined && { limits: { cpuMs } }),
    modules: {
      'index.js': `${top}\nexport default { async fetch(request, env, ctx) { ${handler} } };`,
      'wait.wasm': WAIT_MODULE,
    },
    bindings: [serviceBinding('SLOW', 'slow')],
    compatibilityFlags: ['nodejs_compat'],
  });

for (const [what, code] of Object.entries({
  'the shared memory of WebAssembly':
    'Atomics.wait(new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer), 0, 0)',
  'a SharedArrayBuffer': 'Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)',
  'a SharedArrayBuffer, 64 bits wide': 'Atomics.wait(new BigInt64Array(new SharedArrayBuffer(8)), 0, 0n)',
  'anything, through Reflect': 'Reflect.apply(Atomics.wait, Atomics, [new Int32Array(new SharedArrayBuffer(8)), 0, 0])',
})) {
  test(`Atomics.wait on ${what} is refused at once`, async () => {
    deploy(
      'atomics',
      `try { ${code}; return new Response('waited'); } catch (error) { return new Response(String(error)); }`,
    );
    assert.equal((await cells.fetch('atomics')).body, 'TypeError: Atomics.wait cannot be called in this context');
  });
}

test('Atomics.waitAsync does not block: the request goes on, and its cell serves others', async () => {
  deploy(
    'wait-async',
    `const { async: isAsync } = Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(8)), 0, 0); return new Response(String(isAsync));`,
  );
  for (let round = 0; round < 2; round++) assert.equal((await cells.fetch('wait-async')).body, 'true');
});

test('a thread that WebAssembly blocks for ever is ended by its wall time, and only its own request fails', async () => {
  deploy(
    'wasm-wait',
    `if (request.url.endsWith('/wait')) new WebAssembly.Instance(waitModule).exports.w(-1n); return new Response('fine');`,
    `import waitModule from './wait.wasm';`,
  );
  assert.equal((await cells.fetch('wasm-wait')).body, 'fine');
  const startedAt = performance.now();
  const { failure } = await cells.fetch('wasm-wait', { url: '/wait', method: 'POST' });
  const tookMs = performance.now() - startedAt;
  assert.deepEqual([failure?.kind, failure?.outcome], ['limit', 'exceededWallTime'], failure?.reason);
  assert.ok(tookMs >= HANG_MS && tookMs < HANG_MS + 3_000, `${tookMs} ms`);
  assert.equal(cells.eventsOf('invocation').at(-1)?.outcome, 'exceededWallTime');
  assert.equal((await cells.fetch('neighbour')).body, 'fine');
  assert.equal((await cells.fetch('wasm-wait')).body, 'fine', 'in a fresh cell');
});

test('a thread that is blocked for less than its wall time goes on; one that is blocked for longer is ended then, and not before', async () => {
  deploy(
    'wasm-pause',
    `const ms = BigInt(new URL(request.url).searchParams.get('ms')); new WebAssembly.Instance(waitModule).exports.w(ms * 1_000_000n); return new Response('woke up');`,
    `import waitModule from './wait.wasm';`,
  );
  const pause = async (ms: number) => {
    const startedAt = performance.now();
    const { body, failure } = await cells.fetch('wasm-pause', { url: `/?ms=${ms}`, method: 'POST' });
    return { body, outcome: failure?.outcome, tookMs: performance.now() - startedAt };
  };
  await pause(0);
  const below = await pause(HANG_MS / 2);
  assert.deepEqual([below.body, below.outcome], ['woke up', undefined]);
  // At: its wait began a moment before the first look that found it still. Either may be first; it is not ended before its time.
  const at = await pause(HANG_MS);
  assert.ok(at.tookMs >= HANG_MS - 1, `${at.tookMs} ms`);
  const above = await pause(HANG_MS * 3);
  assert.equal(above.outcome, 'exceededWallTime');
  assert.ok(above.tookMs >= HANG_MS && above.tookMs < HANG_MS * 3, `${above.tookMs} ms`);
});

for (const [how, pause] of Object.entries({
  'setTimeout(0)': 'new Promise((resolve) => setTimeout(resolve, 0))',
  setImmediate: 'new Promise((resolve) => setImmediate(resolve))',
  'scheduler.wait(0)': 'scheduler.wait(0)',
  'setTimeout(0) with work in between':
    'new Promise((resolve) => setTimeout(() => { for (let n = 0; n < 1e6; n++); resolve(); }, 0))',
})) {
  test(`a request that asks again and again by ${how} whether its call is answered hears of it, and others are served meanwhile`, async () => {
    deploy(
      'asks-again',
      `if (request.url.endsWith('/other')) return new Response('served');
      let done; void env.SLOW.fetch('http://slow/').then(async (response) => { done = (await response.text()).length; });
      while (done === undefined) await ${pause};
      return new Response(String(done));`,
    );
    await cells.fetch('asks-again', '/other');
    const asking = cells.fetch('asks-again', { method: 'POST' });
    await sleep(30);
    const other = cells.fetch('asks-again', { url: '/other', method: 'POST' });
    let first = '';
    void asking.then(() => (first ||= 'asking'));
    void other.then(() => (first ||= 'other'));
    const { body, failure } = await asking;
    assert.equal(body, '100000', failure?.reason);
    assert.equal((await other).body, 'served');
    assert.equal(first, 'other', 'it did not wait for the one that asks');
  });
}

test('a suspect that lasts keeps its cell to itself for its probation, then others come, too', async () => {
  deploy(
    'probation',
    `if (request.url.endsWith('/guilty')) { await new Promise((resolve) => setTimeout(resolve, 30)); while (true); }
    if (request.url.endsWith('/long')) { kept.long = true; await new Promise((resolve) => setTimeout(resolve, 20_000)); }
    await new Promise((resolve) => setTimeout(resolve, 60));
    return new Response(String(kept.long));`,
    'const kept = { long: false };',
    60,
  );
  await cells.fetch('probation');
  const long = cells.open('probation', { url: '/long' });
  // The probation begins later.
  const startedAt = performance.now();
  const guilty = await cells.fetch('probation', '/guilty');
  assert.equal(guilty.failure?.outcome, 'exceededCpu', guilty.failure?.reason);
  await until(() => cells.supervisor.counts().inFlight === 1, 'the innocent one runs again');
  // Of several at once some go to each of the cells that may be had.
  const areWithLong = async (): Promise<boolean> => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => cells.fetch('probation')));
    return answers.some(({ body }) => body === 'true');
  };
  // An answer counts when it has come before the probation can be over, however long the machine took for it.
  for (let isWithLong = false; performance.now() - startedAt < PROBATION_MS; isWithLong = await areWithLong())
    assert.equal(isWithLong, false);
  await until(areWithLong, 'the cell of the suspect is among the others', PROBATION_MS + 3_000);
  long.control.cancel();
});
