import util from 'node:util';
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
const I = (v, o) => util.inspect(v, o);
const gen = (a,u,e=true) => crypto.subtle.generateKey(a, e, u);
P('cryptokey hmac', async () => I(await gen({name:'HMAC',hash:'SHA-256'},['sign','verify'])));
P('cryptokey aes', async () => I(await gen({name:'AES-GCM',length:256},['encrypt'],false)));
P('cryptokey pair', async () => I(await gen({name:'ECDSA',namedCurve:'P-256'},['sign','verify'])));
P('cryptokey rsa', async () => I(await gen({name:'RSA-OAEP',hash:'SHA-256',modulusLength:2048,publicExponent:new Uint8Array([1,0,1])},['encrypt','decrypt'])));
P('cryptokey ed', async () => I(await gen({name:'Ed25519'},['sign','verify'])));
P('cryptokey nested', async () => I({a:{b:await gen({name:'HMAC',hash:'SHA-256'},['sign'])}}));
P('cryptokey nested deep', async () => I({a:{b:{c:{d:await gen({name:'HMAC',hash:'SHA-256'},['sign'])}}}}));
P('ws pair', () => I(new WebSocketPair()));
P('ws', () => I(new WebSocketPair()[0]));
P('ws accepted', () => { const p = new WebSocketPair(); p[0].accept(); p[1].accept(); const r = I(p[0]); p[0].close(1000,'x'); return [r, I(p[0])]; });
P('reader', () => I(new ReadableStream().getReader()));
P('platform reader', () => I(new Response('abc').body.getReader()));
P('controllers', () => { let a; new ReadableStream({start(c){a=c}}); return I(a); });
P('bcontrollers', () => { let a; new ReadableStream({type:'bytes', start(c){a=c}}); return I(a); });
P('wcontroller', () => { let a; new WritableStream({start(c){a=c}}); return I(a); });
P('tcontroller', () => { let a; new TransformStream({start(c){a=c}}); return I(a); });
P('ts', () => I(new TransformStream()));
P('its', () => I(new IdentityTransformStream()));
P('fls', () => I(new FixedLengthStream(5)));
P('cs', () => I(new CompressionStream('gzip')));
P('ds', () => I(new DecompressionStream('gzip')));
P('tes', () => I(new TextEncoderStream()));
P('tds', () => I(new TextDecoderStream()));
P('te', () => I(new TextEncoder()));
P('td', () => I(new TextDecoder('latin1',{fatal:true})));
P('cqs', () => I(new CountQueuingStrategy({highWaterMark:3})));
P('bqs', () => I(new ByteLengthQueuingStrategy({highWaterMark:3})));
P('rsiter', () => I(new ReadableStream().values()));
P('ac', () => I(new AbortController()));
P('as', () => I(AbortSignal.abort('x')));
P('as2', () => I(new AbortController().signal));
P('et', () => I(new EventTarget()));
P('urlpattern', () => I(new URLPattern({pathname:'/a/:b'})));
P('crypto', () => I(crypto));
P('subtle', () => I(crypto.subtle));
P('caches', () => I(caches));
P('caches.default', () => I(caches.default));
P('nav', () => I(navigator));
P('digest', () => I(new crypto.DigestStream('SHA-256')).replace(/ReadableStream/,'ReadableStream'));
P('mp', () => I(new MessageChannel().port1));
P('hr', () => I(new HTMLRewriter()));
P('ev', () => I(new Event('x')).replace(/timeStamp: [\d.]+/,'t'));
P('mev', () => I(new MessageEvent('x',{data:1})).replace(/timeStamp: [\d.]+/,'t'));
P('cev', () => I(new CloseEvent('x',{code:1000})).replace(/timeStamp: [\d.]+/,'t'));
P('domkeys', () => Object.keys(new DOMException('m')));
P('sched', () => I(scheduler));
P('blob', () => I(new Blob(['abc'],{type:'text/x'})));
P('resp', () => I(new Response('abc')));
P('req', () => I(new Request('http://x/y',{method:'POST',body:'abc'})).slice(0,600));
P('hk', () => [I(new Headers([['set-cookie','a'],['set-cookie','b'],['x','y']])), I(new Headers([['set-cookie','a'],['x','y']]), {compact:false})]);
P('json', () => [JSON.stringify(new Headers({a:1})), JSON.stringify(new URL('http://a')), JSON.stringify(new Response('x')), JSON.stringify(new Request('http://x')), JSON.stringify(crypto), JSON.stringify(new Event('x')).slice(0,40), JSON.stringify(new AbortController().signal)]);
P('cqs tag', async () => { const k = await gen({name:'HMAC',hash:'SHA-256'},['sign']); return [JSON.stringify(k), Object.keys(k), {...k}, k.algorithm, k.usages, k.algorithm === k.algorithm, k.usages===k.usages, Object.isFrozen(k.usages)]; });
export default {
  async fetch(request, env, ctx) {
    return Response.json(await runProbes(request, env, ctx));
  },
};
