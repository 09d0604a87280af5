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
P('pbkdf', async () => { const k=await crypto.subtle.importKey('raw',te.encode('p'),'PBKDF2',false,['deriveBits']); const o=[]; for (const [h,n] of [['SHA-1',255*20],['SHA-1',255*20+1],['SHA-256',255*32],['SHA-256',255*32+1],['SHA-512',255*64],['SHA-512',255*64+1]]) o.push(await T(async()=>(await crypto.subtle.deriveBits({name:'PBKDF2',hash:h,salt:te.encode('s'),iterations:1},k,n*8)).byteLength)); return o; });
P('ws lost 2', async () => { const p=new WebSocketPair(); const l=[]; p[0].accept();p[1].accept(); for (const i of [0,1]) for (const t of ['error','close']) p[i].addEventListener(t,(e)=>l.push([i,t,e.message,e.code])); p[1].addEventListener('message',()=>{throw new RangeError('lm')}); p[0].send('x'); p[0].send('y'); p[0].close(1000,'q'); await sleep(150); l.push(p[0].readyState,p[1].readyState); return l; });
P('req get', async () => { const o=[]; for (const init of [{method:'GET'},{method:'HEAD'},{headers:5},{cf:5},{method:'GET',body:null},{body:null},{method:'PUT'},{body:'q'}]) { const r=new Request('http://x/1',{method:'POST',body:'abc'}); o.push([S(()=>{const q=new Request(r,init);return [q.method,q.body===null]}), r.bodyUsed, await T(()=>r.text())]); } return o; });
P('st', () => ['\t',' ','a b','\x7f','\x80','\x1f','\v','~'].map((s)=>S(()=>new Response(null,{statusText:s}).statusText)));
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
