import { WorkerEntrypoint } from "cloudflare:workers";
const enc = new TextEncoder();
export default class extends WorkerEntrypoint {
  respond(status, body, headers) {
    return new Response(body, { status, headers });
  }
  streamed() {
    return new Response(
      new ReadableStream({
        async start(c) {
          for (let i = 0; i < 3; i++) {
            c.enqueue(enc.encode("chunk" + i + ";"));
            await scheduler.wait(2);
          }
          c.close();
        },
      }),
      { headers: { "x-s": "1" } },
    );
  }
  async describe(r) {
    return [r.constructor.name, r.method ?? r.status, r.url, [...r.headers], await r.text()];
  }
  headers(h) {
    h.append("added", "1");
    return h;
  }
  failing() {
    return new ReadableStream({
      type: "bytes",
      async pull(c) {
        await scheduler.wait(1);
        c.error(new RangeError("stream broke"));
      },
    });
  }
  objects() {
    return new ReadableStream({
      start(c) {
        c.enqueue({ a: 1 });
        c.close();
      },
    });
  }
  strings() {
    return new ReadableStream({
      start(c) {
        c.enqueue("text");
        c.close();
      },
    });
  }
  async cancelled(s) {
    const r = s.getReader();
    await r.read();
    await r.cancel("enough");
    return "cancelled";
  }
  async abortIt(w) {
    const x = w.getWriter();
    await x.write(enc.encode("some"));
    await x.abort(new Error("writer gave up"));
    return "aborted";
  }
  inObject() {
    return { name: "n", body: new Blob(["in object"]).stream() };
  }
  async two(a, b) {
    return (await new Response(a).text()) + "+" + (await new Response(b).text());
  }
  big(n) {
    let left = n;
    return new ReadableStream({
      type: "bytes",
      pull(c) {
        if (left <= 0) {
          c.close();
          c.byobRequest?.respond(0);
        } else {
          c.enqueue(new Uint8Array(65536));
          left--;
        }
      },
    });
  }
  async size(s) {
    let n = 0;
    for await (const c of s) n += c.byteLength;
    return n;
  }
  request() {
    return new Request("http://made/up", { method: "PUT", body: "b", headers: { a: "1" } });
  }
}
