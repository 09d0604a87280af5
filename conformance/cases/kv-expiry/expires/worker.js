import { serve } from "./h.js";

export default serve({
  async seed({ KV }) { await KV.put("ttl", "v", { expirationTtl: 60, metadata: { a: 1 } }); await KV.put("at", "v", { expiration: Math.floor(Date.now() / 1000) + 61 }); await KV.put("later", "v", { expirationTtl: 3600 }); await KV.put("kept", "v"); return await Promise.all(["ttl", "at", "later", "kept"].map((k) => KV.get(k))); },
  async gone({ KV }) { return [await Promise.all(["ttl", "at", "later", "kept"].map((k) => KV.get(k))), await KV.getWithMetadata("ttl").then((r) => [r.value, r.metadata]), (await KV.list()).keys.map((k) => k.name), [...(await KV.get(["ttl", "kept"]))]]; },
  async again({ KV }) { await KV.put("ttl", "new"); const r = await KV.getWithMetadata("ttl"); return [r.value, r.metadata, (await KV.list({ prefix: "t" })).keys]; },
});
