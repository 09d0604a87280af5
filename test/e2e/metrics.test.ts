/** `/metrics` of a whole Skep: what a worker did is in it, and who may read it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Skep, startSkep } from '../support/server.ts';
import { until } from '../support/until.ts';

let skep: Skep;
before(async () => {
  skep = await startSkep();
  await skep.deploy('leaf', `export default { fetch: () => new Response('leaf') };`);
  await skep.deploy(
    'tree',
    `export default { async fetch(request, env) {
       const { pathname } = new URL(request.url);
       if (pathname === '/throw') throw new Error('as asked');
       if (pathname === '/burn') for (;;);
       console.log('a line');
       const text = await (await env.LEAF.fetch(request)).text();
       await fetch('http://10.0.0.1/').catch(() => undefined);
       return new Response(text);
     } };`,
    { bindings: [{ type: 'service', name: 'LEAF', service: 'leaf' }] },
  );
});
after(() => skep.stop());

const origin = (): string => `http://127.0.0.1:${skep.apiPort}`;

async function metrics(): Promise<string[]> {
  const response = await fetch(`${origin()}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  return (await response.text()).split('\n');
}

test('what workers did is counted: outcomes, CPU, calls of each kind, cold starts, cells and why they ended', async () => {
  assert.equal((await skep.request('tree')).text, 'leaf');
  assert.equal((await skep.request('tree', '/throw')).status, 500);
  assert.equal((await skep.request('tree', '/burn')).status, 503);
  await until(async () => (await metrics()).includes('skep_cells_ended_total{reason="cpu"} 1'), 'the kill is counted');
  const lines = await metrics();
  const of = (worker: string): string => `account="${skep.accountId}",worker="${worker}"`;
  for (const expected of [
    `skep_invocations_total{${of('tree')},outcome="ok",source="visitor"} 1`,
    `skep_invocations_total{${of('tree')},outcome="exception",source="visitor"} 1`,
    `skep_invocations_total{${of('tree')},outcome="exceededCpu",source="visitor"} 1`,
    `skep_invocations_total{${of('leaf')},outcome="ok",source="worker"} 1`,
    `skep_subrequests_total{${of('tree')},kind="binding",refused="false"} 1`,
    `skep_subrequests_total{${of('tree')},kind="internet",refused="false"} 1`,
    `skep_worker_log_lines_total{${of('tree')}} 1`,
    `skep_invocation_duration_seconds_count 4`,
    `skep_gateway_responses_total{class="2xx"} 1`,
    `skep_gateway_responses_total{class="5xx"} 2`,
    `skep_queue_length 0`,
  ]) {
    assert.ok(
      lines.includes(expected),
      `${expected}\nis not in\n${lines.filter((line) => line.startsWith('skep')).join('\n')}`,
    );
  }
  const cpu = lines.find((line) => line.startsWith(`skep_invocation_cpu_seconds_total{${of('tree')}}`));
  assert.ok(Number(cpu?.split(' ').at(-1)) >= 0.1, cpu);
  for (const name of [
    'skep_cold_start_seconds_count',
    'skep_cells{state="serving"}',
    'process_resident_memory_bytes',
  ]) {
    const line = lines.find((one) => one.startsWith(name));
    assert.ok(Number(line?.split(' ').at(-1)) > 0, `${name}: ${line}`);
  }
});

test('the API tells whom a worker is bound to and who is bound to it, with calls, errors and latency', async () => {
  await skep.request('tree');
  const read = async (worker: string) => (await skep.api('GET', `/skep/workers/${worker}/services`)).json().result;
  const tree = await read('tree');
  assert.deepEqual(tree.incoming, []);
  const [link] = tree.outgoing;
  assert.equal(link.service, 'leaf');
  assert.equal(link.exists, true);
  assert.deepEqual(link.bindings, [{ name: 'LEAF', entrypoint: null }]);
  assert.ok(link.calls >= 1 && link.errors === 0 && link.average_ms > 0, JSON.stringify(link));
  assert.equal(
    link.calls,
    link.minutes.reduce((sum: number, { calls }: { calls: number }) => sum + calls, 0),
  );
  const { exists: _, ...seenFromTree } = link;
  const { outgoing, incoming } = await read('leaf');
  assert.deepEqual(outgoing, []);
  assert.deepEqual(incoming, [{ ...seenFromTree, service: 'tree' }]);
});

test('every line is a comment or a sample, every sample has its type', async () => {
  const types = new Set<string>();
  for (const line of await metrics()) {
    const type = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line);
    if (type !== null) types.add(type[1] as string);
    else if (line !== '' && !line.startsWith('# HELP ')) {
      const sample = /^([a-z_]+)(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)+\})? [-+0-9.eE]+$/.exec(line);
      assert.ok(sample !== null, line);
      const name = (sample[1] as string).replace(/_(?:bucket|sum|count)$/, '');
      assert.ok(types.has(name) || types.has(sample[1] as string), line);
    }
  }
});

test('through a proxy only the platform’s token reads them', async () => {
  const ask = (headers: Record<string, string>) =>
    fetch(`${origin()}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.7', ...headers } });
  assert.equal((await ask({})).status, 401);
  assert.equal((await ask({ authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await ask({ authorization: `Bearer ${skep.token}` })).status, 200);
});
