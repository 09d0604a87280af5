import { serve } from "./h.js";

const all = async (KV, options) => {
  const pages = [];
  let cursor;
  do {
    const page = await KV.list({ ...options, cursor });
    pages.push([page.keys.map(({ name, metadata }) => (metadata === undefined ? name : [name, metadata])), page.list_complete, typeof page.cursor]);
    cursor = page.list_complete ? undefined : page.cursor;
  } while (cursor && pages.length < 50);
  return pages;
};

export default serve({
  async seed({ KV }) { for (const key of ["a", "a:1", "a:2", "a:10", "A", "ä", "b", "🐝", "￿", "z"]) await KV.put(key, key, { metadata: key === "b" ? { deep: [1, { x: null }], "ü": "🐝" } : undefined }); },
  async everything({ KV }) { return await all(KV, {}); },
  async two({ KV }) { return await all(KV, { limit: 2 }); },
  async five({ KV }) { return await all(KV, { limit: 5 }); },
  async prefix({ KV }) { return await all(KV, { prefix: "a:", limit: 1 }); },
  async noSuch({ KV }) { return await all(KV, { prefix: "nope" }); },
  async deletedBetween({ KV }) { const first = await KV.list({ limit: 2 }); for (const { name } of first.keys) await KV.delete(name); const next = await KV.list({ limit: 2, cursor: first.cursor }); return [first.keys.map(({ name }) => name), next.keys.map(({ name }) => name)]; },
  async bulk({ KV }) { const found = await KV.getWithMetadata(["b", "none", "z"]); return [...found].map(([key, value]) => [key, value]); },
  async kinds({ KV }) { await KV.put("j", '{"a":[1,2]}', { metadata: [1] }); const stream = await KV.getWithMetadata("j", "stream"); return [await KV.getWithMetadata("j"), await KV.getWithMetadata("j", "json"), await KV.getWithMetadata("j", { type: "json" }), new TextDecoder().decode((await KV.getWithMetadata("j", "arrayBuffer")).value), await new Response(stream.value).text(), stream.metadata, await KV.getWithMetadata("none", "stream")]; },
});
