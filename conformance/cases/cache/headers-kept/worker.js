export default {
  async fetch(request) {
    const c = caches.default;
    const k = new URL("/cache/headers" + new URL(request.url).search, request.url).href;
    const headers = new Headers({ "cache-control": "max-age=60", "content-type": "text/x; charset=utf-8", "x-a": "1", etag: 'W/"w"', "cache-tag": "t1,t2", "content-language": "de", connection: "close", "x-latin": "caf\u00e9", "x-empty": "", age: "5", date: "Wed, 21 Oct 2015 07:28:00 GMT" });
    headers.append("x-a", "2");
    headers.append("link", "<a>");
    headers.append("link", "<b>");
    await c.put(k, new Response("0123456789", { headers }));
    const r = await c.match(k);
    const list = [...r.headers].filter(([n]) => !["age", "date", "cf-ray", "expires", "last-modified", "connection"].includes(n));
    const out = { list };
    out.mutable = (() => { try { r.headers.set("x", "y"); return r.headers.get("x"); } catch (e) { return { $error: e.name, $message: e.message }; } })();
    out.body = [r.bodyUsed, r.body instanceof ReadableStream, (await r.clone().text()).length, new Uint8Array(await r.arrayBuffer()).length];
    const again = await c.match(k);
    out.again = await again.text();
    await c.put(k, new Response("other", { headers: { "cache-control": "max-age=60" } }));
    out.replaced = [await (await c.match(k)).text(), (await c.match(k)).headers.get("x-a")];
    out.query = (await c.match(k + "&z=1")) ?? "none";
    out.fragment = (await c.match(k + "#frag")) === undefined ? "none" : "hit";
    out.case = (await c.match(k.replace("/cache/", "/CACHE/"))) ?? "none";
    out.deleted = [await c.delete(k), await c.delete(k), (await c.match(k)) ?? "none"];
    return Response.json(out);
  },
};
