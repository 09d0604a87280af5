const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import { tracing, cache, restore, abortIsolate, withExports, withEnvAndExports, exports, env } from "cloudflare:workers";
export default {
  async fetch(request, e, ctx) {
    const out = {};
    const tries = {
      tracing: () => [tracing === ctx.tracing, Object.keys(tracing), typeof tracing.enterSpan],
      enter: () => tracing.enterSpan("s", (span, ...a) => [Object.prototype.toString.call(span), a.length, a]),
      enterArgs: () => tracing.enterSpan("s", (span, a, b) => [a, b], 1, 2),
      enterAsync: () => tracing.enterSpan("s", async (span) => { span.setAttribute("k", "v"); return "async"; }),
      enterThrow: () => tracing.enterSpan("s", () => { throw new RangeError("inside span"); }),
      enterNone: () => tracing.enterSpan(),
      enterNoFn: () => tracing.enterSpan("s"),
      spanAttr: () => tracing.enterSpan("s", (span) => [typeof span.setAttribute("a", 1), span.isTraced ?? null, typeof span.end]),
      cache: () => [Object.keys(cache), Object.getOwnPropertyNames(Object.getPrototypeOf(cache)).includes("purge"), typeof cache.purge],
      ctxCache: () => [typeof ctx.cache, typeof ctx.access],
      restore: () => [typeof restore, String(restore)],
      abortType: () => [typeof abortIsolate, abortIsolate.length],
      withExports: () => withExports({ a: 1 }, () => [exports.a, Object.keys(exports)]),
      withBoth: () => withEnvAndExports({ e: 1 }, { x: 2 }, () => [env.e, exports.x]),
      withExportsBad: () => withExports({}, 1),
      withBothBad: () => withEnvAndExports({}, {}, 1),
      after: () => [Object.keys(exports), Object.keys(env)],
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
