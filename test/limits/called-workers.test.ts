/** A called worker that a limit ends in the middle of a call: what its caller sees, what the events say, and that nothing else notices. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CellEvent } from '../../server/supervisor/types.ts';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';
import { WAIT_MODULE } from '../support/wait-module.ts';

let cells: TestSupervisor;
const cellEvents: CellEvent[] = [];
before(async () => {
  cells = await createTestSupervisor({
    prestarted: 2,
    memoryMiB: 64,
    // Longer than a machine that is full keeps a cell from a processor: that must not look like a hang.
    timings: { hangMs: 2_500 },
    onCellEvent: (event) => cellEvents.push(event),
  });
  cells.deploy({ name: 'bystander', modules: { 'index.js': BYSTANDER } });
});
after(() => cells.close());

/** Dies as it is asked to: at once, or after the first piece of an answer that streams. */
const mortal = (code: string): string => `import { RpcTarget, WorkerEntrypoint } from 'cloudflare:workers';
  import waitModule from './wait.wasm';
  const kept = [];
  const die = () => { ${code} };
  const stream = () => {
    let pulls = 0;
    return new ReadableStream({ async pull(controller) {
      if (pulls++ > 0) { await new Promise((resolve) => setTimeout(resolve, 30)); die(); }
      controller.enqueue(new TextEncoder().encode('piece'));
    } }, { highWaterMark: 0 });
  };
  class Profile extends RpcTarget { name() { die(); } }
  class User extends RpcTarget { profile() { return new Profile(); } }
  export default class extends WorkerEntrypoint {
    fetch(request) { return new URL(request.url).pathname === '/stream' ? new Response(stream()) : die(); }
    die() { die(); }
    stream() { return stream(); }
    user() { return new User(); }
  }`;

/** Calls in the way that its URL names, and another worker before, meanwhile and afterwards. */
const SURVIVOR = `
  const read = async (body) => {
    let text = '';
    try { for await (const chunk of body) text += new TextDecoder().decode(chunk); } catch (error) { return text + '|' + error; }
    return text + '|whole';
  };
  const WAYS = {
    fetch: async (mortal) => (await mortal.fetch('http://x/')).text(),
    post: async (mortal) => (await mortal.fetch('http://x/', { method: 'POST', body: 'b' })).text(),
    answer: async (mortal) => read((await mortal.fetch('http://x/stream')).body),
    rpc: (mortal) => mortal.die(),
    stream: async (mortal) => read(await mortal.stream()),
    chain: (mortal) => mortal.user().profile().name(),
    proxy: async (mortal) => mortal.fetch('http://x/stream'),
  };
  export default { async fetch(request, env) {
    const way = new URL(request.url).pathname.slice(1);
    if (way === 'proxy') return WAYS.proxy(env.PROXY);
    const ask = async (ms) => (await env.BYSTANDER.fetch('http://x/' + ms)).text();
    const target = await env.BYSTANDER.target();
    const meanwhile = [ask(400), target.wait(400)];
    const seen = await WAYS[way](env[way.toUpperCase()]).catch(String);
    return Response.json({ seen, others: [...await Promise.all(meanwhile), await ask(0), await target.wait(0)] });
  } };`;

const BYSTANDER = `import { RpcTarget, WorkerEntrypoint } from 'cloudflare:workers';
  const wait = async (ms) => { await new Promise((resolve) => setTimeout(resolve, ms)); return 'fine'; };
  class Target extends RpcTarget { wait(ms) { return wait(ms); } }
  export default class extends WorkerEntrypoint {
    async fetch(request) { return new Response(await wait(Number(new URL(request.url).pathname.slice(1)))); }
    target() { return new Target(); }
  }`;

const WAYS = {
  fetch: 'by fetch',
  post: 'by fetch with a body',
  rpc: 'by RPC',
  chain: 'by a chain of calls',
  answer: 'by fetch, with an answer that streams',
  stream: 'by RPC, with a stream as result',
  proxy: 'while its caller passes its answer on',
} as const;
type Way = keyof typeof WAYS;
const STREAMS: ReadonlySet<Way> = new Set(['answer', 'stream', 'proxy']);
const SESSIONS: ReadonlySet<Way> = new Set(['rpc', 'chain', 'stream']);

interface Death {
  readonly code: string;
  readonly cpuMs: number;
  readonly outcome: string;
  readonly message: string;
  readonly ways: readonly Way[];
}

