import { text, how, serve, plain } from "./h.js";
export default serve({
  async seed({ R2 }) { await R2.put("j", '{"a":1}', { httpMetadata: { contentType: "application/json" } }); await R2.put("b", new Uint8Array([255, 254, 0, 65])); await R2.put("e", ""); await R2.put("bom", new Uint8Array([0xef, 0xbb, 0xbf, 0x31])); await R2.put("x", "text"); await R2.put("big", "y".repeat(300000)); return 1; },
  async methods({ R2 }) { const out = []; for (const k of ["j", "b", "e", "bom", "x"]) for (const m of ["text", "json", "arrayBuffer", "bytes", "blob"]) out.push([k, m, await text(async () => { const o = await R2.get(k); const v = await o[m](); return v instanceof Blob ? ["blob", v.type, v.size, v.constructor.name, await v.text()] : v; })]); return out; },
  async twice({ R2 }) { const o = await R2.get("x"); const out = [o.bodyUsed]; await o.text(); out.push(o.bodyUsed, await text(() => o.text()), await text(() => o.json()), await text(() => o.arrayBuffer()), await text(() => o.blob()), await text(() => o.bytes()), await how(() => o.text()), o.body.locked, await text(() => new Response(o.body).text())); return out; },
  async viaBody({ R2 }) { const o = await R2.get("x"); const r = o.body.getReader(); const out = [o.bodyUsed, await text(() => o.text())]; const { value } = await r.read(); out.push(value.length, o.bodyUsed); r.releaseLock(); out.push(await text(() => o.text())); return out; },
  async cancel({ R2 }) { const o = await R2.get("big"); await o.body.cancel(); return [o.bodyUsed, await text(() => o.text())]; },
  async cancelMid({ R2 }) { const o = await R2.get("big"); const r = o.body.getReader(); const { value } = await r.read(); await r.cancel(new Error("x")); return [value.length > 0, o.bodyUsed]; },
  async byob({ R2 }) { const o = await R2.get("big"); const r = o.body.getReader({ mode: "byob" }); const { value } = await r.read(new Uint8Array(100)); await r.cancel(); return [value.length]; },
  async tee({ R2 }) { const o = await R2.get("big"); const [a, b] = o.body.tee(); return [(await new Response(a).text()).length, (await new Response(b).text()).length, o.bodyUsed]; },
  async response({ R2 }) { const o = await R2.get("j"); const h = new Headers(); o.writeHttpMetadata(h); h.set("etag", o.httpEtag); const r = new Response(o.body, { headers: h }); return [[...r.headers], await r.text()]; },
  async asResponseBody({ R2 }) { const o = await R2.get("x"); return text(async () => new Response(o).text()); },
  async clone({ R2 }) { const o = await R2.get("x"); return [typeof o.clone, typeof o.formData]; },
  async pipe({ R2 }) { const o = await R2.get("big"); const { readable, writable } = new FixedLengthStream(o.size); const p = o.body.pipeTo(writable); const q = await R2.put("copy", readable); await p; return [q.size, q.etag === o.etag]; },
  async unread({ R2 }) { const o = await R2.get("big"); return [o.size, o.bodyUsed]; },
  async headBody({ R2 }) { const o = await R2.head("x"); return ["body" in o, o.body === undefined, typeof o.text, o.bodyUsed === undefined]; },
  async emptyBody({ R2 }) { const o = await R2.get("e"); return [o.body instanceof ReadableStream, o.bodyUsed, await o.text(), plain(o.range)]; },
  async iter({ R2 }) { const o = await R2.get("x"); let s = ""; for await (const c of o.body) s += new TextDecoder().decode(c); return s; },
});
