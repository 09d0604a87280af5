const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
class Thing {
  x = 1;
}
class SubMap extends Map {}
class SubArray extends Array {}
export default {
  async fetch(request, env) {
    const e = (x) => env.S.echo(x);
    const tag = (x) => Object.prototype.toString.call(x);
    const results = {};
    const tries = {
      symbol: () => e(Symbol("x")),
      instance: () => e(new Thing()),
      nestedInstance: () => e({ a: new Thing() }),
      weakMap: () => e(new WeakMap()),
      weakRef: () => e(new WeakRef({})),
      promise: async () => tag(await e(Promise.resolve(5))),
      promiseInside: async () => tag((await e({ p: Promise.resolve(5) })).p),
      url: () => e(new URL("http://x/")),
      usp: () => e(new URLSearchParams("a=1")),
      formData: () => e(new FormData()),
      blob: async () => tag(await e(new Blob(["x"]))),
      file: async () => tag(await e(new File(["x"], "f"))),
      event: () => e(new Event("x")),
      target: () => e(new EventTarget()),
      abortController: () => e(new AbortController()),
      abortSignal: async () => tag(await e(new AbortController().signal)),
      textEncoder: () => e(new TextEncoder()),
      transform: () => e(new TransformStream()),
      proxy: () => e(new Proxy({ a: 1 }, {})),
      generator: () => e((function* () {})()),
      subMap: async () => tag(await e(new SubMap([[1, 2]]))),
      subArray: async () => tag(await e(SubArray.from([1, 2]))),
      boundFn: async () => (await e(((a) => a).bind(null, 3)))(),
      cryptoKey: async () => e(await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"])),
      ws: () => e(new WebSocketPair()[0]),
      throwingGetter: () => e({ get x() { throw new Error("getter threw"); } }),
      revoked: () => { const r = Proxy.revocable({}, {}); r.revoke(); return e(r.proxy); },
      env: () => e(env),
      global: () => e(globalThis),
      math: () => e(Math),
      intl: () => e(new Intl.NumberFormat()),
      calleeThing: () => env.S.thing(),
      calleeSymbol: () => env.S.symbol(),
      calleeWeak: () => env.S.weak(),
      calleeNested: () => env.S.nested(),
      calleePromiseInside: async () => tag((await env.S.promiseInside()).p),
    };
    for (const [k, f] of Object.entries(tries)) results[k] = await probe(f);
    return Response.json(results);
  },
};
