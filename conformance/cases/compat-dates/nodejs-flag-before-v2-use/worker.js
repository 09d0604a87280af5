const probe = async (f) => { try { return await f(); } catch (e) { return { $error: e.name, $message: e.message, code:e.code }; } };
export default { async fetch(request) { try{return await go()}catch(e){return new Response(e.stack)}}};
async function go(){
 const out={};
 for (const m of "assert async_hooks buffer crypto diagnostics_channel events path path/posix process querystring stream stream/promises stream/consumers string_decoder timers url util util/types zlib dns fs os net http timers/promises module tls console perf_hooks punycode".split(" ")) out[m]=await probe(async()=>Object.keys(await import("node:"+m)).length>0);
 const {Buffer}=await import("node:buffer"); const U=await import("node:util"); const E=(await import("node:events")).EventEmitter; const S=await import("node:stream"); const A=(await import("node:assert")).default;const Z=await probe(()=>import("node:zlib"));const P=await probe(()=>import("node:process"));
 out.over=await probe(()=>Buffer.alloc(4).writeUInt8(256,0));
 out.insp=await probe(()=>U.inspect({a:1,b:[Buffer.from("x")]}));
 out.als=await probe(async()=>{const {AsyncLocalStorage}=await import("node:async_hooks"); const a=new AsyncLocalStorage(); return a.run(5,async()=>{await null; return a.getStore()})});
 out.ev=await probe(()=>{const e=new E(); let r; e.once("x",v=>r=v); e.emit("x",4); return r});
 out.evErr=await probe(()=>{const e=new E(); e.emit("error",new RangeError("q"))});
 out.pipe=await probe(()=>new Promise((r,j)=>S.pipeline(S.Readable.from(["x"]),new S.Writable({write(c,e,cb){cb()}}),e=>e?j(e):r("ok"))));
 out.gz=await probe(()=>typeof Z.gzipSync);
 out.proc=await probe(()=>[typeof P.nextTick, typeof P.env, typeof P.default, typeof P.default.exit]);
 out.tick=await probe(()=>new Promise(r=>P.nextTick(r,"t")));
 out.hash=await probe(async()=>(await import("node:crypto")).createHash("md5").update("a").digest("hex"));
 out.pb=await probe(async()=>(await import("node:crypto")).pbkdf2Sync("a","b",10,16,"sha256").toString("hex"));
 out.rb=await probe(async()=>(await import("node:crypto")).randomBytes(4).length);
 out.qs=await probe(async()=>(await import("node:querystring")).stringify({a:[1,2],b:"x y"}));
 out.pf=await probe(()=>U.promisify((a,cb)=>cb(null,a))(3));
 out.dep=await probe(()=>U.deprecate(()=>1,"x")());
 out.dc=await probe(async()=>{const c=(await import("node:diagnostics_channel")).channel("z"); let g; c.subscribe(m=>g=m); c.publish(7); return g});
 return Response.json(out);}