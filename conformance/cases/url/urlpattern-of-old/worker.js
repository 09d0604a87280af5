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
P('texts', () => ['https://*.example.com/:x','http{s}?://h{/:p}*','data\\:foo','http://h/?*','http://h/#*','http://h/*?q=:v','https://example.com/a/:b'].map((t)=>S(()=>{const p=new URLPattern(t);return [p.protocol,p.username,p.password,p.hostname,p.port,p.pathname,p.search,p.hash]})));
P('matches', () => { const p=new URLPattern('https://example.com/a/:b'); return ['https://example.com/a/1','https://example.com/a/1?x','https://example.com/a/1#h','https://u@example.com/a/1','/a/1'].map((u)=>S(()=>p.test(u))); });
P('with a base', () => S(()=>{const p=new URLPattern('/x/:y','https://h'); return [p.search,p.hash,p.test('https://h/x/1'),p.test('https://h/x/1?q')]}));
P('byob at the end', async () => { const r=new Response('abc').body.getReader({mode:'byob'}); const a=await r.read(new Uint8Array(8)); const b=await r.read(new Uint8Array(8)); return [a,b.done,b.value===undefined]; });
P('own byob at the end', async () => { const r=new ReadableStream({type:'bytes',pull(c){c.close();c.byobRequest?.respond(0)}}).getReader({mode:'byob'}); const b=await r.read(new Uint8Array(8)); return [b.done,b.value===undefined]; });
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
