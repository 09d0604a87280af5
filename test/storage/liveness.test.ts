/** Whether a database is gone or only slow to be heard. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Liveness } from '../../server/storage/liveness.ts';
import { StoreUnavailable } from '../../server/storage/store.ts';

const standStill = (ms: number): void => {
  for (const until = performance.now() + ms; performance.now() < until; );
};

test('a probe that is answered while this process stands still counts, although its time is over', async () => {
  let answers = 0;
  const liveness = new Liveness(async () => {
    const other = spawn('sh', ['-c', 'sleep 0.3; echo alive'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const answer = once(other.stdout, 'data');
    // The answer comes meanwhile, and so does the end of the patience: behind an immediate timers have their turn before sockets.
    setImmediate(() => standStill(1_000));
    await answer;
    answers++;
  });
  assert.equal(await liveness.watch(sleep(2_600, 'slow')), 'slow');
  assert.equal(answers, 1);
  assert.equal(liveness.isDown, false);
});

test('a probe without an answer means that the database is gone', async () => {
  const liveness = new Liveness(() => new Promise(() => undefined));
  await assert.rejects(liveness.watch(sleep(5_000, undefined, { ref: false })), StoreUnavailable);
  assert.equal(liveness.isDown, true);
});
