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
class My extends TypeError { constructor(m){super(m);this.name='My'} }
P('e', () => [new Error('a'),new TypeError('t'),new RangeError('r'),new My('m'),Object.assign(new Error('x'),{name:'TypeError'}),Object.assign(new Error('x'),{name:'Zed'}),Object.assign(new Error('q'),{message:5}),new Error('c',{cause:{a:1}}),new AggregateError([1],'ag'),Object.assign(new Error('own'),{a:1}),new EvalError('e'),new Error(),Object.assign(new Error('w'),{stack:'st'}),Object.assign(new Error('w'),{stack:5})].map((e)=>S(()=>{const c=structuredClone(e);return [c.constructor.name,c.name,c.message,Object.getOwnPropertyNames(c).sort(),Object.prototype.hasOwnProperty.call(c,'name'),typeof c.stack,c.stack===e.stack]})));
P('dom', () => S(()=>{const c=structuredClone(new DOMException('m','AbortError'));return [c.constructor.name,c.name,c.code,Object.getOwnPropertyNames(c).sort()]}));
P('mc', async () => { const {port1,port2}=new MessageChannel(); let o; port2.onmessage=(e)=>o=e.data; port1.postMessage(Object.assign(new RangeError('z'),{q:1})); await sleep(5); return o; });
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
