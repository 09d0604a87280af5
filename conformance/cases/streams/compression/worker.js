const probe = (f) => {
  try {
    const v = f();
    return v === undefined
      ? "undefined"
      : typeof v === "function"
        ? "fn"
        : typeof v === "object" && v !== null && !Array.isArray(v)
          ? Object.prototype.toString.call(v)
          : typeof v === "bigint"
            ? String(v)
            : v;
  } catch (e) {
    return { $error: e?.name ?? String(e), $message: e?.message };
  }
};
const show = (v) =>
  v instanceof Uint8Array ? "u8:" + [...v].join() : v instanceof ArrayBuffer ? "ab" + v.byteLength : v;
const aprobe = async (f, ms = 300) => {
  try {
    const v = await Promise.race([f(), new Promise((r) => setTimeout(r, ms, "PENDING"))]);
    return v === undefined
      ? "undefined"
      : v && typeof v === "object" && "done" in v
        ? { done: v.done, value: show(v.value) }
        : show(v);
  } catch (e) {
    return { $error: e?.name ?? String(e), $message: e?.message };
  }
};
const enc = new TextEncoder();
const U = (...a) => new Uint8Array(a);
const all = async (s) => {
  const o = [];
  for await (const c of s) o.push(show(c));
  return o;
};
const gz = (s, f = "gzip") =>
  new Response(new Blob([s]).stream().pipeThrough(new CompressionStream(f))).bytes();
const un = (b, f = "gzip") =>
  new Response(new Blob([b]).stream().pipeThrough(new DecompressionStream(f))).text();
export default {
  async fetch() {
    const out = {};
    for (const f of [
      "gzip",
      "deflate",
      "deflate-raw",
      "brotli",
      "br",
      "zstd",
      "GZIP",
      "x",
      "",
      undefined,
      null,
      5,
    ])
      out["c" + f] = [probe(() => new CompressionStream(f)), probe(() => new DecompressionStream(f))];
    out.none = probe(() => new CompressionStream());
    out.call = probe(() => CompressionStream("gzip"));
    for (const f of ["gzip", "deflate", "deflate-raw", "brotli"])
      out["rt" + f] = await aprobe(async () =>
        un(await gz("hello " + "x".repeat(1000), f), f).then((t) => t.length),
      );
    const g = await gz("hello world");
    out.head = show(g.subarray(0, 10));
    out.trail = await aprobe(() => un(new Blob([g, U(1, 2)])));
    out.trunc = await aprobe(() => un(g.subarray(0, g.length - 4)));
    out.trunc2 = await aprobe(() => un(g.subarray(0, 5)));
    out.bad = await aprobe(() => un("not gzip at all"));
    out.empty = await aprobe(() => un(""));
    out.crc = await aprobe(() => {
      const c = g.slice();
      c[c.length - 8] ^= 255;
      return un(c);
    });
    out.two = await aprobe(() => un(new Blob([g, g])));
    const d = await gz("hello world", "deflate");
    out.dtrail = await aprobe(() => un(new Blob([d, U(1)]), "deflate"));
    out.dtrunc = await aprobe(() => un(d.subarray(0, d.length - 2), "deflate"));
    out.dbad = await aprobe(() => un("zz", "deflate"));
    const r = await gz("hello world", "deflate-raw");
    out.rtrail = await aprobe(() => un(new Blob([r, U(1)]), "deflate-raw"));
    out.rtrunc = await aprobe(() => un(r.subarray(0, r.length - 2), "deflate-raw"));
    out.rbad = await aprobe(() => un(U(255, 255, 255), "deflate-raw"));
    out.wr = [];
    for (const v of [
      "str",
      5,
      null,
      undefined,
      {},
      [1],
      U(1).buffer,
      new DataView(new ArrayBuffer(1)),
      new Uint16Array(1),
      U(),
    ])
      out.wr.push(
        await aprobe(async () => {
          const c = new CompressionStream("gzip");
          const w = c.writable.getWriter();
          const rd = new Response(c.readable).bytes().catch((e) => e.message);
          await w.write(v);
          await w.close();
          return typeof (await rd);
        }),
      );

    out.byob = await aprobe(async () => {
      const c = new CompressionStream("gzip");
      const w = c.writable.getWriter();
      w.write(enc.encode("x".repeat(100)));
      w.close();
      const rr = c.readable.getReader({ mode: "byob" });
      const x = await rr.read(new Uint8Array(4));
      return show(x.value);
    });
    out.dbyob = await aprobe(async () => {
      const c = new DecompressionStream("gzip");
      const w = c.writable.getWriter();
      w.write(g);
      w.close();
      const rr = c.readable.getReader({ mode: "byob" });
      const x = await rr.readAtLeast(11, new Uint8Array(20));
      return x.value.byteLength;
    });
    out.inst = [
      new CompressionStream("gzip") instanceof TransformStream,
      Object.getOwnPropertyNames(new CompressionStream("gzip")),
    ];
    out.abort = await aprobe(async () => {
      const c = new CompressionStream("gzip");
      const w = c.writable.getWriter();
      const rr = c.readable.getReader();
      const p = aprobe(() => rr.read());
      await w.abort(new RangeError("ab"));
      return JSON.stringify(await p);
    });

    out.nowait = await aprobe(async () => {
      const c = new CompressionStream("gzip");
      const w = c.writable.getWriter();
      await w.write(enc.encode("a"));
      await w.write(enc.encode("b"));
      await w.close();
      return un(await new Response(c.readable).bytes());
    });
    out.flush = await aprobe(async () => {
      const c = new CompressionStream("gzip");
      const w = c.writable.getWriter();
      w.write(enc.encode("a"));
      const rr = c.readable.getReader();
      const x = await aprobe(() => rr.read(), 50);
      return x === "PENDING" ? x : typeof x;
    });
    out.chunks = await aprobe(async () => {
      const big = await gz("y".repeat(200000));
      const l = [];
      for await (const c of new Blob([big]).stream().pipeThrough(new DecompressionStream("gzip")))
        l.push(c.length);
      return [l.reduce((a, b) => a + b), l.length > 1];
    });
    out.ds = probe(() => new CompressionStream("gzip").writable.getWriter().desiredSize);
    return Response.json(out);
  },
};
