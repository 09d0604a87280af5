import { text, how, serve, obj, pattern, drain, dec } from "./h.js";

export default serve({
  async seed({ R2 }) { await R2.put("k", '{"a":1}', { httpMetadata: { contentType: "application/json" }, customMetadata: { c: "d" } }); await R2.put("e", ""); await R2.put("bad", "{"); await R2.put("big", pattern(400000)); await R2.put("bin", new Uint8Array([0xff, 0xfe, 0])); return 1; },
  async kinds({ R2 }) { const g = (f, k = "k") => text(async () => f(await R2.get(k))); return [await g((o) => o.text()), await g((o) => o.json()), await g((o) => o.arrayBuffer()), await g(async (o) => { const b = await o.blob(); return [b.type, b.size, await b.text(), b.constructor.name]; }), await g((o) => o.bytes()), await g((o) => o.json(), "bad"), await g((o) => o.json(), "e"), await g((o) => o.text(), "bin"), await g(async (o) => (await o.blob()).type, "e")]; },
  async twice({ R2 }) { const out = []; for (const a of ["text", "json", "arrayBuffer", "blob", "bytes"]) { const o = await R2.get("k"); const before = o.bodyUsed; const p = o[a](); const during = o.bodyUsed; await p; out.push([a, before, during, o.bodyUsed, o.body.locked, await text(() => o[a]()), await text(() => o.text())]); } return out; },
  async bodyProp({ R2 }) { const o = await R2.get("k"); const b = o.body; return [b instanceof ReadableStream, o.body === b, b.locked, o.bodyUsed, "body" in o, Object.keys(o), dec(await drain(b)), o.bodyUsed, await text(() => o.text())]; },
  async reader({ R2 }) { const o = await R2.get("k"); const r = o.body.getReader(); return [o.bodyUsed, await text(() => o.text()), dec((await r.read()).value), o.bodyUsed, (await r.read()).done]; },
  async byob({ R2 }) { const o = await R2.get("big"); const r = o.body.getReader({ mode: "byob" }); const x = await r.readAtLeast(1000, new Uint8Array(4000)); await r.cancel(); return [x.value.length >= 1000, x.done, o.bodyUsed]; },
  async cancelled({ R2 }) { const o = await R2.get("big"); await o.body.cancel(); return [o.bodyUsed, await text(() => o.text()), await text(() => o.arrayBuffer())]; },
  async tee({ R2 }) { const o = await R2.get("k"); const [a, b] = o.body.tee(); return [dec(await drain(a)), await new Response(b).text(), o.bodyUsed]; },
  async headHasNone({ R2 }) { const o = await R2.head("k"); return [o.body === undefined, "body" in o, "text" in o, typeof o.json, o.bodyUsed === undefined, o.constructor.name, (await R2.get("k")).constructor.name]; },
  async emptyBody({ R2 }) { const o = await R2.get("e"); return [o.body instanceof ReadableStream, o.size, o.bodyUsed, await o.text(), o.bodyUsed]; },
  async response({ R2 }) { const o = await R2.get("k"); const h = new Headers({ "content-type": "old", "x-keep": "1" }); o.writeHttpMetadata(h); h.set("etag", o.httpEtag); const r = new Response(o.body, { headers: h }); return [[...r.headers], await r.json(), o.bodyUsed]; },
  async lengthOfResponse({ R2 }) { const o = await R2.get("big"); return [...new Response(o.body).headers]; },
  async intoPut({ R2 }) { const o = await R2.get("big"); const p = await R2.put("copy", o.body, { httpMetadata: o.httpMetadata, customMetadata: o.customMetadata }); const q = await R2.get("k"); const r = await R2.put("copy2", q.body, { httpMetadata: q.httpMetadata, customMetadata: q.customMetadata }); return [p.size, p.etag === o.etag, o.bodyUsed, obj(r), await text(async () => R2.put("copy3", o.body))]; },
  async objectIntoPut({ R2 }) { const o = await R2.get("k"); return [await text(async () => obj(await R2.put("x", o))), await text(async () => obj(await R2.put("x", await R2.head("k"))))]; },
  async rangeIntoPut({ R2 }) { const o = await R2.get("big", { range: { offset: 10, length: 100 } }); const p = await R2.put("part", o.body); return [p.size, o.size]; },
  async unread({ R2 }) { for (let i = 0; i < 8; i++) await R2.get("big"); return (await R2.head("k")).size; },
  async methods({ R2 }) { const o = await R2.get("k"); const { text: t } = o; return [await how(() => t()), await how(() => o.text.call({})), await how(() => o.text.call(await0)), typeof o.toJSON]; },
});
const await0 = {};
