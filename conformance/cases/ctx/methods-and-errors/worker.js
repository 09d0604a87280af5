const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import { waitUntil } from "cloudflare:workers";
let last;
export default {
  async fetch(request, env, ctx) {
    const { waitUntil: detached } = ctx;
    const out = {};
    const tag = (x) => Object.prototype.toString.call(x);
    const tries = {
      tag: () => [tag(ctx), ctx.constructor.name, Reflect.ownKeys(ctx).map(String).sort()],
      protoKeys: () => Object.getOwnPropertyNames(Object.getPrototypeOf(ctx)).filter((k) => k !== "mapVirtualHost").sort(),
      descriptors: () => ["waitUntil", "passThroughOnException", "props", "exports", "abort"].map((k) => { for (let o = ctx; o; o = Object.getPrototypeOf(o)) { const d = Object.getOwnPropertyDescriptor(o, k); if (d) return [k, o === ctx, "value" in d, d.enumerable, d.configurable, d.writable ?? null]; } return [k, null]; }),
      detached: () => detached(Promise.resolve()),
      otherThis: () => ctx.waitUntil.call({}, Promise.resolve()),
      noArg: () => ctx.waitUntil(),
      nonPromise: () => ctx.waitUntil(5),
      undefinedArg: () => ctx.waitUntil(undefined),
      thenable: () => ctx.waitUntil({ then(r) { r(); } }),
      rejected: () => ctx.waitUntil(Promise.reject(new Error("quiet"))),
      returns: () => [typeof ctx.waitUntil(Promise.resolve()), typeof ctx.passThroughOnException()],
      construct: () => new ctx.constructor(),
      props: () => [ctx.props, tag(ctx.props), ctx.props === ctx.props],
      own: () => { ctx.mine = 1; return ctx.mine; },
      replace: () => { ctx.props = 5; return typeof ctx.props; },
      lengths: () => [ctx.waitUntil.length, ctx.passThroughOnException.length, ctx.waitUntil.name],
      tracing: () => [tag(ctx.tracing), typeof ctx.tracing?.enterSpan],
      cache: () => [typeof ctx.cache, typeof ctx.cache?.purge],
      importedWait: () => waitUntil(Promise.resolve()),
      importedWaitNone: () => waitUntil(),
      importedWaitNumber: () => waitUntil(5),
      json: () => JSON.stringify(ctx),
      keys: () => { const k = []; for (const x in ctx) if (x !== "mapVirtualHost") k.push(x); return k.sort(); },
      fresh: () => { const fresh = last !== ctx; last = ctx; return fresh; },
      abortType: () => [typeof ctx.abort, ctx.abort?.length],
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
