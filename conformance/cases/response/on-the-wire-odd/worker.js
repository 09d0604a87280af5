const te = new TextEncoder();
const streamOf = (...parts) =>
  new ReadableStream({
    async pull(c) {
      const part = parts.shift();
      if (part === undefined) c.close();
      else if (part instanceof Error) c.error(part);
      else c.enqueue(typeof part === "string" ? te.encode(part) : part);
    },
  });
function fixed(length, ...parts) {
  const { readable, writable } = new FixedLengthStream(length);
  const writer = writable.getWriter();
  (async () => {
    for (const part of parts) await writer.write(te.encode(part));
    await writer.close();
  })().catch(() => {});
  return readable;
}
const answers = {
  created: () => new Response("made", { status: 201, statusText: "Made Up" }),
  odd: () => new Response("x", { status: 299 }),
  teapot: () => new Response("short and stout", { status: 418 }),
  last: () => new Response("y", { status: 599 }),
  empty: () => new Response(""),
  emptyStream: () => new Response(streamOf()),
  emptyChunks: () => new Response(streamOf("", "a", "", "b", "")),
  noContent: () => new Response(null, { status: 204 }),
  reset: () => new Response(null, { status: 205 }),
  notModified: () => new Response(null, { status: 304, headers: { etag: '"a"', "content-type": "text/x" } }),
  fixed: () => new Response(fixed(5, "he", "llo")),
  fixedShort: () => new Response(fixed(5, "he")),
  ownLength: () => new Response(streamOf("abc"), { headers: { "content-length": "3" } }),
  wrongLength: () => new Response("abcdef", { headers: { "content-length": "3" } }),
  manyHeaders: () => new Response("h", { headers: [["x-a", "1"], ["x-a", "2"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["X-Case", "V"], ["x-empty", ""], ["x-space", "  a  b  "]] }),
  connection: () => new Response("c", { headers: { connection: "close", "keep-alive": "timeout=5", "transfer-encoding": "chunked", upgrade: "x", te: "y" } }),
  date: () => new Response("d", { headers: { date: "Thu, 01 Jan 1970 00:00:00 GMT", server: "mine", "x-powered-by": "z" } }),
  type: () => new Response(new Uint8Array([1, 2]), { headers: { "content-type": "" } }),
  blob: () => new Response(new Blob(["b"], { type: "text/html" })),
  search: () => new Response(new URLSearchParams({ a: "1 2" })),
  encoded: () => new Response("plain", { headers: { "content-encoding": "identity" } }),
  gzip: () => new Response(new Blob(["zipped"]).stream().pipeThrough(new CompressionStream("gzip")), { headers: { "content-encoding": "gzip" }, encodeBody: "manual" }),
  redirect: () => Response.redirect("http://elsewhere.example/a b", 307),
  relative: () => new Response(null, { status: 302, headers: { location: "/x?y" } }),
  json: () => Response.json({ a: [1, null, "é"] }, { status: 422, headers: { "x-y": "z" } }),
  twice: (request) => new Response(request.body, { headers: { "content-type": request.headers.get("content-type") ?? "none" } }),
  clone: () => {
    const response = new Response(streamOf("abc"));
    response.clone().text();
    return response;
  },
  promise: () => Promise.resolve(new Response("later")),
  async: async () => {
    await scheduler.wait(1);
    return new Response("even later");
  },
  range: () => new Response("part", { status: 206, headers: { "content-range": "bytes 0-3/10", "accept-ranges": "bytes" } }),
  latin: () => new Response("l", { headers: { "x-l": "caf\u00e9" } }),
  url: (request) => Response.json([request.url, request.method, [...request.headers].filter(([k]) => /^x-(a|b|empty)$/.test(k))]),
};
export default {
  async fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    return await (answers[name] ?? answers.url)(request);
  },
};
