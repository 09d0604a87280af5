// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();
const R=(q)=>({url:q.url,method:q.method,redirect:q.redirect,cache:String(q.cache),integrity:q.integrity,keepalive:q.keepalive,cf:q.cf===undefined?'undef':q.cf,h:[...q.headers],fetcher:q.fetcher===null?null:typeof q.fetcher,body:q.body&&'b',used:q.bodyUsed,sig:q.signal&&q.signal.aborted})
const checks = [
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const p=new Request(q);return [q.bodyUsed,p.bodyUsed,await p.text(),q.bodyUsed]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});await q.text();return R(new Request(q))})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});await q.text();return R(new Request(q,{body:'new'}))})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});await q.text();return q.clone()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});q.body.getReader();return q.clone()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});q.body.getReader();return [q.bodyUsed, await q.text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});q.body.getReader();return new Request(q)})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const r=q.body.getReader();await r.read();r.releaseLock();return [q.bodyUsed, await q.text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});q.body.cancel();return [q.bodyUsed, await q.text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const c=q.clone();return [await q.text(),await c.text(),q.bodyUsed,c.bodyUsed,q.body===q.body]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});await q.text();return q.text()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});await q.text();return q.json()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});q.text();return q.arrayBuffer()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x{'});return q.json()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:''});return q.json()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST'});return q.json()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST'});return [await q.text(),q.bodyUsed,await q.text(),(await q.arrayBuffer()).byteLength,(await q.blob()).type]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:new ReadableStream({start(c){c.enqueue('str');c.close()}})});return q.text()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:new ReadableStream({start(c){c.enqueue(new Uint16Array([65,66]));c.enqueue(new Uint8Array([67]).buffer);c.close()}})});return q.text()})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:new ReadableStream({start(c){c.error(new RangeError('src'))}})});return q.text()})(),
  async (request, env) => (async()=>{const s=new ReadableStream();s.getReader();return new Request(U,{method:'POST',body:s})})(),
  async (request, env) => (async()=>{const s=new Response('x').body;await s.getReader().read();return new Request(U,{method:'POST',body:s})})(),
  async (request, env) => (async()=>{const s=new Response('x').body;const r=s.getReader();await r.read();r.releaseLock();return R(new Request(U,{method:'POST',body:s}))})(),
  async (request, env) => (async()=>{const s=new ReadableStream();const q=new Request(U,{method:'POST',body:s});return [q.body===s]})(),
  async (request, env) => (async()=>{const s=new Response('x');const q=new Response(s.body);return [q.body===s.body, s.bodyUsed, await q.text(), s.bodyUsed]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x',headers:{'content-type':'foo/bar'}});return q.headers.get('content-type')})(),
  async (request, env) => (async()=>{const q=new Request(U).clone();q.headers.set('zz','1');return q.headers.get('zz')})(),
  async (request, env) => (async()=>{const b=await new Request(U,{method:'POST',body:'x',headers:{'content-type':'Foo/Bar; X=Y'}}).blob();return [b.type,b.size,b instanceof Blob]})(),
  async (request, env) => (async()=>{const b=await new Request(U,{method:'POST',body:'é'}).bytes();return [b instanceof Uint8Array,b.length]})(),
  async (request, env) => (async()=>new Response(new Uint8Array([0xef,0xbb,0xbf,65,0xff])).text())(),
  async (request, env) => (async()=>new Response('\ufeff{"a":1}').json())(),
  async (request, env) => (async()=>new Request(U,{method:'POST',body:Symbol()}))(),
  async (request, env) => (async()=>new Request(U,{get method(){throw new RangeError('x')}}))(),
  async (request, env) => (async()=>{class Q extends Request{ get url(){return 'sub:'+super.url}};return new Q(U).url})(),
  async (request, env) => (async()=>new Request('https://user:p@a.example/').url)(),
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
