const body = (text) => new Response(text).body;
const watch = (source, log, ...types) => {
  for (const type of types)
    source.addEventListener(type, (e) => log.push([e.type, e.data ?? null, e.lastEventId ?? null, e.origin ?? null, source.readyState, e.isTrusted]));
};
const settle = () => scheduler.wait(30);
export default {
  async fetch() {
    const out = {};
    {
      const log = (out.fields = []);
      const text =
        "data\n\ndata:\n\ndata: 1\n\ndata\ndata\n\ndata:2\n\nid\ndata: 3\n\nid: a\0b\ndata: 4\n\ndata:  two spaces\n\n" +
        "event: q\n\ndata: 6\n\nretry: abc\ndata: 7\n\nfoo: bar\ndata: 8\n\ndata: é\nevent: q\n\n: comment\nid: 9\n\ndata: x\r\rdata: y\r\n\r\ndata: unfinished";
      const es = EventSource.from(body(text));
      watch(es, log, "open", "message", "q", "error");
      await settle();
      log.push([es.url, es.withCredentials, es.readyState]);
    }
    {
      const log = (out.chunks = []);
      const { readable, writable } = new TransformStream();
      const es = EventSource.from(readable);
      es.onmessage = (e) => log.push(e.data);
      const writer = writable.getWriter();
      const encoder = new TextEncoder();
      for (const piece of ["da", "ta: x\r", "\n\r", "\ndata: "]) await writer.write(encoder.encode(piece));
      await writer.write(new Uint8Array([0xc3]));
      await writer.write(new Uint8Array([0xa9, 10, 10]));
      await settle();
      es.close();
      log.push(es.readyState, es.close() ?? null);
    }
    {
      const log = (out.throwing = []);
      const es = EventSource.from(body("data: 1\n\ndata: 2\n\n"));
      es.onmessage = (e) => {
        log.push(e.data);
        throw new RangeError("mine");
      };
      es.onerror = (e) => log.push([e.constructor.name, e.message, e.error?.message ?? null, es.readyState]);
      await settle();
    }
    {
      const log = (out.broken = []);
      const failing = EventSource.from(new ReadableStream({ pull: (c) => c.error(new TypeError("boom")) }));
      failing.onerror = (e) => log.push([e.error?.name, e.error?.message, failing.readyState]);
      await settle();
    }
    return Response.json(out);
  },
};
