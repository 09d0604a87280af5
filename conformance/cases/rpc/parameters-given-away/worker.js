const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import { RpcStub, RpcTarget } from "cloudflare:workers";
class L extends RpcTarget {
  hello() {
    return "local hello";
  }
}
export default {
  async fetch(request, env) {
    const out = {};
    const tries = {
      sent: async () => { const t = await env.S.make(); const used = await env.S.use(t); return [used, await probe(() => t.hello())]; },
      dup: async () => { const t = await env.S.make(); const used = await env.S.use(t.dup()); return [used, await probe(() => t.hello())]; },
      local: async () => { const s = new RpcStub(new L()); const used = await env.S.use(s); return [used, await probe(() => s.hello())]; },
      target: async () => { const l = new L(); return [await env.S.use(l), await env.S.use(l)]; },
      fn: async () => { const f = { hello: 1 }; return probe(() => env.S.use({ hello: () => "from object" })); },
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
