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
P('strat', () => [S(()=>new CountQueuingStrategy({}).highWaterMark),S(()=>new CountQueuingStrategy({highWaterMark:undefined}).highWaterMark),S(()=>new CountQueuingStrategy({highWaterMark:null}).highWaterMark),S(()=>new CountQueuingStrategy({highWaterMark:'x'}).highWaterMark),S(()=>new ByteLengthQueuingStrategy({}).highWaterMark),S(()=>new CountQueuingStrategy(null)),S(()=>new CountQueuingStrategy(5)),S(()=>new CountQueuingStrategy({highWaterMark:1}).size.length),S(()=>new ByteLengthQueuingStrategy({highWaterMark:1}).size(null)),S(()=>new ByteLengthQueuingStrategy({highWaterMark:1}).size('abc')),S(()=>new ByteLengthQueuingStrategy({highWaterMark:1}).size(new ArrayBuffer(3))),S(()=>new ByteLengthQueuingStrategy({highWaterMark:1}).size({byteLength:'z'})),S(()=>new ReadableStream({},new CountQueuingStrategy({}))), S(()=>new ReadableStream({start(c){c.enqueue('x')}},new ByteLengthQueuingStrategy({highWaterMark:3})))]);
P('pipe abort then', async () => { const o=[]; const ac=new AbortController(); const rs=new ReadableStream({pull(c){return sleep(2).then(()=>c.enqueue(1))},cancel(r){o.push(['cancel',r])}}); const ws=new WritableStream({write(){},abort(r){o.push(['abort',r])}}); setTimeout(()=>ac.abort('stop'),10); o.push(await T(()=>rs.pipeTo(ws,{signal:ac.signal,preventAbort:true,preventCancel:true})), rs.locked, ws.locked); const w=ws.getWriter(); o.push(await T(()=>w.write(1))); return o; });
P('ident more', async () => { const o=[]; { const t=new IdentityTransformStream(); const w=t.writable.getWriter(); await w.abort('x'); o.push(await T(()=>w.write(te.encode('z'))),await T(()=>w.close()),await T(()=>w.closed),await T(()=>t.readable.getReader().read())); } { const t=new IdentityTransformStream(); const w=t.writable.getWriter(); const c=t.readable.cancel('y'); o.push(await T(()=>c),await T(()=>w.write(te.encode('z'))),await T(()=>w.close()),await T(()=>w.closed),await T(()=>w.abort('q'))); } { const t=new IdentityTransformStream(); const w=t.writable.getWriter(); const p=T(()=>w.write(te.encode('abc'))); const c=T(()=>w.close()); o.push(await T(()=>w.write(te.encode('d')))); o.push(await T(()=>new Response(t.readable).text()),await p,await c,await T(()=>w.close()),await T(()=>w.abort('q')),await T(()=>w.closed)); } { const t=new IdentityTransformStream(); const w=t.writable.getWriter(); o.push(await T(()=>w.write(new Uint8Array(0))),await T(()=>w.write()),await T(()=>w.write(null)),await T(()=>w.write({}))); } return o; });
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
