// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();

const checks = [
  async (request, env) => (async()=>{const f=new FormData();f.append('k',new Blob(['x']));f.set('s',new Blob(['x']));return [f.get('k').name,f.get('s').name]})(),
  async (request, env) => (async()=>new Response(new String('x')).text())(),
  async (request, env) => (async()=>{const r=new Response('x');await r.text();return [r.body.locked,r.bodyUsed]})(),
  async (request, env) => (async()=>{const q=new Response('x');await q.body.getReader().read(); return [q.body.locked,q.bodyUsed]})(),
  async (request, env) => (async()=>{const r=new Response('abcdef');const rd=r.body.getReader({mode:'byob'});await rd.read(new Uint8Array(2));rd.releaseLock();return [r.bodyUsed,await new Response(r.body).text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const b=q.body;const p=new Request(q);return [b===p.body,b===q.body,b.locked,q.body.locked,p.body.locked, await p.text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const p=new Request(U,q);return [q.body===p.body,q.bodyUsed,await p.text(),q.bodyUsed]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const p=new Request(q,{});return [q.bodyUsed,await p.text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const p=new Request(q,{body:'y'});return [q.bodyUsed,await p.text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const p=new Request(q,{body:null});return [q.bodyUsed,await p.text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x'});const p=new Request(q,{method:'GET'});return [q.bodyUsed,await p.text()]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x',headers:{a:1}});const p=new Request(q,{headers:{b:1}});return [[...p.headers]]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x',headers:{a:1}});const p=new Request(q,{headers:{b:1},body:'str'});return [[...p.headers]]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x',headers:{a:1}});const p=new Request(q,{body:new URLSearchParams('a=1')});return [[...p.headers]]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x',headers:{a:1}});const p=new Request('https://b.example/',{...q,method:'PUT'});return [p.method,[...p.headers],p.body]})(),
  async (request, env) => (async()=>{const q=new Request(U,{method:'POST',body:'x',redirect:'manual',cf:{a:1}});const p=new Request('https://b.example/',q);return [p.redirect,p.cf]})(),
  async (request, env) => (async()=>{const q=new Request(new URL(U),{});return q.url})(),
  async (request, env) => (async()=>{const h=new Headers({a:'1'});const r=new Response('x',{headers:h});r.headers.set('a','2');return h.get('a')})(),
  async (request, env) => (async()=>{const b=new Blob(['x'],{type:'a/b'});return [Object.prototype.hasOwnProperty.call(b,'size'),b.slice.length,typeof b.json]})(),
  async (request, env) => (async()=>{const b=await new Response('a',{headers:{'content-type':'multipart/form-data; boundary="a b"'}}).blob();return b.type})(),
  async (request, env) => (async()=>{const b=await new Response('a',{headers:{'content-type':' TEXT/Plain ;  CharSet="UTF-8"; a=B '}}).blob();return b.type})(),
  async (request, env) => (async()=>{const b=await new Response('a',{headers:{'content-type':'garbage'}}).blob();return b.type})(),
  async (request, env) => (async()=>{const b=await new Response('a',{headers:{'content-type':'a/b;c'}}).blob();return b.type})(),
  async (request, env) => (async()=>{const b=await new Response('a',{headers:{'content-type':'a/b;c=;d=1'}}).blob();return b.type})(),
  async (request, env) => (async()=>{const r=new Request(U);r.signal.foo=1;return [r.signal===r.signal,r.signal.foo,r.clone().signal===r.signal]})(),
  async (request, env) => (async()=>{const i=new Headers({a:'1',b:'2'}).entries();return [typeof i.map,[...i.map(x=>x[0])]]})(),
  async (request, env) => [...new Headers({a:1}).entries()].length,
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
