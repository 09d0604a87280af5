/** The watchdog's thread beside a real process that burns CPU, with its load told by the test. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { after, before, test, type TestContext } from 'node:test';
import { Watchdog, type WatchedCell } from '../../server/supervisor/watchdog.ts';
import { readCpuMs } from '../../server/supervisor/cell-facts.ts';
import { WATCHDOG_PATH } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let watchdog: Watchdog;
before(() => {
  watchdog = new Watchdog(WATCHDOG_PATH, 60_000, (error) => assert.fail(error));
});
after(() => watchdog.close());

async function startBurner(t: TestContext): Promise<{ burner: ChildProcess; watched: WatchedCell; pid: number }> {
  const burner = spawn(process.execPath, ['-e', 'process.stdout.write("."); for (;;) Math.sqrt(7);'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = once(burner, 'exit');
  const pid = burner.pid as number;
  const watched = watchdog.watch(pid, false);
  t.after(async () => {
    watched.release();
    burner.kill('SIGKILL');
    await gone;
  });
  await once(burner.stdout as NodeJS.ReadableStream, 'data');
  return { burner, watched, pid };
}

test('nobody is ended for more CPU time than could be used since he began, however late the watchdog looks', async (t) => {
  const { burner, watched } = await startBurner(t);
  const budgetMs = 200;
  watched.budgetMs = budgetMs;
  const beganMs = performance.now();
  // As when the look that charges what others have used comes after they have gone.
  watched.setLoad(1, watched.shareMs - 1_000, beganMs);
  await once(burner, 'exit');
  const livedMs = performance.now() - beganMs;
  assert.ok(livedMs * cpus().length >= budgetMs, `ended after ${livedMs} ms`);
});

test('what a version has used for its start is not charged to the first who begins after it', async (t) => {
  const { watched, pid } = await startBurner(t);
  watched.budgetMs = 60_000;
  watched.setLoad(1, watched.shareMs, performance.now());
  await until(() => watched.cpuMs > 50, 'it has been seen to burn');
  const usedMs = readCpuMs(pid);
  // The reading that the supervisor takes counts, not the last one of the thread.
  watched.startedCpuMs = usedMs + 10_000;
  const seenMs = watched.shareMs;
  await until(() => watched.cpuMs >= usedMs + 10_000, 'the thread has taken it over');
  assert.ok(watched.shareMs < seenMs + 5_000, `${watched.shareMs - seenMs} ms charged`);
});
