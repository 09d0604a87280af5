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
const attempt = (f) => { try { const v = f(); return [tag(v), v.url ?? null, v.status ?? null, v.headers ? [...v.headers].length : null]; } catch (e) { return [e.name, e.message]; } };
export default { async fetch(request, env, ctx) { return runAll({
  refused: () => [() => structuredClone(crypto), () => structuredClone(crypto.subtle), () => structuredClone(caches), () => structuredClone(navigator), () => structuredClone(new WebSocketPair()[0]), () => structuredClone(new CompressionStream("gzip")), () => structuredClone(new URLPattern({})), () => structuredClone(new CountQueuingStrategy({ highWaterMark: 1 })), () => structuredClone(new File(["a"], "b")), () => structuredClone(new HTMLRewriter()), () => structuredClone(globalThis), () => structuredClone(new FormData()), () => structuredClone(new TransformStream()), () => structuredClone(new Event("x"))].map(attempt),
  notTransferable: () => [() => structuredClone(1, { transfer: [new ReadableStream()] }), () => structuredClone(1, { transfer: [new MessageChannel().port1] }), () => { const s = new ReadableStream(); return structuredClone(s, { transfer: [s] }); }, () => { const { port1 } = new MessageChannel(); return structuredClone(port1, { transfer: [port1] }); }].map(attempt),
  cloned: () => [() => structuredClone(new Response()), () => structuredClone(new Response("x")), () => structuredClone(new Response(null, { status: 404, headers: { a: "b" } })), () => structuredClone(new Request("http://a/b", { headers: { q: "1" } })), () => structuredClone(new Request("http://a/b", { method: "POST", body: "x" })), () => structuredClone(new Headers({ a: "b" }))].map(attempt),
}); } };
