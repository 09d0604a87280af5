import { text, serve } from "./h.js";
let early; 
export default serve({
  async waitUntil({ KV }, { ctx }) { ctx.waitUntil((async () => { await new Promise(r => setTimeout(r, 50)); await KV.put("later", "done"); })()); return "ok"; },
  async after({ KV }) { for (let n = 0; n < 50; n++) { const v = await KV.get("later"); if (v !== null) return v; await new Promise(r => setTimeout(r, 100)); } return "never"; },
  async unawaited({ KV }) { KV.put("unawaited", "x"); return "ok"; },
  async concurrency({ KV }) { const ps = []; for (let i = 0; i < 40; i++) ps.push(KV.put("c" + i, String(i))); await Promise.all(ps); const vs = await Promise.all(ps.map((_, i) => KV.get("c" + i))); return vs.every((v, i) => v === String(i)); },
  async sameKey({ KV }) { const p1 = KV.put("same", "1"); const p2 = KV.put("same", "2"); await p1; await p2; return ["1", "2"].includes(await KV.get("same")); },
  async keep({ KV }) { early = KV; return "kept"; },
  async useKept() { return text(() => early.get("later")); },
  async inStream({ KV }, { req }) { const { readable, writable } = new TransformStream(); const w = writable.getWriter(); const p = (async () => { await w.write(new TextEncoder().encode(String(await KV.get("later")))); await w.close(); })(); const t = await new Response(readable).text(); await p; return t; },
  async cancelled({ KV }) { await KV.put("big", "x".repeat(300000)); const s = await KV.get("big", "stream"); const r = s.getReader(); const { value } = await r.read(); await r.cancel("enough"); return [value instanceof Uint8Array, value.length > 0]; },
  async byob({ KV }) { const s = await KV.get("big", "stream"); const r = s.getReader({ mode: "byob" }); const { value, done } = await r.read(new Uint8Array(10)); await r.cancel(); return [value.length, done]; },
  async teed({ KV }) { const [a, b] = (await KV.get("big", "stream")).tee(); return [(await new Response(a).text()).length, (await new Response(b).text()).length]; },
  async unread({ KV }) { const s = await KV.get("big", "stream"); return [s.locked, s.constructor.name]; },
  async stack({ KV }) { try { await KV.get("x".repeat(600)); } catch (e) { return [typeof e.stack, Object.keys(e), Object.getOwnPropertyNames(e), e.constructor === Error, String(e), e.cause === undefined, "remote" in e, "retryable" in e]; } },
});
