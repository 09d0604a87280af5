const makers = { obj: () => ({ a: 1 }), str: () => "text", extra: () => Object.assign(new TypeError("x"), { a: { b: 1 } }) };
addEventListener("fetch", (e) => { const k = new URL(e.request.url).pathname.slice(1); e.respondWith((async () => { if (makers[k]) throw makers[k](); return new Response("x"); })()); });
