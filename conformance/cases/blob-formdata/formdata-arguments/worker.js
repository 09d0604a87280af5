// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();
const D=async(v)=>typeof v==='string'?v:{n:v.name,t:v.type,c:await v.text(),f:v instanceof File}
const checks = [
  async (request, env) => (()=>new FormData(1)&&'ok')(),
  async (request, env) => (()=>new FormData().append('a'))(),
  async (request, env) => (()=>new FormData().append())(),
  async (request, env) => (()=>new FormData().set('a'))(),
  async (request, env) => (()=>new FormData().get())(),
  async (request, env) => (()=>new FormData().append('a','b','c')&&1)(),
  async (request, env) => (()=>new FormData().append('a',{},'c')&&1)(),
  async (request, env) => (()=>new FormData().set('a','b','c')&&1)(),
  async (request, env) => (async()=>{const f=new FormData();f.append('a',new Blob(['x'],{type:'q/q'}),'nm');f.set('b',new File(['x'],'o.txt',{lastModified:5}));f.append('c',new File(['x'],'o.txt',{lastModified:5}),'re.txt');f.append('d',1);f.append('e',{});f.append('f',undefined);f.append('g',new Blob(['z']),undefined);const o=[];for(const [k,v] of f)o.push([k,await D(v),v.lastModified>1e9?'now':v.lastModified]);return o})(),
  async (request, env) => (()=>{const f=new FormData();const x=new File(['x'],'a');f.append('a',x);const b=new Blob(['q']);f.append('b',b);return [f.get('a')===x,f.get('b')===f.get('b'),f.get('b')===b]})(),
  async (request, env) => (()=>{const f=new FormData();f.append('a','\ud800');return f.get('a').charCodeAt(0)})(),
  async (request, env) => (()=>{const f=new FormData();f.append(Symbol(),1)})(),
  async (request, env) => (()=>{const f=new FormData();f.append('a','1');f.append('b','2');f.append('a','3');f.set('a','4');f.set('c','5');return [...f]})(),
  async (request, env) => (()=>{const f=new FormData();f.append('a','1');const o=[];f.forEach(function(v,k,s){o.push(v,k,s===f,this===undefined)});f.forEach(function(){o.push(this.q)},{q:1});return o})(),
  async (request, env) => (()=>new FormData().forEach())(),
  async (request, env) => (()=>{const f=new FormData();f.append('a','1');f.append('b','2');const o=[];for(const [k] of f){o.push(k);if(k==='a'){f.delete('b');f.append('c','3')}}return o})(),
  async (request, env) => (()=>{const f=new FormData();f.append('a','1');return [f.entries()[Symbol.toStringTag],f.keys()[Symbol.toStringTag],f.values()[Symbol.toStringTag],String(f),f.has('a','1')]})(),
  async (request, env) => (()=>FormData())(),
  async (request, env) => (()=>new FormData().get.call({},'x'))(),
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
