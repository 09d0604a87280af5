export default {
  async fetch(request, env, ctx) {
    const u = new URL(request.url);
    switch (u.pathname) {
      case "/throw":
        throw new TypeError("callee type error");
      case "/throw-string":
        throw "a string";
      case "/undefined":
        return;
      case "/not-response":
        return { status: 200 };
      case "/error-response":
        return Response.error();
      case "/null-body":
        return new Response(null, { status: 204, headers: { "x-n": "1" } });
      case "/status":
        return new Response("teapot", { status: 418, statusText: "Custom Text" });
      case "/cookies":
        return new Response("c", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] });
      case "/gzip":
        return new Response("compressed text", { headers: { "content-encoding": "gzip" } });
      case "/slow-body":
        return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(2); c.enqueue(new TextEncoder().encode("late")); c.close(); } }));
      case "/break-body":
        return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(2); c.error(new Error("body broke")); } }));
    }
    return Response.json({
      url: request.url,
      method: request.method,
      headers: [...request.headers].filter(([k]) => k !== "accept-encoding" && k !== "cf-ray"),
      body: await request.text(),
      redirect: request.redirect,
      cf: typeof request.cf,
      signal: Object.prototype.toString.call(request.signal),
    });
  },
};
