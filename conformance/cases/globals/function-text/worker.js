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
const each = async (list) => { const out = []; for (const f of list) out.push(await probe(f)); return out; };
export default { async fetch(request, env, ctx) { return runAll({
basics: () => [fetch, Request, Response, Headers, URL, URLSearchParams, URLPattern, Event, EventTarget, AbortController, AbortSignal, ReadableStream, WritableStream, TransformStream, FixedLengthStream, IdentityTransformStream, TextEncoder, TextDecoder, Blob, File, FormData, WebSocket, WebSocketPair, Crypto, CryptoKey, SubtleCrypto, HTMLRewriter, DOMException, MessageChannel, CompressionStream, setTimeout, clearTimeout, queueMicrotask, structuredClone, atob, btoa, reportError, Cache, CacheStorage, EventSource, addEventListener].map(String),
methods: () => [Request.prototype.clone, Response.json, Response.redirect, Headers.prototype.get, URL.canParse, URL.prototype.toString, crypto.getRandomValues, crypto.subtle.digest, crypto.randomUUID, ReadableStream.prototype.getReader, ReadableStream.from, Blob.prototype.slice, FormData.prototype.append, TextDecoder.prototype.decode, performance.now, scheduler.wait, navigator.sendBeacon, caches.open, caches.default.match, AbortSignal.timeout, EventTarget.prototype.addEventListener, Headers.prototype[Symbol.iterator], URLPattern.prototype.exec, WebSocket.prototype.accept].map(String),
getters: () => [[Request.prototype, "url"], [Response.prototype, "status"], [URL.prototype, "href"], [Blob.prototype, "size"], [AbortSignal.prototype, "aborted"], [ReadableStream.prototype, "locked"], [Event.prototype, "type"], [TextDecoder.prototype, "encoding"], [CryptoKey.prototype, "type"]].map(([p, k]) => { const d = Object.getOwnPropertyDescriptor(p, k); return d ? [String(d.get), String(d.set)] : null; }),
ctx: () => [ctx.waitUntil, ctx.passThroughOnException, ctx.constructor].map(String),
self: () => [String(Function.prototype.toString), Function.prototype.toString.name, Function.prototype.toString.length, Object.getOwnPropertyDescriptor(Function.prototype, "toString"), "prototype" in Function.prototype.toString],
user: () => [(function foo(a) { return a; }).toString(), (() => 1).toString(), class A { x() {} }.toString(), String(async function* g() {}), String({ m() {} }.m), String({ get m() { return 1; } }.m), String(Object.getOwnPropertyDescriptor({ get m() { return 1; } }, "m").get), String((() => 1).bind(null)), String(Function.prototype), String(new Proxy(() => 1, {})), String(new Proxy(class {}, {}))],
wrong: () => each([() => Function.prototype.toString.call({}), () => Function.prototype.toString.call(null), () => Function.prototype.toString.call(), () => Function.prototype.toString.call("x"), () => new Function.prototype.toString()]),
patched: () => [Array.prototype.map, Object, Map, Promise.prototype.then, Math.max, Intl.DateTimeFormat, Error.captureStackTrace, Atomics.wait, Date, Date.now, Math.random, eval, Function, SharedArrayBuffer].map(String),
props: () => [String(Object.getOwnPropertyDescriptor(globalThis, "caches")?.get), String(env.constructor)],
iter: () => [new Headers({a: "b"}).entries().next, new FormData().entries().next, new URLSearchParams("a=b").keys().next, (new ReadableStream())[Symbol.asyncIterator]().next].map(String),
instances: () => [new Response("x").text, new ReadableStream().getReader().read, new TransformStream().writable.getWriter().write, new AbortController().abort, new FixedLengthStream(1).readable.tee, new WebSocketPair()[0].send, new HTMLRewriter().on, new URLSearchParams().append, performance.mark, crypto.subtle.importKey, crypto.DigestStream, crypto.subtle.timingSafeEqual, globalThis.dispatchEvent].map(String),
}); } };
