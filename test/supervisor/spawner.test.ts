/** The process that starts cells: what it knows, and what happens when it is gone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { Spawner } from '../../server/supervisor/spawner.ts';
import { recordingLog } from '../support/log.ts';
import { descendantsOf, stillRunning } from '../support/processes.ts';
import { buildOnce, createTestSupervisor, SPAWNER_PATH } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

const spawners = (): number[] =>
  descendantsOf(process.pid)
    .filter(({ command }) => command.endsWith(SPAWNER_PATH))
    .map(({ pid }) => pid);

function open(t: TestContext) {
  buildOnce();
  const { log, lines } = recordingLog();
  const spawner = new Spawner(SPAWNER_PATH, log);
  t.after(() => spawner.close());
  const run = (file: string, ...args: string[]) =>
    spawner.start({ file, args, environment: { PATH: '/usr/bin:/bin' }, infoFd: null, givesWay: false });
  return { spawner, run, lines };
}

test('it says which process it is, how it ended and what it complained of', async (t) => {
  const { run } = open(t);
  const one = run('sh', '-c', 'echo "this is wrong" >&2; exit 7');
  assert.ok((await one.pid) > 0);
  assert.deepEqual(await one.exited, { how: 'exit code 7, signal null', stderr: 'this is wrong' });
  assert.equal(one.isOver(), true);
  one.kill();
  const other = run('sleep', '1000');
  await other.pid;
  other.kill();
  assert.equal((await other.exited).how, 'exit code null, signal SIGKILL');
});

test('a program that is not there concerns whoever asked for it, and nobody else', async (t) => {
  const { run } = open(t);
  const missing = run('/no/such/program');
  await assert.rejects(missing.pid, /ENOENT/);
  assert.match((await missing.exited).how, /ENOENT/);
  assert.equal((await run('true').exited).how, 'exit code 0, signal null');
});

test('bubblewrap that ends before it says which process the cell is: no process id, and how it ended', async (t) => {
  const { spawner } = open(t);
  const command = { args: ['-c', 'exit 3'], environment: { PATH: '/bin' }, infoFd: 3, givesWay: false };
  const one = spawner.start({ file: 'sh', ...command });
  await assert.rejects(one.pid, /did not say which process is the cell|exit code 3/);
  assert.equal((await one.exited).how, 'exit code 3, signal null');
});

test('what a program has started ends with it: by hand, and when the server is gone', async (t) => {
  const { spawner, run } = open(t);
  // As bubblewrap's second process, which waits for the first one.
  const waiting = 'sleep 1001 & wait';
  const family = (): string[] =>
    descendantsOf(process.pid)
      .filter(({ command }) => command.includes('sleep 1001'))
      .map(({ command }) => command);
  const one = run('sh', '-c', waiting);
  const other = run('sh', '-c', waiting);
  await until(() => family().length === 4, 'two shells, and what they have started');
  const all = descendantsOf(process.pid);
  one.kill();
  await one.exited;
  await until(() => family().length === 2, 'one is gone, whole');
  await spawner.close();
  assert.match((await other.exited).how, /the process that starts cells ended/);
  await until(
    () => stillRunning(all).filter(({ command }) => command.includes('sleep 1001')).length === 0,
    'and the other',
  );
});

test('a polite signal to all processes of a service ends neither it nor what it has started', async (t) => {
  const { run } = open(t);
  const one = run('sleep', '1002');
  await one.pid;
  const [pid] = spawners();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid as number, name);
  assert.equal((await run('true').exited).how, 'exit code 0, signal null');
  assert.equal(one.isOver(), false);
  one.kill();
  await one.exited;
});

test('it has an empty environment and one program for all, and goes when it is closed', async (t) => {
  const { spawner, run } = open(t);
  assert.deepEqual(spawners(), [], 'not before it is needed');
  await Promise.all([run('true').exited, run('true').exited]);
  const [pid, ...more] = spawners();
  assert.ok(pid !== undefined);
  assert.deepEqual(more, []);
  assert.equal(readFileSync(`/proc/${pid}/environ`, 'latin1'), '');
  await spawner.close();
  assert.deepEqual(spawners(), []);
});

test('when it is killed its cells end with it, a request that may be repeated is, and the next cell starts another one', async (t) => {
  const cells = await createTestSupervisor({ prestarted: 0 });
  t.after(() => cells.close());
  cells.deploy({
    name: 'slow',
    modules: {
      'index.js': `export default { async fetch() { await scheduler.wait(300); return new Response('well'); } };`,
    },
  });
  assert.equal((await cells.fetch('slow')).body, 'well');
  const [pid] = spawners();
  assert.ok(pid !== undefined);
  const before = descendantsOf(pid);
  assert.ok(before.length > 0);
  const answer = cells.fetch('slow');
  process.kill(pid, 'SIGKILL');
  assert.equal((await answer).body, 'well');
  await until(() => stillRunning(before).length === 0, 'its cells are gone');
  assert.notEqual(spawners()[0], pid);
  assert.ok(cells.logLines.some((line) => line.includes('The process that starts cells ended')));
});
