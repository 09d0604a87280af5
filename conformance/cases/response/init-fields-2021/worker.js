// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();
const err=(f)=>{try{return f()}catch(e){return e.name+": "+e.message}};
const P=(q)=>({s:q.status,t:q.statusText,ok:q.ok,url:q.url,red:q.redirected,type:q.type,ws:q.webSocket,cf:q.cf===undefined?'undef':q.cf,h:[...q.headers],body:q.body&&'b',used:q.bodyUsed})
const checks = [
  async (request, env) => P(new Response()),
  async (request, env) => P(new Response('x')),
  async (request, env) => P(new Response(undefined)),
  async (request, env) => (()=>P(new Response('x',null)))(),
  async (request, env) => (()=>P(new Response('x',1)))(),
  async (request, env) => (()=>P(new Response('x',()=>1)))(),
  async (request, env) => (()=>P(new Response('x',new Response('y',{status:201,statusText:'hey',headers:{a:1,'content-type':'q'},cf:{z:1}}))))(),
  async (request, env) => (()=>P(new Response('x',{status:null})))(),
  async (request, env) => (()=>P(new Response('x',{status:'abc'})))(),
  async (request, env) => (()=>P(new Response('x',{status:{}})))(),
  async (request, env) => (()=>P(new Response('x',{status:1n})))(),
  async (request, env) => (()=>P(new Response('x',{status:65736})))(),
  async (request, env) => (()=>P(new Response('x',{status:4294967496})))(),
  async (request, env) => (()=>P(new Response('x',{statusText:null})))(),
  async (request, env) => (()=>P(new Response('x',{statusText:undefined})))(),
  async (request, env) => (()=>P(new Response('x',{statusText:'é'})))(),
  async (request, env) => (()=>P(new Response('x',{statusText:'a\nb'})))(),
  async (request, env) => (()=>P(new Response('x',{statusText:'a\0b'})))(),
  async (request, env) => (()=>P(new Response('x',{statusText:'€'})))(),
  async (request, env) => (()=>P(new Response('x',{headers:null})))(),
  async (request, env) => (()=>P(new Response('x',{headers:1})))(),
  async (request, env) => (()=>P(new Response('x',{headers:[['a','1'],['a','2']]})))(),
  async (request, env) => (()=>P(new Response('x',{cf:{a:1}})))(),
  async (request, env) => (()=>P(new Response('x',{cf:null})))(),
  async (request, env) => (()=>P(new Response('x',{webSocket:null})))(),
  async (request, env) => (()=>{const p=new WebSocketPair;return P(new Response('x',{webSocket:p[0]}))})(),
  async (request, env) => (()=>{const p=new WebSocketPair;return P(new Response('x',{webSocket:p[0],status:101}))})(),
  async (request, env) => (()=>{const p=new WebSocketPair;const r=new Response(null,{webSocket:p[0],status:101});return [r.status,r.webSocket===p[0],P(new Response(null,{status:200,webSocket:p[1]})).s]})(),
  async (request, env) => (()=>P(new Response(null,{status:101})))(),
  async (request, env) => (()=>P(new Response('x',{encodeBody:'manual'})))(),
  async (request, env) => (()=>P(new Response('x',{encodeBody:'x'})))(),
  async (request, env) => (()=>P(new Response('x',{encodeBody:null})))(),
  async (request, env) => (()=>P(new Response('x',{encodeBody:undefined})))(),
  async (request, env) => [200,201,204,205,304].map(s=>err(()=>new Response('x',{status:s}).status)),
  async (request, env) => [204,205,304].map(s=>err(()=>P(new Response('',{status:s})))),
  async (request, env) => [204,205,304].map(s=>err(()=>P(new Response(new Uint8Array(0),{status:s})))),
  async (request, env) => [204,205,304].map(s=>err(()=>P(new Response(new ReadableStream(),{status:s})))),
  async (request, env) => [204,205,304].map(s=>err(()=>P(new Response(new URLSearchParams(''),{status:s})))),
  async (request, env) => (()=>P(Response.error()))(),
  async (request, env) => (()=>Response.error().clone().type)(),
  async (request, env) => (()=>Response.error().headers.set('a','1'))(),
  async (request, env) => (()=>P(Response.redirect(U)))(),
  async (request, env) => (()=>P(Response.redirect(U,'308')))(),
  async (request, env) => (()=>P(Response.redirect(U,undefined)))(),
  async (request, env) => (()=>P(Response.redirect(U,null)))(),
  async (request, env) => (()=>Response.redirect())(),
  async (request, env) => (()=>Response.redirect('x'))(),
  async (request, env) => (()=>Response.redirect(''))(),
  async (request, env) => (()=>P(Response.redirect('https://a.example')))(),
  async (request, env) => (()=>P(Response.redirect('https://a.example/é b')))(),
  async (request, env) => (()=>Response.redirect(U,300))(),
  async (request, env) => (()=>{const r=Response.redirect(U);return new Response(r.body,r).headers.set('a','1')})(),
  async (request, env) => (()=>P(Response.json({a:1})))(),
  async (request, env) => (()=>P(Response.json()))(),
  async (request, env) => (()=>P(Response.json(undefined)))(),
  async (request, env) => (()=>P(Response.json(()=>1)))(),
  async (request, env) => (()=>P(Response.json(Symbol())))(),
  async (request, env) => (()=>P(Response.json(null)))(),
  async (request, env) => (()=>P(Response.json(1n)))(),
  async (request, env) => (()=>{const o={};o.o=o;return Response.json(o)})(),
  async (request, env) => (()=>P(Response.json({a:1},{status:201,statusText:'x',headers:{'content-type':'text/x',b:'1'}})))(),
  async (request, env) => (()=>P(Response.json({a:1},{status:204})))(),
  async (request, env) => (()=>P(Response.json({a:1},{headers:new Headers({b:1})})))(),
  async (request, env) => (()=>P(Response.json({a:1},{headers:[['c','1']]})))(),
  async (request, env) => (()=>P(Response.json({a:1},new Response(null,{status:202,headers:{z:1}}))))(),
  async (request, env) => (()=>P(Response.json({a:1},null)))(),
  async (request, env) => (()=>P(Response.json({a:1},1)))(),
  async (request, env) => (Response.json({a:undefined,b:[undefined],c:new Date(0),d:NaN,toJSON:undefined}).text()),
  async (request, env) => (Response.json({toJSON(){return 'tj'}}).text()),
  async (request, env) => (Response.json({toJSON(){throw new RangeError('tj')}}).text()),
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
