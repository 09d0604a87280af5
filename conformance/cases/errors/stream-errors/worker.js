const enc = new TextEncoder();
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname.slice(1)) {
      case "start": return new Response(new ReadableStream({ start() { throw new Error("in start"); } }));
      case "first": return new Response(new ReadableStream({ pull() { throw new Error("in pull"); } }));
      case "middle": { let n = 0; return new Response(new ReadableStream({ async pull(c) { if (n++ === 0) c.enqueue(enc.encode("first part")); else { await scheduler.wait(20); c.error(new Error("broken")); } } })); }
      case "string-chunk": return new Response(new ReadableStream({ start(c) { c.enqueue("a string"); c.close(); } }));
      case "number-chunk": return new Response(new ReadableStream({ start(c) { c.enqueue(5); c.close(); } }));
      default: return new Response("still alive");
    }
  },
};
