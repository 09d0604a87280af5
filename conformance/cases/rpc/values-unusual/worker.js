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
    const e = (x) => env.S.echo(x);
    const make = (x) => env.S.make(x);
    const results = {};
    const tries = {
      nullProto: () => env.S.kind(Object.assign(Object.create(null), { a: 1 })),
      nullProtoBack: async () => { const v = await make("nullProto"); return [tag(v), v.a, Object.getPrototypeOf(v) === null]; },
      ownProto: async () => { const v = await e(JSON.parse('{"__proto__": {"x": 1}, "constructor": 2, "toString": 3}')); return [Object.keys(v), v.x ?? null, v.constructor]; },
      thenable: () => make("thenable"),
      rejectingThenable: () => make("rejectingThenable"),
      thenableArgument: async () => (await e({ then(resolve) { resolve("argument"); } })),
      thenProperty: async () => Object.keys(await e({ then: 1 })),
      getterThrows: () => make("getterThrows"),
      instance: () => make("instance"),
      instanceInArray: () => make("instanceInArray"),
      instanceInMap: () => make("instanceInMap"),
      classItself: async () => tag(await make("classItself")),
      newClass: async () => new (await make("classItself"))(),
      callClass: async () => (await make("classItself"))(),
      weakMap: () => make("weakMap"),
      symbol: () => make("symbol"),
      symbolInside: () => make("symbolInside"),
      asyncGenerator: () => make("asyncGenerator"),
      iterator: () => make("iterator"),
      mapIterator: () => make("mapIterator"),
      generatorFunction: async () => tag(await make("generatorFunction")),
      proxy: async () => { const p = await make("proxy"); return [typeof p, await p.a, await p.f()]; },
      url: () => make("url"),
      formData: () => make("formData"),
      abortSignal: () => make("abortSignal"),
      headersUsed: async () => [...(await make("headersUsed"))],
      error: async () => { const v = await make("error"); return [v.name, v.message, v.code, v.cause, v.remote ?? null, v instanceof RangeError, Object.keys(v)]; },
      moduleNamespace: async () => Object.keys(await make("moduleNamespace")).length > 0,
      globalThis: () => make("globalThis"),
      shared: () => make("shared"),
      wasm: () => make("wasm"),
      json: async () => tag(await make("json")),
      boxedSymbol: () => make("boxedSymbol"),
      arguments: () => make("arguments"),
      response304: async () => { const r = await make("response304"); return [r.status, r.body]; },
      responseError: () => make("responseError").then((r) => [r.status, r.type]),
      redirect: async () => { const r = await make("redirect"); return [r.status, r.headers.get("location")]; },
      args: () => env.S.args(undefined, null, 1, "x", true, 1n, {}, [], () => 1),
      trailingUndefined: () => env.S.args(1, undefined, undefined),
      none: () => env.S.args(),
      many: async () => (await env.S.args(...Array.from({ length: 2000 }, (_, n) => n))).length,
      sameObject: async () => { const o = { a: 1 }; return env.S.same(o, o); },
      sameBuffer: async () => { const b = new ArrayBuffer(8); return env.S.same(new Uint8Array(b), new Uint8Array(b, 4)); },
      detached: async () => { const b = new ArrayBuffer(8); structuredClone(b, { transfer: [b] }); return (await e(b)).byteLength; },
      detachedView: async () => { const v = new Uint8Array(8); structuredClone(v, { transfer: [v.buffer] }); return (await e(v)).byteLength; },
      resizable: async () => { const b = new ArrayBuffer(4, { maxByteLength: 16 }); const v = await e(b); return [v.byteLength, v.resizable, v.maxByteLength]; },
      tracking: async () => { const b = new ArrayBuffer(4, { maxByteLength: 16 }); const v = await e(new Uint8Array(b)); return [v.length, v.buffer.resizable]; },
      float16: async () => typeof Float16Array === "undefined" ? "none" : tag(await e(new Float16Array([1.5]))),
      emptyView: async () => { const v = await e(new Uint8Array(0)); return [v.length, v.buffer.byteLength]; },
      regexp: async () => { const r = /(?<n>a)/dgimsuy; r.lastIndex = 3; const v = await e(r); return [String(v), v.lastIndex]; },
      regexpV: async () => String(await e(/[\p{L}--[a-z]]/v)),
      dateSubclass: async () => tag(await e(new (class extends Date {})(0))),
      dateProps: async () => Object.keys(await e(Object.assign(new Date(0), { x: 1 }))),
      mapProps: async () => Object.keys(await e(Object.assign(new Map(), { x: 1 }))),
      boxed: async () => [tag(await e(Object(1))), tag(await e(Object("s"))), tag(await e(Object(true))), tag(await e(Object(1n)))],
      keyOrder: async () => Object.keys(await e({ b: 1, 2: 1, a: 1, 1: 1 })),
      frozen: async () => Object.isFrozen(await e(Object.freeze({ a: 1 }))),
      deep: async () => { let v = 0; for (let n = 0; n < 900; n++) v = [v]; let d = 0; for (let x = await e(v); Array.isArray(x); x = x[0]) d++; return d; },
      hugeSparse: async () => { const a = []; a.length = 4000000000; a[5] = 1; const b = await e(a); return [b.length, Object.keys(b)]; },
      cycleMap: async () => { const m = new Map(); m.set("me", m); const v = await e(m); return v.get("me") === v; },
      cycleSet: async () => { const s = new Set(); s.add(s); const v = await e(s); return v.has(v); },
      dom: async () => { const v = await e(new DOMException("m", "NotFoundError")); return [v.name, v.message, v.code, v instanceof DOMException]; },
      blob: async () => { const v = await e(new Blob(["abc"], { type: "text/x" })); return [v.size, v.type, await v.text()]; },
      emptyText: async () => (await e("")) === "",
      nul: async () => (await e("a\0b")).length,
      astral: async () => (await e("\u{1F600}".repeat(1000))).length,
      latin: async () => e("äöü€ÿ"),
      smallest: async () => (await e(5e-324)) === 5e-324,
      max: async () => (await e(Number.MAX_VALUE)) === Number.MAX_VALUE,
      ints: () => e([4294967295, 4294967296, -4294967296, -4294967297, 9007199254740993, -0.5]),
      envBinding: async () => tag(await e(env.S)),
      json: async () => JSON.stringify(await e({ toJSON() { return "j"; } })),
    };
    for (const [k, f] of Object.entries(tries)) results[k] = await probe(f);
    return Response.json(results);
  },
};
