/** CPU limits with real cells: who is killed, who is blamed, and who must not notice. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BURNERS, LOOP_MODULE } from '../support/burners.ts';
import type { TestAnswer } from '../support/cells.ts';
import { CELL_LIMITS } from '../../shared/limits.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 3, cpuMs: 100, maxCpuMs: 400 });
});
after(() => cells.close());

const deploy = (name: string, handler: string, top = '') =>
  cells.deploy({
    name,
    modules: { 'index.js': `${top}\nexport default { async fetch(request, env, ctx) { ${handler} } };` },
  });

function assertCpuExceeded({ failure, status }: TestAnswer, what = ''): void {
  assert.deepEqual(
    { kind: failure?.kind, outcome: failure?.outcome, status },
    { kind: 'limit', outcome: 'exceededCpu', status: 0 },
    `${what} ${failure?.reason}`,
  );
}

/** What the latest invocation of a worker was charged. */
const lastCpuMs = (name: string): number =>
  cells.eventsOf('invocation').findLast(({ version }) => version.workerName === name)?.cpuMs ?? Number.NaN;

for (const [family, code] of Object.entries(BURNERS)) {
  test(`a request that burns CPU by ${family} is ended with "exceeded CPU", soon after its limit`, async () => {
    const name = `burn-${family.toLowerCase().replaceAll(/\W/g, '-')}`;
    const source = `import loopModule from './loop.wasm';\nexport default { async fetch(request, env, ctx) { ${code} } };`;
    cells.deploy({ name, modules: { 'index.js': source, 'loop.wasm': LOOP_MODULE } });
    assertCpuExceeded(await cells.fetch(name, { method: 'POST' }), family);
    // What the kernel counted when the decision fell; `test/limits/measure-kills.ts` measures it on an idle machine.
    const usedMs = lastCpuMs(name);
    assert.ok(usedMs >= 100 && usedMs < 200, `${usedMs} ms of 100`);
  });
}

test('a stream of the response that burns CPU is cut off', async () => {
  deploy('burn-stream', `return new Response(new ReadableStream({ pull(controller) { while (true); } }));`);
  const { failure } = await cells.fetch('burn-stream', { method: 'POST' });
  assert.notEqual(failure, undefined);
  assert.ok(lastCpuMs('burn-stream') < 200, `${lastCpuMs('burn-stream')} ms of 100`);
});

test('a safe request that burns CPU alone is blamed at once and not repeated', async () => {
  deploy('guilty-get', `console.log('run'); while (true);`);
  assertCpuExceeded(await cells.fetch('guilty-get'));
  await sleep(100);
  assert.equal(cells.eventsOf('log').filter(({ version }) => version.workerName === 'guilty-get').length, 1);
});

test('a request may use CPU up to its limit, many times in a row', async () => {
  deploy('modest', `let x = 0; for (let n = 0; n < 5e6; n++) x += Math.sqrt(n); return new Response('fine');`);
  for (let round = 0; round < 15; round++) assert.equal((await cells.fetch('modest')).body, 'fine', `round ${round}`);
});

test('a limit of the version’s own holds, lower or higher than the default, up to the platform’s maximum', async () => {
  const spin = `const until = Number(new URL(request.url).searchParams.get('rounds')); let x = 0; for (let n = 0; n < until; n++) x += Math.sqrt(n); return new Response('fine');`;
  cells.deploy({
    name: 'strict',
    limits: { cpuMs: 10 },
    modules: { 'index.js': `export default { fetch(request) { ${spin} } };` },
  });
  assertCpuExceeded(await cells.fetch('strict', { url: '/?rounds=1e9', method: 'POST' }));
  cells.deploy({
    name: 'greedy',
    limits: { cpuMs: 60_000 },
    modules: { 'index.js': `export default { fetch(request) { ${spin} } };` },
  });
  assertCpuExceeded(await cells.fetch('greedy', { url: '/?rounds=1e12', method: 'POST' }));
  const usedMs = (name: string): number =>
    Math.max(
      ...cells
        .eventsOf('invocation')
        .filter(({ version }) => version.workerName === name)
        .map(({ cpuMs }) => cpuMs),
    );
  assert.ok(usedMs('strict') >= 5 && usedMs('strict') < 80, `${usedMs('strict')} ms of 10`);
  assert.ok(usedMs('greedy') >= 350 && usedMs('greedy') < 550, `${usedMs('greedy')} ms of 400`);
});

/** How many cells of a worker were ended for their CPU. */
const killsOf = (name: string): number =>
  cells.logLines.filter((line) => line.includes(`of ${name} ended`) && line.includes('exceededCpu')).length;

