/** Requests that find no free cell, and accounts that want more cells than there are. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { QUEUE_LIMITS } from '../../shared/limits.ts';
import type { CellEvent } from '../../server/supervisor/types.ts';
import { createTestSupervisor, type TestSupervisor, type TestSupervisorOptions } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

async function start(t: TestContext, options: TestSupervisorOptions): Promise<TestSupervisor> {
  const cells = await createTestSupervisor({ prestarted: 0, cpuMs: 10_000, ...options });
  t.after(() => cells.close());
  return cells;
}

const deploy = (cells: TestSupervisor, name: string, body: string, accountId?: string): void => {
  const modules = { 'index.js': `let served = 0; export default { async fetch(request) { served++; ${body} } };` };
  cells.deploy({ name, modules, ...(accountId !== undefined && { accountId }) });
};
const HELLO = `return new Response('hello');`;
const HOLD = `await new Promise((resolve) => setTimeout(resolve, 60_000)); return new Response('late');`;

test('999 and 1,000 requests of a version wait for its cell, the 1,001st is told at once to come back', async (t) => {
  const events: CellEvent[] = [];
  const cells = await start(t, { maxCells: 1, onCellEvent: (event) => events.push(event) });
  deploy(cells, 'holder', HOLD);
  deploy(cells, 'crowded', HELLO);
  const holder = cells.open('holder');
  await until(() => cells.supervisor.counts().inFlight === 1, 'the only place is taken');
  const calls = Array.from({ length: QUEUE_LIMITS.waitingPerVersion }, () => cells.open('crowded'));
  await until(() => cells.supervisor.counts().waiting === QUEUE_LIMITS.waitingPerVersion, 'all wait');
  const { failure } = await cells.fetch('crowded');
  assert.equal(failure?.kind, 'no-cell');
  assert.equal(failure?.reason, 'Too many wait for a cell: 1000 requests of this worker wait');
  calls[0]?.control.cancel();
  holder.control.cancel();
  const answers = await Promise.all(calls.slice(1).map(({ done }) => done));
  assert.ok(
    answers.every(({ status }) => status === 200),
    'all who waited are answered',
  );
  assert.equal(cells.supervisor.counts().waiting, 0);
  const waited = events.filter((event) => event.type === 'waited');
  assert.equal(waited.filter(({ gotCell }) => gotCell).length, QUEUE_LIMITS.waitingPerVersion + 1);
});

test('an account that fills its places in the line leaves the others theirs', async (t) => {
  const cells = await start(t, { maxCells: 1 });
  deploy(cells, 'holder', HOLD);
  const holder = cells.open('holder');
  await until(() => cells.supervisor.counts().inFlight === 1, 'the only place is taken');
  const greedy = ['g1', 'g2', 'g3'];
  for (const name of greedy) deploy(cells, name, HELLO, 'greedy');
  deploy(cells, 'other', HELLO, 'other');
  for (const name of greedy) for (let n = 0; n < QUEUE_LIMITS.waitingPerVersion; n++) void cells.open(name).done;
  const { failure } = await cells.fetch('g3');
  assert.match(
    failure?.reason ?? '',
    /^Too many wait for a cell: (2500 requests of this account|1000 requests of this worker) wait$/,
  );
  await until(() => cells.supervisor.counts().waiting === QUEUE_LIMITS.waitingPerAccount, 'its line is full');
  const other = cells.open('other');
  holder.control.cancel();
  assert.equal((await other.done).body, 'hello');
});

test('a cell takes 256 requests at once, also when a crowd waits for it', async (t) => {
  const cells = await start(t, { maxCells: 1 });
  deploy(cells, 'slow', `await new Promise((resolve) => setTimeout(resolve, 300)); return new Response('done');`);
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, cells.supervisor.counts().inFlight)), 5);
  const calls = Array.from({ length: 600 }, () => cells.fetch('slow'));
  const answers = await Promise.all(calls);
  clearInterval(watch);
  assert.deepEqual([...new Set(answers.map(({ body, failure }) => failure?.reason ?? body))], ['done']);
  assert.equal(most, 256);
});

test('an account has no more cells than it may; its idle ones make room for its own', async (t) => {
  const cells = await start(t, { maxCells: 10, maxCellsPerAccount: 2, timings: { roomMs: 1_500 } });
  for (const name of ['a', 'b', 'c']) deploy(cells, name, HELLO, 'one');
  for (const name of ['a', 'b', 'c']) assert.equal((await cells.fetch(name)).body, 'hello');
  assert.equal(cells.supervisor.counts().total, 2);
  for (const name of ['hold1', 'hold2']) deploy(cells, name, HOLD, 'one');
  const held = ['hold1', 'hold2'].map((name) => cells.open(name));
  await until(() => cells.supervisor.counts().inFlight === 2, 'both cells of the account are busy');
  const { failure } = await cells.fetch('c');
  assert.equal(failure?.kind, 'no-cell');
  assert.match(failure?.reason ?? '', /All 2 cells of this account are busy \(SKEP_LIMIT_CELLS_PER_ACCOUNT\)/);
  deploy(cells, 'neighbour', HELLO, 'two');
  assert.equal((await cells.fetch('neighbour')).body, 'hello', 'another account has its own');
  for (const { control } of held) control.cancel();
});

test('when a node is full, whoever has most cells gives one up, not the account that was idle longest', async (t) => {
  const cells = await start(t, { maxCells: 4 });
  deploy(cells, 'small', `return new Response(String(served));`, 'small');
  await cells.fetch('small');
  for (const name of ['big1', 'big2', 'big3', 'big4', 'big5']) {
    deploy(cells, name, HELLO, 'big');
    assert.equal((await cells.fetch(name)).body, 'hello');
  }
  assert.equal((await cells.fetch('small')).body, '2', 'its cell was never taken');
});

test('accounts take turns for a place that becomes free', async (t) => {
  const cells = await start(t, { maxCells: 1, timings: { roomMs: 20_000, patienceMs: 20_000 } });
  deploy(cells, 'holder', HOLD);
  const holder = cells.open('holder');
  await until(() => cells.supervisor.counts().inFlight === 1, 'the only place is taken');
  const order: string[] = [];
  const ask = (name: string, accountId: string): Promise<unknown> => {
    deploy(cells, name, HELLO, accountId);
    return cells.fetch(name).then(() => order.push(accountId));
  };
  const asked = ['m1', 'm2', 'm3', 'm4'].map((name) => ask(name, 'many'));
  asked.push(ask('single', 'few'));
  await until(() => cells.supervisor.counts().waiting === 5, 'all wait');
  holder.control.cancel();
  await Promise.all(asked);
  assert.ok(order.indexOf('few') <= 1, order.join());
});
