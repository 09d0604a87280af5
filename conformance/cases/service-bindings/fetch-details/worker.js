const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/inner") return new Response("inner " + request.url);
    const out = {};
    const j = async (p) => (await p).json();
    const tries = {
      string: () => j(env.B.fetch("http://any.host/path?q=1#frag")),
      url: () => j(env.B.fetch(new URL("https://x.y/z"))),
      https: async () => (await j(env.B.fetch("https://secure/"))).url,
      port: async () => (await j(env.B.fetch("http://h:8080/"))).url,
      auth: async () => probe(async () => (await j(env.B.fetch("http://u:p@h/"))).url),
      scheme: () => probe(async () => (await j(env.B.fetch("ftp://h/"))).url),
      noScheme: () => env.B.fetch("example.com"),
      none: () => env.B.fetch(),
      post: () => j(env.B.fetch("http://h/", { method: "POST", body: "b", headers: { "X-Up": "V" } })),
      lower: async () => (await j(env.B.fetch("http://h/", { method: "patch", body: "p" }))).method,
      custom: async () => (await j(env.B.fetch("http://h/", { method: "PURGE" }))).method,
      bad: () => env.B.fetch("http://h/", { method: "BA D" }),
      request: () => j(env.B.fetch(new Request("http://h/r", { method: "PUT", body: "q" }))),
      requestInit: async () => { const r = await j(env.B.fetch(new Request("http://h/r", { method: "PUT", body: "q" }), { headers: { a: "1" }, method: "POST" })); return [r.method, r.body, r.headers.filter(([k]) => k === "a")]; },
      json: async () => (await j(env.B.fetch("http://h/", { method: "POST", body: JSON.stringify({ a: 1 }) }))).headers.filter(([k]) => k === "content-type"),
      params: async () => { const r = await j(env.B.fetch("http://h/", { method: "POST", body: new URLSearchParams({ a: "1" }) })); return [r.body, r.headers.filter(([k]) => k === "content-type")]; },
      getBody: () => env.B.fetch("http://h/", { body: "x" }),
      throws: () => env.B.fetch("http://h/throw"),
      throwsString: () => env.B.fetch("http://h/throw-string"),
      undefinedResult: () => env.B.fetch("http://h/undefined"),
      notResponse: () => env.B.fetch("http://h/not-response"),
      nullBody: async () => { const r = await env.B.fetch("http://h/null-body"); return [r.status, r.body, r.headers.get("x-n")]; },
      status: async () => { const r = await env.B.fetch("http://h/status"); return [r.status, r.statusText, r.ok, r.type, r.url, r.redirected, await r.text()]; },
      cookies: async () => (await env.B.fetch("http://h/cookies")).headers.getSetCookie(),
      slow: async () => (await env.B.fetch("http://h/slow-body")).text(),
      self: async () => (await env.SELF.fetch("http://me/inner")).text(),
      aborted: async () => { const c = new AbortController(); c.abort(); return env.B.fetch("http://h/", { signal: c.signal }); },
      abortedReason: async () => { const c = new AbortController(); c.abort(new RangeError("mine")); return env.B.fetch("http://h/", { signal: c.signal }); },
      parallel: async () => (await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((n) => j(env.B.fetch("http://h/" + n))))).map((r) => r.url),
      usedRequest: async () => { const r = new Request("http://h/", { method: "POST", body: "x" }); await r.text(); return env.B.fetch(r); },
      twice: async () => { const r = new Request("http://h/", { method: "POST", body: "x" }); await env.B.fetch(r); return probe(() => env.B.fetch(r)); },
      detached: () => { const f = env.B.fetch; return f("http://h/"); },
      head: async () => { const r = await env.B.fetch("http://h/status", { method: "HEAD" }); return [r.status, await r.text()]; },
      requestUsedAfter: async () => { const r = new Request("http://h/", { method: "POST", body: "x" }); const p = env.B.fetch(r); const used = r.bodyUsed; await p; return [used, r.bodyUsed]; },
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
