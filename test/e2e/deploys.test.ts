/** Deploys while requests come in: the switch from one version to the next must not be felt. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { descendantsOf } from '../support/processes.ts';
import { type Skep, startSkep } from '../support/server.ts';
import { until } from '../support/until.ts';

const BANANA = (version: number): string =>
  `export default { fetch() { return Response.json({ version: ${version}, pad: 'x'.repeat(1000) }); } };`;
const APPLE = `export default {
  async fetch(request, env) {
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await (await env.banana.fetch(request.clone())).json());
    return Response.json(answers.map((answer) => answer.version));
  },
};`;
const DEPLOYS = 25;

let skep: Skep;
before(async () => {
  skep = await startSkep({ env: { SKEP_VERBOSE: 'true' } });
  await skep.deploy('banana', BANANA(0));
  await skep.deploy('apple', APPLE, { bindings: [{ type: 'service', name: 'banana', service: 'banana' }] });
});
after(() => skep?.stop());

test(`${DEPLOYS} deploys under load: no request fails, each deploy is seen at once, nobody sees an older version again`, async (t) => {
  const failures: string[] = [];
  let sent = 0;
  const stopped = new AbortController();
  const client = async (newConnection: boolean): Promise<void> => {
    let newest = 0;
    while (!stopped.signal.aborted) {
      sent += 1;
      const answer = await skep.request('apple', '/', { newConnection }).catch((error: Error) => error);
      if (answer instanceof Error || answer.status !== 200) {
        failures.push(answer instanceof Error ? String(answer) : `${answer.status} ${answer.text}`);
        continue;
      }
      const versions = answer.json() as number[];
      if (Math.min(...versions) < newest) failures.push(`saw ${versions.join()} after ${newest}`);
      newest = Math.max(...versions);
    }
  };
  const clients = Promise.all([client(false), client(false), client(true), client(true)]);
  const late: string[] = [];
  try {
    for (let version = 1; version <= DEPLOYS; version++) {
      await skep.deploy('banana', BANANA(version));
      const next = (await skep.request('apple')).text;
      if (next !== JSON.stringify([version, version, version])) late.push(`${next} after the deploy of ${version}`);
    }
  } finally {
    stopped.abort();
    await clients;
  }
  t.diagnostic(`${sent} requests during ${DEPLOYS} deploys`);
  assert.deepEqual({ failures, late }, { failures: [], late: [] }, skep.stdout());
});

test('a request under way when a deploy switches ends on its own version; afterwards old cells are gone', async () => {
  const slow = (version: number): string => `export default { async fetch() {
    console.log('slow began');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    return new Response('${version}');
  } };`;
  await skep.deploy('slow', slow(1));
  const old = skep.request('slow');
  await until(() => skep.lines.some((line) => line.includes('slow began')), 'the request is under way');
  await skep.deploy('slow', slow(2));
  const next = skep.request('slow');
  assert.deepEqual([(await old).text, (await next).text], ['1', '2']);
  const cells = (): number => descendantsOf(skep.pid).filter(({ command }) => /^\S*deno run/.test(command)).length;
  // Two pre-started ones, and one each for apple, banana and slow.
  await until(() => cells() <= 5, `5 cells left, not ${cells()}`);
});

test('deploys of the same worker at the same time: one after the other or refused with 10035, and the last acknowledged wins', async () => {
  const versions = [101, 102, 103, 104, 105, 106];
  const answers = await Promise.all(versions.map((version) => skep.upload('banana', BANANA(version))));
  const statuses = answers.map(({ status }) => status);
  assert.ok(statuses.includes(200), statuses.join());
  for (const answer of answers) {
    if (answer.status !== 200) assert.equal(answer.json().errors[0].code, 10035, answer.text);
  }
  const active = (await skep.api('GET', '/workers/scripts/banana/deployments')).json().result.deployments[0].versions[0]
    .version_id;
  // Cloudflare's answer to an upload calls the version `deployment_id`, without dashes.
  const winner =
    versions[answers.findIndex((answer) => answer.json().result?.deployment_id === active.replaceAll('-', ''))];
  assert.notEqual(winner, undefined, 'the active version is one of the acknowledged');
  assert.deepEqual((await skep.request('apple')).json(), [winner, winner, winner]);
});
