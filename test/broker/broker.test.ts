/** What the broker decides before any binding is asked: which binding, and how many calls. Calls come from real cells. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBroker } from '../../server/broker/broker.ts';
import { ConnectionCounts } from '../../server/supervisor/connection-counts.ts';
import type { BindingCall } from '../../server/supervisor/types.ts';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

const answer = (call: BindingCall): void => {
  call.respond(200, '', []);
  call.write(Buffer.from(`${call.binding ?? 'egress'} ${call.method} ${call.url}`));
  call.end();
};

/** Calls the binding `times` times and says what came of it. */
const callMany = (expression: string, times: number): string => `
  const outcomes = {};
  for (let n = 0; n < ${times}; n++) {
    const outcome = await ${expression}.then((response) => response.text(), (error) => error.name + ': ' + error.message);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return Response.json(outcomes);`;

async function withCells(
  limits: { external: number; max: number },
  work: (cells: TestSupervisor) => Promise<void>,
): Promise<void> {
  const broker = createBroker({
    connections: new ConnectionCounts(),
    bindings: { service: answer },
    egress: answer,
    loopback: answer,
    cache: answer,
    session: (session) => session.fail({ name: 'Error', message: 'no sessions here' }),
    externalSubrequests: limits.external,
    maxExternalSubrequests: limits.max,
  });
  const cells = await createTestSupervisor({ broker, prestarted: 1 });
  try {
    await work(cells);
  } finally {
    await cells.close();
  }
}

const deploy = (cells: TestSupervisor, name: string, handler: string, extra = {}) =>
  cells.deploy({
    name,
    modules: { 'index.js': `export default { async fetch(request, env) { ${handler} } };` },
    bindings: [serviceBinding('NEXT', 'other'), { type: 'plain_text', name: 'TEXT', text: 'x' }],
    ...extra,
  });

test('a call goes to the handler of its binding, with the URL as given', async () => {
  await withCells({ external: 50, max: 50 }, async (cells) => {
    deploy(cells, 'a', callMany(`env.NEXT.fetch('http://host/path?x', { method: 'DELETE' })`, 1));
    assert.deepEqual(await cells.json('a'), { 'NEXT DELETE http://host/path?x': 1 });
    deploy(cells, 'b', callMany(`fetch('http://host/')`, 1));
    assert.deepEqual(await cells.json('b'), { 'egress GET http://host/': 1 });
  });
});

test('calls to the internet are counted per pipeline: the platform’s number, the version’s own, and the platform’s maximum', async () => {
  await withCells({ external: 5, max: 8 }, async (cells) => {
    const many = callMany(`fetch('http://host/')`, 12);
    const refused = 'Error: Too many subrequests.';
    deploy(cells, 'default', many);
    assert.deepEqual(await cells.json('default'), { 'egress GET http://host/': 5, [refused]: 7 });
    deploy(cells, 'fewer', many, { limits: { subrequests: 2 } });
    assert.deepEqual(await cells.json('fewer'), { 'egress GET http://host/': 2, [refused]: 10 });
    deploy(cells, 'none', many, { limits: { subrequests: 0 } });
    assert.deepEqual(await cells.json('none'), { [refused]: 12 });
    deploy(cells, 'more', many, { limits: { subrequests: 1_000 } });
    assert.deepEqual(await cells.json('more'), { 'egress GET http://host/': 8, [refused]: 4 });
    assert.deepEqual(
      await cells.json('default'),
      { 'egress GET http://host/': 5, [refused]: 7 },
      'every request counts anew',
    );
  });
});

test('calls to services and calls to the internet have counts of their own', async () => {
  await withCells({ external: 1, max: 1 }, async (cells) => {
    deploy(
      cells,
      'both',
      `
      await fetch('http://host/');
      const inner = await env.NEXT.fetch('http://host/').then(() => 'ok', (error) => error.message);
      const outer = await fetch('http://host/').then(() => 'ok', (error) => error.message);
      return Response.json({ inner, outer });`,
    );
    assert.deepEqual(await cells.json('both'), { inner: 'ok', outer: 'Too many subrequests.' });
  });
});
