// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();
const attributes = (d) => ("value" in d ? typeof d.value + (typeof d.value === "function" ? d.value.length : "") : (d.get ? "get" : "") + (d.set ? "set" : "")) + (d.enumerable ? " e" : "") + (d.configurable ? " c" : "") + (d.writable ? " w" : "");
const props = (o) => Object.fromEntries([...Object.getOwnPropertyNames(o), Symbol.iterator, Symbol.toStringTag].filter((k) => Object.hasOwn(o, k)).map((k) => [String(k), attributes(Object.getOwnPropertyDescriptor(o, k))]));
const checks = [
  async (request, env) => props(Headers.prototype),
  async (request, env) => props(Request.prototype),
  async (request, env) => props(Response.prototype),
  async (request, env) => props(Object.getPrototypeOf(Response.prototype)),
  async (request, env) => props(FormData.prototype),
  async (request, env) => props(Blob.prototype),
  async (request, env) => props(File.prototype),
  async (request, env) => props(Headers),
  async (request, env) => props(Request),
  async (request, env) => props(Response),
  async (request, env) => props(Blob),
  async (request, env) => props(FormData),
  async (request, env) => props(new Request(U)),
  async (request, env) => props(request),
  async (request, env) => props(new Response('x')),
  async (request, env) => Object.getPrototypeOf(Response).name,
  async (request, env) => [Object.getPrototypeOf(Response)===Object.getPrototypeOf(Request), Object.getPrototypeOf(Response.prototype)===Object.getPrototypeOf(Request.prototype), Object.getPrototypeOf(File)===Blob],
  async (request, env) => Object.getPrototypeOf(Response.prototype).constructor.name+' '+typeof Body,
  async (request, env) => (()=>new (Object.getPrototypeOf(Response.prototype).constructor)())(),
  async (request, env) => [Request.length,Response.length,Headers.length,Blob.length,File.length,FormData.length],
  async (request, env) => [Object.prototype.toString.call(request),Object.prototype.toString.call(new Response),Object.prototype.toString.call(new FormData),Object.prototype.toString.call(new Blob),Object.prototype.toString.call(new Headers().entries())],
  async (request, env) => props(Object.getPrototypeOf(new Headers().entries())),
  async (request, env) => [Headers.prototype[Symbol.iterator]===Headers.prototype.entries, Headers.prototype.entries.name, Headers.prototype.get.length],
  async (request, env) => Object.getPrototypeOf(new Headers().entries())===Object.getPrototypeOf(new Headers().keys()),
  async (request, env) => Object.getPrototypeOf(new FormData().entries())===Object.getPrototypeOf(new FormData().keys()),
  async (request, env) => (()=>new Headers().get.call({}, 'a'))(),
  async (request, env) => (()=>Object.getOwnPropertyDescriptor(Response.prototype,'status').get.call({}))(),
  async (request, env) => (()=>new Response().text.call({}))(),
  async (request, env) => (()=>Response())(),
  async (request, env) => (()=>Blob())(),
  async (request, env) => Object.keys(new Request(U)),
  async (request, env) => JSON.stringify(new Request(U))+JSON.stringify(new Response)+JSON.stringify(new Headers({a:1})),
  async (request, env) => (()=>structuredClone(new Headers))(),
  async (request, env) => (()=>structuredClone(new Request(U)))(),
  async (request, env) => [...(function*(){for(const k in new Request(U)) yield k})()].sort(),
  async (request, env) => [...(function*(){for(const k in new Response) yield k})()].sort(),
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
