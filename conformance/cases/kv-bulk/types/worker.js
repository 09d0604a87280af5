import { text, how, serve } from "./h.js";
export default serve({
  async seed({ KV }) { await KV.put("a", "1"); await KV.put("b", '{"x":1}', { metadata: { m: 1 } }); await KV.put("bad", "{"); await KV.put("e", ""); await KV.put("bin", new Uint8Array([255, 0, 65])); return 1; },
  async types({ KV }) { const out = []; for (const t of [undefined, null, "text", "json", "arrayBuffer", "stream", "", "JSON", 5, {}, { type: "json" }, { type: "text" }, { type: "arrayBuffer" }, { type: "stream" }, { type: null }, { type: "" }, { cacheTtl: 60 }, { cacheTtl: 10 }, { cacheTtl: 30, type: "json" }, { cacheTtl: "x" }, [], Symbol("x")]) out.push([await text(() => KV.get(["a", "b"], t)), await text(() => KV.getWithMetadata(["b", "none"], t))]); return out; },
  async values({ KV }) { return [await text(() => KV.get(["a", "bad"], "json")), await text(() => KV.get(["e"], "json")), await text(() => KV.get(["e", "bin"])), await text(() => KV.get(["none"])), await text(() => KV.getWithMetadata(["e", "bin", "none", "a"])), await text(() => KV.getWithMetadata(["a", "bad"], "json"))]; },
  async keys({ KV }) { const out = []; for (const ks of [[], [null], [undefined], [true], [{}], [[]], [["a"]], [Symbol("x")], ["a", "a"], ["a", ""], ["."], ["a".repeat(513)], new Array(2), Array.from({ length: 100 }, (_, i) => "k" + i), Array.from({ length: 101 }, (_, i) => "k" + i), new Set(["a"]), new Map([["a", 1]]), { 0: "a", length: 1 }, new Uint8Array([97])]) out.push(await text(async () => { const r = await KV.get(ks); return r instanceof Map ? [r.size, [...r.keys()].slice(0, 3)] : r; })); return out; },
  async order({ KV }) { return [[...(await KV.get(["b", "a", "none", "e"])).keys()]]; },
  async map({ KV }) { const m = await KV.get(["a", "b"]); return [m instanceof Map, Object.prototype.toString.call(m), m.get("zz"), Object.keys(m), m.size]; },
  async how({ KV }) { return [await how(() => KV.get([Symbol("x")])), await how(() => KV.get([])), await how(() => KV.get(["a"], Symbol("x"))), await how(() => KV.getWithMetadata([Symbol("x")]))]; },
  async many({ KV }) { const ks = Array.from({ length: 100 }, (_, i) => "long-key-" + "x".repeat(400) + i); return text(async () => (await KV.get(ks)).size); },
  async proto({ KV }) { await KV.put("constructor", "c"); return text(() => KV.get(["constructor", "toString"])); },
});
