/** RPC between workers: the rules that the supervisor and the two cells keep, beyond what the conformance cases show. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CELL_LIMITS } from '../../shared/limits.ts';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 2, cpuMs: 2_000, timings: { waitUntilMs: 2_000 } });
});
after(() => cells.close());

const ENTRYPOINT = `import { WorkerEntrypoint, RpcTarget } from 'cloudflare:workers';`;

const callee = (name: string, body: string, bindings: ReturnType<typeof serviceBinding>[] = []) =>
  cells.deploy({ name, modules: { 'index.js': `${ENTRYPOINT}\n${body}` }, bindings });

const caller = (name: string, handler: string, service: string, head = '') =>
  cells.deploy({
    name,
    modules: {
      'index.js': `import { RpcTarget } from 'cloudflare:workers';
${head}
const attempt = async (work) => { try { return await work(); } catch (error) { return error.name + ': ' + error.message; } };
export default { async fetch(request, env, ctx) { ${handler} } };`,
    },
    bindings: [serviceBinding('NEXT', service)],
  });

test('a recursion through RPC ends at the depth of a pipeline', async () => {
  callee(
    'recursive',
    `export default class extends WorkerEntrypoint {
       async down(n) { try { return await this.env.NEXT.down(n + 1); } catch (error) { return [n, error.message]; } }
     }`,
    [serviceBinding('NEXT', 'recursive')],
  );
  caller('recursion', `return Response.json(await env.NEXT.down(2));`, 'recursive');
  const [depth, message] = (await cells.json('recursion')) as [number, string];
  assert.equal(depth, CELL_LIMITS.pipelineDepth);
  assert.match(message, /^Subrequest depth limit exceeded/);
});

test('each call on a binding counts against the pipeline; calls within a session do not', async () => {
  callee(
    'counted',
    `class Target extends RpcTarget { one() { return 1; } }
     export default class extends WorkerEntrypoint { one() { return 1; } target() { return new Target(); } }`,
  );
  caller(
    'counting',
    `const target = await env.NEXT.target();
     for (let i = 0; i < 1500; i++) await target.one();
     let calls = 0;
     const failure = await attempt(async () => { for (;;) { await env.NEXT.one(); calls++; } });
     return Response.json([calls, failure]);`,
    'counted',
  );
  assert.deepEqual(await cells.json('counting'), [CELL_LIMITS.internalSubrequests - 1, 'Error: Too many subrequests.']);
});

test('a callee that dies breaks its sessions: calls and stubs fail, the caller lives', async () => {
  callee(
    'mortal',
    `class Target extends RpcTarget { one() { return 1; } }
     export default class extends WorkerEntrypoint { target() { return new Target(); } spin() { for (;;); } }`,
  );
  caller(
    'survivor',
    `const target = await env.NEXT.target();
     const spin = await attempt(() => env.NEXT.spin());
     return Response.json([spin, await attempt(() => target.one()), (await env.NEXT.target()) !== undefined]);`,
    'mortal',
  );
  const [spin, stub, again] = (await cells.json('survivor')) as [string, string, boolean];
  assert.match(spin, /exceeded CPU time limit/);
  assert.match(stub, /^Error: /);
  assert.equal(again, true);
});

test('waitUntil of an entrypoint goes on after its session', async () => {
  callee(
    'waiting',
    `let done = 0;
     export default class extends WorkerEntrypoint {
       start() { this.ctx.waitUntil(new Promise((resolve) => setTimeout(() => { done++; resolve(); }, 50))); return done; }
     }`,
  );
  caller(
    'starter',
    `const first = await env.NEXT.start();
     await new Promise((resolve) => setTimeout(resolve, 200));
     return Response.json([first, await env.NEXT.start()]);`,
    'waiting',
  );
  assert.deepEqual(await cells.json('starter'), [0, 1]);
});

test('a message larger than a window, and many at once, arrive whole', async () => {
  callee(
    'echo',
    `export default class extends WorkerEntrypoint { echo(x) { return x; } size(x) { return x.length; } }`,
  );
  caller(
    'large',
    `const big = 'x'.repeat(1_500_000);
     const sizes = await Promise.all(Array.from({ length: 5 }, () => env.NEXT.size(big)));
     const back = await env.NEXT.echo(new Uint8Array(900_000).fill(3));
     return Response.json([sizes, back.length, back[899_999]]);`,
    'echo',
  );
  assert.deepEqual(await cells.json('large'), [Array.from({ length: 5 }, () => 1_500_000), 900_000, 3]);
});

test('patched prototypes of the caller do not change what the callee gets', async () => {
  callee('target-of-patches', `export default class extends WorkerEntrypoint { echo(...args) { return args; } }`);
  caller(
    'patcher',
    `return Response.json(await env.NEXT.echo({ a: [1, new Map([['k', new Date(5)]])] }, 'text', 7n === 7n));`,
    'target-of-patches',
    `Array.prototype[Symbol.iterator] = function* () { yield 'patched'; };
     Map.prototype.get = Map.prototype.set = () => { throw new Error('patched'); };
     Map.prototype.forEach = () => undefined;
     Promise.prototype.then = undefined;
     Uint8Array.prototype.set = () => { throw new Error('patched'); };
     Object.defineProperty(Object.prototype, 'a', { set() { throw new Error('setter'); }, configurable: true });`,
  );
  const answer = await cells.json('patcher').catch(() => 'its own doing');
  // Whatever the patches do to the caller, the callee's cell goes on.
  assert.ok(answer !== undefined);
  caller('clean', `return Response.json(await env.NEXT.echo('still', 'there'));`, 'target-of-patches');
  assert.deepEqual(await cells.json('clean'), ['still', 'there']);
});

test('a stub of one request cannot be used in another', async () => {
  callee(
    'stubs',
    `class Target extends RpcTarget { one() { return 1; } }
     export default class extends WorkerEntrypoint { target() { return new Target(); } }`,
  );
  caller(
    'keeper',
    `if (kept === undefined) { kept = await env.NEXT.target(); return Response.json('kept'); }
     return Response.json(await attempt(() => kept.one()));`,
    'stubs',
    'let kept;',
  );
  assert.equal(await cells.json('keeper'), 'kept');
  assert.match((await cells.json('keeper')) as string, /Cannot perform I\/O on behalf of a different request/);
});

test('a caller that leaves ends what it has called', async () => {
  callee(
    'long',
    `let ended = false;
     class Target extends RpcTarget { one() { return 1; } }
     export default class extends WorkerEntrypoint {
       target() { return new Target(); }
       async hang() { await new Promise((resolve) => setTimeout(resolve, 60_000)); }
     }`,
  );
  caller(
    'leaver',
    `void attempt(() => env.NEXT.hang()); await env.NEXT.target(); return Response.json('left');`,
    'long',
  );
  assert.equal(await cells.json('leaver'), 'left');
  const deadline = Date.now() + 5_000;
  while (cells.supervisor.counts().inFlight > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(cells.supervisor.counts().inFlight, 0);
});

test('a method that nothing can let answer fails in workerd’s words; one that its caller can still let answer does not', async () => {
  callee(
    'waits',
    `class Door extends RpcTarget {
       #open; #opened = new Promise((resolve) => { this.#open = resolve; });
       wait() { return this.#opened; }
       open() { this.#open('opened'); }
     }
     export default class extends WorkerEntrypoint {
       door() { return new Door(); }
       never() { return new Promise(() => {}); }
     }`,
  );
  caller(
    'waiting',
    `const door = await env.NEXT.door();
     const opened = door.wait();
     await scheduler.wait(1000);
     await door.open();
     const outcome = await opened;
     door[Symbol.dispose]();
     return Response.json([outcome, await attempt(() => env.NEXT.never())]);`,
    'waits',
  );
  const [opened, failure] = (await cells.json('waiting')) as [string, string];
  assert.equal(opened, 'opened');
  assert.match(failure, /^Error: .*Worker's code had hung and would never generate a response/);
});
