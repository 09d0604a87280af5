/** The store behind a bucket goes away, stands still or talks nonsense under load: clear errors soon, only there, and it comes back by itself. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HttpAnswer, type Skep, startSkep, temporaryDirectory } from '../support/server.ts';
import { type ProxyMode, startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { runWrangler } from '../support/wrangler.ts';

const CODE = `
export default {
  async fetch(request, env) {
    const [, name, key] = new URL(request.url).pathname.split('/');
    const bucket = env[name];
    try {
      if (key === 'list') return Response.json((await bucket.list()).objects.map((object) => object.key));
      if (request.method === 'PUT') return new Response((await bucket.put(key, request.body ?? '')).etag);
      const object = await bucket.get(key);
      return object === null ? new Response('none', { status: 404 }) : new Response(object.body);
    } catch (error) {
      return new Response(error.message, { status: 503 });
    }
  },
};`;

const CONTENT = 'x'.repeat(100_000);
/** A dead store is noticed after a second of patience and three of asking; the rest is for a busy machine. */
const FIRST_HEAR_WITHIN_MS = 8_000;

let skep: Skep;
let proxy: TcpProxy;
before(async () => {
  skep = await startSkep();
  // The platform's own S3 interface is the foreign store.
  proxy = await startTcpProxy(skep.apiPort);
  for (const name of ['behind', 'far', 'near']) ok(await skep.api('POST', '/r2/buckets', { name }));
  const key = ok(await skep.api('POST', '/skep/r2/buckets/behind/keys', {})).json().result;
  const { access_key_id, secret_access_key } = key;
  const backend = {
    endpoint: `http://127.0.0.1:${proxy.port}`,
    bucket: 'behind',
    access_key_id,
    secret_access_key,
  };
  ok(await skep.api('PUT', '/skep/r2/buckets/far/backend', backend));
  const bindings = ['far', 'near'].map((name) => ({ type: 'r2_bucket', name, bucket_name: name }));
  await skep.deploy('user', CODE, { bindings });
  await skep.deploy('bystander', 'export default { fetch: () => new Response("fine") };');
  for (const bucket of ['far', 'near']) await put(bucket, 'k');
});
after(async () => {
  await skep?.stop();
  await proxy?.close();
});

function ok(answer: HttpAnswer): HttpAnswer {
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

const put = async (bucket: string, key: string): Promise<HttpAnswer> =>
  ok(await skep.request('user', `/${bucket}/${key}`, { method: 'PUT', body: CONTENT }));

interface Heard {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

/** Eight clients that get, put and list in the bucket, until stopped. */
function load(bucket: string): { readonly heard: Heard[]; stop(): Promise<void> } {
  const heard: Heard[] = [];
  const stopped = new AbortController();
  const client = async (number: number): Promise<void> => {
    for (let round = number; !stopped.signal.aborted; round++) {
      const started = performance.now();
      const isPut = round % 4 === 1;
      const path = `/${bucket}/${isPut ? `w${number}` : round % 4 === 2 ? 'list' : 'k'}`;
      const options = isPut ? { method: 'PUT', body: CONTENT } : {};
      const answer = await skep
        .request('user', path, options)
        .catch((error: Error) => ({ status: 0, text: error.message }));
      heard.push({ status: answer.status, text: answer.text, ms: performance.now() - started });
      await sleep(20);
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, (_, number) => client(number)));
  return {
    heard,
    stop: async () => {
      stopped.abort();
      await clients;
    },
  };
}

const failures = (heard: readonly Heard[]): Heard[] => heard.filter(({ status }) => status !== 200);

async function badTimes(mode: ProxyMode, text: RegExp, lastMs: number, t: { diagnostic(text: string): void }) {
  const far = load('far');
  const near = load('near');
  await until(() => far.heard.length > 30, 'there is load', 10_000);
  assert.deepEqual(failures(far.heard), []);
  await proxy.behave(mode);
  await until(() => failures(far.heard).length > 0, 'somebody heard of it', FIRST_HEAR_WITHIN_MS);
  const bystanders: number[] = [];
  for (const until = performance.now() + lastMs; performance.now() < until; await sleep(50)) {
    const started = performance.now();
    assert.equal((await skep.request('bystander')).text, 'fine');
    bystanders.push(performance.now() - started);
  }
  await proxy.behave('through');
  const backAt = performance.now();
  const before = far.heard.length;
  const allWell = (): boolean => far.heard.length > before + 30 && failures(far.heard.slice(-16)).length === 0;
  await until(allWell, 'all goes well again', 25_000);
  t.diagnostic(`${mode}: back after ${Math.round(performance.now() - backAt)} ms`);
  await Promise.all([far.stop(), near.stop()]);
  const failed = failures(far.heard);
  const slowest = Math.max(...failed.map(({ ms }) => ms));
  t.diagnostic(`${failed.length} of ${far.heard.length} failed, the slowest after ${Math.round(slowest)} ms`);
  for (const { status, text: said } of failed) {
    assert.equal(status, 503, said);
    assert.match(said, text);
  }
  assert.ok(slowest < FIRST_HEAR_WITHIN_MS, `${slowest} ms`);
  assert.deepEqual(failures(near.heard), [], 'the embedded store goes on');
  assert.ok(Math.max(...bystanders) < 5_000, `the bystander waited ${Math.max(...bystanders)} ms`);
  return failed;
}

test('an unreachable store is an error at once, of the worker, the API and wrangler, and gone when the store is back', async (t) => {
  await badTimes('refuse', /object store behind this bucket cannot be reached \(\w+\).*\(10043\)/, 500, t);
  await proxy.behave('refuse');
  const read = await skep.api('GET', '/r2/buckets/far/objects/k');
  assert.equal(read.status, 503);
  assert.match(read.json().errors[0].message, /object store behind this bucket cannot be reached/);
  // Whether it is empty is not known.
  const removed = await skep.api('DELETE', '/r2/buckets/far');
  assert.equal(removed.status, 503, removed.text);
  assert.match(removed.json().errors[0].message, /object store behind this bucket cannot be reached/);
  const started = performance.now();
  const told = await runWrangler(['r2', 'object', 'get', 'far/k', '--remote', '--pipe'], {
    cwd: temporaryDirectory(),
    env: skep.wranglerEnv,
  });
  t.diagnostic(`wrangler took ${Math.round(performance.now() - started)} ms`);
  assert.notEqual(told.code, 0);
  assert.match(told.stderr + told.stdout, /object store behind this bucket cannot be reached/);
  await proxy.behave('through');
  ok(await skep.api('GET', '/r2/buckets/far/objects/k'));
});

test('a store that stands still costs the first that wait for it seconds, and those after them nothing', async (t) => {
  const failed = await badTimes(
    'stall',
    /object store behind this bucket (did not answer|has not answered for|sent nothing)/,
    3_000,
    t,
  );
  const quick = failed.filter(({ text, ms }) => /has not answered for \d+ s/.test(text) && ms < 1_500);
  assert.ok(quick.length > failed.length / 2, `${quick.length} of ${failed.length} were told at once`);
});

test('a store that answers garbage is called so', async (t) => {
  await badTimes(
    'garbage',
    /object store behind this bucket (answered with something that is not S3|cannot be reached)/,
    500,
    t,
  );
});
