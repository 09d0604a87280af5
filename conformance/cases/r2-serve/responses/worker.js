const routes = {
  async seed(req, { R2, KV }) { await R2.put("k", "0123456789", { httpMetadata: { contentType: "text/x-test", cacheControl: "max-age=60", contentLanguage: "de", contentDisposition: "inline" } }); await R2.put("big", "z".repeat(400000)); await R2.put("e", ""); await KV.put("kv", "from kv"); return new Response("ok"); },
  async whole(req, { R2 }) { return new Response((await R2.get("k")).body); },
  async range(req, { R2 }) { const o = await R2.get("k", { range: req.headers }); return new Response(o.body, { status: 206, headers: { "x-range": JSON.stringify(o.range) } }); },
  async none(req, { R2 }) { return new Response((await R2.get("none"))?.body ?? null, { status: 404 }); },
  async meta(req, { R2 }) { const o = await R2.get("k"); const h = new Headers(); o.writeHttpMetadata(h); h.set("etag", o.httpEtag); return new Response(o.body, { headers: h }); },
  async big(req, { R2 }) { return new Response((await R2.get("big")).body); },
  async empty(req, { R2 }) { return new Response((await R2.get("e")).body); },
  async cond(req, { R2 }) { const o = await R2.get("k", { onlyIf: req.headers }); return new Response(o.body ?? null, { status: o.body ? 200 : 304, headers: { etag: o.httpEtag } }); },
  async upload(req, { R2 }) { try { const o = await R2.put("up", req.body); return Response.json([o.size, o.etag]); } catch (e) { return Response.json([e.name, e.message]); } },
  async kvstream(req, { KV }) { return new Response(await KV.get("kv", "stream")); },
  async kvbuf(req, { KV }) { return new Response(await KV.get("kv", "arrayBuffer")); },
  async kvput(req, { KV }) { await KV.put("posted", req.body); return new Response(await KV.get("posted")); },
  async piped(req, { R2 }) { const { readable, writable } = new TransformStream(); (await R2.get("k")).body.pipeTo(writable); return new Response(readable); },
  async teed(req, { R2 }) { const [a, b] = (await R2.get("k")).body.tee(); await R2.put("copy", "x"); const t = await new Response(b).text(); return new Response(a, { headers: { "x-teed": t } }); },
};
export default { fetch(req, env) { return routes[new URL(req.url).pathname.slice(1)](req, env); } };
