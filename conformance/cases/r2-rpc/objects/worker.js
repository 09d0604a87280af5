import { text, serve, obj, plain } from "./h.js";
import { WorkerEntrypoint } from "cloudflare:workers";
export class Data extends WorkerEntrypoint {
  async head(k) { return this.env.R2.head(k); }
  async got(k, o) { return this.env.R2.get(k, o); }
  async list() { return this.env.R2.list({ include: ["customMetadata", "httpMetadata"] }); }
  async nested(k) { const h = await this.env.R2.head(k); return { a: [h, h], m: new Map([["h", h]]) }; }
  async checks(k) { return (await this.env.R2.head(k)).checksums; }
  async used(k) { const o = await this.env.R2.get(k); await o.text(); return o; }
  async locked(k) { const o = await this.env.R2.get(k); o.body.getReader(); return o; }
  async take(o) { return [o.constructor.name, o.key, o.size, typeof o.text, o.text ? await o.text() : null]; }
  async thrown() { const e = new Error("with object"); e.object = await this.env.R2.head("a"); throw e; }
  async put(k, v) { return this.env.R2.put(k, v); }
}
const more = (o) => [obj(o), plain(o.range), o.storageClass === undefined, Object.keys(o), Object.prototype.toString.call(o)];
export default serve({
  async seed({ R2 }) { await R2.put("a", "content", { customMetadata: { x: "y", "": "e" }, httpMetadata: { contentType: "t/T", cacheExpiry: new Date(1e12) }, sha1: "040f06fd774092478d450774f5ba30c5da78acc8" }); await R2.put("big", "z".repeat(700000)); await R2.put("e", ""); return 1; },
  async heads({ SELF }) { return [await text(async () => more(await SELF.head("a"))), await SELF.head("none"), await text(async () => { const h = new Headers(); (await SELF.head("a")).writeHttpMetadata(h); return [...h]; })]; },
  async gets({ SELF }) { return [await text(async () => { const o = await SELF.got("a"); return [more(o), o.bodyUsed, o.body instanceof ReadableStream, await o.text(), o.bodyUsed]; }), await text(async () => { const o = await SELF.got("a", { range: { offset: 2, length: 3 } }); return [plain(o.range), await o.text()]; }), await text(async () => { const o = await SELF.got("a", { onlyIf: { etagMatches: "x" } }); return [o.constructor.name, "body" in o]; }), await text(async () => (await SELF.got("e")).text()), await text(async () => (await (await SELF.got("a")).blob()).type)]; },
  async big({ SELF }) { const o = await SELF.got("big"); return [o.size, (await o.text()).length]; },
  async bigStream({ SELF, R2 }) { const o = await SELF.got("big"); return text(async () => (await R2.put("copy", o.body)).size); },
  async lists({ SELF }) { return text(async () => { const l = await SELF.list(); return [l.objects.map((o) => [o.constructor.name, o.key, o.customMetadata, plain(o.httpMetadata)]), l.truncated, l.delimitedPrefixes]; }); },
  async nested({ SELF }) { return text(async () => { const r = await SELF.nested("a"); return [r.a[0] === r.a[1], r.m.get("h") === r.a[0], r.a[0].key]; }); },
  async checks({ SELF }) { return text(async () => { const c = await SELF.checks("a"); return [c.constructor.name, plain(c)]; }); },
  async used({ SELF }) { return [await text(async () => more(await SELF.used("a"))), await text(async () => more(await SELF.locked("a")))]; },
  async args({ SELF, R2 }) { return [await text(async () => SELF.take(await R2.head("a"))), await text(async () => SELF.take(await R2.get("a"))), await text(async () => { const o = await R2.get("a"); await SELF.take(o); return o.bodyUsed; })]; },
  async thrown({ SELF }) { try { await SELF.thrown(); } catch (e) { return [e.message, e.object?.constructor.name ?? null]; } },
  async puts({ SELF }) { return text(async () => more(await SELF.put("p", "v"))); },
});
