import { attempt, obj, pattern, serve } from "./h.js";
const M5 = 5 * 1024 * 1024;
const state = { parts: [] };

/** What one request begins another goes on with, by key and id only. */
export default serve({
  async begin({ R2 }) { const upload = await R2.createMultipartUpload("över/großes ß", { httpMetadata: { contentType: "text/x", cacheControl: "no-store" }, customMetadata: { größe: "ü", emoji: "🐝", empty: "" } }); state.uploadId = upload.uploadId; return [typeof upload.uploadId, upload.key]; },
  async first({ R2 }) { state.parts.push(await R2.resumeMultipartUpload("över/großes ß", state.uploadId).uploadPart(1, pattern(M5))); },
  async second({ R2 }) { state.parts.push(await R2.resumeMultipartUpload("över/großes ß", state.uploadId).uploadPart(2, new Blob(["the end"]).stream().pipeThrough(new FixedLengthStream(7)))); },
  async unseen({ R2 }) { return [await R2.head("över/großes ß"), (await R2.list()).objects.length]; },
  async wrongKey({ R2 }) { return (await attempt(() => R2.resumeMultipartUpload("another", state.uploadId).complete(state.parts))).$error; },
  async wrongId({ R2 }) { return (await attempt(() => R2.resumeMultipartUpload("över/großes ß", "nonsense").uploadPart(3, "x"))).$error; },
  async complete({ R2 }) { const done = await R2.resumeMultipartUpload("över/großes ß", state.uploadId).complete(state.parts.map(({ partNumber, etag }) => ({ partNumber, etag }))); return [done.size, done.etag.endsWith("-2"), done.customMetadata, done.httpMetadata]; },
  async read({ R2 }) { const object = await R2.get("över/großes ß", { range: { offset: M5 - 3, length: 8 } }); return [[...new Uint8Array(await object.arrayBuffer())], object.range, object.customMetadata, object.httpMetadata]; },
  async headers({ R2 }) { const object = await R2.get("över/großes ß", { range: { suffix: 3 } }); const headers = new Headers({ "cache-control": "public" }); object.writeHttpMetadata(headers); headers.set("etag", "x"); return [[...headers], await object.text(), object.httpEtag === `"${object.etag}"`]; },
  async again({ R2 }) { return (await attempt(() => R2.resumeMultipartUpload("över/großes ß", state.uploadId).complete(state.parts))).$error ?? "ok"; },
  async list({ R2 }) { const { objects } = await R2.list({ include: ["customMetadata", "httpMetadata"] }); return objects.map(({ key, size, customMetadata, httpMetadata }) => [key, size, customMetadata, httpMetadata]); },
});
