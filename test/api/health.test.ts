/** What the API says of a version that keeps ending its cells: the state of real cells, under the ids of uploaded versions. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApi, type TestApi } from '../support/api.ts';
import { simpleUpload } from '../support/multipart.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

let api: TestApi;
let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ cpuMs: 20 });
  cells.deploy({ name: 'crasher', modules: { 'index.js': `export default { fetch() { while (true); } };` } });
  const running = cells.versionOf('crasher').id;
  api = await createTestApi({ health: { healthOf: () => cells.supervisor.healthOf(running) } });
});
after(async () => {
  await api?.close();
  await cells?.close();
});

test('a version shows that it is healthy, then that it keeps failing, why, since when, and when it is tried again', async () => {
  const uploaded = await api.upload('PUT', '/workers/scripts/crasher', simpleUpload());
  assert.equal(uploaded.status, 200);
  const { versions } = (await api.call('GET', '/workers/scripts/crasher/deployments')).body.result.deployments[0];
  const path = `/workers/scripts/crasher/versions/${versions[0].version_id}`;
  const healthAt = async (where: string) => (await api.call('GET', where)).body.result.health;
  assert.deepEqual(await healthAt(path), { state: 'healthy', reason: null, since: null, retry_at: null });

  const startedAt = Date.now();
  for (let round = 0; round < 5; round++) await cells.fetch('crasher', { method: 'POST' });
  const failing = await healthAt(path);
  assert.match(failing.state, /^(unhealthy|recovering)$/);
  assert.match(failing.reason, /keeps ending: exceededCpu/);
  assert.ok(Date.parse(failing.since) >= startedAt - 1_000 && Date.parse(failing.since) <= Date.now(), failing.since);
  if (failing.state === 'unhealthy') assert.ok(Date.parse(failing.retry_at) > startedAt, failing.retry_at);
  const ofWorker = await healthAt('/workers/workers/crasher');
  assert.equal(ofWorker.version_id, versions[0].version_id);
  assert.match(ofWorker.reason, /keeps ending: exceededCpu/);
});
