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
    const c = await env.S.counter(3);
    const tag = (x) => Object.prototype.toString.call(x);
    const tries = {
      tag: () => [tag(c), typeof c, c.constructor?.name, String(typeof c.anything)],
      add: async () => [await c.add(), await c.add(5), await c.value],
      inherited: () => c.inherited(),
      own: () => c.own,
      ownCall: () => c.own(),
      n: () => c.n,
      arrow: () => c.arrow(),
      secret: () => c.secret,
      hash: () => c["#secret"],
      hashMethod: () => c["#private"](),
      stat: () => c.stat(),
      ctor: () => typeof c.constructor,
      callCtor: () => c.constructor(),
      proto: () => c.__proto__,
      toStringCall: () => c.toString(),
      hasOwn: () => c.hasOwnProperty("add"),
      valueOf: () => c.valueOf(),
      missing: () => c.missing(),
      missingProp: () => c.missing,
      missingDeep: () => c.missing.deeper,
      notFunction: () => c.value(),
      nested: async () => [await c.nested.a.b(), await c.nested.list, await c.nested.list[1].z, await c.nested.list.length],
      boom: () => c.boom,
      boomCall: () => c.boom.x(),
      fail: () => c.fail(),
      failDetails: async () => { try { await c.fail(); } catch (e) { return [e instanceof TypeError, e.code ?? null, e.remote ?? null, Object.keys(e), typeof e.stack]; } },
      throwString: () => c.throwString(),
      throwObject: () => c.throwObject(),
      reject: () => c.reject(),
      child: async () => (await c.child(5)).value,
      pipelined: async () => [await c.child(10).add(1), await c.child(1).child(2).child(3).value],
      self: async () => (await c.self()).add(100),
      callMe: () => c.callMe((a, b) => a + b, 1, 2),
      callMeAsync: () => c.callMe(async (s) => s + "!", "async"),
      callMeThrows: () => c.callMe(() => { throw new SyntaxError("local throw"); }),
      thisIs: () => c.thisIs(),
      numeric: () => c[42](),
      protoValue: () => c.protoValue,
      symbolProp: () => typeof c[Symbol.iterator],
      apply: () => c.add.apply(null, [1]),
      call: () => c.add.call(null, 1),
      bind: () => c.add.bind(null, 1)(),
      fn: async () => { const f = await env.S.fn(); return [typeof f, tag(f), await f(1, 2), await f(3, 4), await f.prop, f.name, f.length]; },
      fnDirect: () => env.S.fn()("x", "y"),
      obj: async () => { const o = await env.S.obj(); return [o.plain, await o.f(4), await o.c.value, await o.list[0](), typeof o[Symbol.dispose], Object.keys(o)]; },
      objPipelined: async () => [await env.S.obj().f(8), await env.S.obj().c.add(1), await env.S.obj().plain, await env.S.obj().list[0]()],
      mapPipelined: () => env.S.map().get("f")(),
      map: async () => (await env.S.map()).get("f")(),
      nestedGetter: () => env.S.nestedGetter.inner("x"),
      prop: () => env.S.prop,
      propCall: () => env.S.prop(),
      table: () => env.S.table.m(),
      serviceOwn: () => env.S.own,
      serviceEnv: () => env.S.env,
      serviceCtx: () => env.S.ctx,
      serviceMissing: () => env.S.missing,
      serviceMissingDeep: () => env.S.missing.more.deep(),
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
