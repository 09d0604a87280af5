const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import * as cf from "cloudflare:workers";
export default {
  async fetch(request, env, ctx) {
    const out = {};
    const tries = {
      keys: () => [Reflect.ownKeys(ctx).map(String).sort(), "exports" in ctx],
      any: () => [typeof env.B.anything, "anything" in env.B, typeof env.B.get, typeof env.B.put, typeof env.B.delete],
      get: async () => env.B.get("http://b/g"),
      getText: async () => env.B.get("http://b/g", "text"),
      getBuffer: async () => (await env.B.get("http://b/g", "arrayBuffer")).byteLength,
      getBad: async () => env.B.get("http://b/g", "nonsense"),
      put: async () => env.B.put("http://b/p", "body"),
      delete: async () => env.B.delete("http://b/d"),
      call: () => env.B.method(),
      modules: () => Object.keys(cf).sort(),
      exports: () => Object.keys(cf.exports ?? {}),
      callNone: async () => (await env.B.fetch("http://b/x", { method: "POST", body: "y" })).text(),
      getJson: () => env.B.get("http://b/json", "json"),
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
