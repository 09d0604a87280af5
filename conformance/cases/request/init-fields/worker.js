// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();
const err=(f)=>{try{return f()}catch(e){return e.name+": "+e.message}};
const R=(q)=>({url:q.url,method:q.method,redirect:q.redirect,cache:String(q.cache),integrity:q.integrity,keepalive:q.keepalive,cf:q.cf===undefined?'undef':q.cf,h:[...q.headers],fetcher:q.fetcher===null?null:typeof q.fetcher,body:q.body&&'b',used:q.bodyUsed,sig:q.signal&&q.signal.aborted})
const checks = [
  async (request, env) => R(new Request(U)),
  async (request, env) => (()=>R(new Request('HTTP://A.Example:80/b c?d e#f')))(),
  async (request, env) => (()=>R(new Request('data:text/plain,x')))(),
  async (request, env) => (()=>R(new Request('/x')))(),
  async (request, env) => (()=>R(new Request({toString(){return U}})))(),
  async (request, env) => (()=>R(new Request({url:U})))(),
  async (request, env) => (()=>R(new Request(null)))(),
  async (request, env) => (()=>R(new Request(undefined)))(),
  async (request, env) => (()=>R(new Request(1)))(),
  async (request, env) => (()=>R(new Request(Symbol())))(),
  async (request, env) => (()=>R(new Request(U,null)))(),
  async (request, env) => (()=>R(new Request(U,1)))(),
  async (request, env) => (()=>R(new Request(U,'x')))(),
  async (request, env) => (()=>R(new Request(U,()=>1)))(),
  async (request, env) => (()=>R(new Request(U,new Request(U,{method:'PUT',headers:{z:1}}))))(),
  async (request, env) => ['get','post','put','delete','patch','head','options','connect','trace','propfind','COPY','Lock','mkcol','purge','QUERY','unlink','track','x','','G T','SEARCH','acl','BAN','msearch','M-SEARCH','UPDATE'].map(m=>err(()=>new Request(U,{method:m}).method)),
  async (request, env) => (()=>new Request(U,{method:null}).method)(),
  async (request, env) => (()=>new Request(U,{method:undefined}).method)(),
  async (request, env) => (()=>new Request(U,{method:1}).method)(),
  async (request, env) => (()=>R(new Request(U,{headers:null})))(),
  async (request, env) => (()=>R(new Request(U,{headers:'x'})))(),
  async (request, env) => (()=>R(new Request(U,{body:'x'})))(),
  async (request, env) => (()=>R(new Request(U,{body:null,method:'GET'})))(),
  async (request, env) => (()=>R(new Request(U,{body:'',method:'GET'})))(),
  async (request, env) => (()=>R(new Request(U,{body:'x',method:'DELETE'})))(),
  async (request, env) => (()=>R(new Request(U,{redirect:null})))(),
  async (request, env) => (()=>R(new Request(U,{redirect:undefined})))(),
  async (request, env) => (()=>R(new Request(U,{redirect:'FOLLOW'})))(),
  async (request, env) => (()=>R(new Request(U,{redirect:'manual'})))(),
  async (request, env) => (()=>R(new Request(U,{redirect:'error'})))(),
  async (request, env) => (()=>R(new Request(U,{cache:'no-store'})))(),
  async (request, env) => (()=>R(new Request(U,{cache:'no-cache'})))(),
  async (request, env) => (()=>R(new Request(U,{cache:'reload'})))(),
  async (request, env) => (()=>R(new Request(U,{cache:'default'})))(),
  async (request, env) => (()=>R(new Request(U,{cache:'force-cache'})))(),
  async (request, env) => (()=>R(new Request(U,{cache:null})))(),
  async (request, env) => (()=>R(new Request(U,{cache:undefined})))(),
  async (request, env) => (()=>R(new Request(U,{mode:'cors'})))(),
  async (request, env) => (()=>R(new Request(U,{mode:'bogus',credentials:'bogus',referrer:'x',referrerPolicy:'y',duplex:'half',priority:'high',window:null})))(),
  async (request, env) => (()=>R(new Request(U,{integrity:'sha256-x'})))(),
  async (request, env) => (()=>R(new Request(U,{integrity:''})))(),
  async (request, env) => (()=>R(new Request(U,{keepalive:true})))(),
  async (request, env) => (()=>R(new Request(U,{cf:{a:1}})))(),
  async (request, env) => (()=>R(new Request(U,{cf:null})))(),
  async (request, env) => (()=>R(new Request(U,{cf:'x'})))(),
  async (request, env) => (()=>{const cf={a:{b:1}};const q=new Request(U,{cf});return [q.cf===cf,q.cf.a===cf.a,new Request(q).cf===q.cf,new Request(q).cf,new Request(q,{cf:{z:1}}).cf,q.clone().cf===q.cf]})(),
  async (request, env) => (()=>R(new Request(U,{fetcher:null})))(),
  async (request, env) => (()=>R(new Request(U,{fetcher:{}})))(),
  async (request, env) => (()=>R(new Request(U,{signal:null})))(),
  async (request, env) => (()=>R(new Request(U,{signal:undefined})))(),
  async (request, env) => (()=>R(new Request(U,{signal:{}})))(),
  async (request, env) => (()=>R(new Request(U,{signal:AbortSignal.abort()})))(),
  async (request, env) => (()=>{const c=new AbortController;const q=new Request(U,{signal:c.signal});const q2=new Request(q);const q3=q.clone();return [q.signal===c.signal,q2.signal===q.signal,q3.signal===q.signal,(c.abort('r'),[q.signal.aborted,q2.signal.aborted,q3.signal.reason])]})(),
  async (request, env) => (()=>new Request(U,{encodeResponseBody:'manual'})&&'ok')(),
  async (request, env) => (()=>new Request(U,{encodeResponseBody:'x'})&&'ok')(),
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
