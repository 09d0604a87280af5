/** Ways to misbehave: the worker of each, and what its visitors do to make it. */
import type { BenchWorker } from './workers.ts';

export interface Family {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  readonly visitors: Visitors;
}

/** What the attacking client does; see attacker.ts. */
export type Visitors =
  /** `connections` ask one after the other, each at most `PACE_PER_SECOND` times a second. */
  | { readonly kind: 'requests'; readonly connections: number; readonly bodyBytes?: number }
  /** Asks and never reads the answer. */
  | { readonly kind: 'slow-readers'; readonly connections: number }
  /** Sends its request head a byte a second. */
  | { readonly kind: 'slow-writers'; readonly connections: number }
  /** Opens WebSockets and sends messages without a pause; every second one reads nothing. */
  | { readonly kind: 'websockets'; readonly connections: number };

/** A flood of plain requests is the business of whoever stands in front; what is tried here is what a single request can do. */
export const PACE_PER_SECOND = 50;

/** `__ORIGIN__` in a source stands for the address of a server that answers at once. */
export const FAMILIES: readonly Family[] = [
  {
    name: 'cpu',
    title: 'endless loop',
    source: 'export default { fetch() { for (;;); } };',
    visitors: { kind: 'requests', connections: 8 },
  },
  {
    name: 'microtasks',
    title: 'endless microtasks',
    source: `export default { async fetch() {
      const spin = () => Promise.resolve().then(spin);
      await spin();
    } };`,
    visitors: { kind: 'requests', connections: 8 },
  },
  {
    name: 'long',
    title: '80 ms of computing a request',
    source: `export default { fetch() {
      let sum = 0;
      for (let n = 0; n < 60_000_000; n++) sum += n;
      return new Response(String(sum));
    } };`,
    visitors: { kind: 'requests', connections: 8 },
  },
  {
    name: 'memory',
    title: 'memory hoard, buffers',
    source: `const kept = [];
    export default { async fetch() {
      for (;;) { kept.push(new Uint8Array(1 << 20).fill(1)); if (kept.length % 8 === 0) await scheduler.wait(1); }
    } };`,
    visitors: { kind: 'requests', connections: 8 },
  },
  {
    name: 'crash',
    title: 'heap exhausted, again and again',
    source: `export default { fetch() {
      const kept = [];
      for (;;) kept.push(new Array(100_000).fill({}));
    } };`,
    visitors: { kind: 'requests', connections: 8 },
  },
  {
    name: 'logs',
    title: 'log flood',
    source: `const line = 'x'.repeat(1000);
    export default { fetch() {
      for (let n = 0; n < 1000; n++) console.log(line, n);
      return new Response('logged');
    } };`,
    visitors: { kind: 'requests', connections: 8 },
  },
  {
    name: 'subrequests',
    title: 'subrequest flood',
    source: `export default { async fetch() {
      const answers = await Promise.allSettled(Array.from({ length: 60 }, (_, n) => fetch('__ORIGIN__/' + n).then((r) => r.text())));
      return new Response(String(answers.length));
    } };`,
    visitors: { kind: 'requests', connections: 8 },
  },
  {
    name: 'websockets',
    title: 'WebSocket flood',
    source: `const line = 'y'.repeat(1000);
    export default { fetch() {
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener('message', () => { for (let n = 0; n < 4; n++) server.send(line); });
      return new Response(null, { status: 101, webSocket: client });
    } };`,
    visitors: { kind: 'websockets', connections: 16 },
  },
  {
    name: 'readers',
    title: 'clients that do not read',
    source: `const chunk = new Uint8Array(65536);
    export default { fetch() {
      return new Response(new ReadableStream({ pull(controller) { controller.enqueue(chunk); } }));
    } };`,
    visitors: { kind: 'slow-readers', connections: 200 },
  },
  {
    name: 'writers',
    title: 'clients that write a byte a second',
    source: `export default { fetch() { return new Response('late'); } };`,
    visitors: { kind: 'slow-writers', connections: 500 },
  },
  {
    name: 'bodies',
    title: '4 MB bodies, echoed',
    source: 'export default { async fetch(request) { return new Response(await request.arrayBuffer()); } };',
    visitors: { kind: 'requests', connections: 4, bodyBytes: 4_000_000 },
  },
  {
    name: 'timers',
    title: '100,000 timers a request',
    source: `export default { async fetch() {
      for (let n = 0; n < 100_000; n++) setTimeout(() => {}, 1000 + (n % 1000));
      await scheduler.wait(2000);
      return new Response('set');
    } };`,
    visitors: { kind: 'requests', connections: 4 },
  },
];

/** The well-behaved worker beside them. */
export const NEIGHBOUR: BenchWorker = {
  name: 'neighbour',
  source: `export default { async fetch(request) {
    const { searchParams } = new URL(request.url);
    return Response.json({ hello: searchParams.get('n'), at: Date.now() });
  } };`,
  services: [],
};

/** The worker of a family, its requests to the outside going to `origin`. */
export const hostileWorker = (family: Family, origin: string): BenchWorker => ({
  name: `hostile-${family.name}`,
  source: family.source.replaceAll('__ORIGIN__', origin),
  services: [],
});
