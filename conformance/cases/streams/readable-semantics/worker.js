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
const aprobe = async (f) => {
  try {
    const v = await Promise.race([f(), new Promise((r) => setTimeout(r, 300, "PENDING"))]);
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
export default {
  async fetch() {
    const out = {};
    const R = (out.R = {});
    R.ctor = probe(() => new ReadableStream(5));
    R.null = probe(() => new ReadableStream(null));
    R.badtype = probe(() => new ReadableStream({ type: "foo" }));
    R.badstart = probe(() => new ReadableStream({ start: 5 }));
    R.badpull = probe(() => new ReadableStream({ pull: "x" }));
    R.badhwm = probe(() => new ReadableStream({}, { highWaterMark: -1 }));
    R.nan = probe(() => new ReadableStream({}, { highWaterMark: NaN }));
    R.badsize = probe(() => new ReadableStream({}, { size: 5 }));
    R.bytesize = probe(
      () =>
        new ReadableStream(
          { type: "bytes" },
          {
            size() {
              return 1;
            },
          },
        ),
    );
    R.autoalloc0 = probe(() => new ReadableStream({ type: "bytes", autoAllocateChunkSize: 0 }));
    R.startthrow = probe(
      () =>
        new ReadableStream({
          start() {
            throw new RangeError("s");
          },
        }),
    );
    R.ctorNoNew = probe(() => ReadableStream());
    const s = new ReadableStream({
      start(c) {
        R.ds = c.desiredSize;
        c.enqueue("a");
        R.ds2 = c.desiredSize;
        R.ctrl = c.constructor.name;
        c.close();
        R.dsc = c.desiredSize;
        R.enqc = probe(() => c.enqueue("b"));
        R.closec = probe(() => c.close());
        R.errc = probe(() => c.error("x"));
      },
    });
    R.locked = s.locked;
    const r = s.getReader();
    R.lk = s.locked;
    R.get2 = probe(() => s.getReader());
    R.tee2 = probe(() => s.tee());
    R.pipe2 = probe(() => s.pipeThrough(new TransformStream()));
    R.pt2 = await aprobe(() => s.pipeTo(new WritableStream()));
    R.cancel2 = await aprobe(() => s.cancel());
    R.iter2 = probe(() => s.values());
    R.rd1 = await aprobe(() => r.read());
    R.rd2 = await aprobe(() => r.read());
    R.closed = await aprobe(() => r.closed);
    r.releaseLock();
    R.after = await aprobe(() => r.read());
    R.cancel3 = await aprobe(() => r.cancel());
    R.rl = probe(() => r.releaseLock());
    R.mode = probe(() => new ReadableStream().getReader({ mode: "x" }));
    R.mode2 = probe(() => new ReadableStream().getReader({ mode: "byob" }));
    R.mode3 = probe(() => new ReadableStream().getReader(5));
    R.mode4 = probe(() => new ReadableStream().getReader({ mode: undefined }));
    R.mode5 = probe(() => new ReadableStream().getReader(null));
    R.rdctor = probe(() => new ReadableStreamDefaultReader());
    R.rdctor2 = probe(() => new ReadableStreamDefaultReader(5));
    R.rdctor3 = probe(() => new ReadableStreamDefaultReader(new ReadableStream()));
    R.byobctor = probe(() => new ReadableStreamBYOBReader(new ReadableStream()));
    R.cctor = probe(() => new ReadableStreamDefaultController());
    R.err = await aprobe(() =>
      new ReadableStream({
        start(c) {
          c.error(new RangeError("e"));
        },
      })
        .getReader()
        .read(),
    );
    R.errundef = await aprobe(() =>
      new ReadableStream({
        start(c) {
          c.error();
        },
      })
        .getReader()
        .read(),
    );
    R.pullthrow = await aprobe(() =>
      new ReadableStream({
        pull() {
          throw new SyntaxError("p");
        },
      })
        .getReader()
        .read(),
    );
    R.startrej = await aprobe(() =>
      new ReadableStream({
        async start() {
          throw new RangeError("sr");
        },
      })
        .getReader()
        .read(),
    );
    R.release = await aprobe(async () => {
      const st = new ReadableStream({});
      const rr = st.getReader();
      const p = rr.read();
      rr.releaseLock();
      return await p;
    });
    R.cancelr = await aprobe(async () => {
      let got;
      const st = new ReadableStream({
        cancel(x) {
          got = x;
        },
      });
      await st.cancel("why");
      return [got, (await st.getReader().read()).done];
    });
    R.cancelthrow = await aprobe(() =>
      new ReadableStream({
        cancel() {
          throw new RangeError("ct");
        },
      }).cancel(),
    );
    R.cancelret = await aprobe(() =>
      new ReadableStream({
        cancel() {
          return 5;
        },
      }).cancel(),
    );
    R.iter = await aprobe(async () =>
      JSON.stringify(
        await all(
          new ReadableStream({
            start(c) {
              c.enqueue(1);
              c.enqueue(2);
              c.close();
            },
          }),
        ),
      ),
    );
    R.iterbreak = await aprobe(async () => {
      let c0;
      const st = new ReadableStream({
        start(c) {
          c.enqueue(1);
          c.enqueue(2);
        },
        cancel(x) {
          c0 = "cancelled " + x;
        },
      });
      for await (const x of st) break;
      return [c0, st.locked];
    });
    R.prevent = await aprobe(async () => {
      let c0;
      const st = new ReadableStream({
        start(c) {
          c.enqueue(1);
          c.enqueue(2);
        },
        cancel(x) {
          c0 = "cancelled";
        },
      });
      for await (const x of st.values({ preventCancel: true })) break;
      return [c0, st.locked];
    });
    R.iterthrow = await aprobe(async () => {
      let c0;
      const st = new ReadableStream({
        start(c) {
          c.enqueue(1);
        },
        cancel(x) {
          c0 = String(x);
        },
      });
      try {
        for await (const x of st) throw new Error("t");
      } catch (e) {
        return [c0, e.message];
      }
    });
    R.from = await aprobe(async () => JSON.stringify(await all(ReadableStream.from(["a", "b"]))));
    R.fromgen = await aprobe(async () =>
      JSON.stringify(
        await all(
          ReadableStream.from(
            (function* () {
              yield 1;
              yield 2;
            })(),
          ),
        ),
      ),
    );
    R.frombad = probe(() => ReadableStream.from(5));
    R.fromstr = await aprobe(async () => JSON.stringify(await all(ReadableStream.from("ab"))));
    R.fromnull = probe(() => ReadableStream.from(null));
    R.fromobj = probe(() => ReadableStream.from({}));
    R.fromself = probe(() => {
      const q = new ReadableStream();
      return ReadableStream.from(q) === q;
    });
    R.hwm = await aprobe(async () => {
      let n = 0;
      new ReadableStream(
        {
          pull(c) {
            n++;
            c.enqueue(1);
          },
        },
        { highWaterMark: 3 },
      );
      await scheduler.wait(5);
      return n;
    });
    R.hwm0 = await aprobe(async () => {
      let n = 0;
      new ReadableStream(
        {
          pull(c) {
            n++;
            c.enqueue(1);
          },
        },
        { highWaterMark: 0 },
      );
      await scheduler.wait(5);
      return n;
    });
    R.hwmd = await aprobe(async () => {
      let n = 0;
      new ReadableStream({
        pull(c) {
          n++;
          c.enqueue(1);
        },
      });
      await scheduler.wait(5);
      return n;
    });
    R.sizeBad = probe(() => {
      let c;
      new ReadableStream(
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
    });
    R.sizeThrow = probe(() => {
      let c;
      new ReadableStream(
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
    });
    R.own = Object.getOwnPropertyNames(new ReadableStream());
    R.pipeops = await aprobe(async () => {
      const l = [];
      const src = new ReadableStream({
        start(c) {
          c.enqueue(1);
          c.close();
        },
      });
      const w = new WritableStream({
        write(x) {
          l.push(x);
        },
        close() {
          l.push("close");
        },
      });
      await src.pipeTo(w, { preventClose: true });
      l.push(w.locked, src.locked);
      return l;
    });
    R.pipeerr = await aprobe(async () => {
      let ab;
      const src = new ReadableStream({
        start(c) {
          c.error(new RangeError("pe"));
        },
      });
      const w = new WritableStream({
        abort(r) {
          ab = r.message;
        },
      });
      try {
        await src.pipeTo(w);
      } catch (e) {
        return [e.message, ab];
      }
    });
    R.pipewerr = await aprobe(async () => {
      let ca;
      const src = new ReadableStream({
        start(c) {
          c.enqueue(1);
        },
        cancel(r) {
          ca = r?.message;
        },
      });
      const w = new WritableStream({
        write() {
          throw new RangeError("we");
        },
      });
      try {
        await src.pipeTo(w);
        return "ok";
      } catch (e) {
        return [e.message, ca];
      }
    });

    R.pipesig2 = await aprobe(async () =>
      new ReadableStream().pipeTo(new WritableStream(), { signal: AbortSignal.abort() }),
    );
    R.pipebadsig = await aprobe(() => new ReadableStream().pipeTo(new WritableStream(), { signal: 5 }));
    R.pipebad = await aprobe(() => new ReadableStream().pipeTo(5));
    R.pipeno = await aprobe(() => new ReadableStream().pipeTo());
    R.ptbad = probe(() => new ReadableStream().pipeThrough({}));
    R.ptno = probe(() => new ReadableStream().pipeThrough());
    R.ptlock = probe(() => {
      const t = new TransformStream();
      t.writable.getWriter();
      return new ReadableStream().pipeThrough(t);
    });
    R.pipeClosedDest = await aprobe(async () => {
      const w = new WritableStream();
      await w.close();
      let ca;
      return await new ReadableStream({
        start(c) {
          c.enqueue(1);
        },
        cancel(r) {
          ca = r;
        },
      }).pipeTo(w);
    });
    R.teesame = await aprobe(async () => {
      const [a, b] = new ReadableStream({
        start(c) {
          c.enqueue({});
          c.close();
        },
      }).tee();
      return (await a.getReader().read()).value === (await b.getReader().read()).value;
    });
    R.teecancel = await aprobe(async () => {
      let ca;
      const [a, b] = new ReadableStream({
        cancel(r) {
          ca = r;
        },
      }).tee();
      const p = a.cancel("1");
      await scheduler.wait(1);
      const c1 = ca;
      await Promise.race([p, scheduler.wait(5)]);
      await b.cancel("2");
      return [String(c1), JSON.stringify(ca)];
    });
    R.teeerr = await aprobe(async () => {
      const [a, b] = new ReadableStream({
        start(c) {
          c.error(new RangeError("te"));
        },
      }).tee();
      const x = await aprobe(() => a.getReader().read()),
        y = await aprobe(() => b.getReader().read());
      return JSON.stringify([x, y]);
    });
    return Response.json(out);
  },
};
