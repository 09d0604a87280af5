const show = async (r) => (r ? [r.status, r.headers.get("content-range"), r.headers.get("content-length"), r.headers.get("etag"), await r.text()] : null);
export default {
  async fetch(request) {
    const c = caches.default;
    const k = new URL("/cache/ranges" + new URL(request.url).search, request.url).href;
    await c.put(k, new Response("0123456789", { headers: { "cache-control": "max-age=60", etag: '"v1"', "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT" } }));
    const m = async (headers, key = k) => show(await c.match(new Request(key, { headers })));
    const out = {};
    for (const range of ["bytes=0-0", "bytes=5-", "bytes=-3", "bytes=-100", "bytes=0-100", "bytes=9-9", "bytes=10-", "bytes=5-2", "bytes=abc", "items=0-1", "bytes=0-", "bytes=-0"]) out[range] = await m({ range });
    for (const [n, h] of Object.entries({
      inm: { "if-none-match": '"v1"' }, weak: { "if-none-match": 'W/"v1"' }, list: { "if-none-match": '"a", "v1"' }, star: { "if-none-match": "*" }, other: { "if-none-match": '"v2"' },
      imsEqual: { "if-modified-since": "Wed, 21 Oct 2015 07:28:00 GMT" }, imsBefore: { "if-modified-since": "Wed, 21 Oct 2015 07:27:59 GMT" }, imsAfter: { "if-modified-since": "Wed, 21 Oct 2016 07:28:00 GMT" },
      inmWins: { "if-none-match": '"v2"', "if-modified-since": "Wed, 21 Oct 2016 07:28:00 GMT" }, both: { "if-none-match": '"v1"', range: "bytes=0-1" },
    })) out[n] = await m(h);
    await c.put(k + "p", new Response("plain", { headers: { "cache-control": "max-age=60" } }));
    out.noEtag = await m({ "if-none-match": '"v1"' }, k + "p");
    out.noDate = await m({ "if-modified-since": "Wed, 21 Oct 2016 07:28:00 GMT" }, k + "p");
    let i = 0;
    await c.put(k + "s", new Response(new ReadableStream({ pull(x) { i < 5 ? x.enqueue(new TextEncoder().encode("ab" + i++)) : x.close(); } }), { headers: { "cache-control": "max-age=60" } }));
    out.streamed = await m({ range: "bytes=1-4" }, k + "s");
    out.streamedWhole = await m({}, k + "s");
    await c.put(k + "nf", new Response("not found", { status: 404, headers: { "cache-control": "max-age=60" } }));
    out.notFound = await m({ range: "bytes=0-1" }, k + "nf");
    return Response.json(out);
  },
};
