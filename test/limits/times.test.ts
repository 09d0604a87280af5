/**
 * CPU time and wall times below, at and above their limits, as near as clocks allow. The watchdog looks every 10 ms and charges up to 10 ms too
 * little, so whoever uses less than the budget is never ended and whoever uses 20 ms more always is, as soon as a processor is free for the look:
 * in between chance decides. Timers never fire early; how late they fire is up to the machine.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { WorkerEvent } from '../../server/supervisor/types.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';
import { WAIT_MODULE } from '../support/wait-module.ts';

const CPU_MS = 200;
/** What the watchdog may be late on a quiet machine. */
const LATE_MS = 20;
/** What it may be late besides, while other tests run. */
const BUSY_MS = 150;
const WAIT_UNTIL_MS = 2_000;
const STARTUP_MS = 3_000;
/** What a timer may be late on a machine that is full; far from twice its time. */
const TIMER_LATE_MS = 1_900;

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({
    prestarted: 2,
    cpuMs: CPU_MS,
    timings: { waitUntilMs: WAIT_UNTIL_MS, startupMs: STARTUP_MS },
  });
});
after(() => cells.close());

type InvocationEvent = Extract<WorkerEvent, { type: 'invocation' }>;

const SLEEP = 'const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));';

/** What the kernel has counted of all cells: the events' number leaves out what was used before the watchdog's first look. */
function cellsCpuMs(): number {
  let nanoseconds = 0;
  for (const pid of cells.cellPids()) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ', 1)[0]);
    }
  }
  return nanoseconds / 1e6;
}

async function lastEvent(name: string, count: number): Promise<InvocationEvent> {
  const events = (): InvocationEvent[] =>
    cells.eventsOf('invocation').filter(({ version }) => version.workerName === name);
  await until(() => events().length === count, `invocation ${count} of ${name} has ended`);
  return events().at(-1) as InvocationEvent;
}

test('a request that uses less CPU time than it may is answered, one that uses more is ended, and its event tells which was which', async (t) => {
  cells.deploy({
    name: 'computes',
    modules: {
      'index.js': `export default { async fetch(request) {
        let x = 0;
        for (let left = Number(new URL(request.url).searchParams.get('rounds')); left > 0; left--) x += Math.sqrt(left);
        return new Response(String(x > 0));
      } };`,
    },
  });
  let count = 0;
  const compute = async (rounds: number) => {
    const before = cellsCpuMs();
    const { failure } = await cells.fetch('computes', { url: `/?rounds=${Math.round(rounds)}`, method: 'POST' });
    const usedMs = cellsCpuMs() - before;
    const { outcome } = await lastEvent('computes', ++count);
    assert.equal(outcome, failure?.outcome ?? 'ok');
    return { outcome, usedMs };
  };
  const PROBE_ROUNDS = 1e7;
  const seen: string[] = [];
  const part = async (share: number) => {
    // How much this machine does in a millisecond right now: with others on it, half of what it did before.
    let { usedMs: probeMs } = await compute(PROBE_ROUNDS);
    for (let probe = 0; probe < 2; probe++) probeMs = Math.max(probeMs / 2, (await compute(PROBE_ROUNDS)).usedMs);
    const { outcome, usedMs } = await compute((share * CPU_MS * PROBE_ROUNDS) / probeMs);
    seen.push(`${share}: ${outcome === 'ok' ? `${usedMs.toFixed(0)} ms, ` : ''}${outcome}`);
    if (outcome === 'ok') assert.ok(usedMs < CPU_MS + LATE_MS + BUSY_MS, seen.at(-1));
    return outcome;
  };
  assert.equal(await part(0.5), 'ok', seen.at(-1));
  const at = await part(1);
  assert.ok(at === 'ok' || at === 'exceededCpu', seen.at(-1));
  assert.equal(await part(2 + BUSY_MS / CPU_MS), 'exceededCpu', seen.at(-1));
  t.diagnostic(seen.join('; '));
});

test('waitUntil work that takes less than its time ends in its own way; at the limit it is ended, and not before', async () => {
  cells.deploy({
    name: 'waits',
    modules: {
      'index.js': `${SLEEP} export default { async fetch(request, env, ctx) {
        ctx.waitUntil(sleep(Number(new URL(request.url).searchParams.get('ms'))));
        return new Response('early');
      } };`,
    },
  });
  let count = 0;
  const wait = async (ms: number) => {
    assert.equal((await cells.fetch('waits', `/?ms=${ms}`)).body, 'early');
    const { outcome, wallMs, answerMs } = await lastEvent('waits', ++count);
    return { outcome, waitedMs: wallMs - answerMs };
  };
  const below = await wait(WAIT_UNTIL_MS / 4);
  assert.equal(below.outcome, 'ok');
  assert.ok(below.waitedMs >= WAIT_UNTIL_MS / 4 - 50 && below.waitedMs < WAIT_UNTIL_MS, `${below.waitedMs} ms`);
  // At: the work's timer was set a moment before the supervisor's, in another process. Either may be first, but not long before the other.
  const at = await wait(WAIT_UNTIL_MS);
  assert.ok(at.waitedMs >= WAIT_UNTIL_MS - 50 && at.waitedMs < WAIT_UNTIL_MS + TIMER_LATE_MS, `${at.waitedMs} ms`);
  const above = await wait(WAIT_UNTIL_MS * 3);
  assert.equal(above.outcome, 'exceededWallTime');
  assert.ok(
    above.waitedMs >= WAIT_UNTIL_MS - 1 && above.waitedMs < WAIT_UNTIL_MS + TIMER_LATE_MS,
    `${above.waitedMs} ms`,
  );
});

test('a top level that waits less than it may starts; one that waits longer is refused at the limit, and not before', async () => {
  const start = async (ms: number) => {
    const startedAt = performance.now();
    const result = await cells.check({
      name: `starts-${ms}`,
      modules: {
        'index.js': `import wait from './wait.wasm'; new WebAssembly.Instance(wait).exports.w(${ms * 1e6}n); export default { fetch: () => new Response('up') };`,
        'wait.wasm': WAIT_MODULE,
      },
    });
    return { result, tookMs: performance.now() - startedAt };
  };
  const below = await start(STARTUP_MS / 10);
  assert.equal(below.result.ok, true);
  const above = await start(STARTUP_MS * 4);
  assert.deepEqual(above.result.ok ? 'started' : above.result.kind, 'hang');
  assert.ok(above.tookMs >= STARTUP_MS - 1 && above.tookMs < STARTUP_MS * 3, `${above.tookMs} ms`);
});
