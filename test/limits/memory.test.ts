/** Memory limits with real cells: whatever kind of memory is taken, that cell ends with "exceeded memory" and nobody else notices. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

let cells: TestSupervisor;
before(async () => {
  // CPU enough that memory is what runs out.
  cells = await createTestSupervisor({ prestarted: 2, cpuMs: 10_000, memoryMiB: 64 });
  cells.deploy({ name: 'neighbour', modules: { 'index.js': `export default { fetch: () => new Response('fine') };` } });
  await cells.fetch('neighbour');
});
after(() => cells.close());

const deploy = (name: string, handler: string, top = '') =>
  cells.deploy({
    name,
    modules: { 'index.js': `${top}\nexport default { async fetch(request, env, ctx) { ${handler} } };` },
  });

/** Each takes memory until something stops it. The pause lets the watchdog see a cell that only allocates. */
const HOARDERS: Readonly<Record<string, string>> = {
  arrays: `const all = []; for (;;) { all.push(new Array(100_000).fill(0).map((_v, n) => n + 0.5)); await null; }`,
  objects: `const all = {}; for (let n = 0; ; n++) { all['key' + n] = { n, text: 'value ' + n }; if (n % 10_000 === 0) await null; }`,
  strings: `let text = 'x'; const all = []; for (let n = 0; ; n++) { all.push((text + n).repeat(100_000).toUpperCase()); await null; }`,
  ArrayBuffers: `const all = []; for (;;) { all.push(new Uint8Array(4_000_000).fill(1)); await new Promise((resolve) => setTimeout(resolve, 1)); }`,
  'WebAssembly memory': `
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 16_384 });
    for (;;) { memory.grow(64); new Uint8Array(memory.buffer).fill(1); await new Promise((resolve) => setTimeout(resolve, 1)); }`,
  'Blob parts': `const all = []; for (;;) { all.push(new Blob([new Uint8Array(2_000_000).fill(1)])); await new Promise((resolve) => setTimeout(resolve, 1)); }`,
  'a held stream': `
    const { readable, writable } = new TransformStream({}, { highWaterMark: 1e12 }, { highWaterMark: 1e12 });
    const writer = writable.getWriter();
    for (;;) { await writer.write(new Uint8Array(1_000_000).fill(1)); await new Promise((resolve) => setTimeout(resolve, 1)); }`,
};

for (const [name, code] of Object.entries(HOARDERS)) {
  test(`a request that hoards ${name} is ended with "exceeded memory"`, async () => {
    const worker = `hoard-${name.toLowerCase().replaceAll(' ', '-')}`;
    deploy(worker, code);
    const { failure } = await cells.fetch(worker, { method: 'POST' });
    assert.equal(failure?.outcome, 'exceededMemory', `${failure?.kind}: ${failure?.reason.slice(0, 300)}`);
    assert.equal(failure?.kind, 'limit');
    assert.equal((await cells.fetch('neighbour')).body, 'fine');
  });
}

test('memory below the limit may be used, given back and used again', async () => {
  deploy(
    'frugal',
    `
    for (let round = 0; round < 12; round++) {
      const held = new Uint8Array(20_000_000).fill(round);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (held[7] !== round) throw new Error('lost');
    }
    return new Response('fine');`,
  );
  const { body, failure } = await cells.fetch('frugal');
  assert.equal(failure, undefined, failure?.reason);
  assert.equal(body, 'fine');
});

test('a leak over many requests ends the cell, and the next request has a fresh one', async () => {
  deploy(
    'leak',
    `held.push(new Uint8Array(8_000_000).fill(1)); await new Promise((resolve) => setTimeout(resolve, 20)); return new Response(String(held.length));`,
    `const held = [];`,
  );
  const counts: number[] = [];
  for (let round = 0; round < 30; round++) {
    const { body, failure } = await cells.fetch('leak');
    counts.push(failure === undefined ? Number(body) : 0);
    if (failure !== undefined) assert.equal(failure.outcome, 'exceededMemory', failure.reason);
  }
  assert.ok(Math.max(...counts) < 25, `one cell held ${Math.max(...counts)} times 8 MB`);
  assert.ok(counts.slice(10).includes(1), 'a fresh cell began again');
});

test('a version that hoards memory at its top level is refused', async () => {
  const result = await cells.check({
    name: 'top-hoard',
    modules: {
      'index.js': `const all = []; for (;;) all.push(new Array(100_000).fill(0).map((_v, n) => n + 0.5)); export default { fetch() {} };`,
    },
  });
  assert.deepEqual(result, { ok: false, kind: 'memory', message: 'Script startup exceeded memory limits.' });
});
