/** 200 MB from worker to worker, each way there is: server and both cells, looked at from outside, keep no more of it than windows. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { privateBytes, samplePeak } from '../support/memory-sampler.ts';
import { descendantsOf } from '../support/processes.ts';
import { type Skep, startSkep } from '../support/server.ts';

const MiB = 1024 * 1024;
const STREAMED_BYTES = 200 * MiB;
const WARM_UP_BYTES = 48 * MiB;
/** A quarter of what passes; most of it is garbage that V8 lets lie. */
const MAX_GROWTH_BYTES = 48 * MiB;

/** Both workers give and take: bytes that say where in the stream they belong, and a check of that. */
const ENDS = `
const PIECE = 65_536;
const pieceAt = (at) => { const piece = new Uint8Array(PIECE); piece[0] = (at / PIECE) % 251; return piece; };
function source(bytes) {
  let at = 0;
  return new ReadableStream({ pull(controller) {
    controller.enqueue(pieceAt(at));
    at += PIECE;
    if (at >= bytes) controller.close();
  } });
}
const checker = () => {
  let at = 0, wrong = 0;
  return {
    take(chunk) {
      for (let mark = Math.ceil(at / PIECE) * PIECE; mark < at + chunk.length; mark += PIECE) if (chunk[mark - at] !== (mark / PIECE) % 251) wrong++;
      at += chunk.length;
    },
    seen: () => ({ bytes: at, wrong }),
  };
};
async function all(readable) {
  const { take, seen } = checker();
  const reader = readable.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) take(read.value);
  return seen();
}
`;

const CALLEE = `import { WorkerEntrypoint } from 'cloudflare:workers';
${ENDS}
export default class extends WorkerEntrypoint {
  async fetch(request) {
    if (request.method === 'POST') return Response.json(await all(request.body));
    return new Response(source(Number(new URL(request.url).searchParams.get('bytes'))));
  }
  give(bytes) { return source(bytes); }
  take(readable) { return all(readable); }
  async fill(bytes, writable) { await source(bytes).pipeTo(writable); }
}`;

const CALLER = `
${ENDS}
const WAYS = {
  '/answer': async (other, bytes) => all((await other.fetch('http://x/?bytes=' + bytes)).body),
  '/request': async (other, bytes) => (await other.fetch('http://x/', { method: 'POST', body: source(bytes) })).json(),
  '/result': async (other, bytes) => all(await other.give(bytes)),
  '/argument': (other, bytes) => other.take(source(bytes)),
  '/writable': async (other, bytes) => {
    const { take, seen } = checker();
    // As on Workers, what comes to a stream that was lent are ArrayBuffers.
    await other.fill(bytes, new WritableStream({ write: (buffer) => take(new Uint8Array(buffer)) }));
    return seen();
  },
};
export default { async fetch(request, env) {
  const { pathname, searchParams } = new URL(request.url);
  return Response.json(await WAYS[pathname](env.OTHER, Number(searchParams.get('bytes'))));
} };`;

const DATED = { compatibility_date: '2026-01-01' };
let skep: Skep;
before(async () => {
  skep = await startSkep();
  await skep.deploy('callee', CALLEE, DATED);
  await skep.deploy('caller', CALLER, { ...DATED, bindings: [{ type: 'service', name: 'OTHER', service: 'callee' }] });
});
after(() => skep?.stop());

/** The private memory of the server, and of all cells, one by one. */
function memory(): { readonly cells: readonly number[]; readonly server: number; readonly largestCell: number } {
  const cells = descendantsOf(skep.pid)
    .filter(({ command }) => command.includes('harness') && !command.startsWith('bwrap'))
    .map(({ pid }) => pid);
  return { cells, server: privateBytes(skep.pid), largestCell: Math.max(...cells.map(privateBytes)) };
}

for (const [way, what] of Object.entries({
  answer: 'as the body of an answer',
  request: 'as the body of a request',
  result: 'as a ReadableStream that RPC gives back',
  argument: 'as a ReadableStream that RPC is given',
  writable: 'into a WritableStream that RPC is given',
})) {
  test(`200 MB go from one worker to another ${what}, within the default limits, at flat memory`, async (t) => {
    const ask = async (bytes: number): Promise<unknown> => {
      const { status, text } = await skep.request('caller', `/${way}?bytes=${bytes}`);
      return status === 200 ? JSON.parse(text) : text;
    };
    // Buffers that stay, and as much garbage as V8 lets lie: they must not count as growth.
    assert.deepEqual(await ask(WARM_UP_BYTES), { bytes: WARM_UP_BYTES, wrong: 0 });
    const { server, largestCell, cells } = memory();
    const startedAt = performance.now();
    const { result, peak: ofServer } = await samplePeak([skep.pid], 0, () =>
      samplePeak(cells, 0, () => ask(STREAMED_BYTES)),
    );
    assert.deepEqual(result.result, { bytes: STREAMED_BYTES, wrong: 0 });
    const grown = { server: ofServer.peakBytes - server, cell: result.peak.peakBytes - largestCell };
    const tookMs = Math.round(performance.now() - startedAt);
    const inMiB = (bytes: number): string => (bytes / MiB).toFixed(1);
    t.diagnostic(
      `${tookMs} ms; grown by at most: server ${inMiB(grown.server)} MiB, to ${inMiB(ofServer.peakBytes)}; cells ${inMiB(grown.cell)} MiB, to ${inMiB(result.peak.peakBytes)}`,
    );
    assert.ok(grown.server < MAX_GROWTH_BYTES, `the server grew by ${inMiB(grown.server)} MiB`);
    assert.ok(grown.cell < MAX_GROWTH_BYTES, `a cell grew by ${inMiB(grown.cell)} MiB`);
  });
}
