const probe = (f) => {
  try {
    const v = f();
    return v === undefined
      ? "undefined"
      : typeof v === "function"
        ? "fn"
        : typeof v === "object" && v !== null && !Array.isArray(v)
          ? Object.prototype.toString.call(v)
          : typeof v === "bigint"
            ? String(v)
            : v;
  } catch (e) {
    return { $error: e?.name ?? String(e), $message: e?.message };
  }
};
const show = (v) =>
  v instanceof Uint8Array ? "u8:" + [...v].join() : v instanceof ArrayBuffer ? "ab" + v.byteLength : v;
const aprobe = async (f, ms = 300) => {
  try {
    const v = await Promise.race([f(), new Promise((r) => setTimeout(r, ms, "PENDING"))]);
    return v === undefined
      ? "undefined"
      : v && typeof v === "object" && "done" in v
        ? { done: v.done, value: show(v.value) }
        : show(v);
  } catch (e) {
    return { $error: e?.name ?? String(e), $message: e?.message };
  }
};
const enc = new TextEncoder();
const U = (...a) => new Uint8Array(a);
const all = async (s) => {
  const o = [];
  for await (const c of s) o.push(show(c));
  return o;
};
const gz = (s, f = "gzip") =>
  new Response(new Blob([s]).stream().pipeThrough(new CompressionStream(f))).bytes();
const un = (b, f = "gzip") =>
  new Response(new Blob([b]).stream().pipeThrough(new DecompressionStream(f))).text();
export default {
  async fetch() {
    const out = {};
    for (const f of ["gzip", "deflate", "deflate-raw"]) {
      const g = await aprobe(() => gz("hello world", f));
      const b = new Uint8Array(g.slice(3).split(",").map(Number));
      out[f] = [
        await aprobe(() => un(new Blob([b, U(1, 2)]), f)),
        await aprobe(() => un(b.subarray(0, b.length - 2), f)),
        await aprobe(() => un("", f)),
        await aprobe(() => un("zzzzzzzzzzzzzzzzzzzzz", f)),
        await aprobe(() => un(new Blob([b, b]), f)),
      ];
    }
    out.fmt = probe(() => new CompressionStream("x"));
    return Response.json(out);
  },
};
