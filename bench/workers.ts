/** The programs both platforms run, byte for byte the same, and what a right answer looks like. */

export interface BenchWorker {
  readonly name: string;
  readonly source: string;
  /** Names of the workers it calls; each is a service binding of the same name. */
  readonly services: readonly string[];
  /** Others, as the API takes them. */
  readonly bindings?: readonly Readonly<Record<string, unknown>>[];
  /** Absent: `COMPATIBILITY_DATE`. */
  readonly compatibilityDate?: string;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly worker: string;
  readonly method: 'GET' | 'POST';
  readonly requestBody: string | null;
  /** Throws when the body is not what the worker should have answered. */
  readonly check: (body: string) => void;
  /** The smallest requests/s relative to workerd that the project aims at. */
  readonly aimRatio: number;
  /** RPC calls that one request makes, one after the other, and how many of them a second the project aims at. */
  readonly calls?: { readonly perRequest: number; readonly aimPerSecond: number };
  /** Round trips between the two workers that one request may take: counted, not timed. */
  readonly aimRoundTrips?: number;
}

export const COMPATIBILITY_DATE = '2023-07-24';

const ECHO_BODY = JSON.stringify({
  id: 4711,
  tags: ['alpha', 'beta', 'gamma'],
  items: Array.from({ length: 16 }, (_, index) => ({ index, name: `item ${index}`, price: index * 1.25 })),
});
const BODY_BYTES = 100 * 1024;
const STREAM_CHUNKS = 10;
const STREAM_CHUNK_BYTES = 1024;

const json = `export default {
  fetch() {
    return Response.json({ message: 'hello', number: 42, list: [1, 2, 3], nested: { ok: true } });
  },
};`;

const echo = `export default {
  async fetch(request) {
    return Response.json(await request.json());
  },
};`;

const body = `const text = 'x'.repeat(${BODY_BYTES});
export default {
  fetch() {
    return new Response(text, { headers: { 'content-type': 'text/plain' } });
  },
};`;

const stream = `const chunk = new TextEncoder().encode('y'.repeat(${STREAM_CHUNK_BYTES}));
async function write(writable) {
  const writer = writable.getWriter();
  for (let i = 0; i < ${STREAM_CHUNKS}; i++) await writer.write(chunk);
  await writer.close();
}
export default {
  fetch(request, env, ctx) {
    const { readable, writable } = new TransformStream();
    ctx.waitUntil(write(writable));
    return new Response(readable);
  },
};`;

const banana = `export default {
  async fetch() {
    return Response.json({ timestamp: new Date().getTime(), random: crypto.randomUUID() });
  },
};`;

const apple = `async function ask(request, env) {
  const response = await env.banana.fetch(request.clone());
  return response.json();
}
export default {
  async fetch(request, env) {
    const bananas = [await ask(request, env), await ask(request, env), await ask(request, env)];
    return Response.json({
      appleTimestamp: new Date().getTime(),
      appleRandom: crypto.randomUUID(),
      bananaTimestamps: bananas.map((banana) => banana.timestamp),
      bananaRandoms: bananas.map((banana) => banana.random),
    });
  },
};`;

/** RPC came later than the rest of what is measured. */
const RPC_DATE = '2024-04-05';
const RPC_CALLS = 20;

const adder = `import { RpcTarget, WorkerEntrypoint } from 'cloudflare:workers';
class Node extends RpcTarget {
  #depth;
  constructor(depth) { super(); this.#depth = depth; }
  next() { return new Node(this.#depth + 1); }
  depth() { return this.#depth; }
}
export default class extends WorkerEntrypoint {
  add(a, b) { return a + b; }
  start() { return new Node(1); }
}`;

const rpc = `export default {
  async fetch(request, env) {
    let sum = 0;
    for (let i = 0; i < ${RPC_CALLS}; i++) sum = await env.adder.add(sum, 1);
    return new Response(String(sum));
  },
};`;

const chain = `export default {
  async fetch(request, env) {
    return new Response(String(await env.adder.start().next().next().next().depth()));
  },
};`;

/** In an order in which every worker comes after those it calls. */
export const WORKERS: readonly BenchWorker[] = [
  { name: 'json', source: json, services: [] },
  { name: 'echo', source: echo, services: [] },
  { name: 'body', source: body, services: [] },
  { name: 'stream', source: stream, services: [] },
  { name: 'banana', source: banana, services: [] },
  { name: 'apple', source: apple, services: ['banana'] },
  { name: 'adder', source: adder, services: [], compatibilityDate: RPC_DATE },
  { name: 'rpc', source: rpc, services: ['adder'], compatibilityDate: RPC_DATE },
  { name: 'chain', source: chain, services: ['adder'], compatibilityDate: RPC_DATE },
];

function expectEqual(actual: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(actual) === JSON.stringify(wanted)) return;
  throw new Error(
    `${what}: got ${JSON.stringify(actual)?.slice(0, 200)}, wanted ${JSON.stringify(wanted).slice(0, 200)}`,
  );
}

function checkApple(answer: string): void {
  const { bananaTimestamps, bananaRandoms } = JSON.parse(answer) as Record<string, unknown[] | undefined>;
  expectEqual([bananaTimestamps?.length, new Set(bananaRandoms).size], [3, 3], 'bananas in the answer');
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'json',
    title: 'JSON answer',
    worker: 'json',
    method: 'GET',
    requestBody: null,
    check: (answer) => expectEqual((JSON.parse(answer) as { number?: number }).number, 42, 'number in the answer'),
    aimRatio: 1.2,
  },
  {
    name: 'echo',
    title: 'POST JSON echo',
    worker: 'echo',
    method: 'POST',
    requestBody: ECHO_BODY,
    check: (answer) => expectEqual(answer, ECHO_BODY, 'echo'),
    aimRatio: 1.2,
  },
  {
    name: 'body',
    title: '100 KB body',
    worker: 'body',
    method: 'GET',
    requestBody: null,
    check: (answer) => expectEqual(answer.length, BODY_BYTES, 'length'),
    aimRatio: 1.2,
  },
  {
    name: 'stream',
    title: 'stream, 10 chunks',
    worker: 'stream',
    method: 'GET',
    requestBody: null,
    check: (answer) => expectEqual(answer.length, STREAM_CHUNKS * STREAM_CHUNK_BYTES, 'length'),
    aimRatio: 1.2,
  },
  {
    name: 'services',
    title: 'apple → 3 × banana',
    worker: 'apple',
    method: 'GET',
    requestBody: null,
    check: checkApple,
    aimRatio: 1.5,
  },
  {
    name: 'rpc',
    title: `RPC, ${RPC_CALLS} small calls`,
    worker: 'rpc',
    method: 'GET',
    requestBody: null,
    check: (answer) => expectEqual(answer, String(RPC_CALLS), 'sum'),
    aimRatio: 1,
    calls: { perRequest: RPC_CALLS, aimPerSecond: 15_000 },
  },
  {
    name: 'chain',
    title: 'RPC, a pipelined chain of 5',
    worker: 'chain',
    method: 'GET',
    requestBody: null,
    check: (answer) => expectEqual(answer, '4', 'depth'),
    aimRatio: 1,
    aimRoundTrips: 1,
  },
];