test('with many in flight and one guilty, the guilty one is found by halving and every innocent safe one is answered', async (t) => {
  deploy(
    'shared',
    `
    if (request.url.endsWith('/guilty')) { await new Promise((resolve) => setTimeout(resolve, 30)); while (true); }
    await new Promise((resolve) => setTimeout(resolve, 100));
    return new Response('innocent');`,
  );
  await cells.fetch('shared');
  const startedAt = performance.now();
  const innocents = Array.from({ length: 30 }, () => cells.fetch('shared'));
  const guilty = cells.fetch('shared', '/guilty');
  assertCpuExceeded(await guilty, 'the guilty one');
  for (const answer of await Promise.all(innocents))
    assert.deepEqual([answer.body, answer.failure], ['innocent', undefined]);
  t.diagnostic(`${killsOf('shared')} cells ended, ${Math.round(performance.now() - startedAt)} ms`);
  // 31 suspects: the first cell and five halvings.
  assert.ok(killsOf('shared') <= 6, `${killsOf('shared')} cells ended`);
  assert.equal(cells.supervisor.healthOf(cells.versionOf('shared').id).state, 'healthy');
});

test('two guilty ones among many are both found', async () => {
  deploy(
    'two-guilty',
    `
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (request.url.endsWith('/guilty')) while (true);
    return new Response('innocent');`,
  );
  await cells.fetch('two-guilty');
  const asked = Array.from({ length: 16 }, (_v, n) => cells.fetch('two-guilty', n === 3 || n === 12 ? '/guilty' : '/'));
  for (const [n, answer] of (await Promise.all(asked)).entries()) {
    if (n === 3 || n === 12) assertCpuExceeded(answer, `request ${n}`);
    else assert.equal(answer.body, 'innocent', `request ${n}: ${answer.failure?.reason}`);
  }
});

test('a suspect that lasts long does not keep the others waiting', async () => {
  deploy(
    'long-suspect',
    `
    if (request.url.endsWith('/guilty')) { await new Promise((resolve) => setTimeout(resolve, 30)); while (true); }
    await new Promise((resolve) => setTimeout(resolve, request.url.endsWith('/long') ? 20_000 : 60));
    return new Response('innocent');`,
  );
  await cells.fetch('long-suspect');
  const long = Array.from({ length: 4 }, () => cells.open('long-suspect', { url: '/long' }));
  const short = Array.from({ length: 4 }, () => cells.fetch('long-suspect'));
  assertCpuExceeded(await cells.fetch('long-suspect', '/guilty'));
  for (const { body } of await Promise.all(short)) assert.equal(body, 'innocent');
  for (const { control } of long) control.cancel();
});

/** A tenth of the limit, or a third of it on a machine that is full: thirty-two of them are three times the limit, or ten times. */
const WORK = 'let x = 0; for (let n = 0; n < 5e6; n++) x += Math.sqrt(n); return new Response(String(x > 0));';

for (const [how, before] of Object.entries({
  'without waiting': '',
  'after a microtask': 'await null;',
  'after a timer that fires for all of them at once': 'await new Promise((resolve) => setTimeout(resolve, 20));',
})) {
  test(`32 POSTs at the same time, each of them within the limit and computing ${how}, are all answered and charged for themselves`, async () => {
    const name = `together-${how.replaceAll(' ', '-')}`;
    deploy(name, `${before} ${WORK}`);
    await cells.fetch(name, { method: 'POST' });
    const alone = lastCpuMs(name);
    const answers = await Promise.all(Array.from({ length: 32 }, () => cells.fetch(name, { method: 'POST' })));
    assert.deepEqual(
      answers.map(({ body, failure }) => failure?.reason ?? body),
      answers.map(() => 'true'),
    );
    const charged = cells
      .eventsOf('invocation')
      .filter(({ version }) => version.workerName === name)
      .slice(1);
    const mean = charged.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / charged.length;
    assert.ok(mean > alone / 3 && mean < alone * 3, `${mean} ms on the average, ${alone} ms alone`);
    assert.equal(killsOf(name), 0);
  });
}

test('a request that only waits is not charged for others that compute meanwhile', async () => {
  deploy(
    'waits',
    `
    if (request.url.endsWith('/done')) return new Response(String(isDone = true));
    if (!request.url.endsWith('/wait')) { ${WORK} }
    while (!isDone) await new Promise((resolve) => setTimeout(resolve, 50));
    return new Response('waited');`,
    'let isDone = false;',
  );
  await cells.fetch('waits');
  const waiting = cells.fetch('waits', { url: '/wait', method: 'POST' });
  // Shared alike it would be charged half of them.
  for (let others = 0; others < 32; others++)
    assert.equal((await cells.fetch('waits', { method: 'POST' })).body, 'true');
  await cells.fetch('waits', { url: '/done', method: 'POST' });
  const { body, failure } = await waiting;
  assert.equal(body, 'waited', failure?.reason);
  assert.equal(killsOf('waits'), 0);
});

test('an innocent request that must not run twice fails rather than being repeated', async () => {
  deploy(
    'shared-post',
    `
    if (request.url.endsWith('/guilty')) { await new Promise((resolve) => setTimeout(resolve, 50)); while (true); }
    console.log('ran');
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    return new Response('ok');`,
  );
  await cells.fetch('shared-post', '/guilty').catch(() => undefined);
  const ran = (): number => cells.eventsOf('log').filter(({ version }) => version.workerName === 'shared-post').length;
  const innocents = Array.from({ length: 3 }, () => cells.fetch('shared-post', { method: 'POST', body: 'x' }));
  await until(() => ran() === 3, 'they run');
  await cells.fetch('shared-post', '/guilty');
  for (const { failure } of await Promise.all(innocents)) assert.equal(failure?.kind, 'limit');
  await sleep(100);
  assert.equal(ran(), 3);
});

