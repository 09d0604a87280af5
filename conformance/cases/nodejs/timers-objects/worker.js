import timers from 'node:timers'; import tp from 'node:timers/promises'; import * as tns from 'node:timers';
const t=(f)=>{try{const v=f();return v===undefined?'undef':typeof v==='function'?'fn':v}catch(e){return `${e.name}|${e.code}|${e.message}`}};
export default { async fetch() {
 const o={}; const x=setTimeout(()=>{},5);
   o.syms=Object.getOwnPropertySymbols(Object.getPrototypeOf(x)).map(String); o.cname=x.constructor.name; o.num=typeof +x; o.tp=typeof x[Symbol.toPrimitive](); o.tag=Object.prototype.toString.call(x); o.json=t(()=>JSON.stringify(x)); o.str=String(x)===String(+x);
  
 o.same=[timers.setTimeout===setTimeout,timers.clearTimeout===clearTimeout,tns.Timeout===x.constructor];
 o.chain=[x.ref()===x,x.unref()===x,x.hasRef(),x.refresh()===x,t(()=>x.close()===x)]; clearTimeout(x);
 const i=setImmediate(()=>{}); o.imm=[typeof i,i.constructor.name]; clearImmediate(i);
 o.bad=[t(()=>setTimeout('x',1)),t(()=>setTimeout()),t(()=>timers.setTimeout('x')),t(()=>setImmediate('x')),t(()=>setInterval(5)),t(()=>clearTimeout('abc')),t(()=>clearTimeout(null)),t(()=>clearTimeout({}))];
 o.id=await new Promise(r=>{const id=setTimeout(()=>r('fired'),5);clearTimeout(+id);setTimeout(()=>r('cleared by number'),20)});
 o.ids=await new Promise(r=>{const id=setTimeout(()=>r('fired'),5);clearTimeout(String(+id));setTimeout(()=>r('cleared by string'),20)});
 o.refresh=await new Promise(r=>{let n=0;const id=setTimeout(()=>{n++;if(n<3)id.refresh();else r(n)},1)});
 o.thisv=await new Promise(r=>{const id=setTimeout(function(){r(this===id?'timeout':this===globalThis?'global':typeof this)},1)});
 o.args=await new Promise(r=>setTimeout((...a)=>r(a),1,1,2));
 o.interval=await new Promise(r=>{let n=0;const id=setInterval(function(){if(++n===3){clearInterval(id);r(n)}},1)});
 o.order=await new Promise(r=>{const s=[];setTimeout(()=>s.push('t0'),0);setImmediate((a)=>s.push('i'+a),7);process.nextTick(()=>s.push('n'));Promise.resolve().then(()=>s.push('p'));setTimeout(()=>r(s),5)});
 o.tp=[await tp.setTimeout(1,'v'),await tp.setImmediate('w'),await tp.setTimeout(1)]; 
 const ac=new AbortController();ac.abort(); o.tpa=await tp.setTimeout(1,1,{signal:ac.signal}).catch(e=>`${e.name}|${e.code}|${e.message}`);
 const ac2=new AbortController();setTimeout(()=>ac2.abort('why'),1); o.tpa2=await tp.setTimeout(1000,1,{signal:ac2.signal}).catch(e=>`${e.name}|${e.code}|${e.message}|${e.cause}`);
 o.tpi=[];for await(const v of tp.setInterval(1,'k')){o.tpi.push(v);if(o.tpi.length>2)break}
 o.tpb=await (async()=>tp.setTimeout('x'))().catch(e=>`${e.name}|${e.code}|${e.message}`); o.tpo=await (async()=>tp.setTimeout(1,1,5))().catch(e=>`${e.name}|${e.code}|${e.message}`);
 o.sch=[Object.getOwnPropertyNames(Object.getPrototypeOf(tp.scheduler)),await tp.scheduler.wait(1),await tp.scheduler.yield()];
 o.legacy=[t(()=>timers.active({})),t(()=>timers.enroll({},1)),t(()=>timers.unenroll({}))];
 o.dispose=typeof x[Symbol.dispose];
 return Response.json(o);
}};
