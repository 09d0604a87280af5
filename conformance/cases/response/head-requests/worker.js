export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/text":
        return new Response("hello");
      case "/null":
        return new Response(null);
      case "/said":
        return new Response(null, { headers: { "content-length": "1234" } });
      case "/said-with-body":
        return new Response("hello", { headers: { "content-length": "1234" } });
      case "/stream":
        return new Response(new Blob(["streamed"]).stream().pipeThrough(new TransformStream()));
      case "/json":
        return Response.json({ method: request.method, body: request.body === null });
      case "/encoded":
        return new Response("hello", { headers: { "content-encoding": "gzip" } });
      case "/not-modified":
        return new Response(null, { status: 304, headers: { etag: '"a"' } });
      case "/no-content":
        return new Response(null, { status: 204 });
      case "/redirect":
        return Response.redirect("https://a.example/", 301);
      case "/large":
        return new Response("x".repeat(100000));
      case "/fixed": {
        const { readable } = new FixedLengthStream(500);
        return new Response(readable);
      }
    }
  },
};
