const probe = async (f) => { try { const value = await Promise.race([f(), scheduler.wait(15000).then(() => "hangs")]); return value === undefined ? "undefined" : value; } catch (e) { return ["throws", e?.name ?? typeof e, e?.message ?? String(e)]; } };
const enc = new TextEncoder();
const chunks = (list, end = (c) => c.close()) => new ReadableStream({ async pull(c) { await scheduler.wait(1); if (list.length) c.enqueue(enc.encode(list.shift())); else end(c); } });
const lengths = (r) => [r.status, r.headers.get("content-length"), r.headers.get("transfer-encoding"), r.headers.get("content-type"), r.body === null];
const next = (ws, type) => new Promise((resolve) => ws.addEventListener(type, resolve, { once: true }));
export default { async fetch(request, env, ctx) {
  if (new URL(request.url).pathname === "/inner") return new Response("inner");
  const S = env.S;
  const out = {};
  const seen = async (name) => (await S.fetch("http://h/seen?" + name)).json();
  if (new URL(request.url).pathname === "/incoming") {
    const copy = request.clone();
    const texts = await Promise.all([request.clone(), request.clone(), copy].map(async (r) => (await S.fetch("http://h/echo", r)).text()));
    const last = await (await S.fetch(request)).text();
    return Response.json({ host: typeof (await (await S.fetch("http://h/head", { headers: request.headers })).json()).h.host, texts, last, used: request.bodyUsed, again: await probe(() => S.fetch(request)), cfPassed: typeof (await (await S.fetch(new Request("http://h/head", request.clone ? { cf: request.cf } : {}))).json()).cf });
  }
  const head = async (...a) => { const j = await (await S.fetch(...a)).json(); return j; };
  const tries = {
    get: () => head("http://h/head"),
    postText: () => head("http://h/head", { method: "POST", body: "text" }),
    postEmpty: () => head("http://h/head", { method: "POST", body: "" }),
    postNull: () => head("http://h/head", { method: "POST" }),
    putNull: () => head("http://h/head", { method: "PUT", body: null }),
    postBytes: () => head("http://h/head", { method: "POST", body: new Uint8Array(3) }),
    postBlob: () => head("http://h/head", { method: "POST", body: new Blob(["b"], { type: "x/y" }) }),
    postParams: () => head("http://h/head", { method: "POST", body: new URLSearchParams("a=1") }),
    postStream: () => head("http://h/head", { method: "POST", body: chunks(["a", "b"]) }),
    postFixed: async () => { const { readable, writable } = new FixedLengthStream(3); const p = head("http://h/head", { method: "POST", body: readable }); const w = writable.getWriter(); await w.write(enc.encode("abc")); await w.close(); return p; },
    ownHeaders: () => head("http://h/head", { headers: { host: "other", "cf-connecting-ip": "1.1.1.1", "x-forwarded-for": "2.2.2.2", "user-agent": "mine", cookie: "a=b", authorization: "x", expect: "100-continue", "cf-worker": "w", "cdn-loop": "c", "x-real-ip": "3.3.3.3" } }),
    cf: () => head("http://h/head", { cf: { country: "XX", deep: { a: [1] } } }),
    cfRequest: () => head(new Request("http://h/head", { cf: { a: 1 } }), { headers: { b: "1" } }),
    fragment: async () => (await head("http://h/head#frag")).url,
    credentials: async () => (await head("http://user:pass@h/head")).url,
    odd: async () => (await head("http://H:80/a/../head?q=%20 x")).url,
    unicodeHost: async () => (await head("http://ünï.example/head")).url,
    ip: async () => (await head("http://127.0.0.1:9/head")).url,
    localhost: async () => (await head("https://localhost/head")).url,
    longUrl: async () => (await head("http://h/head?" + "x".repeat(9000))).url.length,
    manyHeaders: async () => Object.keys((await head("http://h/head", { headers: Object.fromEntries(Array.from({ length: 150 }, (_, n) => ["x-" + n, "v"])) })).h).length,
    bigHeader: async () => (await head("http://h/head", { headers: { big: "x".repeat(20000) } })).h.big.length,
    headerBytes: async () => (await head("http://h/head", { headers: { latin: "\u00e4\u00f6", tab: "a\tb" } })).h,
    headMethod: async () => { const r = await S.fetch("http://h/length", { method: "HEAD" }); return [...lengths(r), await r.text()]; },
    headStream: async () => { const r = await S.fetch("http://h/stream", { method: "HEAD" }); return [...lengths(r), await r.text()]; },
    empty: async () => lengths(await S.fetch("http://h/empty")),
    emptytext: async () => lengths(await S.fetch("http://h/emptytext")),
    length: async () => lengths(await S.fetch("http://h/length")),
    stream: async () => { const r = await S.fetch("http://h/stream"); return [...lengths(r), await r.text()]; },
    ownlength: async () => { const r = await S.fetch("http://h/ownlength"); return [...lengths(r), await probe(() => r.text())]; },
    statuses: async () => { const list = []; for (const n of [200, 201, 204, 205, 206, 301, 304, 400, 404, 418, 500, 503, 599]) { const r = await S.fetch("http://h/" + n, { redirect: "manual" }); list.push([r.status, r.statusText, r.headers.get("x-s"), r.body === null, await r.text()]); } return list; },
    options: async () => (await head("http://h/head", { method: "OPTIONS" })).method,
    trace: () => S.fetch("http://h/head", { method: "TRACE" }).then((r) => r.status),
    connect: () => S.fetch("http://h/head", { method: "CONNECT" }).then((r) => r.status),
    cancelEndless: async () => { const r = await S.fetch("http://h/endless"); const reader = r.body.getReader(); await reader.read(); await reader.cancel(new RangeError("enough")); return seen("endless"); },
    cancelThroughMid: async () => { await S.fetch("http://h/seen?x"); const r = await env.MID.fetch("http://h/endless"); const reader = r.body.getReader(); await reader.read(); await reader.cancel(); return seen("endless"); },
    cancelRewrapped: async () => { const r = await env.MID.fetch("http://h/endless", { headers: { "x-mode": "rewrap" } }); const reader = r.body.getReader(); await reader.read(); await reader.cancel(); return seen("endless"); },
    abortHang: async () => { const c = new AbortController(); const p = probe(() => S.fetch("http://h/hang", { signal: c.signal })); await scheduler.wait(20); c.abort(); return p; },
    abortReason: async () => { const c = new AbortController(); const p = probe(() => S.fetch("http://h/hang", { signal: c.signal })); await scheduler.wait(20); c.abort(new RangeError("mine")); return p; },
    timeout: () => S.fetch("http://h/hang", { signal: AbortSignal.timeout(20) }),
    abortBody: async () => { const c = new AbortController(); const r = await S.fetch("http://h/endless", { signal: c.signal }); const reader = r.body.getReader(); await reader.read(); c.abort(new RangeError("mid")); return probe(async () => { for (;;) { const { done } = await reader.read(); if (done) return "done"; } }); },
    unread: async () => { let why = "none"; const body = new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(enc.encode("x")); }, cancel(r) { why = "cancelled"; } }); const r = await S.fetch("http://h/unread", { method: "POST", body }); const t = await r.text(); await scheduler.wait(50); return [t, why]; },
    cancelbody: async () => { const r = await S.fetch("http://h/cancelbody", { method: "POST", body: chunks(["a", "b"]) }); return r.text(); },
    partial: async () => { const r = await S.fetch("http://h/partial", { method: "POST", body: chunks(Array.from({ length: 50 }, () => "x")) }); return r.text(); },
    bodyStrings: async () => { const r = await S.fetch("http://h/readerror", { method: "POST", body: new ReadableStream({ start(c) { c.enqueue("string"); c.close(); } }) }); return r.text(); },
    duplex: async () => { const { readable, writable } = new TransformStream(); const w = writable.getWriter(); const p = S.fetch("http://h/upper", { method: "POST", body: readable }); w.write(enc.encode("one ")); const r = await p; const reader = r.body.getReader(); const first = new TextDecoder().decode((await reader.read()).value); w.write(enc.encode("two")); w.close(); let rest = ""; for (;;) { const { done, value } = await reader.read(); if (done) break; rest += new TextDecoder().decode(value); } return first + "|" + rest; },
    echoThroughMid: async () => (await env.MID.fetch("http://h/echo", { method: "POST", body: chunks(["a", "b", "c"]), headers: { "x-mode": "body" } })).text(),
    bodyTwice: async () => { const r = new Request("http://h/echo", { method: "POST", body: "x" }); await S.fetch(r); return [r.bodyUsed, await probe(() => S.fetch(r))]; },
    redirectFollow: async () => { const r = await S.fetch("http://h/redirect"); return [r.status, r.redirected, r.url]; },
    redirectManual: async () => { const r = await S.fetch("http://h/redirect", { redirect: "manual" }); return [r.status, r.headers.get("location"), r.type]; },
    redirectError: () => S.fetch("http://h/redirect", { redirect: "error" }),
    redirectLoop: () => S.fetch("http://h/loop").then((r) => r.status),
    late: async () => { const t = await (await S.fetch("http://h/late")).text(); return [t, await seen("late")]; },
    throwlate: async () => (await S.fetch("http://h/throwlate")).text(),
    named: async () => (await env.NAMED.fetch("http://h/path")).text(),
    noFetch: () => env.NOFETCH.fetch("http://h/").then((r) => r.text()),
    noFetchHi: () => env.NOFETCH.hi(),
    object: async () => (await env.OBJECT.fetch("http://h/")).text(),
    objectExtra: () => env.OBJECT.extra(1),
    me: async () => (await env.ME.fetch("http://h/inner")).text(),
    names: async () => { const list = []; for (const n of ["constructor", "toString", "fetch", "lower_case", "with-dash.and dot", "ünï", "then", "9"]) list.push([n, await probe(async () => (await env[n].fetch("http://h/n")).text())]); return list; },
    keys: () => Object.keys(env).sort(),
    missing: () => [typeof env.NOPE, "NOPE" in env, typeof env.hasOwnProperty, Object.getPrototypeOf(env) === Object.prototype],
    missingCall: () => env.NOPE.fetch("http://h/"),
    response: async () => { const r = await S.fetch("http://h/length"); return [r.url, r.redirected, r.type, r.ok, r.bodyUsed, r.webSocket, JSON.stringify(r.cf ?? null)]; },
    mutate: async () => { const r = await S.fetch("http://h/length"); r.headers.set("a", "1"); return r.headers.get("a"); },
    mutateRequest: async () => { request.headers.set("a", "1"); },
    cloneResponse: async () => { const r = await S.fetch("http://h/stream"); const c = r.clone(); return [await r.text(), await c.text()]; },
    ws: async () => { const r = await S.fetch("http://h/ws", { headers: { upgrade: "websocket", "sec-websocket-protocol": "p1" } }); const ws = r.webSocket; const info = [r.status, r.headers.get("x-ws"), r.headers.get("sec-websocket-protocol")]; ws.accept(); ws.send("hi"); const a = (await next(ws, "message")).data; ws.send("binary"); const b = (await next(ws, "message")).data; ws.close(4002, "by caller"); const e = await next(ws, "close"); return [info, a, b instanceof ArrayBuffer ? [...new Uint8Array(b)] : typeof b, [e.code, e.reason, e.wasClean], await seen("ws")]; },
    wsCalleeCloses: async () => { const r = await S.fetch("http://h/ws", { headers: { upgrade: "websocket" } }); const ws = r.webSocket; ws.accept(); ws.send("close"); const e = await next(ws, "close"); return [e.code, e.reason, e.wasClean, ws.readyState]; },
    wsThroughMid: async () => { const r = await env.MID.fetch("http://h/ws", { headers: { upgrade: "websocket" } }); const ws = r.webSocket; ws.accept(); ws.send("hi"); const a = (await next(ws, "message")).data; ws.send("close"); const e = await next(ws, "close"); return [r.status, a, e.code, e.reason]; },
    wsRelayed: async () => { const r = await env.MID.fetch("http://h/ws", { headers: { upgrade: "websocket", "x-mode": "socket" } }); const ws = r.webSocket; ws.accept(); ws.send("hi"); const a = (await next(ws, "message")).data; ws.send("x"); const b = (await next(ws, "message")).data; return [r.status, a, b]; },
    wsNoUpgrade: async () => { const r = await S.fetch("http://h/ws"); return [r.status, r.webSocket]; },
    wsRefused: async () => { const r = await S.fetch("http://h/length", { headers: { upgrade: "websocket" } }); return [r.status, r.webSocket, await r.text()]; },
    wsNotAccepted: async () => { const r = await S.fetch("http://h/ws", { headers: { upgrade: "websocket" } }); return probe(() => r.webSocket.send("x")); },
    wsPost: () => S.fetch("http://h/ws", { method: "POST", headers: { upgrade: "websocket" } }).then((r) => r.status),
    wsUrl: () => S.fetch("ws://h/ws", { headers: { upgrade: "websocket" } }).then((r) => r.status),
    connectMethod: () => probe(async () => { const s = S.connect("h:1"); await s.opened; }),
  };
  for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
  return Response.json(out);
} };
