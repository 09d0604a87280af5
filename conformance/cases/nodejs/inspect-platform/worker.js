import util from "node:util"; import { Buffer, Blob as NB } from "node:buffer";
const tag = (x) => Object.prototype.toString.call(x);
const show = (v, depth = 0) => {
  if (depth > 6) return "…";
  if (v === undefined) return "undefined";
  if (typeof v === "bigint") return `${v}n`;
  if (typeof v === "symbol") return String(v);
  if (typeof v === "function") return `function ${v.name}`;
  if (typeof v === "number" && !Number.isFinite(v)) return String(v);
  if (v === null || typeof v !== "object") return Object.is(v, -0) ? "-0" : v;
  if (v instanceof Error || tag(v) === "[object DOMException]") return { error: v.name, message: v.message, ...(v.code === undefined ? {} : { code: v.code }) };
  if (v instanceof Map || v instanceof Set) return [tag(v), ...[...v].map((x) => show(x, depth + 1))];
  if (ArrayBuffer.isView(v)) return [tag(v), ...[...new Uint8Array(v.buffer, v.byteOffset, Math.min(v.byteLength, 64))]];
  if (v instanceof ArrayBuffer) return ["ArrayBuffer", ...new Uint8Array(v.slice(0, 64))];
  if (v instanceof Date || v instanceof RegExp || v instanceof URL) return [tag(v), String(v)];
  if (Array.isArray(v)) return v.map((x) => show(x, depth + 1));
  const t = tag(v);
  const o = Object.fromEntries(Object.keys(v).map((k) => [k, show(v[k], depth + 1)]));
  return t === "[object Object]" ? o : { $tag: t, ...o };
};
const probe = async (f, ms = 700) => {
  try {
    return show(await Promise.race([f(), scheduler.wait(ms).then(() => "hangs")]));
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e), ...(e?.code === undefined || typeof e.code === "object" ? {} : { code: e.code }) };
  }
};
const runAll = async (tries) => {
  const out = {};
  for (const [k, f] of Object.entries(tries)) out[k] = await probe(f, 20000);
  return Response.json(out);
};
const each = async (list) => { const out = []; for (const f of list) out.push(await probe(f)); return out; };
export default { async fetch(request, env, ctx) { return runAll({
request: () => [new Request("http://a/b?c", { method: "POST", headers: { q: "1" }, body: "x" })].map((v) => util.inspect(v)),
response: () => [new Response("x", { status: 201, headers: { a: "b" } }), new Response(null), Response.json({ a: 1 })].map((v) => util.inspect(v)),
headers: () => [new Headers(), new Headers({ a: "b", c: "d" }), new Headers([["set-cookie", "a"], ["set-cookie", "b"]]), { h: new Headers({ x: "y" }) }].map((v) => util.inspect(v)),
url: () => [new URL("http://u:p@a:81/b?c=d#e"), new URLSearchParams("a=1&b=2&a=3"), new URLPattern({ pathname: "/:id" })].map((v) => util.inspect(v)),
blob: () => [new Blob(["abc"], { type: "x/y" }), new File(["q"], "n.txt", { lastModified: 5 }), new FormData(), (() => { const f = new FormData(); f.append("a", "1"); f.append("f", new File(["z"], "n", { lastModified: 1 })); return f; })()].map((v) => util.inspect(v)),
events: () => [new Event("x"), new CustomEvent("y", { detail: 1 }), new MessageEvent("message", { data: "d" }), new ErrorEvent("error", { message: "m" }), new CloseEvent("close", { code: 1000 }), new EventTarget(), new AbortController(), new AbortController().signal, AbortSignal.abort("why")].map((v) => util.inspect(v).replace(/(timeStamp|performance): [\d.]+/g, "$1: N")),
deep: () => [{ a: { b: { c: new Headers({ x: "y" }) } } }, { a: { b: { c: { d: new URL("http://a/") } } } }, [new Response("x")], new Map([[new Headers(), new URL("http://x/")]])].map((v) => util.inspect(v)),
options: () => [util.inspect(new Headers({ a: "b" }), { depth: -1 }), util.inspect(new Response("x"), { depth: 0 }), util.inspect(new URL("http://a/b"), { compact: false }), util.inspect(new Headers({ a: "b" }), { colors: true }), util.inspect(new Request("http://a/"), { showHidden: true }).slice(0, 1500)],
sub: () => { class MyReq extends Request {} class MyH extends Headers { x = 1; } class MyU extends URL {} return [new MyReq("http://a/"), new MyH({ a: "b" }), new MyU("http://q/"), Object.assign(new Response("x"), { own: 1 })].map((v) => util.inspect(v)); },
formats: () => [util.format("%s", new Headers({ a: "b" })), util.format("%o", new URL("http://a/")), util.format("%O", new Response(null)), util.format("%j", new URL("http://a/")), util.format(new Headers())],
buffers: () => [Buffer.from("abc"), new Uint8Array(3), new ArrayBuffer(2), new NB(["x"]), new DataView(new ArrayBuffer(1)), [Buffer.alloc(60)]].map((v) => util.inspect(v)),
}); } };
