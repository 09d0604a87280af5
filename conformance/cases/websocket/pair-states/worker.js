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
pair: () => each([() => Object.keys(new WebSocketPair()), () => { const [a, b] = Object.values(new WebSocketPair()); return [a.readyState, b.readyState, a.url, a.protocol, a.extensions, a.binaryType]; }, () => { const [a] = Object.values(new WebSocketPair()); a.send("x"); }, () => { const [a] = Object.values(new WebSocketPair()); a.close(); }, () => { const [a] = Object.values(new WebSocketPair()); a.accept(); a.accept(); }, () => { const [a, b] = Object.values(new WebSocketPair()); a.accept(); b.accept(); a.close(1000, "x".repeat(124)); }, () => { const [a] = Object.values(new WebSocketPair()); a.accept(); a.close(999); }, () => { const [a] = Object.values(new WebSocketPair()); a.accept(); a.close(1005); }, () => { const [a] = Object.values(new WebSocketPair()); a.accept(); a.close(5000); }, () => { const [a] = Object.values(new WebSocketPair()); a.accept(); a.close("x"); }, () => { const [a] = Object.values(new WebSocketPair()); a.accept(); a.close(undefined, "reason"); }, async () => { const [a, b] = Object.values(new WebSocketPair()); const l = []; a.accept(); b.accept(); b.addEventListener("message", (e) => l.push([typeof e.data, tag(e.data), e.origin, e.target === b])); b.addEventListener("close", (e) => l.push([e.code, e.reason, e.wasClean])); a.send("t"); a.send(new Uint8Array([1])); a.send(new ArrayBuffer(2)); a.send(5); a.send({}); a.send(null); a.close(4001, "bye"); await scheduler.wait(40); return l; }, async () => { const [a, b] = Object.values(new WebSocketPair()); a.accept(); b.accept(); a.close(); a.send("x"); }, async () => { const [a, b] = Object.values(new WebSocketPair()); const l = []; a.accept(); b.accept(); a.addEventListener("close", (e) => l.push("a", e.code)); b.addEventListener("close", (e) => { l.push("b", e.code); b.close(4002); }); a.close(4001); await scheduler.wait(40); return l; }, async () => { const [a, b] = Object.values(new WebSocketPair()); const l = []; b.onmessage = (e) => l.push(e.data); a.accept(); b.accept(); a.send("m"); await scheduler.wait(2); return l; }, async () => { const [a, b] = Object.values(new WebSocketPair()); const l = []; a.accept(); a.send("early"); await scheduler.wait(1); b.addEventListener("message", (e) => l.push(e.data)); b.accept(); await scheduler.wait(2); return l; }, () => { const [a] = Object.values(new WebSocketPair()); a.send(); }, () => { const [a] = Object.values(new WebSocketPair()); a.accept(); a.serializeAttachment({ x: 1 }); return a.deserializeAttachment(); }, () => { const [a] = Object.values(new WebSocketPair()); return a.deserializeAttachment(); }, () => new Response(null, { status: 101 }), () => new Response(null, { status: 101, webSocket: 5 }), () => new Response(null, { webSocket: new WebSocketPair()[0] }), () => new Response("x", { status: 101, webSocket: new WebSocketPair()[0] }), () => { const r = new Response(null, { status: 101, webSocket: new WebSocketPair()[0] }); return [r.status, tag(r.webSocket)]; }, () => { const p = new WebSocketPair(); p[0].accept(); return new Response(null, { status: 101, webSocket: p[0] }).status; }, () => { const r = new Response(null, { status: 101, webSocket: new WebSocketPair()[0] }); return r.clone(); }, () => new WebSocket(), () => new WebSocket("nope"), () => new WebSocket("http://x/").url, () => new WebSocket("ws://x/#f"), () => new WebSocket("ws://x/", "a b"), () => new WebSocket("ws://x/", ["a", "a"]), () => [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED, WebSocket.READY_STATE_OPEN], () => Object.getOwnPropertyNames(WebSocket.prototype).sort()]),
}); } };
