const probe = async (f) => {
  try {
    const r = await f();
    return r === undefined ? "undefined" : r instanceof Response ? [r.status, r.headers.get("content-length"), await r.text()] : r;
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
export default {
  async fetch(request) {
    const c = caches.default;
    const k = new URL("/cache/methods-more" + new URL(request.url).search, request.url).href;
    const put = () => c.put(k, new Response("body", { headers: { "cache-control": "max-age=60" } }));
    const out = {};
    await put();
    for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]) {
      out[method] = await probe(() => c.match(new Request(k, { method })));
      out[method + " ignore"] = await probe(() => c.match(new Request(k, { method }), { ignoreMethod: true }));
      out[method + " false"] = await probe(() => c.match(new Request(k, { method }), { ignoreMethod: false, ignoreSearch: true }));
      out[method + " put"] = await probe(() => c.put(new Request(k, { method }), new Response("x")));
    }
    await put();
    for (const method of ["HEAD", "POST"]) {
      out[method + " delete"] = await probe(() => c.delete(new Request(k, { method })));
      out[method + " delete ignore"] = await probe(() => c.delete(new Request(k, { method }), { ignoreMethod: true }));
      await put();
    }
    out.ignoreSearch = await probe(() => c.match(k + "&more=1", { ignoreSearch: true }));
    out.init = await probe(() => c.match(k, { method: "POST" }));
    out.getterThrows = await probe(() => c.match(k, { get ignoreMethod() { throw new RangeError("getter"); } }));
    out.deletedTwice = [await c.delete(k), await c.delete(k)];
    out.withBody = await probe(() => c.match(new Request(k, { method: "POST", body: "x" }), { ignoreMethod: true }));
    out.globalScope = globalThis.atTop;
    return Response.json(out);
  },
};
globalThis.atTop = (() => { try { caches.default.match("http://x/").catch(() => {}); return "allowed"; } catch (e) { return { $error: e.name, $message: e.message }; } })();
