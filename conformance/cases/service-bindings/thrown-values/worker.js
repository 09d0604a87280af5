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
const show2 = (v, d = 0) => { if (d > 5) return "deep"; if (v instanceof Error || v instanceof DOMException) return { class: v.constructor.name, name: v.name, message: v.message, own: Object.fromEntries(Object.keys(v).filter((k) => k !== "stack").sort().map((k) => [k, show2(v[k], d + 1)])), hidden: Object.getOwnPropertyNames(v).filter((k) => k !== "stack" && !Object.keys(v).includes(k)).sort(), cause: show2(v.cause, d + 1), errors: show2(v.errors, d + 1), first: typeof v.stack === "string" ? v.stack.split("\n")[0] : "none" }; return typeof v === "object" && v !== null ? { type: tag(v), ...(show(v) ?? {}) } : [typeof v, show(v)]; };
export default { async fetch(request, env) { const out = {}; for (const k of ["obj", "objMsg", "str", "num", "big", "undef", "nul", "bool", "sym", "fn", "arr", "map", "date", "cause", "causeErr", "causeDeep", "causeFn", "extra", "agg", "dom", "sub", "supp", "nested", "bytes", "resp", "stub", "getter", "proto", "long", "many", "stackless", "nameOwn", "retry", "remote", "promise", "headers", "frozen"]) { try { const r = await env.S.fetch("http://h/" + k); out[k] = ["no", r.status]; } catch (e) { out[k] = show2(e); } try { const r = await env.L.fetch("http://h/" + k); out[k + "L"] = ["no", r.status]; } catch (e) { out[k + "L"] = show2(e); } } return Response.json(out); } };
