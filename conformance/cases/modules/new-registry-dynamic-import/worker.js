const rec = async (f) => { try { const v = await f(); return typeof v === "object" ? Object.keys(v) : v; } catch (e) { return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) }; } };
const startup = await rec(() => import("./ok.js"));
let n = 0;
export default {
  async fetch() {
    const out = { startup };
    out.ok = await rec(() => import("./ok.js"));
    out.computed = await rec(() => import("./" + "ok" + ".js"));
    out.missing = await rec(() => import("./missing.js"));
    out.bare = await rec(() => import("nothing"));
    out.node = await rec(() => import("node:nothing"));
    out.cloudflare = await rec(() => import("cloudflare:nothing"));
    out.http = await rec(() => import("https://example.com/x.js"));
    out.data = await rec(() => import("data:text/javascript,export default 1"));
    out.file = await rec(() => import("file:///etc/passwd"));
    out.throws = await rec(() => import("./throws.js"));
    out.throwsAgain = await rec(() => import("./throws.js"));
    out.throwsValue = await rec(() => import("./throws-value.js"));
    out.syntax = await rec(() => import("./missing-export.js"));
    out.text = await rec(async () => (await import("./t.txt")).default);
    out.same = (await import("./ok.js")) === (await import("./ok.js"));
    out.once = (await import("./ok.js")).counter;
    out.number = await rec(() => import(42));
    out.tostring = await rec(() => import({ toString() { return "./ok.js"; } }));
    out.throwing = await rec(() => import({ toString() { throw new RangeError("no name"); } }));
    out.tla = await rec(async () => (await import("./tla.js")).value);
    return Response.json(out);
  },
};
