const probe = async (f) => {
  try {
    const value = await Promise.race([f(), scheduler.wait(15000).then(() => "hangs")]);
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return ["throws", e?.name ?? typeof e, e?.message ?? String(e)];
  }
};
const tag = (x) => Object.prototype.toString.call(x);

export default {
  async fetch(request, env) {
    const out = {};
    const names = ["inherited", "inheritedGetter", "own", "ownFunction", "secret", "#secret", "fixed", "fixedMethod", "method", "getter", "asyncGetter", "throwing", "undefinedGetter", "nullGetter", "writeOnly", "rejected", "missing",
      "toString", "valueOf", "hasOwnProperty", "isPrototypeOf", "__proto__", "__defineGetter__", "constructor", "prototype", "length", "name", "arguments", "caller", "alarm", "webSocketMessage", "scheduled", "with space", "ünï", "", "5", "catch", "finally", "get", "connect", "dup", "call", "apply", "bind", "toJSON"];
    const call = (o, n) => (typeof o[n] === "function" ? o[n]("arg") : ["no function", o[n] === undefined ? "undefined" : o[n]]);
    const shown = (v) => (typeof v === "function" ? tag(v) : v === undefined ? "undefined" : v);
    for (const name of names) {
      using t = await env.S.target();
      out[`call ${name}`] = await probe(async () => shown(await call(t, name)));
      if (name === "dup" || name === "constructor") continue;
      out[`read ${name}`] = await probe(async () => shown(await t[name]));
      out[`pipelined ${name}`] = await probe(async () => shown(await call(env.S.target(), name)));
    }
    const tries = {
      fn: async () => (await env.S.target().fn)(),
      fnCall: () => env.S.target().fn(),
      getterTarget: () => env.S.target().target.inherited(),
      plainDeep: () => env.S.target().plain.a.b(),
      plainDeepValue: () => env.S.target().plain.a.c,
      plainListed: () => env.S.target().plain.list[1].x,
      plainListedZero: () => env.S.target().plain.list[0],
      plainMissing: () => env.S.target().plain.zzz,
      plainMissingCall: () => env.S.target().plain.zzz(),
      plainMissingDeep: () => env.S.target().plain.zzz.yyy,
      callOnValue: () => env.S.target().plain.a.c(),
      memberOfNumber: () => env.S.target().plain.a.c.d,
      generator: () => env.S.target().generator(),
      asyncGenerator: () => env.S.target().asyncGenerator(),
      fetchOfTarget: async () => (await env.S.target().fetch(new Request("http://h/x"))).text(),
      fetchOfTargetUrl: async () => (await env.S.target().fetch("http://h/x")).text(),
      write: async () => { const t = await env.S.target(); t.own = 5; return [typeof t.own, await env.S.target().getter]; },
      del: async () => { const t = await env.S.target(); return delete t.method; },
      inOperator: async () => { const t = await env.S.target(); return ["method" in t, "zzz" in t, "then" in t, Symbol.iterator in t, Symbol.dispose in t]; },
      iterate: async () => [...(await env.S.target())],
      entrypointOwn: () => env.S.own,
      entrypointEnv: () => env.S.env,
      entrypointCtx: () => env.S.ctx,
      entrypointCtxDeep: () => env.S.ctx.waitUntil(1),
      entrypointEnvDeep: () => env.S.env.X,
      plain: async () => { const p = await env.S.plain(); return [p.a, await p.f(), await p.nested.g(), await p.list[0](), p.computed]; },
      plainPiped: async () => [await env.S.plain().a, await env.S.plain().f(), await env.S.plain().nested.g(), await env.S.plain().list[0](), await env.S.plain().computed],
      plainProto: () => env.S.plain().toString(),
      plainProtoRead: () => env.S.plain().constructor,
      plainUnderProto: () => env.S.plain().__proto__,
      func: async () => { const f = await env.S.func(); return [typeof f, await f(), await f.extra, await f.sub(), await f.deep]; },
      funcPiped: async () => [await env.S.func()(), await env.S.func().extra, await env.S.func().deep.x],
      funcLength: async () => { const f = await env.S.func(); return [await probe(() => f.length), await probe(() => f.name), await probe(() => f.prototype)]; },
      funcCall: async () => { const f = await env.S.func(); return [await probe(() => f.call(null, 1)), await probe(() => f.apply(null, [1])), await probe(() => f.bind(null))]; },
      bound: async () => (await env.S.bound())(),
      asyncFunc: async () => (await env.S.asyncFunc())(41),
      arrayPiped: async () => [await env.S.array()[0], await probe(() => env.S.array()[2].f()), await probe(() => env.S.array().length), await probe(() => env.S.array().map((x) => x))],
      textPiped: async () => [await probe(() => env.S.text().length), await probe(() => env.S.text().toUpperCase()), await probe(() => env.S.text()[0])],
      numberPiped: () => env.S.number().toFixed(),
      nothingPiped: () => env.S.nothing().x,
      nilPiped: () => env.S.nil().x,
      nothingCalled: () => env.S.nothing()(),
      mapPiped: async () => [await probe(() => env.S.map().get("k")), await probe(() => env.S.map().size)],
      datePiped: () => env.S.date().getTime(),
      errorPiped: () => env.S.error().message,
      bytesPiped: async () => [await probe(() => env.S.bytes()[0]), await probe(() => env.S.bytes().length)],
      callNumberValue: () => env.S.number()(),
      serviceIndex: async () => [typeof env.S[0], await probe(async () => shown(await env.S[0]))],
      serviceSymbol: () => [typeof env.S[Symbol.iterator], typeof env.S[Symbol("x")], typeof env.S[Symbol.asyncIterator]],
      serviceProto: () => [typeof env.S.__proto__, typeof env.S.constructor, typeof env.S.hasOwnProperty, typeof env.S.toString],
      callService: () => env.S(),
      newService: () => new env.S(),
      serviceWrite: async () => { env.S.extra = 5; const r = env.S.extra; return [typeof r, r]; },
      serviceKeys: () => [Object.keys(env.S), JSON.stringify(env.S), String(env.S)],
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
