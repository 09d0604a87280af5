/** Accounts share the processors, however many cells they keep busy. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { weightsOf } from '../../server/supervisor/fair-share.ts';
import { mayRaisePriority, stepsForWeight } from '../../server/supervisor/priority.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

test('cells of one account weigh one together; alone on the machine all weigh the same', () => {
  assert.deepEqual(Object.fromEntries(weightsOf(['a', 'a', 'a', 'a', 'b', 'c', 'c'])), { a: 0.25, b: 1, c: 0.5 });
  assert.deepEqual(Object.fromEntries(weightsOf(['a', 'a', 'a'])), { a: 1 });
  assert.equal(weightsOf([]).size, 0);
  assert.deepEqual([1, 1 / 2, 1 / 3, 1 / 10].map(stepsForWeight), [0, 3, 5, 10]);
});

/** CPU time of a process in ticks. */
const ticksOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
};

async function burn(cells: TestSupervisor, name: string, accountId: string): Promise<number> {
  const before = new Set(cells.cellPids());
  cells.deploy({
    name,
    accountId,
    limits: { cpuMs: 30_000 },
    modules: { 'index.js': 'export default { fetch() { for (;;); } };' },
  });
  void cells.open(name).done;
  await until(() => cells.cellPids().some((pid) => !before.has(pid)), 'its cell is there');
  return cells.cellPids().find((pid) => !before.has(pid)) as number;
}

test('an account with one busy cell for each processor gets as much as one with three', async (t) => {
  if (!mayRaisePriority) {
    t.skip('What is lowered cannot be raised again without being root.');
    return;
  }
  const cells = await createTestSupervisor({ prestarted: 0, maxCells: 32 });
  t.after(() => cells.close());
  const processors = availableParallelism();
  const greedy: number[] = [];
  for (let n = 0; n < 3 * processors; n++) greedy.push(await burn(cells, `greedy${n}`, 'greedy'));
  const modest: number[] = [];
  for (let n = 0; n < processors; n++) modest.push(await burn(cells, `modest${n}`, 'modest'));
  const sum = (pids: readonly number[]): number => pids.reduce((ticks, pid) => ticks + ticksOf(pid), 0);
  // A third without weights, one with them. What else runs on the machine may blur a moment.
  const shares: number[] = [];
  while (shares.length < 6 && !shares.some((share) => share > 0.65 && share < 1.6)) {
    const [greedyBefore, modestBefore] = [sum(greedy), sum(modest)];
    await sleep(2_500);
    shares.push((sum(modest) - modestBefore) / (sum(greedy) - greedyBefore));
  }
  const last = shares.at(-1) as number;
  assert.ok(last > 0.65 && last < 1.6, `its cells got these parts of what the others got: ${shares.join()}`);
});
