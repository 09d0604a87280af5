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
const each = async (list) => { const out = []; for (const f of list) out.push(await probe(f)); return out; };
const k = {};
export default {
  async fetch(request, env, ctx) {
    const path = new URL(request.url).pathname.slice(1);
    if (path === "keep" || path === "post") {
      k.request = request; k.text = new Response("kept"); k.bytes = new Response(new Uint8Array([1, 2])); k.nul = new Response(null); k.ret = new Response("returned"); k.retnull = new Response(null, { status: 201 }); k.cloneMe = new Response("cl"); k.body = new Response("b").body; k.reader = new Response("r").body.getReader(); k.js = new ReadableStream({ start(c) { c.enqueue("x"); c.close(); } }); k.jsbody = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65])); c.close(); } })); k.ident = new IdentityTransformStream(); k.ts = new TransformStream(); k.req = new Request("http://a/", { method: "POST", body: "rq" }); k.blob = new Blob(["bl"]); k.ctx = ctx; k.signal = request.signal; k.ac = new AbortController(); k.promise = new Response("pt").text(); k.tee = new Response("tee").body.tee(); k.form = new Response(new URLSearchParams("a=b")); k.used = new Response("u"); await k.used.text(); k.digest = new crypto.DigestStream("SHA-1"); k.json = Response.json({ a: 1 }); k.fd = new FormData(); k.fetchp = scheduler.wait(1); k.cs = new CompressionStream("gzip"); k.headers = request.headers; k.passed = new Response("passed"); k.wrapme = new Response("wrapme"); k.gz = new Response("gz"); k.cache = caches.default; k.lock = new Response("lk"); k.cancel = new Response("cx").body; k.t2 = new Response("t2").body; k.p2 = new Response("p2").body;
      return new Response("kept");
    }
    if (path === "return") return k.ret;
    if (path === "returnnull") return k.retnull;
    if (path === "returnclone") return k.cloneMe.clone();
    if (path === "pass") return new Response(k.passed.body);
    const all = { text: () => k.text.text(), again: () => k.text.text(), bytes: () => k.bytes.arrayBuffer(), nul: () => k.nul.text(), cloneMe: async () => k.cloneMe.clone().text(), bodyLocked: () => [k.body.locked, k.text.bodyUsed, k.text.body !== null, k.text.status, k.text.headers.get("content-type")], body: async () => k.body.getReader(), bodyRead: async () => k.t2.getReader().read(), reader: () => k.reader.read(), js: () => k.js.getReader().read(), jsbody: () => k.jsbody.text(), ident: async () => { const w = k.ident.writable.getWriter(); return w.write(new Uint8Array(1)); }, req: () => k.req.text(), incoming: () => k.request.text(), blob: () => k.blob.text(), wait: () => k.ctx.waitUntil(Promise.resolve()), signal: () => k.signal.aborted, ac: () => { k.ac.abort(); return k.ac.signal.aborted; }, promise: () => k.promise, tee: async () => k.tee[0].getReader().read(), form: () => k.form.formData(), used: () => k.used.text(), digest: async () => k.digest.getWriter().write("x"), json: () => k.json.json(), wrap: () => new Response(k.wrapme.body, k.wrapme).text(), gz: () => new Response(k.gz.body.pipeThrough(new CompressionStream("gzip"))).bytes().then((b) => b.length > 2), headers: () => k.headers.get("host") !== null, cache: () => k.cache.match("http://nope/"), cancel: () => k.cancel.cancel(), pipe: () => k.p2.pipeTo(new WritableStream()), bodyUsed: () => k.text.bodyUsed };
    const out = {};
    for (const [n, f] of Object.entries(all)) out[n] = await probe(f);
    return Response.json(out);
  },
};

