let seen = [];
export default { async fetch(r, env, ctx) { const u = new URL(r.url); const q = decodeURIComponent(u.search.slice(1));
  switch (u.pathname) {
    case "/respcf": return new Response("x", { cf: { a: 1 } });
    case "/cookies": { const h = new Headers(); h.append("set-cookie", "a=1, b; Path=/"); h.append("set-cookie", "c=2"); return new Response("", { headers: h }); }
    case "/hop": return new Response("h", { headers: { connection: "close", "keep-alive": "x", "transfer-encoding": "chunked", upgrade: "x", trailer: "t", te: "y", server: "mine", date: "Thu", via: "v", age: "3", "content-length": "99", "content-encoding": "identity", "cf-ray": "q", "alt-svc": "z" } });
    case "/r": return new Response("redirecting", { status: +q, headers: { location: "/done" } });
    case "/rto": return new Response(null, { status: 302, headers: { location: q } });
    case "/loop": return new Response(null, { status: 302, headers: { location: "/loop?" + (+q + 1) } });
    case "/count": return +q === 0 ? new Response("end") : new Response(null, { status: 302, headers: { location: "/count?" + (+q - 1) } });
    case "/big": return new Response("x".repeat(300000));
    case "/form": return new Response("a=1&b=2", { headers: { "content-type": "application/x-www-form-urlencoded" } });
    case "/text": return new Response("not json");
    case "/slow": await scheduler.wait(500); return new Response("slow");
    case "/waits": { seen = []; r.signal.addEventListener("abort", () => seen.push("abort")); ctx.waitUntil(scheduler.wait(40).then(() => seen.push("wu"))); await scheduler.wait(300); seen.push("end"); return new Response("w"); }
    case "/seen": return Response.json(seen);
  }
  return Response.json({ m: r.method, url: r.url, h: [...r.headers], red: r.redirect, body: r.body === null ? null : await r.text(), cf: r.cf, sig: r.signal?.aborted, keep: r.keepalive, cache: r.cache, int: r.integrity }); } };
