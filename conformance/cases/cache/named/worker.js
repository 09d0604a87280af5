export default {
  async fetch(request) {
    const k = new URL("/cache/named" + new URL(request.url).search, request.url).href;
    const put = (cache, body) => cache.put(k, new Response(body, { headers: { "cache-control": "max-age=60" } }));
    const [a, b, empty, odd] = await Promise.all(["a", "b", "", "ö/ü ?&\n"].map((n) => caches.open(n)));
    const get = async (cache) => (await (await cache.match(k))?.text()) ?? null;
    const out = {};
    await put(a, "in a");
    out.others = [await get(a), await get(b), await get(caches.default), await get(empty), await get(odd)];
    await Promise.all([put(b, "in b"), put(caches.default, "in default")]);
    out.all = [await get(a), await get(b), await get(caches.default)];
    out.again = await get(await caches.open("a"));
    out.deleted = [await a.delete(k), await get(a), await get(b), await a.delete(k)];
    const many = await Promise.all(Array.from({ length: 20 }, (_, i) => caches.default.put(k + "&i=" + i, new Response("x".repeat(i), { headers: { "cache-control": "max-age=60" } }))));
    out.many = many.every((x) => x === undefined) && (await Promise.all(Array.from({ length: 20 }, async (_, i) => (await (await caches.default.match(k + "&i=" + i)).text()).length))).join();
    await Promise.all([1, 2, 3].map((i) => caches.default.put(k, new Response(String(i).repeat(1000), { headers: { "cache-control": "max-age=60" } }))));
    const last = await get(caches.default);
    out.whole = last.length === 1000 && new Set(last).size === 1;
    return Response.json(out);
  },
};
