/** The acceptance example of the README, deployed with the real wrangler, word for word. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HttpAnswer, type Skep, startSkep, temporaryDirectory } from '../support/server.ts';
import { runWrangler, type WranglerResult } from '../support/wrangler.ts';
import { until } from '../support/until.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the service-bindings example', () => {
  let skep: Skep;
  let projects: string;
  before(async () => {
    projects = temporaryDirectory();
    cpSync('examples/service-bindings', projects, { recursive: true });
    skep = await startSkep();
  });

  const deploy = (worker: string): Promise<WranglerResult> =>
    runWrangler(['deploy'], { cwd: join(projects, worker), env: skep.wranglerEnv });

  async function deployed(worker: string): Promise<string> {
    const result = await deploy(worker);
    assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
    assert.match(result.stdout, new RegExp(`Deployed ${worker} triggers|Uploaded ${worker}`));
    return result.stdout;
  }

  test('apple before banana is refused with code 10143, which names banana', async () => {
    const { code, stdout, stderr } = await deploy('apple');
    assert.equal(code, 1, `${stdout}\n${stderr}`);
    assert.match(stderr, /banana/);
    assert.match(stderr, /\[code: 10143\]/);
    assert.equal((await skep.request('apple')).status, 404);
    assert.deepEqual((await skep.api('GET', '/workers/scripts')).json().result, []);
  });

  test('banana, then apple: 200, four equal timestamps, four different ids', async () => {
    await deployed('banana');
    const stdout = await deployed('apple');
    assert.match(stdout, /^ +(http:\/\/)?apple\.dev\.localhost/m);
    const before = Date.now();
    const answer = await skep.request('apple');
    assert.equal(answer.status, 200, answer.text);
    const { appleTimestamp, appleRandom, bananaTimestamps, bananaRandoms } = answer.json();
    assert.ok(Math.abs(appleTimestamp - before) < 60_000, `timestamp ${appleTimestamp}, now ${before}`);
    assert.deepEqual(bananaTimestamps, [appleTimestamp, appleTimestamp, appleTimestamp]);
    const ids: string[] = [appleRandom, ...bananaRandoms];
    assert.equal(new Set(ids).size, 4);
    for (const id of ids) assert.match(id, UUID);
  });

  test('banana cannot be reached from outside: workers_dev is false', async () => {
    const answer = await skep.request('banana');
    assert.equal(answer.status, 404);
    assert.match(answer.text, /banana\.dev\.localhost/);
  });

  test('the clock moves on between requests', async () => {
    const first = (await skep.request('apple')).json().appleTimestamp;
    await sleep(20);
    assert.ok((await skep.request('apple')).json().appleTimestamp > first);
  });

  test('a changed banana is in the next answer, and no request is lost meanwhile', async (t) => {
    const source = join(projects, 'banana/src/worker.ts');
    const text = readFileSync(source, 'utf8');
    writeFileSync(source, text.replace('crypto.randomUUID()', '`new-${crypto.randomUUID()}`'));
    const load = startLoad(skep);
    t.after(() => load.stop());
    await load.answers(100);
    await deployed('banana');
    const next = (await skep.request('apple')).json().bananaRandoms as string[];
    await load.answers(100);
    const { statuses, wentBack, sent } = await load.stop();
    t.diagnostic(`${sent} requests during the deploy`);
    assert.ok(
      next.every((id) => id.startsWith('new-')),
      `the answer after the deploy: ${next.join(', ')}`,
    );
    assert.deepEqual(statuses, { 200: sent }, skep.stdout());
    assert.equal(wentBack, 0, 'answers that were old although the same client had seen a new one');
  });

  test('delete: apple is gone, and its host answers 404', async () => {
    const result = await runWrangler(['delete', '--force'], { cwd: join(projects, 'apple'), env: skep.wranglerEnv });
    assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
    assert.equal((await skep.request('apple')).status, 404);
  });

  test('SIGTERM ends it with exit code 0', async () => {
    assert.deepEqual(await skep.stop(), { code: 0, signal: null });
  });
});

/** Four clients, each with one request at a time: two keep their connection, two open a new one for each request. */
function startLoad(skep: Skep) {
  const statuses: Record<string, number> = {};
  let sent = 0;
  let wentBack = 0;
  const stopped = new AbortController();
  const client = async (newConnection: boolean): Promise<void> => {
    let seenNew = false;
    while (!stopped.signal.aborted) {
      sent += 1;
      const answer = await skep.request('apple', '/', { newConnection }).catch((error: Error) => error);
      const key = describeAnswer(answer);
      statuses[key] = (statuses[key] ?? 0) + 1;
      if (answer instanceof Error || answer.status !== 200) continue;
      const ids = answer.json().bananaRandoms as string[];
      if (seenNew && ids.some((id) => !id.startsWith('new-'))) wentBack += 1;
      seenNew ||= ids.some((id) => id.startsWith('new-'));
    }
  };
  const clients = Promise.all([client(false), client(false), client(true), client(true)]);
  return {
    async answers(count: number): Promise<void> {
      const enough = sent + count;
      await until(() => sent >= enough, `${count} more requests`, 30_000);
    },
    async stop() {
      stopped.abort();
      await clients;
      return { statuses, sent, wentBack };
    },
  };
}

/** What went wrong must be seen in the failure: the same status has many reasons. */
function describeAnswer(answer: HttpAnswer | Error): string {
  if (answer instanceof Error) return `${answer.name}: ${answer.message}`;
  return answer.status === 200 ? '200' : `${answer.status} ${answer.text.trim()}`;
}
