import { text, serve } from "./h.js";

const ls = (KV, o) => text(async () => { const l = await KV.list(o); return [l.keys.map((k) => k.name), l.list_complete, typeof l.cursor]; });
export default serve({
  async seed({ KV }) { for (const k of ["a", "a:1", "a:2", "a:10", "a;", "b", "B", "ab", "á", "z/1", "z/2", "z0", "😀", "\uFFFD", "~", "!", "0", "10", "9", "a\u0000", "A"]) await KV.put(k, "v"); return 1; },
  async arguments({ KV }) { const out = []; for (const o of [undefined, null, {}, [], "x", 5, true, () => 1, { prefix: "a:" }, { prefix: "" }, { prefix: null }, { prefix: undefined }, { prefix: 9 }, { prefix: {} }, { prefix: ["a", ":"] }, { prefix: "zzz" }, { prefix: "a:%" }, { prefix: "a_" }, { prefix: "\\" }, { prefix: "😀" }, { prefix: "\uD83D" }, { prefix: "\uFFFD" }, { other: 1 }, new Map([["prefix", "a"]])]) out.push(await ls(KV, o)); return out; },
  async limits({ KV }) { const out = []; for (const limit of [1, 2, 5, 20, 21, 22, 1000, 1001, 5000, 0, -1, 1.9, 0.5, "3", "x", "", null, undefined, NaN, Infinity, true, false, [2], {}, 3n, 2 ** 31, Symbol("s")]) out.push(await ls(KV, { limit })); return out; },
  async cursors({ KV }) { const out = []; for (const cursor of [undefined, null, ""]) out.push(await ls(KV, { cursor, limit: 2 })); return out; },
  async walk({ KV }) { const seen = []; let cursor; let pages = 0; do { const l = await KV.list({ limit: 4, cursor }); seen.push(...l.keys.map((k) => k.name)); cursor = l.cursor; pages++; if (l.list_complete !== (cursor === undefined)) seen.push("odd"); } while (cursor && pages < 50); return [pages, seen]; },
  async walkPrefix({ KV }) { const seen = []; let cursor; do { const l = await KV.list({ limit: 2, cursor, prefix: "a" }); seen.push(l.keys.map((k) => k.name)); cursor = l.cursor; } while (cursor); return seen; },
  async exact({ KV }) { const all = (await KV.list()).keys.length; const l = await KV.list({ limit: all }); const p = await KV.list({ prefix: "z/", limit: 2 }); return [l.list_complete, "cursor" in l, p.list_complete, "cursor" in p]; },
  async changing({ KV }) { const one = await KV.list({ prefix: "a:", limit: 1 }); await KV.put("a:0", "v"); await KV.put("a:15", "v"); await KV.delete("a:2"); const two = await KV.list({ prefix: "a:", cursor: one.cursor }); await KV.delete("a:0"); await KV.delete("a:15"); await KV.put("a:2", "v"); return [one.keys, two.keys]; },
  async otherLimit({ KV }) { const one = await KV.list({ prefix: "a", limit: 2 }); const two = await KV.list({ prefix: "a", limit: 100, cursor: one.cursor }); const again = await KV.list({ prefix: "a", limit: 2, cursor: one.cursor }); return [one.keys, two.keys, again.keys, two.list_complete, again.list_complete]; },
  async deletedCursorKey({ KV }) { const one = await KV.list({ limit: 3 }); const last = one.keys.at(-1).name; await KV.delete(last); const two = await KV.list({ limit: 3, cursor: one.cursor }); await KV.put(last, "v"); return [one.keys, two.keys]; },
  async empty({ KV }) { for (const k of (await KV.list()).keys) await KV.delete(k.name); return [await KV.list(), await KV.list({ limit: 1 }), await KV.list({ prefix: "x" })]; },
});
