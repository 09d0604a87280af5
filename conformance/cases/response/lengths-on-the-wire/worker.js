// Which answers say how long they are.
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const bytes = new Uint8Array(5000);
    switch (pathname) {
      case "/text":
        return new Response("grüße");
      case "/rewrapped":
        return new Response(new Response("hello").body);
      case "/touched": {
        const r = new Response("hello");
        r.body;
        return r;
      }
      case "/cloned": {
        const r = new Response("hello");
        r.clone();
        return r;
      }
      case "/teed":
        return new Response(new Response("hello").body.tee()[0]);
      case "/blob-stream":
        return new Response(new Blob(["hello"]).stream());
      case "/fixed": {
        const { readable, writable } = new FixedLengthStream(5);
        const writer = writable.getWriter();
        writer.write(new TextEncoder().encode("hello"));
        writer.close();
        return new Response(readable);
      }
      case "/fixed-large": {
        const { readable, writable } = new FixedLengthStream(50000);
        const writer = writable.getWriter();
        (async () => {
          for (let i = 0; i < 10; i++) await writer.write(bytes);
          await writer.close();
        })();
        return new Response(readable);
      }
      case "/identity": {
        const { readable, writable } = new IdentityTransformStream();
        const writer = writable.getWriter();
        writer.write(new TextEncoder().encode("hello"));
        writer.close();
        return new Response(readable);
      }
      case "/said":
        return new Response("hello", { headers: { "content-length": "3" } });
      case "/said-right":
        return new Response("hello", { headers: { "content-length": "5" } });
      case "/stream-said":
        return new Response(new Blob(["hello"]).stream().pipeThrough(new TransformStream()), {
          headers: { "content-length": "5" },
        });
      case "/echo":
        return new Response(request.body);
      case "/echo-headers":
        return new Response(request.body, { headers: request.headers });
      case "/form":
        return new Response(new URLSearchParams({ a: "1" }));
      case "/partial":
        return new Response("hel", { status: 206, headers: { "content-range": "bytes 0-2/5" } });
      case "/te":
        return new Response("hello", { headers: { "transfer-encoding": "chunked", connection: "close" } });
    }
  },
};
