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
nested: () => each([() => structuredClone({ h: new Headers({ a: "b" }) }).h.get("a"), () => structuredClone([new Request("http://a/b", { headers: { q: "1" } })])[0].url, () => structuredClone(new Map([["r", new Response(null, { status: 404 })]])).get("r").status, () => structuredClone({ b: new Blob(["abc"], { type: "x/y" }) }).b.text(), () => structuredClone({ a: new URL("http://a/") }), () => structuredClone({ a: new URLSearchParams("a=b") }), () => structuredClone({ a: new FormData() }), () => structuredClone([new AbortController().signal]), () => structuredClone([new ReadableStream()]), () => structuredClone({ d: new DOMException("x", "AbortError") }), () => structuredClone({ c: crypto }), () => structuredClone({ e: new Event("x") }), () => structuredClone([new TextDecoder()]), () => structuredClone([new WebSocketPair()]), () => structuredClone([new Response("x")]), () => structuredClone(new Set([new Headers([["x", "y"]])])), () => structuredClone({ f: new File(["a"], "b") }), () => structuredClone({ f: () => 1 }), () => structuredClone({ s: Symbol("x") }), () => structuredClone({ c: class X {} }), () => structuredClone([new WeakMap()]), () => structuredClone([Promise.resolve()]), () => structuredClone(new Proxy({ a: 1 }, {})), () => structuredClone([new Proxy([], {})])]),
identity: () => each([() => { const h = new Headers({ a: "b" }); const c = structuredClone({ x: h, y: h }); return [c.x === c.y, c.x === h, c.x instanceof Headers]; }, () => { const e = new TypeError("x"); const c = structuredClone([e, e]); return [c[0] === c[1], c[0] instanceof TypeError, c[0].stack === e.stack]; }, () => { const o = { h: new Headers() }; o.o = o; const c = structuredClone(o); return [c.o === c, c.h instanceof Headers]; }]),
order: () => { const log = []; const o = { get a() { log.push("a"); return new Headers({ p: "q" }); }, get b() { log.push("b"); return 1; } }; const c = structuredClone(o); return [log, c.a.get("p"), Object.keys(c)]; },
errors: () => each([() => { const e = new Error("m", { cause: new Headers({ a: "b" }) }); e.extra = new Headers({ c: "d" }); const c = structuredClone(e); return [c.cause?.get?.("a"), c.extra?.get?.("c"), Object.keys(c)]; }, () => { const e = new Error("m"); e.extra = { deep: 1 }; const c = structuredClone({ e }).e; return [c.extra, c.message, c.name, Object.keys(c)]; }, () => { class My extends Error { constructor() { super("x"); this.name = "My"; this.code = 7; } } const c = structuredClone([new My()])[0]; return [c.name, c.code, c instanceof My, c.constructor.name]; }, () => { const a = new AggregateError([new Error("i")], "agg"); const c = structuredClone({ a }).a; return [c.name, c.constructor.name, c.errors?.length, c.message]; }, () => { const c = structuredClone({ d: new DOMException("x", "AbortError") }).d; return [c instanceof DOMException, c.name, c.message, c.code]; }]),
transfers: () => each([() => { const b = new ArrayBuffer(3); const c = structuredClone({ b, h: new Headers({ q: "1" }) }, { transfer: [b] }); return [b.byteLength, c.b.byteLength, c.h.get("q")]; }]),
kinds: () => each([() => structuredClone({ d: new Date(5), r: /x/giy, n: new Number(3), s: new String("q"), b: new Boolean(false), big: Object(5n) }), () => structuredClone([1, , 3]).length, () => 1 in structuredClone([1, , 3]), () => { const a = [1]; a.x = 2; return structuredClone(a).x; }, () => { const a = [1, , 3]; a.x = 2; const c = structuredClone(a); return [c.x, c.length, 1 in c, Object.keys(c)]; }, () => structuredClone({ ["__proto__"]: 1, toString: 2, constructor: 3 }), () => Object.keys(structuredClone({ valueOf: 1, b: undefined })), () => { const o = { get a() { delete this.b; return 1; }, b: 2 }; return structuredClone(o); }, () => structuredClone([undefined, null, [[]], [{}]]), () => structuredClone(Object.create({ p: 1 }, { own: { value: 2, enumerable: true } })), () => structuredClone(new (class Q { z = 1; get y() { return 2; } })()).constructor.name, () => structuredClone(new Uint8Array([1, 2, 3]).subarray(1)), () => structuredClone(new DataView(new ArrayBuffer(4), 1, 2)), () => structuredClone(new Error("x")).stack.split("\n")[0], () => { const x = structuredClone(new SharedArrayBuffer(4)); return x; }, () => structuredClone((function () { return arguments; })(1, 2)), () => structuredClone(JSON), () => structuredClone(Math), () => structuredClone(WebAssembly), () => structuredClone(new Intl.NumberFormat()), () => structuredClone([].values()), () => structuredClone((function* () {})())]),
blobs: () => each([async () => { const b = structuredClone({ b: new Blob(["héllo"], { type: "text/x" }) }).b; return [b.type, b.size, await b.text(), b.constructor.name]; }, async () => { const f = structuredClone({ b: new File(["q"], "n.txt", { type: "a/b", lastModified: 5 }) }).b; return [f.constructor.name, f.name, f.lastModified]; }]),
cryptokey: async () => each([async () => { const k = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]); return structuredClone(k); }, async () => { const k = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]); return structuredClone({ k }); }]),
env: () => each([() => structuredClone(env), () => structuredClone({ env }), () => structuredClone(ctx), () => structuredClone([ctx]), () => structuredClone({ cf: request.cf }) !== null, () => structuredClone([request])[0].method, () => structuredClone([request.headers])[0].get("host") !== null]),
}); } };
