/** Pre-started cells, cold starts, full nodes, retirement, crashes: the supervisor with real cells under real requests. */
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestSupervisor, type TestSupervisor, type TestSupervisorOptions } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

const open = new Set<TestSupervisor>();
after(() => Promise.all([...open].map((cells) => cells.close())));

async function start(t: TestContext, options: TestSupervisorOptions = {}): Promise<TestSupervisor> {
  const cells = await createTestSupervisor(options);
  open.add(cells);
  t.after(async () => {
    open.delete(cells);
    await cells.close();
    assert.deepEqual(cells.cellPids(), [], 'no process is left');
    assert.deepEqual(cells.cellDirectories(), [], 'no directory is left');
  });
  return cells;
}

const deploy = (cells: TestSupervisor, name: string, handler: string) =>
  cells.deploy({
    name,
    modules: { 'index.js': `let count = 0; export default { async fetch(request, env, ctx) { ${handler} } };` },
  });
const HELLO = `return new Response('hello');`;
const wait = (ms: number | string): string => `await new Promise((resolve) => setTimeout(resolve, ${ms}));`;

test('generic cells are pre-started, and replaced when one is taken', async (t) => {
  const cells = await start(t, { prestarted: 2 });
  await until(() => cells.supervisor.counts().generic === 2, 'two cells wait');
  deploy(cells, 'taker', HELLO);
  await cells.fetch('taker');
  await until(
    () => cells.supervisor.counts().generic === 2 && cells.supervisor.counts().total === 3,
    'the taken one is replaced',
  );
  await until(() => cells.cellPids().length === 3, 'three processes run');
});

test('a generic cell that dies is replaced', async (t) => {
  const cells = await start(t, { prestarted: 1 });
  await until(() => cells.supervisor.counts().generic === 1, 'one cell waits');
  const [pid] = cells.cellPids();
  process.kill(pid as number, 'SIGKILL');
  await until(
    () => cells.supervisor.counts().generic === 1 && cells.cellPids().some((other) => other !== pid),
    'another waits',
  );
});

test('a cell that is killed while it starts for somebody costs nobody a request', async (t) => {
  const cells = await start(t, { prestarted: 0 });
  for (let round = 0; round < 3; round++) {
    const others = new Set(cells.cellPids());
    deploy(cells, `first-${round}`, HELLO);
    const call = cells.fetch(`first-${round}`);
    const starting = (): number | undefined => cells.cellPids().find((pid) => !others.has(pid));
    await until(() => starting() !== undefined, 'its process is there');
    process.kill(starting() as number, 'SIGKILL');
    const { body, failure } = await call;
    assert.equal(body, 'hello', failure?.reason);
  }
});

test('a pre-started cell that dies while it is handed a version costs nobody a request', async (t) => {
  const cells = await start(t, { prestarted: 1 });
  for (let round = 0; round < 5; round++) {
    await until(() => cells.supervisor.counts().generic === 1, 'one cell waits');
    const [generic] = cells.cellPids().toSorted((a, b) => b - a);
    deploy(cells, `fresh-${round}`, HELLO);
    process.kill(generic as number, 'SIGKILL');
    const { body, failure } = await cells.fetch(`fresh-${round}`, { method: 'POST' });
    assert.equal(body, 'hello', failure?.reason);
  }
});

test('without pre-started cells the first request starts one, and many at once share it', async (t) => {
  const cells = await start(t, { prestarted: 0 });
  deploy(cells, 'cold', `return new Response(String(++count));`);
  const answers = await Promise.all(Array.from({ length: 20 }, () => cells.fetch('cold')));
  assert.deepEqual(
    answers.map(({ body }) => Number(body)).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_v, index) => index + 1),
  );
  assert.equal(cells.supervisor.counts().total, 1);
});

test('an idle cell is ended after its time, one in use is not, and the next request gets a new one', async (t) => {
  const cells = await start(t, { prestarted: 0, idleCellMs: 300 });
  deploy(cells, 'idle', `return new Response(String(++count));`);
  deploy(cells, 'busy', `${wait(3_000)} return new Response('done');`);
  await cells.fetch('idle');
  const busy = cells.fetch('busy');
  await until(
    () => cells.supervisor.counts().total === 1 && cells.supervisor.counts().inFlight === 1,
    'only the busy one is left',
  );
  assert.equal((await busy).body, 'done');
  assert.equal((await cells.fetch('idle')).body, '1', 'a fresh cell');
});

test('a full node ends the cell that was idle longest', async (t) => {
  const cells = await start(t, { prestarted: 0, maxCells: 2 });
  for (const name of ['first', 'second', 'third']) deploy(cells, name, `return new Response(String(++count));`);
  await cells.fetch('first');
  await cells.fetch('second');
  await cells.fetch('first');
  assert.equal((await cells.fetch('third')).body, '1');
  assert.equal((await cells.fetch('first')).body, '3', 'used later than the second: it stayed');
  assert.equal(cells.supervisor.counts().total, 2);
  assert.equal((await cells.fetch('second')).body, '1', 'it had been ended');
});

