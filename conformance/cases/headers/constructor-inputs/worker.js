// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();

const checks = [
  async (request, env) => new Headers({a:1,B:[1,2],c:undefined,d:null}) && [...new Headers({a:1,B:[1,2],c:undefined,d:null})],
  async (request, env) => (()=>new Headers(null))(),
  async (request, env) => (()=>new Headers(1))(),
  async (request, env) => (()=>new Headers('abc'))(),
  async (request, env) => (()=>new Headers([['a']]))(),
  async (request, env) => (()=>new Headers([['a','b','c']]))(),
  async (request, env) => (()=>new Headers([1]))(),
  async (request, env) => (()=>new Headers(['ab']))(),
  async (request, env) => (()=>[...new Headers(new Map([['x','1']]))])(),
  async (request, env) => (()=>[...new Headers(new Set([['x','1']]))])(),
  async (request, env) => (()=>new Headers([[Symbol(),'1']]))(),
  async (request, env) => (()=>[...new Headers({[Symbol('x')]:1,y:2})])(),
  async (request, env) => (()=>[...new Headers((function*(){yield ['a','1'];yield ['b','2']})())])(),
  async (request, env) => (()=>[...new Headers(function(){})])(),
  async (request, env) => (()=>[...new Headers(new URLSearchParams('a=1&b=2'))])(),
  async (request, env) => (()=>[...new Headers(new FormData())])(),
  async (request, env) => (()=>[...new Headers(Object.create({inh:1},{non:{value:1,enumerable:false},en:{value:2,enumerable:true}}))])(),
  async (request, env) => (()=>new Headers({'bad name':1}))(),
  async (request, env) => (()=>new Headers({a:'x\ny'}))(),
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
