import { text, serve } from "./h.js";
export default serve({
  async keys({ KV }) { const k = "a\ud800b"; return [await text(() => KV.put(k, "lone")), await text(() => KV.get(k)), await text(() => KV.getWithMetadata(k)), await text(() => KV.delete(k)), await text(() => KV.get([k])), await text(() => KV.get([k, "b"], "json")), await text(() => KV.list({ prefix: k })), await text(() => KV.get("\udc00")), await text(() => KV.get("\udc00\ud800")), await text(() => KV.get("\ud83d\ude00"))]; },
  async values({ KV }) { await KV.put("v", "x\ud800y\udfff"); return [await text(() => KV.get("v")), await text(() => KV.get("v", "arrayBuffer")), await text(() => KV.get(["v"])), await text(() => KV.get("v", "json"))]; },
  async metadata({ KV }) { await KV.put("m", "", { metadata: { "k\ud800": "v\udc00" } }); return [await text(() => KV.getWithMetadata("m")), await text(() => KV.list())]; },
});
