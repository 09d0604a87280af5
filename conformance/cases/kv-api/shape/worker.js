import { text, how, serve } from "./h.js";
export default serve({
  async keys({ KV }) { const p = Object.getPrototypeOf(KV); return [Object.keys(KV), Object.getOwnPropertyNames(KV), Object.getOwnPropertyNames(p), Object.getPrototypeOf(p) === Object.prototype, Object.prototype.toString.call(KV), String(KV), JSON.stringify(KV), typeof KV, KV.constructor.name, typeof globalThis.KvNamespace, [...(function*(){ for (const k in KV) yield k; })()]]; },
  async methods({ KV }) { return ["get", "list", "put", "getWithMetadata", "delete", "deleteBulk"].map(m => [m, typeof KV[m], KV[m]?.length, KV[m]?.name, JSON.stringify(Object.getOwnPropertyDescriptor(Object.getPrototypeOf(KV), m)), KV[m] && Object.hasOwn(KV[m], "prototype")]); },
  async construct({ KV }) { return [await text(() => new KV.constructor()), await text(() => new KV.get())]; },
  async wrongThis({ KV }) { const { get, put, list, delete: del, getWithMetadata } = KV; return [await text(() => get("a")), await text(() => put("a", "b")), await text(() => list()), await text(() => del("a")), await text(() => getWithMetadata("a")), await text(() => get.call({}, "a")), await text(() => get.call(null, "a")), await how(() => get("a")), await how(() => put("a", "b")), await how(() => list.call({})), await how(() => del("a")), await text(() => get.call(Object.create(KV), "a")), await text(() => get.call(new Proxy(KV, {}), "a"))]; },
  async clone({ KV }) { return [await text(() => structuredClone(KV))]; },
  async assign({ KV }) { KV.extra = 1; const a = KV.extra; delete KV.extra; return [a, Object.isFrozen(KV), Object.isExtensible(KV), await text(() => { "use strict"; KV.get = () => "mine"; return KV.get("x"); }), delete KV.get, await text(() => KV.get("x"))]; },
  async promises({ KV }) { const ps = [KV.get("a"), KV.put("a", "1"), KV.list(), KV.getWithMetadata("a"), KV.delete("a"), KV.get(["a"])]; const r = ps.map(p => p instanceof Promise && p.constructor === Promise); await Promise.all(ps); return r; },
  async returns({ KV }) { return [await KV.put("a", "1") === undefined, await KV.delete("a") === undefined, await KV.delete("a") === undefined, Object.keys(await KV.list()), Object.keys(await KV.getWithMetadata("a")), Object.getPrototypeOf(await KV.list()) === Object.prototype, Object.getPrototypeOf(await KV.getWithMetadata("a")) === Object.prototype]; },
  async cls() { return [typeof KVNamespace, typeof KvNamespace].map(String); },
  async same({ KV }, { ctx }) { const env2 = (await import("cloudflare:workers")).env; return [env2.KV === KV, KV === KV]; },
});
