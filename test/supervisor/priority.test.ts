/** Which cells the kernel runs first when the machine is full. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { after, before, test } from 'node:test';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

const IS_ROOT = process.getuid?.() === 0;
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

const sessionNice = (pid: number): string | undefined => {
  try {
    return /nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, 'utf8'))?.[1];
  } catch {
    return undefined; // A kernel without autogroups.
  }
};

test('a cell whose request has computed for long gives way to the others until it is done', async (t) => {
  const usual = getPriority();
  await cells.fetch('busy', { url: '/?rounds=0' });
  const [pid] = cells.cellPids();
  assert.ok(pid !== undefined);
  assert.deepEqual(prioritiesOf(pid), new Set([usual]), 'one that answers at once runs as the server does');
  const long = cells.fetch('busy', { url: '/?rounds=100' });
  const isAt = (nice: number): boolean => prioritiesOf(pid).size === 1 && prioritiesOf(pid).has(nice);
  await until(() => isAt(usual + 10), 'all its threads are lowered, one after the other');
  const own = readFileSync(`/proc/self/autogroup`, 'utf8').split(' ')[0];
  const its = sessionNice(pid) === undefined ? own : readFileSync(`/proc/${pid}/autogroup`, 'utf8').split(' ')[0];
  if (its !== own) assert.equal(sessionNice(pid), '10', 'and so is its session');
  assert.notEqual(sessionNice(process.pid), '10', 'the server keeps its own priority');
  assert.equal((await long).status, 200);
  if (!IS_ROOT) {
    t.diagnostic('Not root: what was lowered cannot be raised again.');
    return;
  }
  await until(() => isAt(usual), 'all its threads are raised again');
});

test('a cell that answers many short requests keeps its priority', async () => {
  const others = new Set(cells.cellPids());
  cells.deploy({ name: 'short', modules: { 'index.js': `export default { fetch: () => new Response('ok') };` } });
  await cells.fetch('short');
  let looks = 0;
  for (let round = 0; round < 40; round++) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => cells.fetch('short')));
    assert.ok(answers.every(({ status }) => status === 200));
    for (const pid of cells.cellPids().filter((one) => !others.has(one))) {
      looks++;
      assert.deepEqual(prioritiesOf(pid), new Set([getPriority()]), `process ${pid} after round ${round}`);
    }
  }
  assert.ok(looks >= 40, `${looks} looks`);
});
