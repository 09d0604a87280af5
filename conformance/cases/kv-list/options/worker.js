import { text, serve } from "./h.js";
const n = (l) => [l.keys.map(k => k.name).join(), l.list_complete, typeof l.cursor, Object.keys(l)];
const ask = (f) => text(async () => n(await f()));
export default serve({
  async seed({ KV }) { for (const k of ["a", "a/1", "a/2", "b", "B", "é", "e\u0301", "😀", "\uffff", "10", "9", "a:1", "ab", "_", "~", " "]) await KV.put(k, k); return "ok"; },
  async all({ KV }) { return [n(await KV.list()), await KV.list()]; },
  async limits({ KV }) { const out = []; for (const limit of [1, 0, -1, -5, 1000, 1001, 5000, 2.9, "2", "x", "", null, undefined, true, NaN, Infinity, {}, [], [3], 2n, 2147483647, 2147483648, -2147483649, { valueOf: () => 2 }, Symbol("x")]) out.push(await ask(() => KV.list({ limit }))); return out; },
  async prefixes({ KV }) { const out = []; for (const prefix of ["a", "a/", "", "zz", "é", "e", "😀", "\ud83d", "A", "%", "_", null, undefined, 1, true, {}, [], ["a"], () => 1, Symbol("x"), "x".repeat(512), "x".repeat(513), ".", "..", "*", "a\0"]) out.push(await ask(() => KV.list({ prefix }))); return out; },
  async cursors({ KV }) { const out = []; for (const cursor of ["", null, undefined, Symbol("x")]) out.push(await ask(() => KV.list({ cursor, limit: 3 }))); return out; },
  async paging({ KV }) { const out = []; let cursor; do { const l = await KV.list({ limit: 5, cursor }); out.push([l.keys.map(k => k.name), l.list_complete, typeof l.cursor]); cursor = l.cursor; } while (cursor); return out; },
  async pagingPrefix({ KV }) { const out = []; let cursor; do { const l = await KV.list({ prefix: "a", limit: 2, cursor }); out.push([l.keys.map(k => k.name), l.list_complete, typeof l.cursor, "cursor" in l]); cursor = l.cursor; } while (cursor); return out; },
  async exact({ KV }) { const l = await KV.list({ prefix: "a/", limit: 2 }); const m = await KV.list({ limit: 16 }); return [l.list_complete, "cursor" in l, m.list_complete, "cursor" in m]; },
  async deletedBetween({ KV }) { const l = await KV.list({ limit: 3 }); const last = l.keys[2].name; await KV.delete(last); const m = await KV.list({ limit: 3, cursor: l.cursor }); await KV.put(last, last); return [last, m.keys.map(k => k.name)]; },
  async otherPrefix({ KV }) { const l = await KV.list({ limit: 3 }); return ask(() => KV.list({ limit: 5, prefix: "a", cursor: l.cursor })); },
  async shape({ KV }) { await KV.put("meta", "", { metadata: { a: [1] }, expirationTtl: 3600 }); const l = await KV.list({ prefix: "meta" }); const k = l.keys[0]; return [Object.keys(k), typeof k.expiration, k.metadata, Object.getOwnPropertyDescriptor(k, "name"), Object.isFrozen(k), Array.isArray(l.keys), Object.keys((await KV.list({ prefix: "b" })).keys[0]), "cacheStatus" in l]; },
  async options({ KV }) { return [await ask(() => KV.list(null)), await ask(() => KV.list(undefined)), await ask(() => KV.list({})), await ask(() => KV.list({ nonsense: 1 })), await ask(() => KV.list([])), await ask(() => KV.list(new Map())), await ask(() => KV.list(() => 1)), await ask(() => KV.list({ limit: 2 }, 5))]; },
});
