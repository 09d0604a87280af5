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
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
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
const burn=(n)=>{let x=0;for(let i=0;i<n;i++)x+=Math.sqrt(i);return x};
P('o1', async () => { const l=[]; setTimeout(()=>l.push(5),5); setTimeout(()=>l.push(0),0); setTimeout(()=>l.push(1),1); setTimeout(()=>l.push(-1),-1); burn(3e6); await sleep(150); return l; });
P('o2', async () => { const l=[]; setTimeout(()=>l.push(2),2); setTimeout(()=>l.push(1),1); setTimeout(()=>{l.push(0); setTimeout(()=>l.push('0b'),0)},0); burn(3e6); await sleep(150); return l; });
P('o3', async () => { const l=[]; const a=setTimeout(()=>l.push('x'),1); setTimeout(()=>{clearTimeout(a);l.push(0)},0); burn(3e6); await sleep(150); return l; });
P('o5', async () => { const l=[]; for (const d of [3,1,2,0,1,0]) setTimeout(()=>l.push(d),d); burn(6e6); await sleep(150); return l; });
P('o7 interval this', async () => { const l=[]; await new Promise((r)=>{ let n=0; const id=setInterval(()=>{ l.push(n); if(++n==3){clearInterval(id);r()} },0); }); return l; });
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
