/** Which cells the kernel runs first when the machine is full. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { after, before, test } from 'node:test';
import { mayRaisePriority } from '../../server/supervisor/priority.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

const BUSY = `
  export default { async fetch(request) {
    const end = Number(new URL(request.url).searchParams.get('rounds'));
    let sum = 0;
    for (let round = 0; round < end; round++) {
      for (let n = 0; n < 10_000_000; n++) sum += n % 7;
      await scheduler.wait(0);
    }
    return new Response(String(sum));
  } };`;

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 0, cpuMs: 30_000 });
  cells.deploy({ name: 'busy', modules: { 'index.js': BUSY } });
});
after(() => cells.close());

/** The nice value of each thread of the only cell's engine. */
function prioritiesOf(pid: number): Set<number> {
  return new Set(readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread))));
}

test('a cell whose request has computed for long gives way to the others until it has been calm for a second', async (t) => {
  const usual = getPriority();
  await cells.fetch('busy', { url: '/?rounds=0' });
  const [pid] = cells.cellPids();
  assert.ok(pid !== undefined);
  assert.deepEqual(prioritiesOf(pid), new Set([usual]), 'one that answers at once runs as the server does');
  const long = cells.fetch('busy', { url: '/?rounds=100' });
  const isAt = (nice: number): boolean => prioritiesOf(pid).size === 1 && prioritiesOf(pid).has(nice);
  await until(() => isAt(usual + 10), 'all its threads are lowered, one after the other');
  assert.equal((await long).status, 200);
  if (!mayRaisePriority) {
    t.diagnostic('Not root: what was lowered cannot be raised again.');
    return;
  }
  await until(() => isAt(usual), 'all its threads are raised again');
});

test('a cell that was started ahead gives way to all others until it is given a version', async (t) => {
  if (!mayRaisePriority) return t.skip('What is lowered cannot be raised again without being root');
  // All cells of this process, whichever supervisor has started them.
  const known = new Set(cells.cellPids());
  const ahead = await createTestSupervisor({ prestarted: 1 });
  t.after(() => ahead.close());
  const its = (): number[] => ahead.cellPids().filter((pid) => !known.has(pid));
  await until(() => ahead.supervisor.counts().generic === 1, 'it is there');
  const [first] = its();
  assert.ok(first !== undefined);
  const usual = getPriority();
  const runsAt = (nice: number) => () => prioritiesOf(first).size === 1 && prioritiesOf(first).has(nice);
  await until(runsAt(usual + 5), 'it gives way');
  ahead.deploy({ name: 'hello', modules: { 'index.js': `export default { fetch: () => new Response('hello') };` } });
  assert.equal((await ahead.fetch('hello')).body, 'hello');
  await until(runsAt(usual), 'it runs as the server does');
});

test('a version that keeps ending its cells gets its next ones at lower priority', async (t) => {
  if (!mayRaisePriority) return t.skip('What is lowered cannot be raised again without being root');
  const known = new Set(cells.cellPids());
  const failing = await createTestSupervisor({ prestarted: 0, cpuMs: 30 });
  t.after(() => failing.close());
  failing.deploy({
    name: 'failing',
    modules: {
      'index.js': `export default { fetch(request) { if (request.method === 'POST') for (;;); return new Response('well'); } };`,
    },
  });
  await until(async () => {
    await failing.fetch('failing', { method: 'POST' });
    return failing.supervisor.healthOf(failing.versionOf('failing').id).state !== 'healthy';
  }, 'it is known for it');
  await until(async () => (await failing.fetch('failing')).body === 'well', 'its pause is over');
  const pid = failing.cellPids().find((one) => !known.has(one));
  assert.ok(pid !== undefined);
  await until(() => prioritiesOf(pid).has(getPriority() + 5), 'it gives way');
});

test('a cell that answers many short requests keeps its priority', async () => {
  const others = new Set(cells.cellPids());
  cells.deploy({ name: 'short', modules: { 'index.js': `export default { fetch: () => new Response('ok') };` } });
  await cells.fetch('short');
  let looks = 0;
  for (let round = 0; round < 40; round++) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => cells.fetch('short')));
    assert.deepEqual([...new Set(answers.map(({ status, failure }) => failure?.reason ?? status))], [200]);
    for (const pid of cells.cellPids().filter((one) => !others.has(one))) {
      looks++;
      assert.deepEqual(prioritiesOf(pid), new Set([getPriority()]), `process ${pid} after round ${round}`);
    }
  }
  assert.ok(looks >= 40, `${looks} looks`);
});
