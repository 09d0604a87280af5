/**
 * Every way we know to take memory in one request: handler bodies, for `test/limits/memory.test.ts` and for `test/limits/measure-memory.ts`. They take it as fast
 * as they can and keep it in `kept`.
 */

const PAUSE = 'await new Promise((resolve) => setTimeout(resolve, 0));';
const ENDLESS = 'new ReadableStream({ pull(controller) { controller.enqueue(new Uint8Array(100_000).fill(1)); } })';

/** Asked by the tests, too: one or more of each kind of memory. */
export const HOARDERS: Readonly<Record<string, string>> = {
  'heap arrays': 'for (;;) kept.push(new Array(100_000).fill(0).map((_v, n) => n + 0.5));',
  'Map entries': 'const map = new Map(); for (let n = 0; ; n++) map.set("key " + n, { n });',
  strings: 'for (let n = 0; ; n++) kept.push(("x" + n).repeat(100_000).toUpperCase());',
  ArrayBuffers: 'for (;;) kept.push(new Uint8Array(4_000_000).fill(1));',
  'small ArrayBuffers': 'for (;;) kept.push(new Uint8Array(2_000).fill(1));',
  'ArrayBuffers with pauses': `for (;;) { kept.push(new Uint8Array(4_000_000).fill(1)); ${PAUSE} }`,
  'as large ArrayBuffers as there are':
    'for (let size = 2 ** 32; ; ) try { kept.push(new Uint8Array(size).fill(1)); } catch { size = Math.max(size / 2, 1e6); }',
  'resizable ArrayBuffers':
    'for (;;) { const buffer = new ArrayBuffer(1, { maxByteLength: 3e7 }); buffer.resize(3e7); kept.push(new Uint8Array(buffer).fill(1)); }',
  'a SharedArrayBuffer that grows':
    'const buffer = new SharedArrayBuffer(1, { maxByteLength: 4e8 }); for (let n = 1; ; n++) { buffer.grow(n * 1e6); new Uint8Array(buffer, (n - 1) * 1e6, 1e6).fill(1); }',
  'a WebAssembly.Memory that grows':
    'const memory = new WebAssembly.Memory({ initial: 1, maximum: 16_384 }); for (;;) { const from = memory.grow(64) * 65_536; new Uint8Array(memory.buffer, from).fill(1); }',
  'many WebAssembly.Memories':
    'for (;;) { const memory = new WebAssembly.Memory({ initial: 100 }); new Uint8Array(memory.buffer).fill(1); kept.push(memory); }',
  'a stream nobody reads': `
    const { writable } = new TransformStream({}, { highWaterMark: 1e12 }, { highWaterMark: 1e12 });
    const writer = writable.getWriter();
    for (;;) await writer.write(new Uint8Array(1_000_000).fill(1));`,
  'a stream whose source does not wait':
    'new ReadableStream({ start(controller) { for (;;) controller.enqueue(new Uint8Array(1_000_000).fill(1)); } });',
  'a tee with one side unread': `
    const [left] = ${ENDLESS}.tee();
    const reader = left.getReader();
    for (;;) await reader.read();`,
  'the clone of a response, unread': `
    const response = new Response(${ENDLESS});
    kept.push(response.clone());
    for await (const _chunk of response.body);`,
  'many small Blobs': 'for (let n = 0; ; n++) { kept.push(new Blob(["x" + n])); if (n % 1_000 === 0) await null; }',
  'large Blobs': 'for (;;) kept.push(new Blob([new Uint8Array(1_000_000).fill(1)]));',
  'responses with bodies nobody reads': 'for (let n = 0; ; n++) kept.push(new Response(("x" + n).repeat(100_000)));',
  'timers that hold memory':
    'for (let n = 0; ; n++) { const held = new Array(2_000).fill(n); setTimeout(() => held, 1e8); if (n % 100 === 0) await null; }',
  'fields of FormData':
    'const form = new FormData(); for (let n = 0; ; n++) form.append("field " + n, "value".repeat(20) + n);',
  'files in FormData':
    'const form = new FormData(); for (let n = 0; ; n++) form.append("file", new File(["x".repeat(1e5) + n], "name"));',
};

/** More of the same kinds, and slower: for the table only. */
export const MORE_HOARDERS: Readonly<Record<string, string>> = {
  'heap objects': 'for (let n = 0; ; n++) kept.push({ n, text: "value " + n });',
  Headers:
    'for (let n = 0; ; n++) { const headers = new Headers(); for (let m = 0; m < 100; m++) headers.append("x-" + m, "value " + n); kept.push(headers); }',
  URLSearchParams:
    'const query = new URLSearchParams(); for (let n = 0; ; n++) query.append("key " + n, "value " + n);',
  'promises nobody settles': 'for (;;) kept.push(new Promise(() => undefined));',
  'a chain of awaits without end':
    'const dive = async (n) => { const held = new Array(1_000).fill(n); await null; await dive(n + 1); return held; }; await dive(0);',
  structuredClone:
    'const value = Array.from({ length: 10_000 }, (_v, n) => ({ n })); for (;;) kept.push(structuredClone(value));',
  JSON: 'const text = JSON.stringify(Array.from({ length: 100_000 }, (_v, n) => ({ n }))); for (;;) kept.push(JSON.parse(text));',
  'matches of regular expressions':
    'const text = "ab".repeat(100_000); for (;;) kept.push(text.match(/a/g), text.split("b"));',
  'encoded text': 'const text = "ä".repeat(100_000); for (;;) kept.push(new TextEncoder().encode(text));',
  'random bytes': 'for (;;) kept.push(crypto.getRandomValues(new Uint8Array(65_536)));',
  'decompressed zeros': `
    const zip = async () => new Uint8Array(await new Response(new Blob([new Uint8Array(1e7)]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer());
    const bomb = await zip();
    for (;;) kept.push(await new Response(new Blob([bomb]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());`,
  'JavaScript functions': 'for (let n = 0; ; n++) kept.push(() => n, class { x = n; });',
  BigInts: 'let n = 3n ** 100_000n; for (;;) kept.push(n += 1n);',
};
