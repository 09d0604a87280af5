import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
const probes = [];
const P = (name, run) => probes.push([name, run]);
function show(v, depth = 0) {
  if (v === undefined || typeof v === "symbol" || typeof v === "bigint") return `(${typeof v} ${String(v)})`;
  if (typeof v === "number") return Object.is(v, -0) || !Number.isFinite(v) ? `(${Object.is(v, -0) ? "-0" : v})` : v;
  if (typeof v === "function") return `(function ${v.name})`;
  if (typeof v !== "object" || v === null) return v;
  if (v instanceof Error || v instanceof DOMException) return { $error: v.name, $message: v.message, ...(typeof v.code === "string" ? { code: v.code } : {}) };
  if (depth > 6) return "(deep)";
  if (v instanceof ArrayBuffer) return `ArrayBuffer ${[...new Uint8Array(v).slice(0, 256)]}`;
  if (ArrayBuffer.isView(v)) return `${v.constructor.name} ${[...new Uint8Array(v.buffer, v.byteOffset, v.byteLength).slice(0, 256)]}`;
  if (v instanceof Date || v instanceof RegExp) return `(${v.constructor.name} ${String(v)})`;
  if (v instanceof Map || v instanceof Set) return [v.constructor.name, ...[...v].map((x) => show(x, depth + 1))];
  if (Array.isArray(v)) return v.map((x) => show(x, depth + 1));
  const kind = v.constructor?.name ?? "null";
  return { ...(kind === "Object" ? {} : { $kind: kind }), ...Object.fromEntries(Object.keys(v).map((k) => [k, show(v[k], depth + 1)])) };
}
const S = (run) => { try { return show(run()); } catch (e) { return { threw: show(e) }; } };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const te = new TextEncoder();
async function runProbes(request, env, ctx) {
  const out = {};
  for (const [name, run] of probes) {
    try {
      out[name] = show(await Promise.race([run(env, ctx, request), new Promise((_, fail) => setTimeout(() => fail("(pending)"), 3000))]));
    } catch (e) {
      out[name] = { threw: show(e) };
    }
  }
  return out;
}
const als = new AsyncLocalStorage();
P('ws listener', async () => { const p = new WebSocketPair(); const out=[]; als.run('add', () => { p[0].addEventListener('message', (e) => out.push(['m', e.data, als.getStore()])); p[0].addEventListener('close', (e) => out.push(['c', als.getStore()])); }); als.run('accept', () => { p[0].accept(); p[1].accept(); }); als.run('send', () => p[1].send('x')); await sleep(5); als.run('close', () => p[1].close(1000)); await sleep(20); return out; });
P('ws onmessage', async () => { const p = new WebSocketPair(); const out=[]; als.run('add', () => { p[0].onmessage = (e) => out.push(['m', als.getStore()]); }); p[0].accept(); p[1].accept(); als.run('send', () => p[1].send('x')); await sleep(5); return out; });
P('ws reply', async () => { const p = new WebSocketPair(); const out=[]; als.run('srv', () => { p[1].accept(); p[1].addEventListener('message', (e) => { out.push(['s', als.getStore()]); p[1].send('r'); }); }); als.run('cli', () => { p[0].accept(); p[0].addEventListener('message', (e) => out.push(['c', als.getStore()])); }); als.run('send', () => p[0].send('x')); await sleep(10); return out; });
P('ws accept in ctx', async () => { const p = new WebSocketPair(); const out=[]; p[0].addEventListener('message', (e) => out.push(['m', als.getStore()])); p[1].accept(); als.run('send', () => p[1].send('x')); als.run('accept', () => p[0].accept()); await sleep(10); return out; });
P('et', () => { const t = new EventTarget(); const out=[]; als.run('add', () => t.addEventListener('x', () => out.push(als.getStore()))); als.run('disp', () => t.dispatchEvent(new Event('x'))); return out; });
P('abort', () => { const c = new AbortController(); const out=[]; als.run('add', () => { c.signal.addEventListener('abort', () => out.push(als.getStore())); c.signal.onabort = () => out.push(als.getStore()); }); als.run('abort', () => c.abort()); return out; });
P('abort timeout', async () => { const out=[]; let s; als.run('mk', () => s = AbortSignal.timeout(3)); als.run('add', () => { s.addEventListener('abort', () => out.push(als.getStore())); }); await sleep(20); return out; });
P('abort any', async () => { const out=[]; const c = new AbortController(); let s; als.run('mk', () => s = AbortSignal.any([c.signal])); als.run('add', () => { s.addEventListener('abort', () => out.push(als.getStore())); }); als.run('ab', () => c.abort()); return out; });
P('mc', async () => { const c = new MessageChannel(); const out=[]; als.run('add', () => { c.port1.onmessage = (e) => out.push(als.getStore()); }); als.run('post', () => c.port2.postMessage(1)); await sleep(5); return out; });
P('rewriter', async () => { const out=[]; const r = als.run('mk', () => new HTMLRewriter().on('p', { element() { out.push(als.getStore()); }, text() { out.push(als.getStore()); } })); const x = als.run('tr', () => r.transform(new Response('<p>x</p>'))); await als.run('rd', () => x.text()); return out; });
P('microtask', async () => { const out=[]; als.run('q', () => queueMicrotask(() => out.push(als.getStore()))); await 0; await 0; return out; });
P('unhandled', async () => { const out=[]; const h = (e) => { out.push(als.getStore()); e.preventDefault(); }; als.run('reg', () => addEventListener('unhandledrejection', h)); als.run('rej', () => { Promise.reject(1); }); await sleep(5); removeEventListener('unhandledrejection', h); return out; });
P('resource', () => { const r = als.run('mk', () => new AsyncResource('x')); return als.run('o', () => [r.runInAsyncScope(() => als.getStore()), r.bind(() => als.getStore())(), AsyncResource.bind(() => als.getStore())()]); });
P('bind/snap', () => { const f = als.run('a', () => AsyncLocalStorage.bind((x) => [x, als.getStore()])); const s = als.run('b', () => AsyncLocalStorage.snapshot()); return [f(1), s((y) => [y, als.getStore()], 2), als.getStore()]; });
P('exit', () => als.run('a', () => [als.exit(() => als.getStore()), als.getStore()]));
P('enterWith', () => S(() => als.enterWith('z')));
P('disable', () => S(() => als.disable()));
P('default', () => { const a = new AsyncLocalStorage({defaultValue: 5, name: 'nm'}); return [a.getStore(), a.name, a.run(6, () => a.getStore()), a.run(undefined, () => a.getStore())]; });
P('thenable', async () => { const out=[]; await als.run('t', async () => { await { then(r) { out.push(als.getStore()); r(); } }; out.push(als.getStore()); }); return out; });
P('response body stream cancel', async () => { const out=[]; let s; als.run('mk', () => { s = new Response(new ReadableStream({ pull(c) { out.push(['pull', als.getStore()]); c.enqueue(te.encode('a')); c.close(); } })); }); await als.run('text', () => s.text()); return out; });
P('sched', async () => { const out=[]; await als.run('s', async () => { await scheduler.wait(1); out.push(als.getStore()); }); als.run('i', () => setImmediate(() => out.push(als.getStore()))); await sleep(3); return out; });
P('waituntil', async (e, ctx) => { const out=[]; als.run('w', () => ctx.waitUntil((async () => { await 0; out.push(als.getStore()); })())); await sleep(2); return out; });
P('reader closed', async () => { const out=[]; let c; const s = new ReadableStream({start(k){c=k}}); const r = s.getReader(); als.run('then', () => r.closed.then(() => out.push(als.getStore()))); als.run('close', () => c.close()); await 0; await 0; await 0; return out; });
P('eventemitter', async () => { const { EventEmitter, EventEmitterAsyncResource } = await import('node:events'); const out=[]; const e = new EventEmitter(); als.run('on', () => e.on('x', () => out.push(als.getStore()))); als.run('emit', () => e.emit('x')); const ar = als.run('ar', () => new EventEmitterAsyncResource({name:'q'})); ar.on('x', () => out.push(als.getStore())); als.run('em2', () => ar.emit('x')); return out; });
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
