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
P('platform', () => [new URL('http://a'),new URLSearchParams('a=1'),new Event('x'),new EventTarget(),new FormData(),new AbortController(),crypto,crypto.subtle,new TextEncoder(),new ReadableStream({}),new WritableStream(),new TransformStream(),new Blob(['a']),new File(['a'],'n'),new Headers({a:'1'}),new Response(null),new Request('http://x'),new WebSocketPair()[0],new HTMLRewriter(),caches,new URLPattern(),new CountQueuingStrategy({highWaterMark:1}),navigator,scheduler,performance].map((v)=>S(()=>{const c=structuredClone(v);return [Object.prototype.toString.call(c),c.constructor===v.constructor,Object.keys(c)]})));
P('own class', () => { class X { a=1 } class Y extends URL {} return [S(()=>structuredClone(new X())),S(()=>structuredClone(new Y('http://a'))),S(()=>structuredClone({n:{u:new URL('http://a')}})),]; });
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
