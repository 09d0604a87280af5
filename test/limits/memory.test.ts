/** Memory limits with real cells: whatever kind of memory is taken, that cell ends with "exceeded memory", in time, and nobody else notices. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HOARDERS } from '../support/hoarders.ts';
import { LONGEST_ABOVE_MS, MemoryArena } from '../support/memory-arena.ts';

let arena: MemoryArena;
before(async () => {
  arena = await MemoryArena.open(64);
});
after(() => arena.close());

const deploy = (name: string, handler: string, top = '') =>
  arena.cells.deploy({
    name,
    modules: { 'index.js': `${top}\nexport default { async fetch(request, env, ctx) { ${handler} } };` },
  });

for (const [kind, code] of Object.entries(HOARDERS)) {
  test(`a request that hoards ${kind} is ended with "exceeded memory" at its ceiling, and the neighbour stays well`, async (t) => {
    const { answer, peak } = await arena.ask(code);
    const { failure } = answer;
    assert.equal(failure?.outcome, 'exceededMemory', `${failure?.kind}: ${failure?.reason.slice(0, 300)}`);
    assert.equal(failure?.kind, 'limit');
    assert.ok(peak.samples > 5 && peak.peakBytes > arena.ceilingBytes / 2, 'it was seen to grow');
    t.diagnostic(arena.describe(peak));
    assert.ok(peak.longestAboveMs <= LONGEST_ABOVE_MS, arena.describe(peak));
    assert.equal((await arena.cells.fetch('neighbour')).body, 'fine');
  });
}

test('memory below the limit may be used, forgotten and used again within a request', async () => {
  deploy(
    'frugal',
    `
    for (let round = 0; round < 20; round++) {
      const held = new Uint8Array(20_000_000).fill(round);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (held[7] !== round) throw new Error('lost');
    }
    return new Response('fine');`,
  );
  const { body, failure } = await arena.cells.fetch('frugal');
  assert.equal(failure, undefined, failure?.reason);
  assert.equal(body, 'fine');
});

test('what a worker leaves behind is collected before it ends one that keeps a third of its memory in use', async () => {
  deploy(
    'keeper',
    `
    id ??= crypto.randomUUID();
    for (let round = 0; round < 4; round++) {
      const used = new Uint8Array(20_000_000).fill(round);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (used[7] !== round) throw new Error('lost');
    }
    return new Response(id);`,
    `let id; const kept = [1, 2].map((n) => new Uint8Array(12_000_000).fill(n));`,
  );
  const answers = new Set<string>();
  for (let round = 0; round < 10; round++) {
    const { body, failure } = await arena.cells.fetch('keeper');
    assert.equal(failure, undefined, `request ${round}: ${failure?.reason}`);
    answers.add(body);
  }
  assert.equal(answers.size, 1, 'one cell has answered all');
});

test('a leak over many requests ends the cell, and the next request has a fresh one', async () => {
  deploy(
    'leak',
    `held.push(new Uint8Array(8_000_000).fill(1)); await new Promise((resolve) => setTimeout(resolve, 20)); return new Response(String(held.length));`,
    `const held = [];`,
  );
  const counts: number[] = [];
  for (let round = 0; round < 30; round++) {
    const { body, failure } = await arena.cells.fetch('leak');
    counts.push(failure === undefined ? Number(body) : 0);
    if (failure !== undefined) assert.equal(failure.outcome, 'exceededMemory', failure.reason);
  }
  assert.ok(Math.max(...counts) < 25, `one cell held ${Math.max(...counts)} times 8 MB`);
  assert.ok(counts.slice(10).includes(1), 'a fresh cell began again');
});

test('a version that hoards memory at its top level is refused', async () => {
  const result = await arena.cells.check({
    name: 'top-hoard',
    modules: {
      'index.js': `const all = []; for (;;) all.push(new Array(100_000).fill(0).map((_v, n) => n + 0.5)); export default { fetch() {} };`,
    },
  });
  assert.deepEqual(result, { ok: false, kind: 'memory', message: 'Script startup exceeded memory limits.' });
});
