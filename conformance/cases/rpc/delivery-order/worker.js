const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
export default {
  async fetch(request, env) {
    const out = {};
    const tries = {
      order: async () => { const l = await env.S.log(); const ps = []; for (let i = 0; i < 10; i++) ps.push(l.push(i)); await Promise.all(ps); return l.all(); },
      pipelinedOrder: async () => { const l = env.S.slowLog(); const ps = [l.push("a"), l.push("b")]; const all = l.all(); return [await Promise.all(ps), await all]; },
      mixed: async () => { const l = await env.S.log(); const a = l.slowPush("x"); const b = l.push("y"); return [await a, await b, await l.all()]; },
      viaChild: async () => { const l = await env.S.log(); const c = l.child(); const p1 = c.push("through child"); const p2 = l.push("direct"); await p1; await p2; return l.all(); },
      broken: async () => [await probe(() => env.S.failing().x.y.z()), await probe(() => env.S.failing().value), await probe(() => env.S.failing())],
      brokenLater: async () => { const p = env.S.failing(); await probe(() => p); return probe(() => p.more()); },
      callbacks: async () => { const seen = []; const r = await env.S.call(async (n) => { seen.push(n); if (n === 1) await scheduler.wait(5); return n * 10; }); return [seen, r]; },
      promiseArg: async () => probe(() => env.S.sum(env.S.id(1), 2)),
      promiseStubArg: async () => probe(() => env.S.useStub(env.S.log())),
      propertyArg: async () => { const l = await env.S.log(); return probe(() => env.S.id(l.push)); },
      methodArg: async () => { const l = await env.S.log(); const r = await env.S.call(l.push.bind ? (x) => l.push(x) : l.push); return r; },
      awaitTwice: async () => { const p = env.S.log(); const a = await p; const b = await p; await a.push(1); return [a === b, await b.all()]; },
      thenAndPipeline: async () => { const p = env.S.log(); const n = p.push("x"); const l = await p; return [await n, await l.all()]; },
      notAwaited: async () => { const l = await env.S.log(); l.push("fire and forget"); return l.all(); },
      nestedResult: async () => { const l = await env.S.id({ deep: { list: [{ f: (x) => x + 1 }] } }); return l.deep.list[0].f(1); },
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
