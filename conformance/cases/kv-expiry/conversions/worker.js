import { text, serve, streamOf, soon } from "./h.js";

const now = () => Math.floor(Date.now() / 1000);
const put = (KV, o) => text(async () => { await KV.put("e", "v", o); const e = (await KV.list({ prefix: "e" })).keys[0].expiration; if (o.expiration && e - now() > 1e6) return e; return e === undefined ? "none" : typeof e === "number" ? e - now() > 0 && Math.round((e - now()) / 10) * 10 : e; });
export default serve({
  async ttl({ KV }) { const out = []; for (const t of [60, 61, 59, 0, -1, 1, 60.9, 59.9, "60", "59", "abc", "", NaN, Infinity, null, undefined, true, [], [90], {}, 90n, 31536000, 2147483647, 2147483648, 1e12, -2147483649, Symbol("s")]) out.push(await put(KV, { expirationTtl: t })); return out; },
  async at({ KV }) { const out = []; for (const t of [now() + 90, now() + 30, now() - 10, now(), 0, -1, 1, "abc", "", NaN, Infinity, null, undefined, true, [], {}, 2147483647, 2147483648, 4102444800, 1e12, String(now() + 90), now() + 90.7]) out.push(await put(KV, { expiration: t }).then((x) => (x.message ? { ...x, message: x.message.replace(/\d{9,10}\b/g, (d) => (Math.abs(Number(d) - now()) < 1e4 ? "NOW" : d)) } : x))); return out; },
  async both({ KV }) { const out = []; for (const o of [{ expiration: now() + 500, expirationTtl: 100 }, { expiration: now() - 5, expirationTtl: 100 }, { expiration: now() + 500, expirationTtl: 5 }, { expiration: undefined, expirationTtl: 100 }, { expiration: 0, expirationTtl: 100 }]) out.push(await put(KV, o).then((x) => (x.message ? { ...x, message: x.message.replace(/\d{9,10}\b/g, "NOW") } : x))); return out; },
  async cleared({ KV }) { await KV.put("c", "v", { expirationTtl: 100 }); await KV.put("c", "w"); return (await KV.list({ prefix: "c" })).keys; },
  async changed({ KV }) { await KV.put("c", "v", { expirationTtl: 100 }); await KV.put("c", "v", { expirationTtl: 1000 }); return soon((await KV.list({ prefix: "c" })).keys[0].expiration, 900, 1100); },
  async notInGet({ KV }) { await KV.put("g", "v", { expirationTtl: 100, metadata: 1 }); return [await KV.getWithMetadata("g"), (await KV.getWithMetadata(["g"])).get("g")]; },
  async failedLeaves({ KV }) { await KV.put("f", "old", { metadata: 1 }); await text(() => KV.put("f", "new", { expirationTtl: 1 })); await text(() => KV.put("f", "new", { metadata: "x".repeat(2000) })); await text(() => KV.put("f", streamOf([5]))); return await KV.getWithMetadata("f"); },
});