test('pre-started cells make room for workers when the node is full', async (t) => {
  const cells = await start(t, { prestarted: 2, maxCells: 2 });
  await until(() => cells.supervisor.counts().generic === 2, 'both places are taken by generic cells');
  deploy(cells, 'one', HELLO);
  deploy(cells, 'two', HELLO);
  assert.equal((await cells.fetch('one')).body, 'hello');
  assert.equal((await cells.fetch('two')).body, 'hello');
  assert.equal(cells.supervisor.counts().total, 2);
});

test('when all cells of a full node are busy, a request waits its time and is told to come back', async (t) => {
  const cells = await start(t, { prestarted: 0, maxCells: 1, timings: { roomMs: 400, patienceMs: 20_000 } });
  deploy(cells, 'holder', `${wait(60_000)} return new Response('late');`);
  deploy(cells, 'waiter', HELLO);
  const holder = cells.open('holder');
  await until(() => cells.supervisor.counts().inFlight === 1, 'the place is taken');
  const startedAt = performance.now();
  const { failure } = await cells.fetch('waiter');
  assert.equal(failure?.kind, 'no-cell');
  assert.match(failure?.reason ?? '', /All 1 cells of this node are busy \(SKEP_LIMIT_CELLS\)/);
  const waitedMs = performance.now() - startedAt;
  assert.ok(waitedMs < 10_000, `${waitedMs} ms of 400`);
  holder.control.cancel();
});

test('a request that waits for a place gets it when one becomes free', async (t) => {
  const cells = await start(t, { prestarted: 0, maxCells: 1 });
  deploy(cells, 'holder', `${wait(400)} return new Response('held');`);
  deploy(cells, 'waiter', HELLO);
  const [held, waited] = await Promise.all([cells.fetch('holder'), sleep(50).then(() => cells.fetch('waiter'))]);
  assert.deepEqual([held.body, waited.body], ['held', 'hello']);
});

test('a cell takes 256 requests at once; further ones go to a second cell or wait', async (t) => {
  const cells = await start(t, { prestarted: 1 });
  deploy(cells, 'crowd', `${wait(500)} return new Response('ok');`);
  await cells.fetch('crowd');
  const answers = await Promise.all(Array.from({ length: 600 }, () => cells.fetch('crowd')));
  assert.equal(answers.filter(({ body }) => body === 'ok').length, 600);
});

test('a retired version finishes its requests and its waitUntil work, then its cell ends', async (t) => {
  const cells = await start(t);
  deploy(
    cells,
    'old',
    `
    ctx.waitUntil((async () => { ${wait(600)} console.log('background done'); })());
    ${wait(300)}
    return new Response('old');`,
  );
  const call = cells.open('old');
  await until(() => cells.supervisor.counts().inFlight === 1, 'the old version works');
  const old = cells.versionOf('old');
  deploy(cells, 'old', `return new Response('new');`);
  assert.equal((await cells.fetch('old')).body, 'new');
  assert.equal((await call.done).body, 'old');
  await until(
    () => cells.eventsOf('log').some(({ message }) => message[0] === 'background done'),
    'the background work finishes',
  );
  await until(() => cells.eventsOf('invocation').some(({ version }) => version.id === old.id), 'it ends');
  await until(() => cells.supervisor.counts().serving === 1, 'the old cell is gone');
});

test('requests that wait for the first cell of a version that is retired meanwhile are answered by it', async (t) => {
  const cells = await start(t, { prestarted: 0 });
  deploy(cells, 'late', HELLO);
  // More than one cell takes at once.
  const answers = Array.from({ length: 300 }, () => cells.fetch('late'));
  cells.supervisor.retire(cells.versionOf('late').id);
  const bodies = new Set((await Promise.all(answers)).map(({ body, failure }) => failure?.reason ?? body));
  assert.deepEqual([...bodies], ['hello']);
  await until(() => cells.supervisor.counts().total === 0, 'its cells have ended');
});

test('deploying again and again under load loses no request', async (t) => {
  const cells = await start(t, { prestarted: 2 });
  deploy(cells, 'rolling', `${wait(5)} return new Response('0');`);
  await cells.fetch('rolling');
  const load = { isOn: true };
  t.after(() => {
    load.isOn = false;
  });
  const seen = new Map<string, number>();
  const clients = Array.from({ length: 8 }, async () => {
    while (load.isOn) {
      const { body, failure } = await cells.fetch('rolling');
      const result = failure === undefined ? body : `${failure.kind}: ${failure.reason}`;
      seen.set(result, (seen.get(result) ?? 0) + 1);
      if (failure !== undefined) await sleep(1);
    }
  });
  for (let round = 1; round <= 6; round++) {
    await sleep(80);
    await until(() => seen.has(String(round - 1)), 'the version before has answered');
    deploy(cells, 'rolling', `${wait(5)} return new Response('${round}');`);
  }
  await until(() => seen.has('6'), 'the last version has answered');
  load.isOn = false;
  await Promise.all(clients);
  assert.deepEqual([...seen.keys()].sort(), ['0', '1', '2', '3', '4', '5', '6']);
});

