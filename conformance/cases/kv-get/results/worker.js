import { text, serve, pattern, drain, dec } from "./h.js";

export default serve({
  async seed({ KV }) { await KV.put("k", "hello world", { metadata: ["x"] }); await KV.put("e", ""); await KV.put("big", pattern(300000)); return 1; },
  async streamReads({ KV }) { const s = await KV.get("k", "stream"); const [a, b] = s.tee(); return [await new Response(a).text(), dec(await drain(b)), s.locked]; },
  async byob({ KV }) { const s = await KV.get("k", "stream"); return await text(async () => { const r = s.getReader({ mode: "byob" }); const x = await r.read(new Uint8Array(4)); const y = await r.read(new Uint8Array(100)); return [x.done, dec(x.value), y.done, dec(y.value)]; }); },
  async byobBig({ KV }) { const s = await KV.get("big", "stream"); const r = s.getReader({ mode: "byob" }); const x = await r.readAtLeast(100000, new Uint8Array(200000)); r.releaseLock(); const rest = await drain(s); return [x.done, x.value.length >= 100000, x.value.length + rest.length, rest.at(-1)]; },
  async cancel({ KV }) { const s = await KV.get("big", "stream"); const r = await s.cancel("why"); return [r, await text(() => s.getReader().read()), await KV.get("k")]; },
  async decode({ KV }) { const s = (await KV.get("k", "stream")).pipeThrough(new TextDecoderStream()); let t = ""; for await (const c of s) t += typeof c + c; return t; },
  async asResponse({ KV }) { const r = new Response(await KV.get("k", "stream")); const q = new Response(await KV.get("k", "arrayBuffer")); return [[...r.headers], [...q.headers], await r.text(), await q.text()]; },
  async emptyStream({ KV }) { const s = await KV.get("e", "stream"); return [s instanceof ReadableStream, (await drain(s)).length, await KV.get("e"), (await KV.get("e", "arrayBuffer")).byteLength]; },
  async bufferIsMine({ KV }) { const a = await KV.get("k", "arrayBuffer"); new Uint8Array(a).fill(0); const b = await KV.get("k", "arrayBuffer"); return [dec(b), a instanceof ArrayBuffer, a.resizable, a.byteLength]; },
  async metaIsMine({ KV }) { const a = await KV.getWithMetadata("k"); a.metadata.push("y"); a.value = 1; const b = await KV.getWithMetadata("k"); return [b, Object.keys(b), Object.isFrozen(b), Object.getPrototypeOf(b) === Object.prototype]; },
  async jsonIsMine({ KV }) { await KV.put("j", '{"a":[1]}'); const a = await KV.get("j", "json"); a.a.push(2); return await KV.get("j", "json"); },
  async mapShape({ KV }) { const m = await KV.get(["k", "none", "e"]); return [m instanceof Map, m.size, [...m.keys()], [...m.values()], m.get("none") === null, m.has("zzz"), Object.getPrototypeOf(m) === Map.prototype]; },
  async mapMeta({ KV }) { const m = await KV.getWithMetadata(["k", "none", "e"]); return [[...m], Object.keys(m.get("k")), m.get("none")]; },
  async listShape({ KV }) { const l = await KV.list(); return [Object.keys(l), l.keys.map((k) => Object.keys(k)), Array.isArray(l.keys), l.cursor === undefined, "cursor" in l]; },
  async listPageShape({ KV }) { const l = await KV.list({ limit: 1 }); return [Object.keys(l), typeof l.cursor, l.cursor.length > 0, l.list_complete]; },
  async promises({ KV }) { return [KV.get("k") instanceof Promise, KV.put("p", "1") instanceof Promise, KV.delete("p") instanceof Promise, KV.list() instanceof Promise, KV.getWithMetadata("k") instanceof Promise, await KV.put("p", "1"), await KV.delete("p"), await KV.delete("never")]; },
  async interleaved({ KV }) { const p = []; for (let i = 0; i < 20; i++) p.push(KV.put("seq", String(i))); await Promise.all(p); const q = [KV.put("x", "1"), KV.put("x", "2"), KV.delete("x")]; await Promise.all(q); return [(await KV.get("seq")) !== null, [null, "1", "2"].includes(await KV.get("x"))]; },
  async waitUntil({ KV }, { ctx }) { const { promise, resolve } = Promise.withResolvers(); ctx.waitUntil(KV.put("wu", "1").then(resolve)); await promise; return await KV.get("wu"); },
  async parallelStreams({ KV }) { const ss = await Promise.all(Array.from({ length: 5 }, () => KV.get("big", "stream"))); const ls = await Promise.all(ss.map(drain)); return ls.map((l) => l.length); },
  async unreadStreams({ KV }) { for (let i = 0; i < 8; i++) await KV.get("k", "stream"); return await KV.get("k"); },
});
