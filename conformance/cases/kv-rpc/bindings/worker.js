import { text, serve } from "./h.js";
import { WorkerEntrypoint, env as globalEnv } from "cloudflare:workers";
import util from "node:util";
export class Data extends WorkerEntrypoint {
  async kvGet(k) { return this.env.KV.get(k); }
  async kv() { return this.env.KV; }
  async r2() { return this.env.R2; }
  async head(k) { return this.env.R2.head(k); }
  async got(k) { return this.env.R2.get(k); }
  async stream(k) { return this.env.KV.get(k, "stream"); }
  async r2stream(k) { return (await this.env.R2.get(k)).body; }
  async take(x) { return typeof x; }
  async useKv(kv) { return kv.get("a"); }
  async upload() { return this.env.R2.createMultipartUpload("u"); }
}
export default serve({
  async seed({ KV, R2 }) { await KV.put("a", "1"); await R2.put("a", "obj", { customMetadata: { x: "y" } }); return 1; },
  async calls({ SELF }) { return [await text(() => SELF.kvGet("a")), await text(async () => new Response(await SELF.stream("a")).text()), await text(async () => new Response(await SELF.r2stream("a")).text())]; },
  async passKv({ SELF, KV }) { return [await text(() => SELF.take(KV)), await text(() => SELF.useKv(KV)), await text(async () => (await SELF.kv()).get("a"))]; },
  async passR2({ SELF, R2 }) { return [await text(() => SELF.take(R2)), await text(async () => (await (await SELF.r2()).head("a")).size)]; },
  async heads({ SELF }) { return [await text(async () => { const h = await SELF.head("a"); return [h.constructor.name, h.key, h.size, h.customMetadata, typeof h.writeHttpMetadata]; }), await text(async () => { const g = await SELF.got("a"); return [g.constructor.name, await g.text()]; }), await text(async () => (await SELF.upload()).key)]; },
  async inspect({ KV, R2 }) { return [util.inspect(KV), util.inspect(R2), util.inspect(await KV.list()).length > 0, util.types.isProxy(KV), util.isDeepStrictEqual(KV, KV)]; },
  async inspectObject({ R2 }) { const h = await R2.head("a"); return [util.inspect(h.range), util.inspect(h.httpMetadata), util.inspect(h.checksums).replace(/<[0-9a-f ]+>/, "<>"), util.inspect(R2.resumeMultipartUpload("a", "b"))]; },
  async env({ KV }) { return [globalEnv.KV === KV, Object.keys(globalEnv).sort(), await globalEnv.KV.get("a")]; },
});
