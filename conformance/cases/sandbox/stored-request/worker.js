const rec = async (f) => { try { return await f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
let kept = {};
export default {
  async fetch(request, env, ctx) {
    const path = new URL(request.url).pathname.slice(1);
    switch (path) {
      case "keep": kept = { request, response: new Response("kept"), stream: new Response("stream").body, clone: request.clone(), ctx, controller: new AbortController(), text: new Response("t") }; return new Response("kept");
      case "use-request": return Response.json({ url: await rec(() => new URL(kept.request.url).pathname), method: await rec(() => kept.request.method), header: await rec(() => kept.request.headers.get("x")), });
      case "use-body": return Response.json({ body: await rec(() => kept.response.text()) });
      case "use-response": return await rec(() => kept.text) instanceof Response ? new Response("ok") : new Response("no");
      case "use-stream": return Response.json({ s: await rec(async () => { const r = kept.stream.getReader(); const c = await r.read(); return c.value?.byteLength; }) });
      case "use-fetch": return Response.json({ f: await rec(() => kept.ctx.waitUntil(Promise.resolve())) });
      default: return Response.json({ aborted: await rec(() => { kept.controller.abort(); return kept.controller.signal.aborted; }) });
    }
  },
};
