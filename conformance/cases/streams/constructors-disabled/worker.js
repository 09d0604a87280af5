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
const aprobe = async (f, ms = 1000) => {
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
export default {
  async fetch() {
    const out = {};
    out.rs = probe(() => new ReadableStream());
    out.rs2 = probe(() => new ReadableStream({}));
    out.ws = probe(() => new WritableStream());
    out.ws2 = probe(() => new WritableStream({}));
    out.ts = probe(() => new TransformStream());
    out.ts2 = probe(() => new TransformStream({ transform() {} }));
    out.from = probe(() => ReadableStream.from([1]));
    out.inst = probe(() => new TransformStream() instanceof IdentityTransformStream);
    out.ident = await aprobe(async () => {
      const t = new TransformStream();
      const w = t.writable.getWriter();
      w.write(new Uint8Array([1])).catch(() => {});
      return t.readable.getReader().read();
    });
    out.identstr = await aprobe(async () => {
      const t = new TransformStream();
      const w = t.writable.getWriter();
      const p = w.write("x");
      const r = await t.readable.getReader().read();
      await p;
      return r;
    });
    out.inf = probe(() => new ReadableStream({}, { highWaterMark: Infinity }));
    out.hstr = probe(() => new ReadableStream({}, { highWaterMark: "3" }));
    out.h15 = probe(() => {
      let d;
      new ReadableStream(
        {
          start(c) {
            d = c.desiredSize;
          },
        },
        { highWaterMark: 1.5 },
      );
      return d;
    });
    out.cqs = probe(() => {
      let d;
      new ReadableStream(
        {
          start(c) {
            d = c.desiredSize;
          },
        },
        new CountQueuingStrategy({ highWaterMark: 7 }),
      );
      return d;
    });
    out.type0 = probe(() => new ReadableStream({ type: "" }));
    out.typeu = probe(() => new ReadableStream({ type: undefined }));
    out.typeobj = probe(
      () =>
        new ReadableStream({
          type: {
            toString() {
              return "bytes";
            },
          },
        }),
    );
    out.strat5 = probe(() => new ReadableStream({}, 5));
    out.startthrow = await aprobe(() =>
      new ReadableStream({
        start() {
          throw new RangeError("s");
        },
      })
        .getReader()
        .read(),
    );
    out.wst = await aprobe(() =>
      new WritableStream({
        start() {
          throw new RangeError("s");
        },
      })
        .getWriter()
        .write(1),
    );
    out.tst = await aprobe(() =>
      new TransformStream({
        start() {
          throw new RangeError("s");
        },
      }).readable
        .getReader()
        .read(),
    );
    out.sizeThrow = await aprobe(() => {
      let c;
      const s = new ReadableStream(
        {
          start(x) {
            c = x;
          },
        },
        {
          size() {
            throw new RangeError("sz");
          },
        },
      );
      c.enqueue(1);
      return s.getReader().read();
    });
    out.sizeBad = await aprobe(() => {
      let c;
      const s = new ReadableStream(
        {
          start(x) {
            c = x;
          },
        },
        {
          size() {
            return -1;
          },
        },
      );
      c.enqueue(1);
      return s.getReader().read();
    });
    out.sizeNaN = await aprobe(() => {
      let c;
      const s = new ReadableStream(
        {
          start(x) {
            c = x;
          },
        },
        {
          size() {
            return NaN;
          },
        },
      );
      c.enqueue(1);
      return s.getReader().read();
    });
    out.fls = await aprobe(async () => {
      const t = new FixedLengthStream(3);
      const w = t.writable.getWriter();
      w.write(new Uint8Array([1, 2])).catch(() => {});
      const c = w.close();
      c.catch(() => {});
      const r = t.readable.getReader();
      const a = await r.read();
      const b = await aprobe(() => r.read());
      return JSON.stringify([show(a.value), b, await aprobe(() => c)]);
    });

    out.fls3 = probe(() => new FixedLengthStream());
    out.fls4 = probe(() => new FixedLengthStream(-1));
    out.fls5 = probe(() => new FixedLengthStream("x"));
    out.fls6 = probe(() => new FixedLengthStream(2n));
    out.fls7 = probe(() => new FixedLengthStream(1.5));
    out.fls8 = probe(() => new FixedLengthStream(2 ** 53));
    out.fls9 = probe(() => new FixedLengthStream(NaN));
    out.fls10 = await aprobe(async () => {
      const t = new FixedLengthStream(3, { highWaterMark: 10 });
      const w = t.writable.getWriter();
      const l = [w.desiredSize];
      w.write(new Uint8Array([1, 2, 3]));
      l.push(w.desiredSize);
      return l;
    });
    const I = (out.I = {});
    I.own = Object.getOwnPropertyNames(new IdentityTransformStream());
    I.ds = await aprobe(async () => {
      const t = new IdentityTransformStream();
      const w = t.writable.getWriter();
      const l = [w.desiredSize];
      const p = w.write(new Uint8Array([1, 2, 3]));
      l.push(w.desiredSize);
      let d = false;
      p.then(() => (d = true));
      await scheduler.wait(1);
      l.push(d);
      const r = t.readable.getReader({ mode: "byob" });
      l.push(show((await r.read(new Uint8Array(2))).value));
      await scheduler.wait(1);
      l.push(d);
      l.push(show((await r.read(new Uint8Array(2))).value));
      await scheduler.wait(1);
      l.push(d);
      return l;
    });
    I.types = await aprobe(async () => {
      const l = [];
      for (const v of [
        "s",
        new Uint8Array([1]),
        new ArrayBuffer(1),
        new DataView(new ArrayBuffer(1)),
        new Uint16Array(1),
      ]) {
        const t = new IdentityTransformStream();
        const w = t.writable.getWriter();
        w.write(v).catch(() => {});
        l.push(show((await t.readable.getReader().read()).value));
      }
      return l;
    });
    I.bad = await aprobe(async () => {
      const l = [];
      for (const v of [1, null, undefined, {}, [1], true]) {
        const t = new IdentityTransformStream();
        const w = t.writable.getWriter();
        l.push(await aprobe(() => w.write(v)));
        l.push(await aprobe(() => t.readable.getReader().read(), 5));
      }
      return JSON.stringify(l);
    });
    I.empty = await aprobe(async () => {
      const t = new IdentityTransformStream();
      const w = t.writable.getWriter();
      const p = await aprobe(() => w.write(new Uint8Array(0)), 20);
      return JSON.stringify([p, await aprobe(() => t.readable.getReader().read(), 20)]);
    });
    I.close = await aprobe(async () => {
      const t = new IdentityTransformStream();
      const w = t.writable.getWriter();
      const p = aprobe(() => w.close(), 20);
      return JSON.stringify([
        await p,
        await aprobe(() => t.readable.getReader().read()),
        await aprobe(() => w.closed),
        await aprobe(() => w.write(new Uint8Array(1))),
        await aprobe(() => w.close()),
      ]);
    });

    I.cancel2 = await aprobe(async () => {
      const t = new IdentityTransformStream();
      const w = t.writable.getWriter();
      await t.readable.cancel();
      return JSON.stringify([
        await aprobe(() => w.write(new Uint8Array(1))),
        await aprobe(() => w.closed, 20),
      ]);
    });

    I.twowrites = await aprobe(async () => {
      const t = new IdentityTransformStream();
      const w = t.writable.getWriter();
      w.write(new Uint8Array([1]));
      w.write(new Uint8Array([2]));
      w.close();
      const l = [];
      for await (const c of t.readable) l.push(show(c));
      return l;
    });
    I.tee = await aprobe(async () => {
      const t = new IdentityTransformStream();
      const [a, b] = t.readable.tee();
      const w = t.writable.getWriter();
      w.write(new Uint8Array([1, 2]));
      w.close();
      return JSON.stringify([
        await new Response(a).text(),
        show((await b.getReader({ mode: "byob" }).read(new Uint8Array(5))).value),
      ]);
    });
    I.hwm = probe(() => new IdentityTransformStream({ highWaterMark: 5 }).writable.getWriter().desiredSize);
    I.arg = probe(() => new IdentityTransformStream(5));
    I.pipe = await aprobe(async () => {
      const t = new IdentityTransformStream();
      new ReadableStream({
        start(c) {
          c.enqueue("str");
          c.close();
        },
      })
        .pipeTo(t.writable)
        .catch((e) => (out.pipeE = e.message));
      return await new Response(t.readable).text();
    });

    I.respread = await aprobe(async () => {
      const r = new Response("abcdef").body.getReader();
      return [show((await r.read()).value), (await r.read()).done];
    });

    I.locked = probe(() => {
      const t = new IdentityTransformStream();
      t.writable.getWriter();
      return t.writable.getWriter();
    });
    return Response.json(out);
  },
};
