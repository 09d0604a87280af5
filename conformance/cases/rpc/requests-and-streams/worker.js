const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
export default {
  async fetch(request, env) {
    const out = {};
    const enc = new TextEncoder();
    const tries = {
      response: async () => { const r = await env.S.respond(201, "made", { "x-a": "b", "content-type": "text/x" }); return [r.constructor.name, r.status, r.ok, r.headers.get("x-a"), r.headers.get("content-type"), await r.text()]; },
      empty: async () => { const r = await env.S.respond(204, null); return [r.status, r.body, await r.text()]; },
      streamed: async () => (await env.S.streamed()).text(),
      json: async () => (await env.S.respond(200, '{"a":1}')).json(),
      request: async () => env.S.describe(new Request("http://host/path?q", { method: "POST", body: "body", headers: { "x-r": "1" } })),
      plainRequest: async () => env.S.describe(new Request("http://host/")),
      requestStream: async () => env.S.describe(new Request("http://host/", { method: "PUT", body: new Blob(["streamed"]).stream() })),
      incoming: async () => (await env.S.describe(request.clone())).length,
      responseArg: async () => (await env.S.describe(new Response("resp", { status: 418, headers: { "x-q": "z" } }))).slice(0, 2),
      usedBody: async () => { const r = new Response("x"); await r.text(); return env.S.describe(r); },
      sentIsUsed: async () => { const r = new Response("x"); await env.S.describe(r); return r.bodyUsed; },
      headers: async () => { const h = await env.S.headers(new Headers([["a", "1"], ["set-cookie", "x=1"], ["set-cookie", "y=2"]])); return [h.constructor.name, [...h], h.getSetCookie()]; },
      failing: async () => new Response(await env.S.failing()).text(),
      objects: async () => { const s = await env.S.objects(); return (await s.getReader().read()).value; },
      strings: async () => { const s = await env.S.strings(); return new Response(s).text(); },
      cancelled: async () => { let reason; const s = new ReadableStream({ pull(c) { c.enqueue(enc.encode("x")); }, cancel(r) { reason = r; } }); const r = await env.S.cancelled(s); await scheduler.wait(20); return [r, reason === undefined ? "none" : "reason"]; },
      abortIt: async () => { const { readable, writable } = new TransformStream(); const p = new Response(readable).text().catch((e) => "failed"); const r = await env.S.abortIt(writable); return [r, await p]; },
      inObject: async () => { const o = await env.S.inObject(); return [o.name, await new Response(o.body).text()]; },
      two: async () => env.S.two(new Blob(["a"]).stream(), new Blob(["b"]).stream()),
      big: async () => { let n = 0; for await (const c of await env.S.big(8)) n += c.byteLength; return n; },
      sizeUp: async () => { let left = 8; return env.S.size(new ReadableStream({ pull(c) { if (left-- <= 0) c.close(); else c.enqueue(new Uint8Array(65536)); } })); },
      locked: async () => { const s = new Blob(["x"]).stream(); s.getReader(); return env.S.size(s); },
      sentIsLocked: async () => { const s = new Blob(["x"]).stream(); const p = env.S.size(s); const locked = s.locked; await p; return locked; },
      byob: async () => { const s = await env.S.big(1); const r = s.getReader({ mode: "byob" }); const { value, done } = await r.read(new Uint8Array(10)); return [value.byteLength, done]; },
      streamTag: async () => { const s = await env.S.big(1); return [s.constructor.name, Object.prototype.toString.call(s), s.locked]; },
      result: async () => { const r = await env.S.request(); return [r.constructor.name, r.method, r.url, r.headers.get("a"), await r.text()]; },
      pipelined: async () => [await env.S.respond(200, "x").status, typeof (await env.S.respond(200, "x").text)],
      bigValue: async () => { const b = new Uint8Array(300_000).fill(7); const r = await env.S.describe(new Response(b)); return r[4].length; },
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
