const tag = (x) => Object.prototype.toString.call(x);
const show = (v, depth = 0) => {
  if (depth > 6) return "…";
  if (v === undefined) return "undefined";
  if (typeof v === "bigint") return `${v}n`;
  if (typeof v === "symbol" || typeof v === "function") return typeof v;
  if (typeof v === "number" && !Number.isFinite(v)) return String(v);
  if (v === null || typeof v !== "object") return Object.is(v, -0) ? "-0" : v;
  if (v instanceof Error) return { error: v.name, message: v.message, ...(v.code === undefined ? {} : { code: v.code }) };
  if (v instanceof Map || v instanceof Set) return [tag(v), ...[...v].map((x) => show(x, depth + 1))];
  if (ArrayBuffer.isView(v)) return [tag(v), ...[...new Uint8Array(v.buffer, v.byteOffset, Math.min(v.byteLength, 64))]];
  if (v instanceof ArrayBuffer) return ["ArrayBuffer", ...new Uint8Array(v.slice(0, 64))];
  if (v instanceof Date || v instanceof RegExp || v instanceof URL) return [tag(v), String(v)];
  if (Array.isArray(v)) return v.map((x) => show(x, depth + 1));
  return Object.fromEntries(Object.keys(v).map((k) => [k, show(v[k], depth + 1)]));
};
const probe = async (f) => {
  try {
    return show(await Promise.race([f(), scheduler.wait(15000).then(() => "hangs")]));
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e), ...(e?.code === undefined || typeof e.code === "object" ? {} : { code: e.code }) };
  }
};
const runAll = async (tries) => {
  const out = {};
  for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
  return Response.json(out);
};
export default { async fetch(request, env) { if (request.url.endsWith("/passed")) return env.S.fetch("http://h/gz", { encodeResponseBody: "manual" }); return runAll({
  oddNames: async () => { const r = await env.S.fetch("http://h/odd", { headers: { "x-ok": "2" } }); return [r.status, r.headers.get("x-ok")]; },
  manual: async () => { const out = []; for (const k of ["gz", "br", "id", "gzhead", "gzman", "gzstream"]) { const r = await env.S.fetch("http://h/" + k, { encodeResponseBody: "manual" }); const b = new Uint8Array(await r.arrayBuffer()); const q = await env.S.fetch("http://h/" + k); let t; try { t = await q.text(); } catch (e) { t = e.name; } out.push([k, k === "br" ? 0 : b[0] ?? null, b.length > 0, t, [...r.headers]]); } return out; },
  rewrapped: async () => { const r = await env.S.fetch("http://h/gz", { encodeResponseBody: "manual" }); return new Response(await new Response(new Response(r.body, { headers: r.headers }).body.pipeThrough(new DecompressionStream("gzip"))).text()).text(); },
  cache: async () => { const out = []; for (const [c, cf] of [["no-store", undefined], ["no-cache", undefined], ["no-store", { cacheTtl: 5, x: 1 }], ["no-store", { cacheTtl: -1, x: 1 }], ["no-cache", { cacheTtl: 5 }], ["no-cache", { cacheControl: "q", y: 2 }], ["no-store", { y: 2 }], ["default", undefined]]) try { out.push(await (await env.S.fetch("http://h/cf", { cache: c, cf })).json()); } catch (e) { out.push([e.name, e.message]); } return out; },
  initArgument: async () => { const out = []; for (const init of [5, "x", true, null, undefined, () => 1, [], Symbol.iterator]) try { out.push((await env.S.fetch("http://h/id", init)).status); } catch (e) { out.push([e.name, e.message]); } return out; },
}); } };
