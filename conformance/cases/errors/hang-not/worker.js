import add from "./add.wasm";
export default {
  async fetch(request, env, ctx) {
    const path = new URL(request.url).pathname.slice(1);
    const out = async () => { switch (path) {
      case "timer": return await new Promise((r) => setTimeout(() => r("fired"), 30));
      case "interval": return await new Promise((r) => { let n = 0; const t = setInterval(() => { if (++n === 3) { clearInterval(t); r(n); } }, 5); });
      case "crypto": { let d = new Uint8Array(1 << 20); for (let i = 0; i < 3; i++) d = new Uint8Array(await crypto.subtle.digest("SHA-256", d)); const k = await crypto.subtle.importKey("raw", d, "PBKDF2", false, ["deriveBits"]); return (await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: d, iterations: 50000 }, k, 256)).byteLength; }
      case "wasm": { const i = await WebAssembly.instantiate(add, {}); return i.exports.add(1, 2); }
      case "stream": { const s = new ReadableStream({ async pull(c) { await scheduler.wait(10); c.enqueue(new Uint8Array([65])); c.close(); } }); return await new Response(s).text(); }
      case "transform": { const t = new TransformStream(); const w = t.writable.getWriter(); w.write(new TextEncoder().encode("through")); w.close(); return await new Response(t.readable).text(); }
      case "compress": { const c = new Response(new Blob(["x".repeat(100000)]).stream().pipeThrough(new CompressionStream("gzip"))); return (await new Response(c.body.pipeThrough(new DecompressionStream("gzip"))).text()).length; }
      case "wait-until-resolves": return await new Promise((r) => { ctx.waitUntil(scheduler.wait(20).then(() => r("by waitUntil"))); });
      case "microtasks": { let n = 0; while (n < 5000) { await null; n++; } return n; }
      case "service": return await (await env.SELF.fetch("http://x/timer")).text();
      case "blob": return await new Blob(["a", new Blob(["b"])]).text();
      case "body": return await request.text();
      case "tee": { const [a, b] = new Response("tee").body.tee(); return [await new Response(a).text(), await new Response(b).text()]; }
      case "import": return Object.keys(await import("./worker.js"));
      case "pipe": { const { readable, writable } = new TransformStream(); const p = new Response("piped").body.pipeTo(writable); const t = await new Response(readable).text(); await p; return t; }
    } };
    return Response.json({ path, out: await out() });
  },
};
