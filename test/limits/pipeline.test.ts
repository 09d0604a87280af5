/** What one outside request may cause: depth, loops, fan-outs. Counted outside of the cells, whatever they say. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CELL_LIMITS } from '../../shared/limits.ts';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

let cells: TestSupervisor;

before(async () => {
  cells = await createTestSupervisor({ cpuMs: 10_000, prestarted: 2, maxCells: 64 });
});
after(() => cells.close());

const deploy = (name: string, source: string, ...callees: string[]): void => {
  const bindings = callees.map((callee) => serviceBinding(callee.toUpperCase(), callee));
  cells.deploy({ name, modules: { 'index.js': source }, bindings });
};

/** Asks `NEXT` with one less, says how deep it got. */
const counting = (next: string): string => `export default { async fetch(request, env) {
  const left = Number(new URL(request.url).searchParams.get('left'));
  if (left <= 1) return new Response('1');
  const response = await env.${next}.fetch('http://next/?left=' + (left - 1));
  return new Response(String(Number(await response.text()) + 1));
} };`;

test('a chain of 31 and one of 32 workers answer, one of 33 is an exception', async () => {
  deploy('chain', counting('CHAIN'), 'chain');
  assert.equal((await cells.fetch('chain', `/?left=${CELL_LIMITS.pipelineDepth - 1}`)).body, '31');
  assert.equal((await cells.fetch('chain', `/?left=${CELL_LIMITS.pipelineDepth}`)).body, '32');
  const { failure } = await cells.fetch('chain', `/?left=${CELL_LIMITS.pipelineDepth + 1}`);
  assert.match(failure?.error?.message ?? '', /^Subrequest depth limit exceeded\./);
});

test('two workers that call one another for ever stop at depth 32, at once', async () => {
  deploy('ping', 'export default { fetch: (request, env) => env.PONG.fetch(request) };', 'pong');
  deploy('pong', 'export default { fetch: (request, env) => env.PING.fetch(request) };', 'ping');
  await Promise.all([cells.fetch('ping'), cells.fetch('pong')]);
  cells.events.length = 0;
  const startedAt = performance.now();
  const { failure } = await cells.fetch('ping');
  const tookMs = performance.now() - startedAt;
  assert.match(failure?.error?.message ?? '', /^Subrequest depth limit exceeded\./);
  // A few milliseconds on a quiet machine; what must not happen is that somebody waits for somebody's time to be over.
  assert.ok(tookMs < 5_000, `took ${Math.round(tookMs)} ms`);
  const depths = cells.eventsOf('invocation').map(({ depth }) => depth);
  assert.deepEqual(
    depths.sort((a, b) => a - b),
    Array.from({ length: 32 }, (_, n) => n + 1),
  );
});

test('RPC and fetch share one depth', async () => {
  deploy(
    'mixed',
    `import { WorkerEntrypoint } from 'cloudflare:workers';
     export default class extends WorkerEntrypoint {
       async fetch(request) { return new Response(await this.env.MIXED.deeper()); }
       async deeper() { return (await this.env.MIXED.fetch('http://x/')).text(); }
     }`,
    'mixed',
  );
  cells.events.length = 0;
  const { failure } = await cells.fetch('mixed');
  assert.match(failure?.error?.message ?? '', /^Subrequest depth limit exceeded\./);
  assert.equal(Math.max(...cells.eventsOf('invocation').map(({ depth }) => depth)), 32);
});

test('a fan-out of 100, three deep, dies at the number of subrequests, and every cell lives', async () => {
  const fan = (next: string): string => `export default { async fetch(request, env) {
    const all = Array.from({ length: 100 }, () => env.${next}.fetch(request.url).then((response) => response.text()));
    return new Response(String((await Promise.all(all)).reduce((sum, text) => sum + Number(text), 0)));
  } };`;
  deploy('one', fan('TWO'), 'two');
  deploy('two', fan('THREE'), 'three');
  deploy('three', fan('LEAF'), 'leaf');
  deploy('leaf', 'export default { fetch: () => new Response("1") };');
  assert.equal((await cells.fetch('three')).body, '100');
  const before = new Set(cells.cellPids());
  cells.events.length = 0;
  const startedAt = performance.now();
  const { failure } = await cells.fetch('one');
  const tookMs = performance.now() - startedAt;
  assert.equal(failure?.error?.message, 'Too many subrequests.');
  assert.ok(tookMs < 20_000, `took ${Math.round(tookMs)} ms`);
  const run = cells.eventsOf('invocation').length;
  assert.ok(run <= CELL_LIMITS.internalSubrequests + 1, `${run} invocations`);
  const after = new Set(cells.cellPids());
  for (const pid of before) assert.ok(after.has(pid), 'a cell ended');
  for (const name of ['three', 'leaf']) assert.equal((await cells.fetch(name)).status, 200, name);
});

test('1,000 calls of services go, the 1,001st throws; the next request has its own thousand', async () => {
  deploy('leaf', 'export default { fetch: () => new Response("1") };');
  deploy(
    'counter',
    `export default { async fetch(request, env) {
       const most = Number(new URL(request.url).searchParams.get('calls'));
       const outcomes = {};
       for (let n = 0; n < most; n++) {
         const outcome = await env.LEAF.fetch('http://x/').then(() => 'ok', (error) => error.message);
         outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
       }
       return Response.json(outcomes);
     } };`,
    'leaf',
  );
  const most = CELL_LIMITS.internalSubrequests;
  assert.deepEqual(await cells.json('counter', `/?calls=${most - 1}`), { ok: most - 1 });
  assert.deepEqual(await cells.json('counter', `/?calls=${most}`), { ok: most });
  assert.deepEqual(await cells.json('counter', `/?calls=${most + 1}`), { ok: most, 'Too many subrequests.': 1 });
});
