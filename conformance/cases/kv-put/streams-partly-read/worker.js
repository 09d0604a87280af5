import { text, serve, fixed, streamOf, enc } from "./h.js";

const back = (KV, v, o) => text(async () => { const r = await KV.put("v", v, o); return [r, await KV.get("v", "text")]; });
const partly = async (s) => { const r = s.getReader(); await r.read(); r.releaseLock(); return s; };
export default serve({
  async js({ KV }) { return [await back(KV, await partly(streamOf([enc("a"), enc("b")]))), await back(KV, await partly(streamOf([enc("a")]))), await back(KV, await partly(streamOf([enc("a"), enc("b")], { type: "bytes" })))]; },
  async drained({ KV }) { const s = streamOf([enc("a")]); for await (const x of s); const t = streamOf([enc("a")]); const r = t.getReader(); while (!(await r.read()).done); r.releaseLock(); return [s.locked, await back(KV, s), await back(KV, t)]; },
  async native({ KV }) { const out = []; for (const mk of [() => new Response("abc").body, () => new Blob(["abc"]).stream(), () => fixed(enc("abc")), () => new Response(new Uint8Array(100000)).body]) { out.push(await text(async () => { const s = mk(); const r = s.getReader({ mode: "byob" }); await r.read(new Uint8Array(1)); r.releaseLock(); const x = await back(KV, s); return x.ok ? x.ok[1].length : x; })); } return out; },
  async kvStream({ KV }) { await KV.put("src", "hello"); const s = await KV.get("src", "stream"); const r = s.getReader({ mode: "byob" }); await r.read(new Uint8Array(1)); r.releaseLock(); return await back(KV, s); },
  async used({ KV }) { const b = new Response("x"); await b.text(); const c = new Response("x"); await c.body.cancel(); return [await back(KV, b.body), await back(KV, c.body)]; },
  async transform({ KV }) { const s = new Response("abc").body.pipeThrough(new TransformStream()); return await back(KV, await partly(s)); },
  async r2({ R2 }) { const t = (s) => text(async () => { await R2.put("k", s); return await (await R2.get("k")).text(); }); return [await t(await partly(streamOf([enc("a"), enc("b")]))), await text(async () => { const s = fixed(enc("abc")); const r = s.getReader({ mode: "byob" }); await r.read(new Uint8Array(1)); r.releaseLock(); return await t(s); }), await text(async () => { const s = new Response("abc").body; const r = s.getReader({ mode: "byob" }); await r.read(new Uint8Array(1)); r.releaseLock(); return await t(s); })]; },
  async asBody() { const t = async (s) => text(async () => await new Response(s).text()); return [await t(await partly(streamOf([enc("a"), enc("b")]))), await text(async () => { const s = new Response("abc").body; const r = s.getReader({ mode: "byob" }); await r.read(new Uint8Array(1)); r.releaseLock(); return await t(s); })]; },
});
