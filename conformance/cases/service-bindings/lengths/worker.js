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
    return show(await Promise.race([f(), scheduler.wait(3000).then(() => "hangs")]));
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e), ...(e?.code === undefined || typeof e.code === "object" ? {} : { code: e.code }) };
  }
};
const runAll = async (tries) => {
  const out = {};
  for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
  return Response.json(out);
};
export default { async fetch(request, env) { const p = new URL(request.url).pathname; if (p.startsWith("/p/")) return env.S.fetch("http://h" + p.slice(2), request); const out = {}; for (let round = 0; round < 3; round++) for (const [k, init] of [["plain"], ["set"], ["setwrong"], ["setstream"], ["fixed"], ["big"], ["bigset"], ["stream"], ["headset", { method: "HEAD" }], ["plain", { method: "HEAD" }], ["bytes"], ["empty"], ["null"], ["s204"], ["s304"], ["blob"], ["fwd"], ["readfirst"]]) { const r = await env.S.fetch("http://h/" + k, init); let n; try { n = (await r.arrayBuffer()).byteLength; } catch (e) { n = e.name; } const v = [r.headers.get("content-length"), r.headers.get("transfer-encoding"), n]; const key = k + (init?.method ?? ""); if (round === 0) out[key] = v; else if (JSON.stringify(out[key]) !== JSON.stringify(v)) out[key + "CHANGED"] = v; } return Response.json(out); } };
