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
      childFirst: async () => { const t = await env.S.one("parent"); const c = await t.child("child"); c[Symbol.dispose](); const l = await env.S.take(); return [l, await t.hi()]; },
      parentFirst: async () => { const t = await env.S.one("parent2"); const c = await t.child("child2"); t[Symbol.dispose](); const l = await env.S.take(); return [l, await c.hi()]; },
      waiting: async () => { const t = await env.S.waiting("waiting"); t[Symbol.dispose](); return env.S.take(); },
      oneOfTwo: async () => { const r = await env.S.two(); r.a[Symbol.dispose](); return [await env.S.take(), await r.b.hi()]; },
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
