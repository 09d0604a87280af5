import zlib from "node:zlib"; import * as zns from "node:zlib"; import cons from "node:console"; import * as cns from "node:console"; import path from "node:path"; import process from "node:process"; import dc from "node:diagnostics_channel"; import perf from "node:perf_hooks"; import util from "node:util";
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
export default { async fetch(request, env, ctx) { return runAll({
  dcShape: () => { const c = dc.channel("a"); return [tag(c), c.constructor.name, Object.keys(c), Object.getOwnPropertyNames(Object.getPrototypeOf(c)), Object.getOwnPropertyNames(dc).sort(), Object.getOwnPropertyNames(dc.tracingChannel("x")), Object.getOwnPropertyNames(Object.getPrototypeOf(dc.tracingChannel("x"))).sort(), c.hasSubscribers?.(), c instanceof dc.Channel]; },
  dcMore: () => { const out = []; const f = (...a) => out.push(a.map(String)); dc.subscribe("q", f); dc.subscribe("q", f); dc.channel("q").publish({}); out.push(dc.unsubscribe("q", f)); dc.channel("q").publish(2); return [out, dc.hasSubscribers("q"), dc.hasSubscribers("none")]; },
  dcThrow2: async () => { const c = dc.channel("thr"); const out = []; c.subscribe(() => { throw new Error("sub"); }); c.subscribe(() => out.push("second")); try { c.publish(1); out.push("fine"); } catch (e) { out.push(e.message); } return out; },
  dcStores: async () => { const { AsyncLocalStorage } = await import("node:async_hooks"); const s = new AsyncLocalStorage(); const c = dc.channel("s2"); c.bindStore(s); const r = c.runStores({ d: 1 }, () => s.getStore()); return [r, c.unbindStore(s), c.runStores(1, () => s.getStore() ?? "none"), (() => { try { c.runStores(1, 5); } catch (e) { return [e.name, e.message]; } })(), (() => { try { return c.runStores(1, () => { throw new RangeError("r"); }); } catch (e) { return [e.name, e.message]; } })()]; },
  tracing: async () => { const t = dc.tracingChannel("t"); return [Object.keys(t), t.hasSubscribers, typeof t.subscribe, (() => { try { return t.subscribe({ start: 5 }); } catch (e) { return e.message; } })(), (() => { try { return t.unsubscribe({}); } catch (e) { return e.message; } })(), (() => { try { return Object.keys(dc.tracingChannel({ start: dc.channel("a"), end: dc.channel("b"), asyncStart: dc.channel("c"), asyncEnd: dc.channel("d"), error: dc.channel("e") })); } catch (e) { return e.message; } })(), (() => { try { return t.traceSync(5); } catch (e) { return e.message; } })()]; },
  tracing2: async () => { const t = dc.tracingChannel("t2"); const out = []; const h = {}; for (const k of ["start", "end", "asyncStart", "asyncEnd", "error"]) h[k] = (m) => out.push([k, Object.keys(m).join(), m.result ?? null, m.error?.message ?? null]); t.subscribe(h); try { t.traceSync(() => { throw new Error("s"); }, { x: 1 }); } catch (e) { out.push(e.message); } try { await t.tracePromise(async () => { throw new Error("p"); }); } catch (e) { out.push(e.message); } out.push(await t.tracePromise(() => 5).catch?.((e) => e.message)); await new Promise((r) => t.traceCallback((a, cb) => cb(new Error("cb")), 1, {}, null, 1, r)); await new Promise((r) => t.traceCallback((cb, a) => cb(null, 3), 0, {}, null, r, 1)); try { t.traceCallback(() => {}, 0, {}, null, 5); } catch (e) { out.push(e.message); } out.push(t.unsubscribe(h)); return out; },
}); } };
