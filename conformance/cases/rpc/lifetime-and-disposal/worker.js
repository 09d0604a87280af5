const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import { RpcTarget, RpcStub } from "cloudflare:workers";
let localLog = [];
class L extends RpcTarget {
  constructor(n) {
    super();
    this.n = n;
  }
  hi() {
    return "hi " + this.n;
  }
  [Symbol.dispose]() {
    localLog.push("local disposed " + this.n);
  }
}
// Messages keep their order: what the other side had to say of a disposal is here when it has answered what was asked afterwards.
let askOther;
const takeLocal = async () => {
  for (let round = 0; round < 3; round++) {
    await askOther();
    await scheduler.wait(20);
  }
  const l = localLog;
  localLog = [];
  return l;
};
export default {
  async fetch(request, env) {
    const out = {};
    askOther = () => env.S.num();
    const tries = {
      disposeStub: async () => { const t = await env.S.make("one"); t[Symbol.dispose](); return [await env.S.takeLog(), await probe(() => t.hello())]; },
      disposeTwice: async () => { const t = await env.S.make("twice"); t[Symbol.dispose](); t[Symbol.dispose](); return env.S.takeLog(); },
      dupDispose: async () => { const t = await env.S.make("dup"); const d = t.dup(); t[Symbol.dispose](); const first = await env.S.takeLog(); const works = await d.hello(); d[Symbol.dispose](); return [first, works, await env.S.takeLog()]; },
      disposeResult: async () => { const r = await env.S.pair(); r[Symbol.dispose](); return [(await env.S.takeLog()).sort(), await probe(() => r.a.hello()), await probe(() => r.fn())]; },
      disposeResultTwice: async () => { const r = await env.S.pair(); r[Symbol.dispose](); r[Symbol.dispose](); return (await env.S.takeLog()).sort(); },
      dupOutOfResult: async () => { const r = await env.S.pair(); const a = r.a.dup(); r[Symbol.dispose](); const l = await env.S.takeLog(); const works = await a.hello(); a[Symbol.dispose](); return [l, works, await env.S.takeLog()]; },
      sharedTwice: async () => { const r = await env.S.shared(); r.x[Symbol.dispose](); const l = await env.S.takeLog(); const y = await probe(() => r.y.hello()); r.y[Symbol.dispose](); return [l, y, await env.S.takeLog()]; },
      plainHasDispose: async () => { const r = await env.S.plain(); return [typeof r[Symbol.dispose], Object.keys(r), Reflect.ownKeys(r).map(String), Object.getOwnPropertyDescriptor(r, Symbol.dispose)?.enumerable ?? null, JSON.stringify(r)]; },
      arrHasDispose: async () => { const r = await env.S.arr(); const t = typeof r[Symbol.dispose]; r[Symbol.dispose](); return [t, await env.S.takeLog()]; },
      numDispose: async () => typeof (await env.S.num())[Symbol.dispose],
      promiseDispose: async () => { const p = env.S.make("promise"); const t = typeof p[Symbol.dispose]; p[Symbol.dispose](); return [t, await probe(() => p.hello())]; },
      promiseDisposeLog: async () => { await scheduler.wait(20); return env.S.takeLog(); },
      usingStub: async () => { { using t = await env.S.make("using"); await t.hello(); } return env.S.takeLog(); },
      argUsed: async () => { const l = new L("arg"); return [await env.S.useArg(() => l.hi()), await takeLocal()]; },
      argTargetDisposed: async () => { await env.S.keepArg(new L("param")); return takeLocal(); },
      argFnKept: async () => { await env.S.keepArg((x) => "kept " + x); return probe(() => env.S.useKept()); },
      argFnKeptDup: async () => { await env.S.keepDup((x) => "kept dup " + x); return probe(() => env.S.useKept()); },
      giveBack: async () => { const f = await env.S.giveBack((x) => "back " + x); return [typeof f, await f("y")]; },
      giveBackTarget: async () => { const f = await env.S.giveBack(new L("given")); const works = await f.hi(); f[Symbol.dispose]?.(); return [works, await takeLocal()]; },
      giveBackDup: async () => { const f = await env.S.giveBackDup(new L("given dup")); const works = await f.hi(); f[Symbol.dispose]?.(); return [works, await takeLocal()]; },
      stubParamStillMine: async () => { const s = new RpcStub(new L("stub param")); const a = await env.S.keepArg(s); const works = await probe(() => s.hi()); const before = await takeLocal(); s[Symbol.dispose](); return [a, works, before, await takeLocal()]; },
      localStubDispose: async () => { const s = new RpcStub(new L("local stub")); const d = s.dup(); s[Symbol.dispose](); const first = await takeLocal(); d[Symbol.dispose](); return [first, await takeLocal(), await probe(() => d.hi()), await probe(() => s.hi())]; },
      ownStub: async () => { const t = await env.S.ownStub(); const h = await t.hello(); t[Symbol.dispose](); return [h, await env.S.takeLog()]; },
      onRpcBroken: async () => { const t = await env.S.make("broken"); return [typeof t.onRpcBroken, typeof env.S.onRpcBroken]; },
      sendDisposed: async () => { const t = await env.S.make("d"); t[Symbol.dispose](); return probe(() => env.S.keepArg(t)); },
      lastLog: async () => env.S.takeLog(),
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
