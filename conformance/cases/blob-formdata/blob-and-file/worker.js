// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();

const checks = [
  async (request, env) => (()=>{const b=new Blob();return [b.size,b.type]})(),
  async (request, env) => (()=>new Blob(undefined).size)(),
  async (request, env) => (()=>new Blob(null).size)(),
  async (request, env) => (()=>new Blob('abc').size)(),
  async (request, env) => (()=>new Blob({}).size)(),
  async (request, env) => (()=>new Blob(new Uint8Array([1,2,3])).size)(),
  async (request, env) => (()=>new Blob(new Set(['a','b'])).size)(),
  async (request, env) => (()=>new Blob([1,null,undefined,{},'é',new Uint16Array(2),new ArrayBuffer(3),new Blob(['xx']),new DataView(new ArrayBuffer(1)),[1,2]]).size)(),
  async (request, env) => (()=>new Blob([Symbol()]).size)(),
  async (request, env) => (()=>new Blob(['a'],null).size)(),
  async (request, env) => (()=>new Blob(['a'],1).size)(),
  async (request, env) => (()=>new Blob(['a'],{type:'Text/PLAIN; X=y'}).type)(),
  async (request, env) => (()=>new Blob(['a'],{type:'té'}).type)(),
  async (request, env) => (()=>new Blob(['a'],{type:'a\nb'}).type)(),
  async (request, env) => (()=>new Blob(['a'],{type:null}).type)(),
  async (request, env) => (()=>new Blob(['a'],{type:undefined}).type)(),
  async (request, env) => (()=>new Blob(['a'],{endings:'bogus'}).type)(),
  async (request, env) => (new Blob(['a\nb\r\nc\rd'],{endings:'native'}).text()),
  async (request, env) => (new Blob(['a\nb'],{endings:'transparent'}).text()),
  async (request, env) => (async()=>{const b=new Blob(['0123456789'],{type:'a/b'});const t=async(...a)=>{const s=b.slice(...a);return [await s.text(),s.type,s.size]};return [await t(),await t(2),await t(-3),await t(2,-2),await t(5,2),await t(0,100),await t(1.7,'4'),await t(undefined,3),await t(null,3),await t(NaN,2),await t(0,2,'X/Y'),await t(-100,2),await t(2,undefined,'q'),await t(3,null)]})(),
  async (request, env) => (async()=>{const b=new Blob(['abc']);const r=b.stream().getReader();const o=[];for(;;){const {done,value}=await r.read();if(done)break;o.push(value.length)}return o})(),
  async (request, env) => (async()=>{const b=new Blob(['abc']);const r=b.stream().getReader({mode:'byob'});return (await r.read(new Uint8Array(2))).value.length})(),
  async (request, env) => (async()=>[(await new Blob(['ab']).bytes()).length,(await new Blob(['ab']).arrayBuffer()).byteLength])(),
  async (request, env) => (()=>new File())(),
  async (request, env) => (()=>new File([]))(),
  async (request, env) => (()=>new File(['a'],'n',{lastModified:'5'}).lastModified)(),
  async (request, env) => (()=>new File(['a'],'n',{lastModified:1.9}).lastModified)(),
  async (request, env) => (()=>new File(['a'],'n',{lastModified:NaN}).lastModified)(),
  async (request, env) => (()=>new File(['a'],'n',{lastModified:new Date(7)}).lastModified)(),
  async (request, env) => (()=>new File(['a'],'n',{lastModified:-1}).lastModified)(),
  async (request, env) => (()=>new File(['a'],'n',{lastModified:null}).lastModified)(),
  async (request, env) => (()=>new File(['a'],'n',{lastModified:2**53}).lastModified)(),
  async (request, env) => (()=>new File(['a'],'n',{lastModified:1e300}).lastModified)(),
  async (request, env) => (()=>typeof new File(['a'],'n').lastModified)(),
  async (request, env) => (()=>new File(['a'],'n/é').name)(),
  async (request, env) => (()=>new File(['a'],1).name)(),
  async (request, env) => (()=>new File(['a'],undefined).name)(),
  async (request, env) => (()=>new File('a','n'))(),
  async (request, env) => (()=>new File(null,'n'))(),
  async (request, env) => (()=>new File(['a'],'n',{type:'A/B'}).type)(),
  async (request, env) => (()=>{const f=new File(['abc'],'n',{type:'A/B'});const s=f.slice(0,1);return [s instanceof File,s.type,s.constructor.name]})(),
  async (request, env) => (()=>[new File([],'n') instanceof Blob, Object.getPrototypeOf(File.prototype)===Blob.prototype,File.name,Object.getOwnPropertyNames(File)])(),
  async (request, env) => (()=>new Blob(['a']).size.call)(),
  async (request, env) => (()=>Blob.prototype.text.call({}))(),
  async (request, env) => (Blob.prototype.text.call({})),
  async (request, env) => (()=>Object.keys(new File([],'n')))(),
  async (request, env) => (async()=>{const u=new Uint8Array([65]);const b=new Blob([u]);u[0]=66;return b.text()})(),
  async (request, env) => (()=>structuredClone(new Blob(['x'])))(),
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
