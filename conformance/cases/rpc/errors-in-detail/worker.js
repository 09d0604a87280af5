const probe = async (f) => {
  try {
    const value = await Promise.race([f(), scheduler.wait(15000).then(() => "hangs")]);
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return ["throws", e?.name ?? typeof e, e?.message ?? String(e)];
  }
};
const tag = (x) => Object.prototype.toString.call(x);

const show = (v) => {
  if (typeof v === "function") return "function";
  if (v instanceof Error || v instanceof DOMException) return describe(v);
  if (v instanceof Map) return ["Map", ...v];
  if (v instanceof Date) return ["Date", v.getTime()];
  if (ArrayBuffer.isView(v)) return ["bytes", ...v];
  if (Array.isArray(v)) return v.map(show);
  if (v instanceof RegExp) return String(v);
  if (typeof v === "object" && v !== null) return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, show(x)]));
  if (typeof v === "bigint") return `${v}n`;
  return v === undefined ? "undefined" : v;
};
const describe = (e) => ({
  class: e.constructor?.name, tag: tag(e), name: e.name, message: e.message,
  own: Object.fromEntries(Object.keys(e).filter((k) => k !== "stack").sort().map((k) => [k, show(e[k])])),
  hidden: Object.getOwnPropertyNames(e).filter((k) => !Object.prototype.propertyIsEnumerable.call(e, k)).sort(),
  cause: show(e.cause), errors: show(e.errors), first: typeof e.stack === "string" ? e.stack.split("\n")[0] : typeof e.stack,
});
const caught = async (f) => { try { return ["nothing", await f()]; } catch (e) { return typeof e === "object" && e !== null ? (e instanceof Error || e instanceof DOMException ? describe(e) : [tag(e), show(e)]) : [typeof e, String(e)]; } };
const kinds = ["failure", "named", "nameOwn", "nameOdd", "date", "instanceProp", "targetProp", "symbolProp", "nested", "causeUncloneable", "errors", "remoteOwn", "retryable", "stackOwn", "noStack", "frozen", "object", "nullProto", "response", "long", "unicode", "bigint", "nan", "date2", "dataClone", "domProps", "proxy", "errorLike"];
export default {
  async fetch(request, env) {
    const out = {};
    for (const kind of kinds) {
      out[kind] = await caught(() => env.S.raise(kind));
      out[`give ${kind}`] = await caught(async () => show(await env.S.give(kind)));
    }
    const tries = {
      callbackThrows: () => caught(() => env.S.callback(() => { throw new RangeError("mine"); })),
      catches: () => env.S.catches(() => { throw Object.assign(new RangeError("mine"), { code: 4 }); }),
      catchesText: () => env.S.catches(() => { throw "text"; }),
      rethrows: () => caught(() => env.S.rethrows(() => { throw Object.assign(new SyntaxError("through two"), { code: 4 }); })),
      takes: () => env.S.takes(Object.assign(new EvalError("given"), { code: 3 })),
      takesDom: () => env.S.takes(new DOMException("given", "NotFoundError")),
      sameTwice: async () => { const p = env.S.raise("failure"); const a = await p.catch((e) => e); const b = await p.catch((e) => e); return a === b; },
      pipelinedOnError: () => caught(() => env.S.raise("failure").x.y()),
      stackHasCaller: async () => { const e = await env.S.raise("long").catch((x) => x); return [e.stack.includes("raise"), e.stack.includes("worker.js"), e.stack.split("\n").length > 2]; },
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
