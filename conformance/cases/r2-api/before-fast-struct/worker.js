import { text, serve } from "./h.js";
export default serve({
  async keys({ R2 }) { await R2.put("k", "v"); const o = await R2.get("k", { range: { offset: 0 } }); await o.text(); const u = await R2.createMultipartUpload("m"); const p = await u.uploadPart(1, "x"); return [Object.keys(o), Object.keys(Object.getPrototypeOf(o)), Object.keys(o.range), Object.keys(o.checksums.toJSON()), Object.keys(o.checksums), Object.keys(o.httpMetadata), Object.keys(await R2.list()), Object.keys(await R2.list({ limit: 1 })), Object.prototype.toString.call(R2), Object.prototype.toString.call(o), Object.keys(p), Object.getOwnPropertyNames(Object.getPrototypeOf(R2)), typeof globalThis.R2Object]; },
  async list({ R2 }) { const l = await R2.list({ include: ["customMetadata"] }); const m = await R2.list({}); return [Object.keys(l.objects[0]), l.objects[0].httpMetadata, m.objects[0].customMetadata, m.objects[0].range, Object.keys(m.objects[0].httpMetadata ?? {})]; },
});
