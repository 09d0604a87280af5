const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import { RpcStub, RpcPromise, RpcProperty, RpcTarget, WorkerEntrypoint, ServiceStub } from "cloudflare:workers";
export default {
  async fetch(request, env) {
    const tag = (x) => Object.prototype.toString.call(x);
    const names = (x) => Object.getOwnPropertyNames(x).sort();
    const call = env.S.value(1);
    const prop = env.S.prop;
    const stub = await env.S.target();
    const method = stub.ping;
    const out = {};
    const tries = {
      callTag: () => [tag(call), typeof call, call instanceof RpcPromise, call instanceof Promise, call.constructor === RpcPromise],
      propTag: () => [tag(prop), typeof prop, prop instanceof RpcProperty, prop instanceof Promise, prop.constructor === RpcProperty],
      stubTag: () => [tag(stub), typeof stub, stub instanceof RpcStub, stub instanceof RpcTarget, stub.constructor === RpcStub],
      methodTag: () => [tag(method), typeof method, method instanceof RpcProperty],
      serviceTag: () => [tag(env.S), typeof env.S, env.S instanceof ServiceStub, env.S.constructor === ServiceStub, ServiceStub.name],
      protoNames: () => [RpcStub, RpcPromise, RpcProperty, RpcTarget, WorkerEntrypoint, ServiceStub].map((C) => [C.name, C.length, names(C.prototype), Symbol.dispose in C.prototype, Object.getPrototypeOf(C).name, Object.getPrototypeOf(C.prototype)?.constructor.name]),
      ownKeys: () => [Reflect.ownKeys(call).length, Reflect.ownKeys(prop).length, Reflect.ownKeys(stub).length, Reflect.ownKeys(env.S).length],
      thenIn: () => ["then" in call, "then" in prop, "then" in stub, "anything" in stub, typeof call.then, typeof call.catch, typeof call.finally, typeof prop.then, typeof stub.then],
      await: async () => [await call, await prop, await call],
      catchFn: () => env.S.fail().catch((e) => "caught " + e.message),
      finallyFn: async () => { let ran = 0; await env.S.value(2).finally(() => ran++); return ran; },
      thenChain: () => env.S.value(5).then((x) => x + 1).then((x) => x * 2),
      propThen: () => env.S.prop.then((x) => x + "!"),
      propCatch: () => env.S.fail.x.catch((e) => e.name),
      all: () => Promise.all([env.S.value(1), env.S.value(2), env.S.prop]),
      race: () => Promise.race([env.S.value("r")]),
      resolve: async () => Promise.resolve(env.S.value(3)),
      pipeline: async () => [await env.S.target().ping(), await env.S.obj().t.ping(), await env.S.obj().n],
      awaitStub: async () => (await stub) === stub,
      methodCall: () => method(),
      methodAwait: async () => typeof (await stub.ping),
      newPromise: () => new RpcPromise(),
      newProperty: () => new RpcProperty(),
      newStubNothing: () => new RpcStub(),
      newStubPlain: () => tag(new RpcStub({ a: 1 })),
      newStubNumber: () => new RpcStub(5),
      newStubTarget: async () => { class L extends RpcTarget { hi(n) { return "hi " + n; } get v() { return 3; } } const s = new RpcStub(new L()); return [tag(s), await s.hi("x"), await s.v]; },
      newStubFn: async () => { const s = new RpcStub((a) => a * 3); return [typeof s, await s(4)]; },
      localClone: async () => { class L extends RpcTarget { same(o) { return o; } } const o = { a: 1 }; const r = await new RpcStub(new L()).same(o); return [r, r === o]; },
      newTarget: () => [tag(new RpcTarget()), names(new RpcTarget())],
      newEntrypoint: () => tag(new WorkerEntrypoint()),
      newEntrypointBad: () => tag(new WorkerEntrypoint({}, {})),
      serviceStubNew: () => new ServiceStub(),
      dupService: () => typeof env.S.dup,
      disposeService: () => typeof env.S[Symbol.dispose],
      setOnStub: () => { stub.foo = 5; return typeof stub.foo; },
      deleteOnStub: () => { return delete stub.foo; },
      json: () => JSON.stringify({ stub, n: 1 }),
      str: () => String(stub),
      callStub: () => stub(),
      slow: async () => { const order = []; await Promise.all([stub.slow().then(() => order.push("slow")), stub.ping().then(() => order.push("ping"))]); return order; },
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
