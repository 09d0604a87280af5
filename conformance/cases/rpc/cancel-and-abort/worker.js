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
const src = (o) => new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(new Uint8Array(1)); }, cancel(r) { o.r = r; o.c = true; } });
export default { async fetch(request, env, ctx) { const S = env.S; const what = (r) => [typeof r, r?.name ?? null, r?.message ?? String(r), r instanceof Error, r?.extra ?? null, r?.remote ?? null]; return runAll({
  ref: () => { const t = setTimeout(() => {}, 1); const o = [t.hasRef()]; t.unref(); o.push(t.hasRef()); t.ref(); o.push(t.hasRef()); const i = setImmediate(() => {}); o.push(i.hasRef()); i.unref(); o.push(i.hasRef()); i.ref(); o.push(i.hasRef()); return o; },
  cancelled: async () => { const out = {}; for (const [k, r] of [["str", "why"], ["err", Object.assign(new RangeError("m"), { extra: 1 })], ["undef", undefined], ["obj", { a: 1 }], ["num", 5], ["dom", new DOMException("d", "AbortError")]]) { const s = await S.endless(k); const rd = s.getReader(); await rd.read(); await rd.cancel(r); out[k] = await S.why(k); } return out; },
  cancelUnread: async () => { const s = await S.endless("u"); await s.cancel("unread"); return S.why("u"); }, loop: async () => { const s = await S.endless("l"); for await (const x of s) break; return S.why("l"); }, dispose: async () => { const r = await S.wrapped("w"); r[Symbol.dispose](); return S.why("w"); }, pipeAbort: async () => { const s = await S.endless("p"); await s.pipeTo(new WritableStream({ write() { throw new TypeError("sink") } })).catch(() => {}); return S.why("p"); }, transfer: async () => { const out = {}; for (const k of ["str", "err", "undef"]) { const o = {}; await S.readCancel(src(o), k); for (let n = 0; n < 200 && !o.c; n++) await scheduler.wait(5); out[k] = o.c ? what(o.r) : "no"; } return out; },
  abortW: async () => { const out = {}; for (const k of ["str", "err", "undef"]) { const o = {}; await S.abortW(new WritableStream({ abort(r) { o.c = true; o.r = r; } }), k); for (let n = 0; n < 200 && !o.c; n++) await scheduler.wait(5); out[k] = o.c ? what(o.r) : "no"; } return out; },

  errRead: async () => { const s = await S.errs(); const rd = s.getReader(); try { for (;;) { const x = await rd.read(); if (x.done) return "done"; } } catch (e) { return what(e); } }, errTake: async () => S.takeErr(new ReadableStream({ async pull(c) { await scheduler.wait(1); c.error(Object.assign(new RangeError("later"), { extra: 2 })); } })),
  ctxAbort: async () => S.doAbort(), ctxAbortNone: async () => S.doAbortNone(), ctxAbortFetch: async () => (await S.fetch("http://h/abort")).status, ctxAbortLater: async () => S.doAbortLater(), 
}); } };
