// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();

const checks = [
  async (request, env) => (()=>new Headers().get())(),
  async (request, env) => (()=>new Headers().set('a'))(),
  async (request, env) => (()=>new Headers().append('a'))(),
  async (request, env) => (()=>new Headers().has())(),
  async (request, env) => (()=>new Headers().delete())(),
  async (request, env) => (()=>new Headers().getAll())(),
  async (request, env) => (()=>new Headers().getAll('a'))(),
  async (request, env) => (()=>{const h=new Headers([['set-cookie','a=1'],['set-cookie','b=2']]); return [h.getAll('Set-Cookie'),h.getSetCookie(),h.get('set-cookie'),[...h.keys()],[...h.values()]]})(),
  async (request, env) => (()=>new Headers().get('a b'))(),
  async (request, env) => (()=>new Headers().get(''))(),
  async (request, env) => (()=>new Headers().get('é'))(),
  async (request, env) => (()=>new Headers({'é':'1'}).get('É'))(),
  async (request, env) => (()=>new Headers({'':'1'}).get(''))(),
  async (request, env) => (()=>new Headers().set('€','1'))(),
  async (request, env) => (()=>{const h=new Headers();h.set('€','1');return [...h]})(),
  async (request, env) => (()=>{const h=new Headers();h.set(Symbol(),'1');return [...h]})(),
  async (request, env) => (()=>{const h=new Headers();h.set({toString(){throw new Error('boo')}},'1');return [...h]})(),
  async (request, env) => (()=>{const h=new Headers();h.set(1,2);h.append(null,undefined);h.append('x',{});return [...h]})(),
  async (request, env) => (()=>{const h=new Headers({a:' \t x \t '});return JSON.stringify(h.get('a'))})(),
  async (request, env) => (()=>{const h=new Headers({a:'\n x \r\n'});return JSON.stringify(h.get('a'))})(),
  async (request, env) => (()=>{const h=new Headers({a:'1',b:'2',c:'3'});const o=[];for(const [k] of h){o.push(k);if(k==='a'){h.delete('b');h.set('d','4')}}return o})(),
  async (request, env) => (()=>{const h=new Headers({b:'1',a:'2'});h.append('B','3');h.append('a','');return [...h]})(),
  async (request, env) => (()=>{const h=new Headers({b:'1'});const o=[];h.forEach(function(v,k,t){o.push([v,k,t===h,this===undefined?'undef':typeof this])});h.forEach(function(v){o.push(this.z)},{z:5});return o})(),
  async (request, env) => (()=>new Headers().forEach())(),
  async (request, env) => (()=>new Headers({a:1}).forEach(1))(),
  async (request, env) => (()=>new Headers({a:1}).forEach(()=>{throw new RangeError('cb')}))(),
  async (request, env) => (()=>{const it=new Headers({a:1}).entries();return [it.next(),it.next(),it[Symbol.toStringTag],it[Symbol.iterator]()===it]})(),
  async (request, env) => (()=>new Headers({a:1}).keys()[Symbol.toStringTag]+new Headers({a:1}).values()[Symbol.toStringTag])(),
  async (request, env) => (()=>new Headers({a:1}).keys().next.call({}))(),
  async (request, env) => (()=>{const h=new Headers({a:'é€😀'});return [h.get('a'),h.get('a').length]})(),
  async (request, env) => (()=>new Headers({a:'\ud800'}).get('a').charCodeAt(0))(),
  async (request, env) => (()=>{request.headers.set('a','1')})(),
  async (request, env) => (()=>{request.headers.append('a b','1')})(),
  async (request, env) => (()=>{request.headers.delete('a')})(),
  async (request, env) => (()=>{request.headers.delete('')})(),
  async (request, env) => (()=>{const r=Response.error();return r.type+r.status})(),
  async (request, env) => (()=>{const h=new Headers([['x-b','1'],['X-A','2'],['x-b','3'],['set-cookie','q'],['Set-Cookie','r'],['a','0']]);return [...h]})(),
  async (request, env) => (()=>{const h=new Headers(request.headers);h.set('x','1');return h.get('x')})(),
  async (request, env) => (()=>new Headers(new Response().headers, 1) instanceof Headers)(),
  async (request, env) => (()=>{class H extends Headers{constructor(x){super(x)} foo(){return this.get('a')}};return new H({a:1}).foo()})(),
  async (request, env) => (()=>new Headers({get a(){throw new RangeError('g')}}))(),
  async (request, env) => (()=>new Headers([{0:'a',1:'b',length:2}]))(),
  async (request, env) => (()=>{const h=new Headers({a:1});return [h.set('a','2'),h.append('a','3'),h.delete('a'),h.delete('zz'),h.has('a')].map(String)})(),
  async (request, env) => (()=>new Headers({cookie:'a=1'}).append('cookie','b=2'))(),
  async (request, env) => (()=>{const h=new Headers({cookie:'a=1'});h.append('cookie','b=2');return h.get('cookie')})(),
  async (request, env) => (()=>new Headers(undefined)&&'ok')(),
  async (request, env) => (()=>new Headers(true))(),
  async (request, env) => (()=>new Headers(Symbol()))(),
  async (request, env) => (()=>[...new Headers(new String('ab'))])(),
  async (request, env) => (()=>[...new Headers([])])(),
  async (request, env) => (()=>[...new Headers({length:1,0:['a','b']})])(),
  async (request, env) => (()=>new Headers([['a','b\0']]))(),
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
