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
const T = async (run) => { try { return show(await run()); } catch (e) { return { threw: show(e) }; } };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const te = new TextEncoder();
const td = new TextDecoder();
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
P('read to the end', async () => { const r = new Response('abc'); const k = r.body.getReader(); await k.read(); k.releaseLock(); const c = S(()=>r.clone().bodyUsed); return [c, r.bodyUsed, await T(()=>r.text())]; });
P('cancelled', async () => { const r = new Response('abc'); await r.body.cancel('why'); return [r.bodyUsed, S(()=>r.clone().bodyUsed)]; });
P('js stream', async () => { const r=new Response(new ReadableStream({start(c){c.enqueue(te.encode('a'));c.enqueue(te.encode('b'));c.close()}})); const k=r.body.getReader(); await k.read(); k.releaseLock(); const c=S(()=>r.clone().bodyUsed); return [c, await T(()=>r.text()), r.bodyUsed]; });
P('partial', async () => { const r=new Response('abcdef'); const k=r.body.getReader({mode:'byob'}); const x=await k.read(new Uint8Array(2)); k.releaseLock(); const c=r.clone(); return [td.decode(x.value), await T(()=>c.text()), await T(()=>r.text()), r.bodyUsed,c.bodyUsed]; });
P('used', async () => { const r=new Response('abcdef'); await r.text(); return [S(()=>r.clone()), r.body.locked]; });
P('message port', async () => { const {port1,port2}=new MessageChannel(); const l=[]; port2.onmessage=(e)=>l.push([e.data,e.origin,e.source===port2]); port1.postMessage(1); await sleep(3); return l; });
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
