// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();
const P=(q)=>({s:q.status,t:q.statusText,ok:q.ok,url:q.url,red:q.redirected,type:q.type,ws:q.webSocket,cf:q.cf===undefined?'undef':q.cf,h:[...q.headers],body:q.body&&'b',used:q.bodyUsed})
const checks = [
  async (request, env) => (async()=>{const r=new Response('x',{headers:{a:1},status:201,cf:{q:1}});const c=r.clone();return [P(c),await r.text(),await c.text(),c.headers===r.headers]})(),
  async (request, env) => (async()=>{const r=new Response('x');await r.text();return r.clone()})(),
  async (request, env) => (async()=>{const r=new Response('x');const b=r.body;const c=r.clone();return [r.body===b,b.locked,await b.getReader().read().then(String,e=>e.message)]})(),
  async (request, env) => (async()=>{const r=new Response(null);const c=r.clone();return [c.body,r.body]})(),
  async (request, env) => (async()=>{const r=new Response('x');const [a,b]=r.body.tee();return [r.bodyUsed,await new Response(a).text(),await new Response(b).text(),r.bodyUsed,r.body.locked]})(),
  async (request, env) => (async()=>{const r=new Response('x');const c=r.body.getReader({mode:'byob'});const v=await c.read(new Uint8Array(10));return [v.value.length,v.value.buffer.byteLength,v.done,(await c.read(new Uint8Array(4))).done]})(),
  async (request, env) => (async()=>{const r=new Response('x'.repeat(10000));const c=r.body.getReader();const v=await c.read();return [v.value.length]})(),
  async (request, env) => (async()=>{const o=[];for await(const c of new Response('abc').body) o.push(c.length);return o})(),
  async (request, env) => (async()=>{const r=new Response('x');const n=new Response(r.body,r);return [r.bodyUsed,n.bodyUsed,await n.text(),r.bodyUsed]})(),
  async (request, env) => (async()=>{const r=new Response('x');const n=new Response(r.body,r);await r.text();return n.text()})(),
  async (request, env) => (async()=>{const r=new Response('x');await r.text();return P(new Response(r.body,r))})(),
  async (request, env) => (async()=>{const r=new Response('x');const p=r.text();return [r.bodyUsed,await p]})(),
  async (request, env) => (async()=>{const r=new Response(new Uint8Array([1,2]));const a=await r.arrayBuffer();return [a instanceof ArrayBuffer,a.byteLength,a.resizable]})(),
  async (request, env) => (async()=>{const u=new Uint8Array([65,66]);const r=new Response(u);u[0]=67;return r.text()})(),
  async (request, env) => (async()=>{const b=await new Response('x').blob();return [b.type,b.size]})(),
  async (request, env) => (async()=>{const b=await new Response(new Uint8Array(2)).blob();return [b.type,b.size]})(),
  async (request, env) => (async()=>{const b=await new Response('x',{headers:{'content-type':'text/HTML'}}).blob();return [b.type]})(),
  async (request, env) => (async()=>{const b=await new Response('x',{headers:{'content-type':''}}).blob();return [b.type]})(),
  async (request, env) => (async()=>{const b=await new Response('x',{headers:[['content-type','a/b'],['content-type','c/d']]}).blob();return [b.type]})(),
  async (request, env) => (async()=>new Response('x',{headers:{'content-type':''}}).headers.get('content-type'))(),
  async (request, env) => (async()=>new Response(new Blob(['x'],{type:'A/B'})).headers.get('content-type'))(),
  async (request, env) => (async()=>new Response('a\0b').text())(),
  async (request, env) => (async()=>new Response(true).text())(),
  async (request, env) => (async()=>new Response([1,2]).text())(),
  async (request, env) => (async()=>new Response([1,2]).headers.get('content-type'))(),
  async (request, env) => (async()=>new Response(Symbol()))(),
  async (request, env) => (async()=>new Response(new Date(0)).text())(),
  async (request, env) => (async()=>new Response(function foo(){}).text())(),
  async (request, env) => (async()=>new Response(Promise.resolve(1)).text())(),
  async (request, env) => (async()=>new Response((async function*(){yield enc.encode('ag')})()).text())(),
  async (request, env) => (async()=>new Response((async function*(){yield 'ag'})()).text())(),
  async (request, env) => (async()=>new Response((function*(){yield enc.encode('g')})()).text())(),
  async (request, env) => (async()=>new Response(new Map([[1,2]])).text())(),
  async (request, env) => (async()=>new Response(new Headers()).text())(),
  async (request, env) => (async()=>new Response(new TransformStream()).text())(),
  async (request, env) => (async()=>{const r=new Response('x');r.foo=1;return r.foo})(),
  async (request, env) => (async()=>{class R2 extends Response{};const r=new R2('x');return [r instanceof R2,r.clone() instanceof R2, R2.json({}) instanceof R2, r.constructor.name]})(),
  async (request, env) => (async()=>new Response('x',{get status(){throw new RangeError('st')}}))(),
  async (request, env) => (async()=>{const o=[];const h=(n,v)=>({get(){o.push(n);return v},enumerable:true});const i={};for(const [k,v] of [['webSocket'],['statusText'],['status'],['headers'],['encodeBody'],['cf'],['foo']])Object.defineProperty(i,k,h(k,v));new Response('x',i);return o})(),
  async (request, env) => (async()=>{const o=[];const h=(n,v)=>({get(){o.push(n);return v},enumerable:true});const i={};for(const k of ['signal','integrity','cache','cf','redirect','fetcher','body','headers','method','encodeResponseBody','mode','credentials','keepalive','duplex'])Object.defineProperty(i,k,h(k));new Request(U,i);return o})(),
  async (request, env) => (async()=>{const s=new Response('x').body; const c=await s.cancel('why'); return String(c)})(),
  async (request, env) => (async()=>new Response('hé').headers.get('content-length'))(),
  async (request, env) => (async()=>{const r=new Response('x');return [r.body.constructor===ReadableStream, r.body.locked]})(),
  async (request, env) => (async()=>{const r=new Response('a=1&b=2',{headers:{'content-type':'application/x-www-form-urlencoded'}});return [...await r.formData()]})(),
  async (request, env) => (async()=>{const r=new Response('a=1');return [...await r.formData()]})(),
  async (request, env) => (async()=>{const r=new Response('a=1',{headers:{'content-type':''}});return [...await r.formData()]})(),
  async (request, env) => (async()=>{const r=new Response('a=1',{headers:{'content-type':'multipart/form-data'}});return [...await r.formData()]})(),
  async (request, env) => (async()=>{const r=new Response(null);return [...await r.formData()]})(),
  async (request, env) => (async()=>{const r=new Response(null,{headers:{'content-type':'application/x-www-form-urlencoded'}});return [...await r.formData()]})(),
  async (request, env) => (async()=>{const r=new Response('a=%ff&b=+',{headers:{'content-type':'application/x-www-form-urlencoded;charset=utf-8'}});return [...await r.formData()]})(),
  async (request, env) => (async()=>{const r=new Response('a=%ff&b=+',{headers:{'content-type':'application/x-www-form-urlencoded;charset=latin1'}});return [...await r.formData()]})(),
  async (request, env) => (async()=>{const r=new Response(new Uint8Array([0x61,0x3d,0xe9]),{headers:{'content-type':'text/plain;charset=iso-8859-1'}});return r.text()})(),
];
const show = (v) => (v === undefined ? "undefined" : typeof v === "function" ? "function" : v);
export default {
  async fetch(request, env) {
    const out = {};
    for (const check of checks) {
      const name = String(check).slice("async (request, env) => ".length);
      try {
        out[name] = show(await check(request, env));
      } catch (e) {
        out[name] = { $error: e?.name, $message: e?.message };
      }
    }
    return Response.json(out);
  },
};
