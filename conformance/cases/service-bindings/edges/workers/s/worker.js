import { WorkerEntrypoint } from "cloudflare:workers";
const enc = new TextEncoder();
const seen = {};
export class Named extends WorkerEntrypoint { async fetch(r) { return new Response("named " + new URL(r.url).pathname); } }
export class NoFetch extends WorkerEntrypoint { hi() { return "hi"; } }
export const plain = { fetch(r, env, ctx) { return new Response("plain " + typeof ctx.waitUntil); }, extra(x) { return "extra " + x; } };
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const path = url.pathname;
    const h = Object.fromEntries(request.headers);
    if (path === "/head") return Response.json({ method: request.method, h, body: request.body === null ? "null" : await request.text(), cf: request.cf ?? null, redirect: request.redirect, url: request.url });
    if (path === "/empty") return new Response();
    if (path === "/emptytext") return new Response("");
    if (path === "/length") return new Response("12345");
    if (path === "/stream") return new Response(new ReadableStream({ start(c) { c.enqueue(enc.encode("st")); c.enqueue(enc.encode("ream")); c.close(); } }));
    if (path === "/fixed") { const { readable, writable } = new FixedLengthStream(5); const w = writable.getWriter(); ctx.waitUntil(w.write(enc.encode("fixed")).then(() => w.close())); return new Response(readable); }
    if (path === "/short") { const { readable, writable } = new FixedLengthStream(9); const w = writable.getWriter(); ctx.waitUntil(w.write(enc.encode("short")).then(() => w.close()).catch(() => {})); return new Response(readable); }
    if (path === "/ownlength") return new Response("12345", { headers: { "content-length": "3" } });
    if (/^\/\d+$/.test(path)) return new Response(path === "/101" ? null : null, { status: Number(path.slice(1)), headers: { "x-s": path } });
    if (path === "/breaks") { let n = 0; return new Response(new ReadableStream({ async pull(c) { if (n++ < 2) c.enqueue(enc.encode("part")); else { await scheduler.wait(5); c.error(new RangeError("callee broke")); } } })); }
    if (path === "/endless") { seen.endless = "running"; return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(enc.encode("x".repeat(1000))); }, cancel(r) { seen.endless = ["cancelled", r?.name ?? typeof r]; } })); }
    if (path === "/hang") { seen.hang = "running"; request.signal.addEventListener("abort", () => { seen.hang = ["aborted", request.signal.reason?.name]; }); await new Promise(() => setTimeout(() => {}, 30000)); }
    if (path === "/seen") { for (let n = 0; n < 60 && (seen[url.search.slice(1)] ?? "running") === "running"; n++) await scheduler.wait(5); return Response.json(seen[url.search.slice(1)] ?? "no"); }
    if (path === "/unread") return new Response("did not read");
    if (path === "/cancelbody") { await request.body.cancel("not wanted"); return new Response("cancelled"); }
    if (path === "/partial") { const r = request.body.getReader(); const { value } = await r.read(); return new Response(String(value.length > 0)); }
    if (path === "/readerror") { try { return new Response("read " + await request.text()); } catch (e) { return new Response("caught " + e.name + ": " + e.message); } }
    if (path === "/echo") return new Response(request.body);
    if (path === "/upper") return new Response(request.body.pipeThrough(new TransformStream({ transform(c, t) { t.enqueue(enc.encode(new TextDecoder().decode(c).toUpperCase())); } })));
    if (path === "/redirect") return Response.redirect("http://elsewhere/seen?none", 302);
    if (path === "/loop") return Response.redirect("http://elsewhere/loop", 302);
    if (path === "/late") { ctx.waitUntil((async () => { await scheduler.wait(20); seen.late = "ran"; })()); seen.late = "running"; return new Response("early"); }
    if (path === "/throwlate") { ctx.waitUntil(Promise.reject(new Error("in waitUntil"))); return new Response("fine"); }
    if (path === "/ws") {
      if (request.headers.get("upgrade") !== "websocket") return new Response("no upgrade", { status: 426 });
      const [a, b] = Object.values(new WebSocketPair()); b.accept();
      b.addEventListener("message", (e) => { if (e.data === "close") b.close(4001, "by callee"); else if (e.data === "binary") b.send(new Uint8Array([1, 2, 3])); else b.send("echo " + e.data); });
      b.addEventListener("close", (e) => { seen.ws = [e.code, e.reason, e.wasClean]; });
      return new Response(null, { status: 101, webSocket: a, headers: { "x-ws": "1", "sec-websocket-protocol": request.headers.get("sec-websocket-protocol") ?? "none" } });
    }
    return new Response(`default ${path}`);
  },
};
