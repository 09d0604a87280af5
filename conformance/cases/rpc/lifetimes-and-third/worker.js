import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
const probe = async (f) => { try { const value = await Promise.race([f(), scheduler.wait(15000).then(() => "hangs")]); return value === undefined ? "undefined" : value; } catch (e) { return ["throws", e?.name ?? typeof e, e?.message ?? String(e)]; } };
export class Mine extends WorkerEntrypoint { async who() { return [this.ctx.props, typeof this.env.B]; } async deep(n) { return n === 0 ? "bottom" : "x" + (await this.env.ME.deep(n - 1)); } }
class Local extends RpcTarget { name() { return "local"; } cb(f) { return f(); } }
let stored;
export default { async fetch(request, env, ctx) {
  const { B, C } = env;
  const out = {};
  const tries = {
    afterDispose: async () => { const c = await B.counter("d1"); c[Symbol.dispose](); return probe(() => c.add(1)); },
    disposeTwice: async () => { const c = await B.counter("d2"); c[Symbol.dispose](); c[Symbol.dispose](); return B.logged("disposed d2"); },
    using: async () => { { using c = await B.counter("d3"); await c.add(1); } return B.logged("disposed d3"); },
    dupKeeps: async () => { const c = await B.counter("d4"); const d = c.dup(); c[Symbol.dispose](); return [await d.add(2), await probe(() => c.add(1))]; },
    promiseDup: async () => { const p = B.counter("d6"); return typeof p.dup; },
    pairDispose: async () => { const p = await B.pair(); p[Symbol.dispose](); return [await probe(() => p.a.add(1)), await probe(() => p.b.add(1))]; },
    pairUsing: async () => { let kept; { using p = await B.pair(); kept = p.a.dup(); } return kept.add(3); },
    propertyAfter: async () => { const c = await B.counter("d7"); const m = c.add; c[Symbol.dispose](); return probe(() => m(1)); },
    disposedPromise: async () => { const p = B.counter("d8"); p[Symbol.dispose](); return probe(async () => (await p).add(1)); },
    disposedPromiseLater: async () => { const p = B.counter("d9"); const c = await p; p[Symbol.dispose](); return probe(() => c.add(1)); },
    inFlight: async () => { const c = await B.counter("d10"); const p = c.add(4); c[Symbol.dispose](); return p; },
    passDisposed: async () => { const c = await B.counter("d11"); c[Symbol.dispose](); return probe(() => B.giveBack(c)); },
    third: async () => B.toThird(await B.counter("t1")),
    thirdDirect: async () => C.use(await B.counter("t2")),
    thirdStillMine: async () => { const c = await B.counter("t3"); await C.use(c); return c.add(1); },
    thirdPipelined: () => C.use(B.counter("t4")),
    fromThird: async () => (await B.fromThird()).hi("x"),
    fromThirdPiped: () => B.fromThird().hi("y"),
    fnThird: () => B.fnToThird((x) => "mine " + x),
    fnThirdThrows: () => B.fnToThird(() => { throw new RangeError("deep mine"); }),
    streamThird: async () => new Response(await B.streamFromThird()).text(),
    responseThird: async () => (await B.responseFromThird()).text(),
    binding: async () => { const c = await B.passBinding(); return [typeof c, Object.prototype.toString.call(c), await (await c.fetch("http://q/")).text(), await (await c.make()).hi("z")]; },
    bindingPiped: () => B.passBinding().make().hi("piped"),
    bindingArg: async () => { const c = await B.giveBack(env.C); return (await c.make()).hi("back"); },
    keep: async () => [await B.keep(new Local()), await B.logged("later local")],
    keepDup: async () => [await B.keepDup(new Local()), await B.logged("later dup local")],
    giveBack: async () => { const l = new Local(); const s = await B.giveBack(l); return [s === l, await s.name()]; },
    callbackDeep: () => B.ofCaller(Object.assign(() => 1, { missing: { deep: () => "deep" } })),
    callbackMissing: () => B.ofCaller(() => 1),
    twice: () => B.twice((n) => n * 10),
    callbackState: async () => { let n = 0; await B.twice(() => { n++; }); return n; },
    localCallback: async () => { const s = await B.giveBack(new Local()); return s.cb(() => "called back"); },
    props: async () => [await B.props(), await env.B2.props()],
    loopback: () => B.loopback(),
    me: () => env.ME.who(),
    deep: () => env.ME.deep(6),
    exports: async () => [Object.keys(ctx.exports ?? {}).sort(), await probe(() => ctx.exports.Mine.who()), await probe(() => ctx.exports.Mine({ props: { p: 1 } }).who()), await probe(() => ctx.exports.Nope)],
    many: async () => { const c = await B.counter("m"); const r = await Promise.all(Array.from({ length: 100 }, () => c.add(1))); return [r[0], r[99], await c.value]; },
    order: async () => { const c = await B.counter("o"); c.add(1); c.add(2); return c.value; },
    chain: () => B.counter("x").child().child().child().name(),
    chainError: () => B.counter("x").nope().child().name(),
    awaitTwice: async () => { const p = B.counter("w"); const a = await p; const b = await p; return [a === b, await a.add(1), await b.add(1)]; },
    promiseAsArg: async () => B.giveBack(await B.counter("pa")).name(),
    nestedPromise: () => B.giveBack({ p: C.make() }).then((v) => v.p.hi("n")),
    stubEquality: async () => { const c = await B.counter("e"); return c.add === c.add; },
    logAll: () => B.logged("never"),
  };
  for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
  return Response.json(out);
} };
