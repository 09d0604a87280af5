import { text, serve } from "./h.js";

export default serve({
  async seed({ KV }) { await KV.put("a", "1"); await KV.put("b", '{"x":2}', { metadata: { m: 1 } }); await KV.put("n", "not json"); await KV.put("bin", new Uint8Array([0xff, 0xfe])); await KV.put("e", ""); return 1; },
  async arrays({ KV }) { const out = []; for (const k of [[], ["a"], ["a", "a"], ["a", "none"], [null], [undefined], [{}], [["a"]], ["", "a"], [".", "a"], ["x".repeat(513)], [Symbol("s")], new Set(["a"]), ["a", , "b"], Object.assign(["a"], { extra: 1 }), { 0: "a", length: 1 }, new (class extends Array {})("a", "b")]) out.push(await text(async () => { const r = await KV.get(k); return r instanceof Map ? [...r] : ["no map", r]; })); return out; },
  async types({ KV }) { const out = []; for (const t of [undefined, null, "text", "json", "arrayBuffer", "stream", "nope", "", {}, { type: "json" }, { type: "text" }, { type: "arrayBuffer" }, { type: "stream" }, { type: "nope" }, { type: null }, { cacheTtl: 60 }, { cacheTtl: 10 }, { cacheTtl: 60, type: "json" }, 5, []]) out.push(await text(async () => [...(await KV.get(["b", "none"], t))]), await text(async () => [...(await KV.getWithMetadata(["b", "none"], t))])); return out; },
  async jsonBad({ KV }) { return [await text(async () => [...(await KV.get(["a", "n"], "json"))]), await text(async () => [...(await KV.get(["e"], "json"))]), await text(async () => [...(await KV.get(["bin"]))].map(([k, v]) => [k, [...v].map((c) => c.codePointAt(0))]))]; },
  async many({ KV }) { const k = (n) => Array.from({ length: n }, (_, i) => "k" + i); return [await text(async () => (await KV.get(k(100))).size), await text(async () => (await KV.get(k(101))).size), await text(async () => (await KV.getWithMetadata(k(101))).size), await text(async () => (await KV.get(Array(101).fill("a"))).size), await text(async () => (await KV.get(Array(100).fill("a"))).size)]; },
  async orderOfMap({ KV }) { return [...(await KV.get(["n", "a", "zz", "b", "a"])).keys()]; },
  async putArray({ KV }) { return [await text(() => KV.put(["a", "b"], "v")), await KV.get("a,b"), await text(() => KV.delete(["a", "b"])), await KV.get("a,b"), await KV.get("a")]; },
});
