/** When a version that keeps ending its cells is left alone, for how long, and when it counts as well again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CRASHES_TO_PAUSE, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, VersionHealth } from '../../server/supervisor/health.ts';
import type { InvocationFailure } from '../../server/supervisor/types.ts';

const failure: InvocationFailure = { kind: 'limit', outcome: 'exceededCpu', reason: 'it burns' };

/** Crashes until the first pause begins. */
function makeUnhealthy(health: VersionHealth, atMs = 0): void {
  for (let n = 0; n < CRASHES_TO_PAUSE; n++) health.recordCrash(atMs, failure);
}

test('some crashes far apart leave a version healthy', () => {
  const health = new VersionHealth(100);
  for (let atMs = 0; atMs < 100_000; atMs += 4_000) assert.equal(health.recordCrash(atMs, failure), undefined);
  assert.deepEqual(health.report(100_000), { state: 'healthy', reason: null, sinceMs: null, retryAtMs: null });
  assert.equal(health.refusal(100_000), undefined);
});

test('crashes close together begin a pause: refused from memory until it is over, with the reason and since when', () => {
  const health = new VersionHealth(100);
  for (let n = 1; n < CRASHES_TO_PAUSE; n++) assert.equal(health.recordCrash(n, failure), undefined);
  assert.equal(health.refusal(10), undefined);
  assert.equal(health.recordCrash(10, failure), FIRST_PAUSE_MS);
  assert.equal(health.refusal(10), failure);
  const retryAtMs = 10 + FIRST_PAUSE_MS;
  assert.deepEqual(health.report(11), { state: 'unhealthy', reason: 'it burns', sinceMs: 1, retryAtMs });
  assert.equal(health.refusal(retryAtMs), undefined);
  assert.equal(health.report(retryAtMs).state, 'recovering');
});

test('the pause doubles with every crash after it, up to the longest', () => {
  const health = new VersionHealth(100);
  makeUnhealthy(health);
  const pauses: (number | undefined)[] = [];
  for (let n = 0; n < 12; n++) pauses.push(health.recordCrash(health.report(0).retryAtMs ?? 0, failure));
  assert.deepEqual(pauses.slice(0, 3), [2 * FIRST_PAUSE_MS, 4 * FIRST_PAUSE_MS, 8 * FIRST_PAUSE_MS]);
  assert.equal(pauses.at(-1), LONGEST_PAUSE_MS);
});

test('cells that end during a pause make it no longer', () => {
  const health = new VersionHealth(100);
  makeUnhealthy(health);
  assert.equal(health.recordCrash(FIRST_PAUSE_MS - 1, failure), undefined);
  assert.equal(health.report(FIRST_PAUSE_MS - 1).retryAtMs, FIRST_PAUSE_MS);
});

test('a version that was well for a while has healed, and its next pause is the shortest again', () => {
  const health = new VersionHealth(100);
  makeUnhealthy(health);
  for (let n = 0; n < 4; n++) health.recordCrash(health.report(0).retryAtMs ?? 0, failure);
  const quietMs = (health.report(0).retryAtMs ?? 0) + 10_000;
  assert.equal(health.report(quietMs - 1).state, 'recovering');
  assert.equal(health.report(quietMs).state, 'healthy');
  for (let n = 1; n < CRASHES_TO_PAUSE; n++) assert.equal(health.recordCrash(quietMs, failure), undefined);
  assert.equal(health.recordCrash(quietMs, failure), FIRST_PAUSE_MS);
});

test('a large CPU budget makes the window longer: five crashes of 30 s of CPU each are many, however slowly they come', () => {
  const health = new VersionHealth(30_000);
  for (let n = 1; n < CRASHES_TO_PAUSE; n++) assert.equal(health.recordCrash(n * 40_000, failure), undefined);
  assert.equal(health.recordCrash(CRASHES_TO_PAUSE * 40_000, failure), FIRST_PAUSE_MS);
});
