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
P('relative inputs', () => { const p=new URLPattern({pathname:'/a/:b'}); const q=new URLPattern({}); const all=new URLPattern('http://h/*'); return ['/a/b','a/b','','?x','#h','/a/b?x#y','http://','bad url','/a/%zz','/a/b c','mailto:x','/A/../a/b'].map((x)=>[x,S(()=>p.test(x)),S(()=>q.test(x)),S(()=>all.test(x)),S(()=>p.exec(x)?.pathname),S(()=>p.exec(x)?.inputs),S(()=>q.exec(x)&&[q.exec(x).protocol.input,q.exec(x).pathname.input,q.exec(x).search.input,q.exec(x).hash.input])]); });
P('paths without hosts', () => ['non-special:/..//p','web+demo:/.//not-a-host/','x://h:1/','file:///a'].map((u)=>{ const x=new URL(u); return [x.href,x.host,x.hostname,x.port,x.pathname]; }));
P('object urls', () => [S(()=>URL.createObjectURL()),S(()=>URL.createObjectURL(new Blob([]))),S(()=>URL.revokeObjectURL('x'))]);
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
