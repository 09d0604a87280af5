// Responses of another worker as its caller gets them, read and passed on.
const show = async (r) => ({
  status: r.status,
  statusText: r.statusText,
  ok: r.ok,
  url: r.url,
  redirected: r.redirected,
  type: r.type,
  headers: [...r.headers].filter(([k]) => k !== "content-length"),
  body: r.body === null ? null : await r.text(),
});
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/pass")) return env.INNER.fetch("http://inner" + pathname.slice(5));
    if (pathname.startsWith("/wrap")) {
      const r = await env.INNER.fetch("http://inner" + pathname.slice(5));
      return new Response(r.body, r);
    }
    const out = {};
    for (const path of ["gzip", "manual", "null", "empty", "204", "304", "error", "redirect", "cookies", "unicode", "stream"]) {
      try {
        out[path] = await show(await env.INNER.fetch("http://inner/" + path, { redirect: "manual" }));
      } catch (e) {
        out[path] = { $error: e.name, $message: e.message };
      }
    }
    const ask = async (input, init) => (await env.INNER.fetch(input, init)).json();
    out.requests = [
      await ask("http://inner/request?x=1#frag"),
      await ask(new Request("http://inner/request", { method: "POST", body: "b", cf: { mine: 1 } })),
      await ask("http://inner/request", { method: "PUT", body: new URLSearchParams("a=1"), headers: { Accept: "*/*" } }),
      await ask("http://inner/request", { method: "POST" }),
      await ask("http://inner/request", { method: "POST", body: "" }),
      await ask("http://inner/request", { method: "DELETE", body: new Blob(["blob"]).stream() }),
      await ask("http://inner/request", { headers: { "x-b": "ü", cookie: "a=1" }, redirect: "manual" }),
    ];
    out.head = await show(await env.INNER.fetch("http://inner/gzip", { method: "HEAD" }));
    return Response.json(out);
  },
};
