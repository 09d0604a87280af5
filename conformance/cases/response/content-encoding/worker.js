// A body whose headers say it is encoded is encoded on its way out, unless encodeBody is "manual".
const gzip = async (text) =>
  new Uint8Array(
    await new Response(new Response(text).body.pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
  );
const text = "all work and no play makes Jack a dull boy. ".repeat(20);
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/automatic":
        return new Response(text, { headers: { "content-encoding": "gzip" } });
      case "/automatic-stream":
        return new Response(new Blob([text]).stream(), { headers: { "content-encoding": "gzip" } });
      case "/automatic-length":
        return new Response(text, { headers: { "content-encoding": "gzip", "content-length": "880" } });
      case "/manual":
        return new Response(await gzip(text), { encodeBody: "manual", headers: { "content-encoding": "gzip" } });
      case "/manual-stream":
        return new Response(new Blob([await gzip(text)]).stream(), {
          encodeBody: "manual",
          headers: { "content-encoding": "gzip" },
        });
      case "/upper":
        return new Response(text, { headers: { "content-encoding": "GZIP" } });
      case "/brotli":
        return new Response(text, { headers: { "content-encoding": "br" } });
      case "/deflate":
        return new Response("not deflated", { headers: { "content-encoding": "deflate" } });
      case "/unknown":
        return new Response("plain", { headers: { "content-encoding": "x-unknown" } });
      case "/identity":
        return new Response("plain", { headers: { "content-encoding": "identity" } });
      case "/two":
        return new Response("plain", { headers: { "content-encoding": "gzip, br" } });
      case "/empty":
        return new Response("", { headers: { "content-encoding": "gzip" } });
      case "/null":
        return new Response(null, { headers: { "content-encoding": "gzip" } });
      case "/no-content":
        return new Response(null, { status: 204, headers: { "content-encoding": "gzip" } });
      case "/clone":
        return new Response(text, { headers: { "content-encoding": "gzip" } }).clone();
      case "/rewrapped-manual": {
        const inner = new Response(await gzip(text), {
          encodeBody: "manual",
          headers: { "content-encoding": "gzip" },
        });
        return new Response(inner.body, inner);
      }
      case "/read-back": {
        const made = new Response(text, { headers: { "content-encoding": "gzip" } });
        return Response.json({ same: (await made.text()) === text, header: made.headers.get("content-encoding") });
      }
    }
  },
};
