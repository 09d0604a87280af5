/** Who calls whom: by minute, in the database, of all processes together, in bounded number. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createLinks, type Links } from '../../server/metrics/links.ts';
import { SERVICE_CALL_LIMITS } from '../../shared/limits.ts';
import type { Outcome, WorkerEvent } from '../../server/supervisor/types.ts';
import { buildVersion } from '../support/cells.ts';
import { createTestDatabase } from '../support/postgres.ts';

const MINUTE = 60_000;
const HOUR = 60;
const database = await createTestDatabase();
after(() => database.close());
const { store } = database;
const unexpected = (error: Error): void => {
  throw error;
};
const NOTHING_COUNTED = { calls: 0, errors: 0, totalMs: 0, longestMs: 0 };
const minute = (atMs: number, changes: Partial<typeof NOTHING_COUNTED>) => ({ atMs, ...NOTHING_COUNTED, ...changes });
/** Without the names, which are the link's. */
const minutesOf = async (links: Links, accountId: string, worker: string, minutes = HOUR) =>
  (await links.of(accountId, worker, minutes)).map((link) => ({
    caller: link.caller,
    callee: link.callee,
    minutes: link.minutes.map(({ atMs, calls, errors, totalMs, longestMs }) => ({
      atMs,
      calls,
      errors,
      totalMs,
      longestMs,
    })),
  }));

const call = (
  caller: string | null,
  callee: string,
  answerMs = 1,
  outcome: Outcome = 'ok',
  accountId = 'a',
): WorkerEvent => ({
  type: 'invocation',
  version: buildVersion({ name: callee, accountId, modules: { 'index.js': '' } }).version,
  invocationId: 1,
  pipelineId: 'p',
  depth: 1,
  outcome,
  wallMs: answerMs,
  answerMs,
  cpuMs: 0,
  pipelineCpuMs: 0,
  truncated: false,
  caller: caller === null ? null : { workerName: caller, versionId: 'v', invocationId: 1 },
});

test('calls, errors and latency are kept by minute, in both directions, each account’s for itself', async () => {
  let now = 10 * MINUTE;
  const links = createLinks({ store, onError: unexpected, now: () => now });
  for (const event of [
    call('x', 'y', 10),
    call('x', 'y', 30, 'exception'),
    call('y', 'z', 5, 'canceled'),
    call(null, 'y'),
  ]) {
    links.onWorkerEvent(event);
  }
  links.onWorkerEvent(call('x', 'y', 7, 'ok', 'b'));
  now += MINUTE;
  links.onWorkerEvent(call('x', 'y', 2, 'exceededCpu'));
  const first = minute(10 * MINUTE, { calls: 2, errors: 1, totalMs: 40, longestMs: 30 });
  const second = minute(11 * MINUTE, { calls: 1, errors: 1, totalMs: 2, longestMs: 2 });
  const toZ = {
    caller: 'y',
    callee: 'z',
    minutes: [minute(10 * MINUTE, { calls: 1, totalMs: 5, longestMs: 5 })],
  };
  assert.deepEqual(await minutesOf(links, 'a', 'y'), [{ caller: 'x', callee: 'y', minutes: [first, second] }, toZ]);
  assert.deepEqual(await minutesOf(links, 'a', 'z'), [toZ]);
  assert.equal((await minutesOf(links, 'b', 'y'))[0]?.minutes[0]?.longestMs, 7);
  now += 59 * MINUTE;
  assert.deepEqual((await minutesOf(links, 'a', 'x'))[0]?.minutes, [second], 'an hour is sixty minutes');
  await links.close();
});

test('the numbers outlive a restart, and those of two nodes add up', async () => {
  const now = () => 500 * MINUTE;
  const count = { calls: 2, totalMs: 6, longestMs: 4 };
  const one = createLinks({ store, onError: unexpected, now });
  one.onWorkerEvent(call('p', 'q', 2));
  one.onWorkerEvent(call('p', 'q', 4));
  assert.deepEqual((await minutesOf(one, 'a', 'p'))[0]?.minutes, [minute(500 * MINUTE, count)]);
  one.onWorkerEvent(call('p', 'q', 1));
  await one.close();
  const two = createLinks({ store, onError: unexpected, now });
  two.onWorkerEvent(call('p', 'q', 10, 'exception'));
  const all = minute(500 * MINUTE, { calls: 4, errors: 1, totalMs: 17, longestMs: 10 });
  assert.deepEqual((await minutesOf(two, 'a', 'p'))[0]?.minutes, [all]);
  assert.deepEqual((await minutesOf(two, 'a', 'p'))[0]?.minutes, [all], 'writing twice changes nothing');
  await two.close();
});

test('what the database refused is written the next time; of too much the oldest is lost', async () => {
  let isDown = true;
  const flaky = {
    ...store,
    writeServiceCalls: async (...given: Parameters<typeof store.writeServiceCalls>): Promise<void> => {
      if (isDown) throw new Error('down');
      await store.writeServiceCalls(...given);
    },
  };
  const links = createLinks({ store: flaky, onError: unexpected, now: () => 900 * MINUTE });
  const { version } = buildVersion({ name: 'busy', accountId: 'a', modules: { 'index.js': '' } });
  for (let n = 0; n <= SERVICE_CALL_LIMITS.maxBuckets; n++) links.onWorkerEvent({ ...call(`c${n}`, 'busy'), version });
  await assert.rejects(links.of('a', 'busy', HOUR), /down/);
  isDown = false;
  const callers = new Set((await links.of('a', 'busy', HOUR)).map(({ caller }) => caller));
  assert.equal(callers.size, SERVICE_CALL_LIMITS.maxBuckets);
  assert.ok(!callers.has('c0') && callers.has('c1') && callers.has(`c${SERVICE_CALL_LIMITS.maxBuckets}`));
  await links.close();
});

test('minutes go after a day, and the oldest of too many before', async () => {
  const now = 100_000 * MINUTE;
  const row = { accountId: 'sweep', caller: 'x', callee: 'y', calls: 1, errors: 0, totalMs: 1, longestMs: 1 };
  const ages = [0, 1, 2, SERVICE_CALL_LIMITS.keptMinutes, SERVICE_CALL_LIMITS.keptMinutes + 1];
  await store.writeServiceCalls(
    'w',
    ages.map((age) => ({ ...row, atMs: now - age * MINUTE })),
  );
  const left = async () =>
    (await store.readServiceCalls('sweep', 'x', 0)).map(({ atMs }) => (now - atMs) / MINUTE).toReversed();
  await store.sweepServiceCalls(now);
  assert.deepEqual(await left(), ages.slice(0, 4));
  await store.sweepServiceCalls(now, 2);
  assert.deepEqual(await left(), [0, 1]);
});
