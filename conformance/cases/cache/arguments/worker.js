const probe = async (f) => {
  try {
    const r = await f();
    return r === undefined ? "undefined" : r instanceof Response ? [r.status, await r.text()] : r;
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
const H = { headers: { "cache-control": "max-age=60" } };
const names = (o) => Object.getOwnPropertyNames(o).sort();
export default {
  async fetch(request) {
    const c = caches.default;
    const k = new URL("/cache/args" + new URL(request.url).search, request.url).href;
    const out = {};
    const res = (init = H, body = "b") => new Response(body, init);
    out.noArgs = await probe(() => c.put());
    out.noResponse = await probe(() => c.put(k));
    out.notResponse = await probe(() => c.put(k, "x"));
    out.promised = await probe(() => c.put(k, Promise.resolve(res())));
    out.relative = await probe(() => c.put("/x", res()));
    out.empty = await probe(() => c.put("", res()));
    out.number = await probe(() => c.put(5, res()));
    out.scheme = await probe(() => c.put("ftp://x/y", res()));
    out.file = await probe(() => c.put("file:///y", res()));
    out.data = await probe(() => c.put("data:,x", res()));
    out.matchNone = await probe(() => c.match());
    out.matchRelative = await probe(() => c.match("/x"));
    out.matchBad = await probe(() => c.match("http://"));
    out.deleteNone = await probe(() => c.delete());
    out.deleteRelative = await probe(() => c.delete("x y"));
    out.badOptions = await probe(() => c.match(k, 5));
    out.nullOptions = await probe(() => c.match(k, null));
    out.partial = await probe(() => c.put(k, new Response("b", { status: 206, headers: { "content-range": "bytes 0-0/5", ...H.headers } })));
    out.varyStar = await probe(() => c.put(k, res({ headers: { vary: "*", ...H.headers } })));
    out.varyMixed = await probe(() => c.put(k, res({ headers: { vary: "accept, *", ...H.headers } })));
    out.vary = await probe(() => c.put(k, res({ headers: { vary: "accept", ...H.headers } })));
    out.notModified = await probe(() => c.put(k + "304", new Response(null, { status: 304, ...H })));
    out.notModifiedMatch = await probe(() => c.match(k + "304"));
    out.error = await probe(() => c.put(k, Response.error()));
    out.used = await probe(async () => { const r = res(); await r.text(); return c.put(k, r); });
    out.locked = await probe(async () => { const r = res(); r.body.getReader(); return c.put(k, r); });
    out.usesBody = await probe(async () => { const r = res(); const p = c.put(k, r); const used = r.bodyUsed; await p; return [used, r.bodyUsed]; });
    out.url = await probe(async () => { await c.put(new URL(k + "url"), res()); return c.match(k + "url"); });
    out.request = await probe(async () => { await c.put(new Request(k + "rq"), res()); return c.match(new Request(k + "rq", { headers: { x: "y" } })); });
    out.putBodyRequest = await probe(() => c.put(new Request(k, { method: "POST", body: "x" }), res()));
    out.matchPut = await probe(() => c.match(new Request(k, { method: "PUT" })));
    out.add = [typeof c.add, typeof c.addAll, await probe(() => c.add(k)), await probe(() => c.addAll([k]))];
    out.keys = [typeof c.keys, typeof c.matchAll, typeof caches.has, typeof caches.delete, typeof caches.keys, typeof caches.match];
    out.types = [typeof Cache, typeof CacheStorage, Object.prototype.toString.call(c), Object.prototype.toString.call(caches), c instanceof Cache, caches instanceof CacheStorage];
    out.same = [caches.default === caches.default, caches === globalThis.caches, (await caches.open("x")) === (await caches.open("x"))];
    out.openNone = await probe(() => caches.open());
    out.openLong = await probe(() => caches.open("x".repeat(1024)));
    out.openMax = await probe(async () => typeof (await caches.open("x".repeat(1023))));
    out.openEmpty = await probe(async () => typeof (await caches.open("")));
    out.openDefault = await probe(async () => (await caches.open("default")) instanceof Cache);
    out.construct = [await probe(() => new Cache()), await probe(() => new CacheStorage())];
    out.detached = await probe(() => { const { match } = c; return match(k); });
    out.assign = await probe(() => { caches.default = 1; return typeof caches.default; });
    out.names = [names(Cache.prototype), names(CacheStorage.prototype), Cache.length, c.put.length, c.match.length, Object.keys(caches), Object.keys(c)];
    out.sync = await probe(() => { const p = c.put("/relative", res()); p.catch(() => {}); return p instanceof Promise; });
    return Response.json(out);
  },
};
