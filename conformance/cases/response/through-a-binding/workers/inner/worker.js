const text = "plain text ".repeat(50);
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/gzip":
        return new Response(text, { headers: { "content-encoding": "gzip", "x-kind": "gzip" } });
      case "/manual":
        return new Response(
          await new Response(new Response(text).body.pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
          { encodeBody: "manual", headers: { "content-encoding": "gzip" } },
        );
      case "/null":
        return new Response(null, { status: 201, statusText: "Made Up" });
      case "/empty":
        return new Response("");
      case "/204":
        return new Response(null, { status: 204 });
      case "/304":
        return new Response(null, { status: 304 });
      case "/error":
        return Response.error();
      case "/redirect":
        return Response.redirect("https://a.example/there", 302);
      case "/cookies":
        return new Response("c", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-a", "1"], ["x-a", "2"]] });
      case "/unicode":
        return new Response("ü", { statusText: "Schön", headers: { "x-name": "grüße" } });
      case "/stream":
        return new Response(new Blob(["streamed"]).stream().pipeThrough(new TransformStream()));
      case "/request":
        return Response.json({
          method: request.method,
          url: request.url,
          headers: [...request.headers].filter(([k]) => !/^(cf-|x-|accept-encoding$)/.test(k)),
          body: request.body === null ? null : await request.text(),
          redirect: request.redirect,
          cf: request.cf === undefined ? "undefined" : request.cf,
        });
    }
  },
};