test('another worker answers while one burns', async () => {
  deploy('calm', `return new Response('calm');`);
  deploy('wild', 'while (true);');
  await cells.fetch('calm');
  const load = { isOn: true };
  const burn = (async () => {
    while (load.isOn) await cells.fetch('wild', { method: 'POST' });
  })();
  let slowestMs = 0;
  for (let round = 0; round < 40; round++) {
    const startedAt = performance.now();
    assert.equal((await cells.fetch('calm')).body, 'calm');
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    await sleep(10);
  }
  load.isOn = false;
  await burn;
  // Far less on a quiet machine; it waits for no one that burns, each of which has 100 ms of CPU and then a new cell.
  assert.ok(slowestMs < 3_000, `the slowest answer took ${slowestMs} ms`);
});

test('a WebSocket-free long stream may run for longer than the limit when it waits and does not compute', async () => {
  deploy(
    'patient',
    `
    let left = 20;
    return new Response(new ReadableStream({ async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      if (left-- === 0) controller.close(); else controller.enqueue(new TextEncoder().encode('.'));
    } }));`,
  );
  const { body, failure } = await cells.fetch('patient');
  assert.deepEqual([body, failure], ['.'.repeat(20), undefined]);
});

test('CPU burnt in the background after the response ends the cell', async () => {
  deploy(
    'background',
    `
    // No timer, which would end with the invocation: a promise of the engine's own work, over and over.
    (async () => { for (;;) await crypto.subtle.digest('SHA-256', new Uint8Array(100_000)); })();
    return new Response(globalThis.mark ??= String(Math.random()));`,
  );
  const { body: first } = await cells.fetch('background');
  assert.match(first, /^0\./);
  await until(
    () => cells.logLines.some((line) => line.includes('background') && line.includes('exceededCpu')),
    'its cell is ended',
  );
  const { body: second } = await cells.fetch('background');
  assert.notEqual(second, first, 'the next request has a fresh cell');
});

test('CPU burnt in waitUntil ends the cell and is reported as exceeded CPU', async () => {
  deploy(
    'wait-burn',
    `ctx.waitUntil((async () => { await new Promise((resolve) => setTimeout(resolve, 10)); while (true); })()); return new Response('early');`,
  );
  assert.equal((await cells.fetch('wait-burn')).body, 'early');
  await until(() => cells.supervisor.counts().inFlight === 0, 'the invocation is ended');
  await until(
    () => cells.logLines.some((line) => line.includes('wait-burn') && line.includes('exceededCpu')),
    'the cell was ended for it',
  );
});

test('a version that burns CPU at its top level is refused with Cloudflare’s sentence', async () => {
  const result = await cells.check({
    name: 'top',
    modules: { 'index.js': `while (true); export default { fetch() {} };` },
  });
  assert.deepEqual(result, { ok: false, kind: 'cpu', message: 'Script startup exceeded CPU time limit.' });
});

test('a version may use more CPU at its start than a request may', async () => {
  deploy(
    'slow-start',
    `return new Response(String(x > 0));`,
    `let x = 0; for (let n = 0; n < 3e7; n++) x += Math.sqrt(n);`,
  );
  const { body, failure } = await cells.fetch('slow-start');
  assert.equal(body, 'true', failure?.reason);
});

test('the CPU of a request is told with its end', async () => {
  deploy(
    'counted',
    `let x = 0; for (let n = 0; n < 1e7; n++) x += Math.sqrt(n); await new Promise((resolve) => setTimeout(resolve, 30)); return new Response(String(x));`,
  );
  await cells.fetch('counted');
  const event = cells.eventsOf('invocation').find(({ version }) => version.workerName === 'counted');
  assert.ok(event !== undefined && event.cpuMs > 3 && event.cpuMs < 100, `${event?.cpuMs} ms`);
  assert.ok(event.wallMs >= event.cpuMs);
});

test('a top level that uses half of its CPU time starts, one that would use twice of it does not', async () => {
  const burn =
    'const burn = (rounds) => { let x = 0; for (let n = 0; n < rounds; n++) x += Math.sqrt(n % 1_000); return x; };';
  const rounds = 2e7;
  deploy('measured', `return new Response(String(burn(${rounds})));`, burn);
  assert.equal((await cells.fetch('measured')).status, 200);
  const cpuMs = lastCpuMs('measured');
  const start = (part: number) => {
    const its = Math.round((rounds / cpuMs) * CELL_LIMITS.startupCpuMs * part);
    const code = `${burn} const x = burn(${its}); export default { fetch: () => new Response(String(x)) };`;
    return cells.check({ name: `part-${part * 10}`, modules: { 'index.js': code } });
  };
  assert.equal((await start(0.5)).ok, true);
  const above = await start(2);
  assert.equal(above.ok ? 'started' : above.kind, 'cpu');
});
