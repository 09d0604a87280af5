/** Who calls whom: by minute, for an hour, in bounded number. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLinks } from '../../server/metrics/links.ts';
import type { Outcome, WorkerEvent } from '../../server/supervisor/types.ts';
import { buildVersion } from '../support/cells.ts';

const MINUTE = 60_000;
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

test('calls, errors and latency are kept by minute, in both directions, each account’s for itself', () => {
  let now = 10 * MINUTE;
  const links = createLinks(() => now);
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
  const first = { atMs: 10 * MINUTE, calls: 2, errors: 1, averageMs: 20, longestMs: 30 };
  const second = { atMs: 11 * MINUTE, calls: 1, errors: 1, averageMs: 2, longestMs: 2 };
  const toZ = {
    caller: 'y',
    callee: 'z',
    minutes: [{ atMs: 10 * MINUTE, calls: 1, errors: 0, averageMs: 5, longestMs: 5 }],
  };
  assert.deepEqual(links.of('a', 'y'), [toZ, { caller: 'x', callee: 'y', minutes: [first, second] }]);
  assert.deepEqual(links.of('a', 'z'), [toZ]);
  assert.equal(links.of('b', 'y')[0]?.minutes[0]?.longestMs, 7);
  now += 59 * MINUTE;
  assert.deepEqual(links.of('a', 'x')[0]?.minutes, [second], 'after an hour a minute is forgotten');
});

test('of too many pairs the quietest are forgotten', () => {
  const links = createLinks();
  for (let n = 0; n < 5_000; n++) links.onWorkerEvent(call(`caller${n}`, 'one'));
  links.onWorkerEvent(call('caller0', 'one'));
  links.onWorkerEvent(call('new', 'one'));
  const callers = new Set(links.of('a', 'one').map(({ caller }) => caller));
  assert.equal(callers.size, 5_000);
  assert.ok(callers.has('caller0') && callers.has('new') && !callers.has('caller1'));
});
