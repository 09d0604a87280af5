/** The rules of a pipeline besides its counts: public names, one choice of versions, who called whom, cancellation, the cost. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CELL_LIMITS } from '../../shared/limits.ts';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ cpuMs: 5_000, prestarted: 2 });
});
after(() => cells.close());

interface Extra {
  readonly callees?: readonly string[];
  readonly flags?: readonly string[];
}
const spec = (name: string, body: string, { callees = [], flags = [] }: Extra = {}) => ({
  name,
  modules: { 'index.js': `export default { async fetch(request, env, ctx) { ${body} } };` },
  bindings: callees.map((callee) => serviceBinding(callee.toUpperCase().replaceAll('-', '_'), callee)),
  compatibilityFlags: flags,
});
const deploy = (...of: Parameters<typeof spec>) => cells.deploy(spec(...of));
const STRICT = { flags: ['global_fetch_strictly_public'] };
const tell = `const response = await fetch(new URL(request.url).searchParams.get('url'), { redirect: 'manual' });
  return Response.json({ status: response.status, text: await response.text() });`;

test('fetch() to the public name of a worker, of another or one’s own, is error 1042', async () => {
  deploy('public', `return new Response('never');`);
  deploy('asker', tell);
  for (const name of ['public', 'asker']) {
    for (const url of [`http://${name}.dev.localhost:8787/x`, `http://${name.toUpperCase()}.dev.localhost/x`]) {
      const told = await cells.json('asker', `/?url=${encodeURIComponent(url)}`);
      assert.deepEqual(told, { status: 404, text: 'error code: 1042' }, url);
    }
  }
});

test('another port of that host is no worker’s', async () => {
  const { failure } = await cells.fetch('asker', '/?url=http://public.dev.localhost:9/');
  assert.match(failure?.error?.message ?? '', /public\.dev\.localhost:9/, 'it went out, to where nothing is');
});

test('with global_fetch_strictly_public it is a visit: headers, body and host as sent, a pipeline of its own', async () => {
  deploy(
    'echo',
    `return Response.json({ url: request.url, method: request.method, host: request.headers.get('host'),
    own: request.headers.get('x-own'), text: await request.text() }, { status: 201 });`,
  );
  deploy(
    'visitor',
    `const response = await fetch('http://echo.dev.localhost:8787/path?q', { method: 'POST', body: 'body', headers: { 'x-own': 'yes' } });
     return new Response(response.body, response);`,
    STRICT,
  );
  cells.events.length = 0;
  const { status, body } = await cells.fetch('visitor');
  assert.equal(status, 201);
  const url = 'http://echo.dev.localhost:8787/path?q';
  assert.deepEqual(JSON.parse(body), {
    url,
    method: 'POST',
    host: 'echo.dev.localhost:8787',
    own: 'yes',
    text: 'body',
  });
  const [first, second] = cells.eventsOf('invocation');
  assert.notEqual(first?.pipelineId, second?.pipelineId);
  assert.ok(first?.caller === null && second?.caller === null);
});

test('a visit says itself who visits: a worker can forge neither the headers nor the cf of a visitor', async () => {
  deploy('believer', `return Response.json([Object.fromEntries(request.headers), request.cf?.country ?? null]);`);
  const forged = {
    'cf-connecting-ip': '6.6.6.6',
    'CF-IPCountry': 'evil',
    'cf-access-authenticated-user-email': 'evil',
    'X-Forwarded-For': '6.6.6.6',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil',
    'x-real-ip': '6.6.6.6',
    'true-client-ip': '6.6.6.6',
    'cf-ray': 'evil',
    'cf-worker': 'evil',
    'cf-visitor': 'evil',
    'x-skep-invocation': 'evil',
    forwarded: 'for=6.6.6.6',
    host: 'evil',
    'x-own': 'kept',
  };
  const init = `{ headers: ${JSON.stringify(forged)}, cf: { country: 'evil' } }`;
  deploy('forger', `return fetch('http://believer.dev.localhost:8787/', ${init});`, STRICT);
  const [headers, country] = (await cells.json('forger')) as [Record<string, string>, string | null];
  assert.doesNotMatch(JSON.stringify([headers, country]), /evil|6\.6\.6\.6/);
  assert.equal(headers['cf-connecting-ip'], '2a06:98c0:3600::103');
  assert.equal(headers['x-forwarded-for'], '2a06:98c0:3600::103');
  assert.equal(headers['cf-worker'], 'forger');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers['x-own'], 'kept');
  // A binding is within the account: what the caller gives is what the callee gets, but for the platform's own.
  deploy('bound', `return env.BELIEVER.fetch('http://x/', ${init});`, { callees: ['believer'] });
  const [given] = (await cells.json('bound')) as [Record<string, string>];
  assert.equal(given['cf-connecting-ip'], '6.6.6.6');
  assert.equal(given['x-skep-invocation'], undefined);
  assert.equal(given['host'], 'evil', 'as workerd has it; who is called was decided by the binding');
});

test('workers that visit one another’s public names stop with error 1019 after 16 visits', async () => {
  const visit = (name: string): string => `return fetch('http://${name}.dev.localhost:8787/');`;
  deploy('left', visit('right'), STRICT);
  deploy('right', visit('left'), STRICT);
  cells.events.length = 0;
  const { status, body } = await cells.fetch('left');
  assert.deepEqual({ status, body }, { status: 500, body: 'error code: 1019' });
  await until(() => cells.eventsOf('invocation').length === CELL_LIMITS.publicHops + 1, 'all have ended');
});

test('in a gradual deployment all calls of a pipeline get one version, and pipelines get both', async () => {
  const version = (n: number) => spec('split', `return new Response('${n}');`);
  cells.deployShares([
    [version(1), 50],
    [version(2), 50],
  ]);
  deploy('middle', `return env.SPLIT.fetch(request);`, { callees: ['split'] });
  deploy(
    'many',
    `const calls = Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? env.SPLIT : env.MIDDLE).fetch('http://x/'));
     return Response.json(await Promise.all(calls.map(async (call) => (await call).text())));`,
    { callees: ['split', 'middle'] },
  );
  const seen = new Set<string>();
  for (let n = 0; n < 24; n++) {
    const answers = new Set((await cells.json('many')) as string[]);
    assert.equal(answers.size, 1, [...answers].join());
    for (const answer of answers) seen.add(answer);
  }
  assert.deepEqual([...seen].sort(), ['1', '2'], 'in 24 pipelines both have their turn');
});

test('a worker that is called again in the pipeline it began is the same version', async () => {
  const version = (n: number) =>
    spec(
      'root',
      `if (new URL(request.url).pathname === '/leaf') return new Response('${n}');
      return new Response('${n}' + await (await env.BACK.fetch('http://x/leaf')).text());`,
      { callees: ['back'] },
    );
  deploy('back', `return env.ROOT.fetch(request);`, { callees: ['root'] });
  const worker = cells.deployShares([
    [version(1), 50],
    [version(2), 50],
  ]);
  for (const [index, { version: chosen }] of worker.versions.entries()) {
    for (let n = 0; n < 8; n++) {
      const { body } = await cells.fetch({ ...worker, versions: [{ version: chosen, percentage: 100 }] });
      assert.equal(body, `${index + 1}${index + 1}`);
    }
  }
});

test('an event names the caller, and the last one of a pipeline has the CPU time of all', async () => {
  const burn = `const until = performance.now(); let x = 0; for (let n = 0; n < 2e7; n++) x += n % 7;`;
  deploy('leaf', `${burn} return new Response('leaf' + x);`);
  deploy('node', `${burn} return env.LEAF.fetch(request);`, { callees: ['leaf'] });
  cells.events.length = 0;
  await cells.fetch('node');
  await until(() => cells.eventsOf('invocation').length === 2, 'both have ended');
  const events = cells.eventsOf('invocation');
  const root = events.find(({ depth }) => depth === 1);
  const leaf = events.find(({ depth }) => depth === 2);
  assert.equal(root?.caller, null);
  const { id } = cells.versionOf('node');
  assert.deepEqual(leaf?.caller, { workerName: 'node', versionId: id, invocationId: root?.invocationId });
  assert.equal(leaf?.pipelineId, root?.pipelineId);
  const sum = (root?.cpuMs ?? 0) + (leaf?.cpuMs ?? 0);
  assert.equal(events.at(-1)?.pipelineCpuMs, sum);
  assert.ok((root?.cpuMs ?? 0) > 5 && (leaf?.cpuMs ?? 0) > 5, `${root?.cpuMs} ms and ${leaf?.cpuMs} ms`);
});

test('a pipeline that is cancelled at its root is cancelled everywhere', async () => {
  deploy('third', `await new Promise(() => setTimeout(() => {}, 60_000)); return new Response('never');`);
  deploy('second', `return env.THIRD.fetch(request);`, { callees: ['third'] });
  deploy('first', `await Promise.all([env.SECOND.fetch(request), env.THIRD.fetch(request)]);`, {
    callees: ['second', 'third'],
  });
  cells.events.length = 0;
  const call = cells.open('first');
  await until(() => cells.supervisor.counts().inFlight === 4, 'all of them run');
  call.control.cancel();
  await until(() => cells.eventsOf('invocation').length === 4, 'all of them have ended');
  assert.deepEqual(
    cells.eventsOf('invocation').map(({ outcome }) => outcome),
    Array.from({ length: 4 }, () => 'canceled'),
  );
  assert.equal(cells.supervisor.counts().inFlight, 0);
});
