const H = { "cache-control": "max-age=60" };
const probe = async (f) => {
  try {
    return await f();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
export default {
  async fetch(request, env, ctx) {
    const c = caches.default;
    const k = new URL("/cache/bodies" + new URL(request.url).search, request.url).href;
    const get = async (key) => (await (await c.match(key))?.text()) ?? null;
    const out = {};
    out.fails = await probe(() => c.put(k + 1, new Response(new ReadableStream({ pull(x) { x.error(new RangeError("source")); } }), { headers: H })));
    out.failsKept = await get(k + 1);
    out.failsLater = await probe(() => { let n = 0; return c.put(k + 2, new Response(new ReadableStream({ pull(x) { n++ ? x.error(new RangeError("later")) : x.enqueue(new TextEncoder().encode("begin")); } }), { headers: H })); });
    out.failsLaterKept = await get(k + 2);
    const r = new Response("cloned", { headers: H });
    ctx.waitUntil(c.put(k + 3, r.clone()));
    out.original = await r.text();
    await new Promise((ok) => setTimeout(ok, 300));
    out.clone = await get(k + 3);
    const { readable, writable } = new TransformStream();
    const p = c.put(k + 4, new Response(readable, { headers: H }));
    const w = writable.getWriter();
    await w.write(new TextEncoder().encode("one "));
    await w.write(new TextEncoder().encode("two"));
    await w.close();
    await p;
    out.transform = await get(k + 4);
    out.strings = await probe(async () => { await c.put(k + 5, new Response(new ReadableStream({ start(x) { x.enqueue("text"); x.close(); } }), { headers: H })); return get(k + 5); });
    out.numbers = await probe(async () => (await c.put(k + 6, new Response(new ReadableStream({ start(x) { x.enqueue(5); x.close(); } }), { headers: H })), "stored"));
    await c.put(k + 7, new Response(new Blob(["blob"], { type: "text/x" }), { headers: H }));
    out.blob = [await get(k + 7), (await c.match(k + 7)).headers.get("content-type")];
    const from = await c.match(k + 7);
    await c.put(k + 8, from);
    out.copied = await get(k + 8);
    out.two = await Promise.all([get(k + 8), get(k + 8)]);
    const reading = await c.match(k + 8);
    await c.delete(k + 8);
    out.deletedWhileReading = await reading.text();
    const half = (await c.match(k + 3)).body.getReader();
    await half.cancel();
    out.cancelled = await get(k + 3);
    await c.put(k + 9, new Response(new Uint8Array(300000).fill(7), { headers: H }));
    out.large = (await (await c.match(k + 9)).arrayBuffer()).byteLength;
    return Response.json(out);
  },
};