const ALL_WAYS = Object.keys(WAYS) as Way[];
const DEATHS: Readonly<Record<string, Death>> = {
  'CPU time': {
    code: 'for (;;);',
    cpuMs: 100,
    outcome: 'exceededCpu',
    message: 'Worker exceeded CPU time limit.',
    ways: ALL_WAYS,
  },
  memory: {
    code: 'for (;;) kept.push(new Uint8Array(8_000_000).fill(1));',
    cpuMs: 20_000,
    outcome: 'exceededMemory',
    message: 'Worker exceeded memory limit.',
    ways: ALL_WAYS,
  },
  'wall time': {
    code: 'new WebAssembly.Instance(waitModule).exports.w(-1n);',
    cpuMs: 2_000,
    outcome: 'exceededWallTime',
    message: 'Worker exceeded wall time limit.',
    // A cell that waits between two pieces is looked at every five seconds only: too long for a test that would show nothing else.
    ways: ALL_WAYS.filter((way) => !STREAMS.has(way)),
  },
};

/** Each way has a worker of its own: one that keeps dying would be left alone for a while. */
function deployFamily(name: string, { code, cpuMs, ways }: Death): void {
  for (const way of ways) {
    const modules = { 'index.js': mortal(code), 'wait.wasm': WAIT_MODULE };
    cells.deploy({ name: `${name}-${way}`, limits: { cpuMs }, modules });
  }
  cells.deploy({
    name,
    limits: { cpuMs: 2_000 },
    modules: { 'index.js': SURVIVOR },
    bindings: [
      serviceBinding('BYSTANDER', 'bystander'),
      ...ways.map((way) => serviceBinding(way.toUpperCase(), `${name}-${way}`)),
    ],
  });
}

/** What the invocations of a worker that have ended say of themselves and of who called them. */
const ends = (name: string): string[] =>
  cells
    .eventsOf('invocation')
    .filter(({ version }) => version.workerName === name)
    .map(({ outcome, caller }) => `${outcome}, called by ${caller?.workerName ?? 'a visitor'}`);

for (const [limit, death] of Object.entries(DEATHS)) {
  const name = `survives-${limit.replace(' ', '-').toLowerCase()}`;
  const deathOf = (way: Way): string[] => ends(`${name}-${way}`);

  test(`a worker that ${limit} ends in the middle of a call is an error in its caller, whose other calls go on`, async () => {
    deployFamily(name, death);
    cells.events.length = 0;
    cellEvents.length = 0;
    const waysOut = death.ways.filter((way) => way !== 'proxy');
    await Promise.all(
      waysOut.map(async (way) => {
        const piece = STREAMS.has(way) ? 'piece|' : '';
        const { seen, others } = await cells.json(name, { url: `/${way}`, method: 'POST' });
        assert.equal(seen, `${piece}Error: ${death.message}`, WAYS[way]);
        assert.deepEqual(others, ['fine', 'fine', 'fine', 'fine'], WAYS[way]);
        await until(() => deathOf(way).length > 0, `the worker called ${WAYS[way]} has ended`);
        assert.deepEqual(deathOf(way), [`${death.outcome}, called by ${name}`], WAYS[way]);
      }),
    );
    await until(() => cells.supervisor.counts().inFlight === 0, 'all invocations have ended');
    assert.deepEqual(
      ends(name),
      waysOut.map(() => 'ok, called by a visitor'),
    );
    // Each has called it twice by fetch, and held a session with it until the end.
    const besides = ends('bystander').sort();
    assert.deepEqual(
      besides,
      ['canceled', 'ok', 'ok'].flatMap((outcome) => waysOut.map(() => `${outcome}, called by ${name}`)),
    );
    const sessions = waysOut.length + waysOut.filter((way) => SESSIONS.has(way)).length;
    assert.equal(cellEvents.filter(({ type }) => type === 'session').length, sessions, 'no session is left open');
    const alive = 1 + Object.keys(DEATHS).indexOf(limit) + 1;
    await until(() => cells.supervisor.counts().serving === alive, 'the cells of the dead are gone');
    await until(() => cells.cellPids().length === cells.supervisor.counts().total, 'and their processes');
  });

  if (death.ways.includes('proxy'))
    test(`a worker that ${limit} ends ${WAYS.proxy} breaks the caller’s answer, at once and with the reason`, async () => {
      cells.events.length = 0;
      const { body, failure } = await cells.fetch(name, '/proxy');
      assert.equal(body, 'piece');
      assert.deepEqual([failure?.outcome, failure?.error?.message], ['exception', death.message]);
      const answeredAt = performance.now();
      await until(() => cells.supervisor.counts().inFlight === 0, 'both invocations have ended');
      const lateMs = performance.now() - answeredAt;
      assert.ok(lateMs < 5_000, `the caller’s invocation goes with its answer, not ${lateMs} ms later`);
      assert.deepEqual(
        [deathOf('proxy'), ends(name)],
        [[`${death.outcome}, called by ${name}`], ['exception, called by a visitor']],
      );
    });
}
