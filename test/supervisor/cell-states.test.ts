/** The state diagram at the top of server/supervisor/cell.ts: one test per arrow, and what each state refuses. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { Cell } from '../../server/supervisor/cell.ts';
import { LoadError } from '../../server/supervisor/load-error.ts';
import { type CellHost, createCellHost } from '../support/cell-host.ts';
import { buildVersion } from '../support/cells.ts';
import { until } from '../support/until.ts';

let host: CellHost;
before(async () => {
  host = await createCellHost({ timings: { waitUntilMs: 300 } });
});
after(() => host.close());

const OK = buildVersion({ name: 'ok', modules: { 'index.js': 'export default { fetch: () => new Response("ok") };' } });
const BAD = buildVersion({ name: 'bad', modules: { 'index.js': 'throw new Error("no");' } });
const HANG = buildVersion({ name: 'hang', modules: { 'index.js': 'for (;;) await null;' } });

const load = (cell: Cell, built = OK) => cell.load(built.version, built.modules, 100);

async function serving(): Promise<Cell> {
  const cell = await host.start();
  await load(cell);
  return cell;
}

async function assertDead(cell: Cell): Promise<void> {
  await cell.exited;
  assert.equal(cell.state, 'dead');
  assert.equal(existsSync(cell.directory), false, 'its directory is gone');
}

test('starting → warm: a cell says hello, and the kernel confirms its sandbox', async () => {
  const cell = await host.start();
  assert.equal(cell.state, 'warm');
  assert.deepEqual([...(cell.hello?.sandbox ?? [])].sort(), [
    'no-new-privileges',
    ...(process.getuid?.() === 0 ? ['own-user'] : []),
    'rlimits',
    'seccomp',
  ]);
  cell.kill('done');
});

test('warm → loading → serving: a version is loaded and its handlers are known', async () => {
  const cell = await host.start();
  const loading = load(cell);
  assert.equal(cell.state, 'loading');
  assert.deepEqual((await loading).handlers, ['fetch']);
  assert.equal(cell.state, 'serving');
  cell.kill('done');
});

test('loading → dead: a version that throws ends its cell, and the error says what it threw', async () => {
  const cell = await host.start();
  await assert.rejects(
    load(cell, BAD),
    (error: LoadError) => error.kind === 'exception' && /Error: no\n/.test(error.message),
  );
  await assertDead(cell);
});

test('loading → dead: a version that does not finish starting in time ends its cell', async (t) => {
  // All others may take their time: a machine that is busy loads even the smallest version in half a second.
  const hasty = await createCellHost({ timings: { startupMs: 700 } });
  t.after(() => hasty.close());
  const cell = await hasty.start();
  await assert.rejects(
    load(cell, HANG),
    (error: LoadError) => error.kind === 'hang' && /within 0\.7 s/.test(error.message),
  );
  await assertDead(cell);
});

test('loading → dead: a cell killed while it loads rejects the load', async () => {
  const cell = await host.start();
  const loading = load(cell, HANG);
  cell.kill('the test says so');
  await assert.rejects(loading, LoadError);
  await assertDead(cell);
});

test('warm → dead: a generic cell can be killed, and says why it died', async () => {
  const cell = await host.start();
  cell.kill('the test says so');
  await assertDead(cell);
  assert.equal(cell.deathReason, 'the test says so');
});

test('serving → dead: a killed cell ends its invocations as unknown and counts them', async () => {
  const cell = await serving();
  cell.begin(undefined);
  cell.begin(undefined);
  const from = host.events.length;
  cell.kill('the test says so');
  await assertDead(cell);
  assert.equal(cell.inFlight, 0);
  assert.equal(cell.inFlightAtDeath, 2);
  const outcomes = host.events.slice(from).map((event) => event.type === 'invocation' && event.outcome);
  assert.deepEqual(outcomes, ['unknown', 'unknown']);
});

test('serving → draining → dead: a cell with nothing to finish ends at once', async () => {
  const cell = await serving();
  cell.drain(60_000);
  assert.equal(cell.state, 'draining');
  await assertDead(cell);
});

test('serving → draining → dead: a cell with work ends when its last invocation has ended', async () => {
  const cell = await serving();
  const first = cell.begin(undefined);
  const second = cell.begin(undefined);
  cell.drain(60_000);
  assert.throws(() => cell.begin(undefined), /A cell that is draining takes no invocation/);
  cell.invocations.end(first);
  assert.equal(cell.state, 'draining');
  cell.invocations.end(second);
  await assertDead(cell);
});

test('serving → draining → dead: what is not finished at the deadline is cut off', async () => {
  const cell = await serving();
  cell.begin(undefined);
  const startedAt = performance.now();
  cell.drain(200);
  await assertDead(cell);
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs >= 190 && tookMs < 10_000, `${tookMs} ms`);
  assert.equal(cell.deathReason, 'its time to drain was over');
});

test('draining waits for waitUntil work, which has its own limit', async () => {
  const cell = await serving();
  const invocation = cell.begin(undefined);
  cell.invocations.keepForWaitUntil(invocation);
  cell.drain(60_000);
  await until(() => cell.state === 'dead', 'the waiting is over after 0.3 s');
  await assertDead(cell);
});

test('calls that do not fit the state are refused by name: a cell has one version for life', async () => {
  const warm = await host.start();
  assert.throws(() => warm.begin(undefined), /A cell that is warm takes no invocation/);
  await load(warm);
  await assert.rejects(load(warm), /The cell is serving, not warm/);
  warm.kill('done');
  await warm.exited;
  assert.throws(() => warm.begin(undefined), /A cell that is dead takes no invocation/);
  await assert.rejects(load(warm), /The cell is dead, not warm: done/);
});

test('a drain of a generic cell ends it, and a second kill or drain of a dead one does nothing', async () => {
  const cell = await host.start();
  cell.drain(1_000);
  await assertDead(cell);
  cell.kill('again');
  cell.drain(1_000);
  assert.match(cell.deathReason ?? '', /drained while warm/);
});

test('an invocation that ends twice is reported once', async () => {
  const cell = await serving();
  const from = host.events.length;
  const invocation = cell.begin(undefined);
  cell.invocations.end(invocation);
  cell.invocations.end(invocation);
  assert.equal(host.events.length - from, 1);
  cell.kill('done');
});