test('a cell killed from outside under load: safe requests are answered, unsafe ones run at most once', async (t) => {
  const cells = await start(t, { prestarted: 1 });
  await until(() => cells.supervisor.counts().generic === 1, 'one cell waits');
  const [victim] = cells.cellPids();
  deploy(
    cells,
    'victim',
    `
    if (request.method === 'POST') console.log('executed ' + request.headers.get('x-id'));
    ${wait(30)}
    return new Response('ok');`,
  );
  await cells.fetch('victim');
  const load = { isOn: true };
  t.after(() => {
    load.isOn = false;
  });
  const failures: string[] = [];
  const lost: string[] = [];
  let nextId = 0;
  const get = async (): Promise<void> => {
    while (load.isOn) {
      const { failure } = await cells.fetch('victim');
      if (failure === undefined) continue;
      failures.push(failure.reason);
      await sleep(1);
    }
  };
  const post = async (): Promise<void> => {
    while (load.isOn) {
      const id = String(++nextId);
      const { failure } = await cells.fetch('victim', { method: 'POST', headers: { 'x-id': id }, body: 'b' });
      if (failure === undefined) continue;
      lost.push(failure.reason);
      await sleep(1);
    }
  };
  const clients = [get(), get(), get(), get(), post(), post(), post(), post()];
  await until(() => cells.supervisor.counts().inFlight >= 8, 'load');
  await sleep(100);
  process.kill(victim as number, 'SIGKILL');
  await sleep(500);
  load.isOn = false;
  await Promise.all(clients);
  assert.deepEqual(failures, [], 'every GET was answered');
  assert.ok(lost.length >= 1 && lost.length <= 4, `POSTs failed that were not in flight: ${lost.join('; ')}`);
  await sleep(50);
  const executed = cells.eventsOf('log').map(({ message }) => message[0] as string);
  assert.equal(new Set(executed).size, executed.length, 'no POST ran twice');
});

test('a version whose cell dies at every request is paused, and a neighbour is not touched', async (t) => {
  const cells = await start(t, { prestarted: 2, cpuMs: 30 });
  deploy(cells, 'crasher', `while (true);`);
  deploy(cells, 'neighbour', HELLO);
  let paused = false;
  for (let round = 0; round < 12 && !paused; round++) {
    const { failure } = await cells.fetch('crasher', { method: 'POST' });
    assert.equal(failure?.kind, 'limit');
    // Said from memory: who dies with a cell hears how that one ended.
    paused = /keeps ending/.test(failure?.reason ?? '');
    assert.equal((await cells.fetch('neighbour')).body, 'hello');
  }
  assert.ok(paused, 'after some deaths requests are refused at once, without a new process');
  const before = cells.cellPids().length;
  for (let round = 0; round < 5; round++) await cells.fetch('crasher');
  const now = cells.cellPids().length;
  assert.ok(now <= before + 1, `${now} processes, ${before} before`);
});

test('a version that fails to start fails its requests with the reason, and a later fixed version works', async (t) => {
  const cells = await start(t);
  cells.deploy({ name: 'unstartable', modules: { 'index.js': `throw new Error('bad start');` } });
  const answers = await Promise.all([cells.fetch('unstartable'), cells.fetch('unstartable')]);
  for (const { failure } of answers) {
    assert.equal(failure?.kind, 'exception');
    assert.match(failure?.reason ?? '', /bad start/);
  }
  deploy(cells, 'unstartable', HELLO);
  assert.equal((await cells.fetch('unstartable')).body, 'hello');
});

test('warm() has a cell ready before the first request', async (t) => {
  const cells = await start(t, { prestarted: 0 });
  deploy(cells, 'warmed', HELLO);
  await cells.supervisor.warm(cells.versionOf('warmed'));
  assert.equal(cells.supervisor.counts().serving, 1);
  assert.equal((await cells.fetch('warmed')).body, 'hello');
  assert.equal(cells.supervisor.counts().serving, 1);
});

test('close() lets requests finish within its grace and refuses new cells', async (t) => {
  const cells = await start(t, { prestarted: 0 });
  deploy(cells, 'closing', `${wait(300)} return new Response('finished');`);
  await cells.supervisor.warm(cells.versionOf('closing'));
  const call = cells.fetch('closing');
  await until(() => cells.supervisor.counts().inFlight === 1, 'it runs');
  deploy(cells, 'late', HELLO);
  const closing = cells.supervisor.close(5_000);
  const late = await cells.fetch('late');
  assert.equal(late.failure?.kind, 'no-cell');
  await closing;
  assert.equal((await call).body, 'finished');
  assert.deepEqual(cells.cellPids(), []);
});

test('close() ends a cell that a request still hangs in when the grace is over', async (t) => {
  const cells = await start(t);
  deploy(cells, 'hanging', `${wait(60_000)} return new Response('never');`);
  const call = cells.fetch('hanging');
  await until(() => cells.supervisor.counts().inFlight === 1, 'it runs');
  const startedAt = performance.now();
  await cells.supervisor.close(200);
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < 10_000, `${tookMs} ms of 200`);
  assert.notEqual((await call).failure, undefined);
});
