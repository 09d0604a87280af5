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
  v instanceof Uint8Array
    ? "u8:" + [...v].join()
    : v instanceof ArrayBuffer
      ? "ab" + v.byteLength
      : ArrayBuffer.isView(v)
        ? v.constructor.name + v.byteLength
        : v;
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
const enc = new TextEncoder(),
  dec = new TextDecoder();
const all = async (s) => {
  const o = [];
  for await (const c of s) o.push(show(c));
  return o;
};
const U = (...a) => new Uint8Array(a);
export default {
  async fetch() {
    const out = {};
    const B = (out.B = {});
    B.basic = await aprobe(async () => {
      const s = new ReadableStream({
        type: "bytes",
        start(c) {
          B.cname = c.constructor.name;
          B.breq = c.byobRequest;
          B.ds = c.desiredSize;
          c.enqueue(U(1, 2, 3));
          c.enqueue(U(4));
          c.close();
        },
      });
      const r = s.getReader({ mode: "byob" });
      const a = await r.read(new Uint8Array(2));
      const b = await r.read(new Uint8Array(5));
      const c = await r.read(new Uint8Array(4));
      return [
        show(a.value),
        a.done,
        show(b.value),
        b.done,
        show(c.value),
        c.value?.buffer?.byteLength,
        c.done,
      ];
    });
    B.detach = await aprobe(async () => {
      const s = new ReadableStream({
        type: "bytes",
        start(c) {
          c.enqueue(U(1, 2, 3));
        },
      });
      const buf = new Uint8Array(4);
      const { value } = await s.getReader({ mode: "byob" }).read(buf);
      return [buf.byteLength, value.byteLength, value.buffer.byteLength, value.byteOffset];
    });
    B.dv = await aprobe(async () => {
      const s = new ReadableStream({
        type: "bytes",
        start(c) {
          c.enqueue(U(1, 2, 3, 4));
        },
      });
      const r = s.getReader({ mode: "byob" });
      const a = await r.read(new DataView(new ArrayBuffer(2)));
      const b = await r.read(new Uint16Array(1));
      return [a.value.constructor.name, b.value.constructor.name, b.value[0]];
    });
    B.min = await aprobe(async () => {
      const s = new ReadableStream({
        type: "bytes",
        async start(c) {
          c.enqueue(U(1));
          await scheduler.wait(1);
          c.enqueue(U(2));
          await scheduler.wait(1);
          c.enqueue(U(3));
          c.close();
        },
      });
      const r = s.getReader({ mode: "byob" });
      const a = await r.read(new Uint8Array(4), { min: 2 });
      const b = await r.read(new Uint8Array(4), { min: 3 });
      return [show(a.value), a.done, show(b.value), b.done];
    });
    B.atleast = await aprobe(async () => {
      const s = new ReadableStream({
        type: "bytes",
        async start(c) {
          c.enqueue(U(1));
          await scheduler.wait(1);
          c.enqueue(U(2));
          await scheduler.wait(1);
          c.enqueue(U(3));
          c.close();
        },
      });
      const r = s.getReader({ mode: "byob" });
      const a = await r.readAtLeast(2, new Uint8Array(4));
      const b = await r.readAtLeast(3, new Uint8Array(4));
      return [show(a.value), a.done, show(b.value), b.done];
    });
    const br = () =>
      new ReadableStream({
        type: "bytes",
        start(c) {
          c.enqueue(U(1));
        },
      }).getReader({ mode: "byob" });
    B.min0 = await aprobe(() => br().read(U(1), { min: 0 }));
    B.minbig = await aprobe(() => br().read(U(1), { min: 2 }));
    B.al0 = await aprobe(() => br().readAtLeast(0, U(1)));
    B.albig = await aprobe(() => br().readAtLeast(2, U(1)));
    B.noarg = await aprobe(() => br().read());
    B.bad = await aprobe(() => br().read("x"));
    B.zero = await aprobe(() => br().read(new Uint8Array(0)));
    B.ab = await aprobe(() => br().read(new ArrayBuffer(2)));
    B.detached = await aprobe(() => {
      const b = new ArrayBuffer(2);
      structuredClone(b, { transfer: [b] });
      return br().read(new Uint8Array(b));
    });
    B.alnoarg = await aprobe(() => br().readAtLeast());

    B.rwnv = await aprobe(async () => {
      const s = new ReadableStream({
        type: "bytes",
        pull(c) {
          c.byobRequest.respondWithNewView(new Uint8Array(c.byobRequest.view.buffer, 0, 1));
        },
      });
      return await s.getReader({ mode: "byob" }).read(new Uint8Array(3));
    });
    B.auto = await aprobe(async () => {
      const l = [];
      const s = new ReadableStream({
        type: "bytes",
        autoAllocateChunkSize: 4,
        pull(c) {
          const q = c.byobRequest;
          l.push(q ? q.view.byteLength : null);
          if (q) {
            q.view[0] = 1;
            q.respond(1);
          }
        },
      });
      const r = s.getReader();
      l.push(show((await r.read()).value));
      return JSON.stringify(l);
    });
    B.noauto = await aprobe(async () => {
      const l = [];
      const s = new ReadableStream({
        type: "bytes",
        pull(c) {
          l.push(c.byobRequest === null ? null : c.byobRequest.view.byteLength);
          c.enqueue(U(7));
        },
      });
      const r = s.getReader();
      l.push(show((await r.read()).value));
      return JSON.stringify(l);
    });
    B.enqstr = probe(() => {
      let c;
      new ReadableStream({
        type: "bytes",
        start(x) {
          c = x;
        },
      });
      c.enqueue("x");
    });
    B.enq0 = probe(() => {
      let c;
      new ReadableStream({
        type: "bytes",
        start(x) {
          c = x;
        },
      });
      c.enqueue(U());
    });
    B.enqnone = probe(() => {
      let c;
      new ReadableStream({
        type: "bytes",
        start(x) {
          c = x;
        },
      });
      c.enqueue();
    });
    B.enqab = probe(() => {
      let c;
      new ReadableStream({
        type: "bytes",
        start(x) {
          c = x;
        },
      });
      c.enqueue(new ArrayBuffer(1));
    });
    B.enqclosed = probe(() => {
      let c;
      new ReadableStream({
        type: "bytes",
        start(x) {
          c = x;
        },
      });
      c.close();
      c.enqueue(U(1));
    });
    B.respond0 = probe(() => {
      let q;
      const s = new ReadableStream({
        type: "bytes",
        pull(c) {
          q = c.byobRequest;
        },
      });
      return 1;
    });
    B.respbig = await aprobe(async () => {
      const s = new ReadableStream({
        type: "bytes",
        pull(c) {
          B.rb = probe(() => c.byobRequest.respond(9));
          B.rz = probe(() => c.byobRequest.respond(0));
          B.rneg = probe(() => c.byobRequest.respond(-1));
          c.byobRequest.respond(1);
        },
      });
      return await s.getReader({ mode: "byob" }).read(new Uint8Array(2));
    });
    B.closewithpending = await aprobe(async () => {
      let c;
      const s = new ReadableStream({
        type: "bytes",
        start(x) {
          c = x;
        },
      });
      const r = s.getReader({ mode: "byob" });
      const p = r.read(new Uint8Array(2));
      c.close();
      c.byobRequest?.respond(0);
      return await p;
    });
    B.cancelpending = await aprobe(async () => {
      const s = new ReadableStream({ type: "bytes" });
      const r = s.getReader({ mode: "byob" });
      const p = r.read(new Uint8Array(2));
      await r.cancel();
      return await p;
    });
    B.tee = await aprobe(async () => {
      const s = new ReadableStream({
        type: "bytes",
        start(c) {
          c.enqueue(U(1, 2));
          c.close();
        },
      });
      const [a, b] = s.tee();
      return JSON.stringify([
        await all(a),
        await aprobe(async () => {
          const r = b.getReader({ mode: "byob" });
          return r.read(new Uint8Array(4));
        }),
      ]);
    });

    const W = (out.W = {});
    W.ctor = probe(() => new WritableStream(5));
    W.type = probe(() => new WritableStream({ type: "bytes" }));
    W.badwrite = probe(() => new WritableStream({ write: 5 }));
    W.startthrow = probe(
      () =>
        new WritableStream({
          start() {
            throw new RangeError("ws");
          },
        }),
    );
    const w = new WritableStream();
    const wr = w.getWriter();
    W.lk = w.locked;
    W.get2 = probe(() => w.getWriter());
    W.ab2 = await aprobe(() => w.abort());
    W.cl2 = await aprobe(() => w.close());
    W.ds = wr.desiredSize;
    W.wr = await aprobe(() => wr.write(1));
    W.wrno = await aprobe(() => wr.write());
    W.close = await aprobe(() => wr.close());
    W.close2 = await aprobe(() => wr.close());
    W.wrac = await aprobe(() => wr.write(1));
    W.closed = await aprobe(() => wr.closed);
    W.ready = await aprobe(() => wr.ready);
    W.dsc = wr.desiredSize;
    wr.releaseLock();
    W.rel = await aprobe(() => wr.write(1));
    W.relc = await aprobe(() => wr.close());
    W.rela = await aprobe(() => wr.abort());
    W.relds = probe(() => wr.desiredSize);
    W.relr = await aprobe(() => wr.ready);
    W.wctor = probe(() => new WritableStreamDefaultWriter());
    W.wctor2 = probe(() => new WritableStreamDefaultWriter(5));
    W.err = await aprobe(async () => {
      const l = [];
      const w = new WritableStream({
        write() {
          throw new RangeError("bad");
        },
      }).getWriter();
      l.push(
        await aprobe(() => w.write(1)),
        await aprobe(() => w.write(2)),
        await aprobe(() => w.closed),
        await aprobe(() => w.close()),
        probe(() => w.desiredSize),
        await aprobe(() => w.ready),
        await aprobe(() => w.abort()),
      );
      return JSON.stringify(l);
    });
    W.abort = await aprobe(async () => {
      const l = [];
      const s = new WritableStream({
        abort(r) {
          l.push("ab " + r);
        },
      });
      const w = s.getWriter();
      l.push(
        await aprobe(() => w.abort("why")),
        await aprobe(() => w.write(1)),
        await aprobe(() => w.closed),
        await aprobe(() => w.ready),
      );
      return JSON.stringify(l);
    });
    W.ctrlerr = await aprobe(async () => {
      let c;
      const w = new WritableStream({
        start(x) {
          c = x;
        },
      }).getWriter();
      W.cn = c.constructor.name;
      W.sig = c.signal?.aborted;
      c.error(new RangeError("ce"));
      return w.write(1);
    });
    W.sigab = await aprobe(async () => {
      let c;
      const w = new WritableStream({
        start(x) {
          c = x;
        },
        write() {
          return new Promise(() => {});
        },
      }).getWriter();
      w.write(1).catch(() => {});
      await 0;
      w.abort("zz").catch(() => {});
      return [c.signal.aborted, c.signal.reason];
    });
    W.bp = await aprobe(async () => {
      const l = [];
      let go;
      const w = new WritableStream(
        {
          write() {
            return new Promise((r) => (go = r));
          },
        },
        { highWaterMark: 2 },
      ).getWriter();
      l.push(w.desiredSize);
      w.write(1);
      l.push(w.desiredSize);
      w.write(2);
      l.push(w.desiredSize);
      let rdy = false;
      w.ready.then(() => (rdy = true));
      await scheduler.wait(1);
      l.push(rdy);
      go();
      await scheduler.wait(1);
      l.push(rdy, w.desiredSize);
      return l;
    });
    W.closethrow = await aprobe(() =>
      new WritableStream({
        close() {
          throw new RangeError("clt");
        },
      }).close(),
    );
    W.abortthrow = await aprobe(() =>
      new WritableStream({
        abort() {
          throw new RangeError("abt");
        },
      }).abort(),
    );
    W.abortnone = await aprobe(() => new WritableStream().abort());
    W.badhwm = probe(() => new WritableStream({}, { highWaterMark: -1 }));
    W.order = await aprobe(async () => {
      const l = [];
      const w = new WritableStream({
        async start() {
          l.push("s");
          await 0;
          l.push("s2");
        },
        write(x) {
          l.push("w" + x);
        },
        close() {
          l.push("c");
        },
      }).getWriter();
      w.write(1);
      w.write(2);
      await w.close();
      return l;
    });
    const T = (out.T = {});
    T.ident = await aprobe(async () => {
      const t = new TransformStream();
      const w = t.writable.getWriter();
      const r = t.readable.getReader();
      const p = w.write("x");
      const v = (await r.read()).value;
      await p;
      w.close();
      return [v, (await r.read()).done];
    });
    T.bad = probe(() => new TransformStream(5));
    T.null = probe(() => new TransformStream(null));
    T.rt = probe(() => new TransformStream({ readableType: "bytes" }));
    T.wt = probe(() => new TransformStream({ writableType: "x" }));
    T.badt = probe(() => new TransformStream({ transform: 5 }));
    T.startthrow = probe(
      () =>
        new TransformStream({
          start() {
            throw new RangeError("tst");
          },
        }),
    );
    T.ctrl = await aprobe(async () => {
      const l = [];
      const t = new TransformStream({
        start(c) {
          l.push(c.constructor.name, c.desiredSize);
          c.enqueue("st");
        },
        transform(x, c) {
          c.enqueue(x * 2);
        },
        flush(c) {
          c.enqueue("fl");
        },
      });
      const w = t.writable.getWriter();
      w.write(1);
      w.close();
      return JSON.stringify([...l, ...(await all(t.readable))]);
    });
    T.thr = await aprobe(async () => {
      const t = new TransformStream({
        transform() {
          throw new RangeError("tr");
        },
      });
      const w = t.writable.getWriter();
      const p = aprobe(() => w.write(1));
      const r = await aprobe(() => t.readable.getReader().read());
      return JSON.stringify([await p, r, await aprobe(() => w.closed)]);
    });
    T.flushthr = await aprobe(async () => {
      const t = new TransformStream({
        flush() {
          throw new RangeError("fl");
        },
      });
      const w = t.writable.getWriter();
      const p = aprobe(() => w.close());
      return JSON.stringify([await aprobe(() => t.readable.getReader().read()), await p]);
    });

    T.cerr = await aprobe(async () => {
      const t = new TransformStream({
        transform(x, c) {
          c.error(new RangeError("ce"));
        },
      });
      const w = t.writable.getWriter();
      const p = aprobe(() => w.write(1));
      const r = await aprobe(() => t.readable.getReader().read());
      return JSON.stringify([await p, r, await aprobe(() => w.write(2))]);
    });
    T.cancel = await aprobe(async () => {
      const l = [];
      const t = new TransformStream({
        cancel(r) {
          l.push("cancel " + r);
        },
      });
      await t.readable.cancel("rc");
      const w = t.writable.getWriter();
      l.push(await aprobe(() => w.write(1)));
      return JSON.stringify(l);
    });
    T.abort = await aprobe(async () => {
      const l = [];
      const t = new TransformStream({
        cancel(r) {
          l.push("cancel " + r);
        },
      });
      await t.writable.abort("wa");
      l.push(await aprobe(() => t.readable.getReader().read()));
      return JSON.stringify(l);
    });
    T.bp = await aprobe(async () => {
      const t = new TransformStream();
      const w = t.writable.getWriter();
      const l = [w.desiredSize];
      w.write(1);
      l.push(w.desiredSize);
      let done = false;
      w.write(2).then(() => (done = true));
      await scheduler.wait(2);
      l.push(done);
      return l;
    });
    T.own = Object.getOwnPropertyNames(new TransformStream());
    T.chain = await aprobe(async () =>
      JSON.stringify(
        await all(
          new ReadableStream({
            start(c) {
              c.enqueue("a");
              c.close();
            },
          })
            .pipeThrough(new TextEncoderStream())
            .pipeThrough(
              new TransformStream({
                transform(x, c) {
                  c.enqueue(x[0]);
                },
              }),
            ),
        ),
      ),
    );
    const Q = (out.Q = {});
    Q.c = probe(() => new CountQueuingStrategy());
    Q.c3 = probe(() => new CountQueuingStrategy({ highWaterMark: "x" }).highWaterMark);
    Q.c4 = probe(() => new CountQueuingStrategy({ highWaterMark: 2 }).size());
    Q.b = probe(() => new ByteLengthQueuingStrategy({ highWaterMark: 2 }).size({ byteLength: 5 }));
    Q.b2 = probe(() => new ByteLengthQueuingStrategy({ highWaterMark: 2 }).size("abc"));
    Q.hwm = probe(() => new CountQueuingStrategy({ highWaterMark: 1.5 }).highWaterMark);
    Q.neg = probe(() => new CountQueuingStrategy({ highWaterMark: -1 }).highWaterMark);
    return Response.json(out);
  },
};
