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
export default {
  async fetch() {
    const out = {};
    out.args = [
      probe(() => setTimeout()),
      probe(() => setTimeout("1")),
      probe(() => setInterval(null)),
      probe(() => clearTimeout()),
      probe(() => clearTimeout("x")),
      probe(() => clearInterval({})),
      probe(() => clearTimeout(1n)),
      probe(() => setTimeout(() => {}, Symbol())),
      probe(() => setTimeout.call({}, () => {})),
      probe(() => queueMicrotask()),
      probe(() => typeof setTimeout(() => {}, NaN)),
    ];
    out.self = await new Promise((r) =>
      setTimeout(
        function (...a) {
          r([this === globalThis, ...a]);
        },
        1,
        "a",
        2,
      ),
    );
    const t = Date.now();
    await scheduler.wait(30);
    out.moved = Date.now() - t >= 29;
    out.wait = [
      await aprobe(() => scheduler.wait()),
      await aprobe(() => scheduler.wait(-1)),
      await aprobe(() => scheduler.wait(1, 5)),
      await aprobe(() => scheduler.wait(1, { signal: 5 })),
      await aprobe(() => scheduler.wait(1000, { signal: AbortSignal.timeout(5) })),
    ];
    let n = 0;
    const i = setInterval(() => {
      if (++n === 3) clearInterval(i);
    }, 3);
    await scheduler.wait(80);
    out.interval = n;
    const order = [];
    const c = setTimeout(() => order.push("no"), 5);
    clearTimeout(c);
    setTimeout(() => order.push("late"), 40);
    setTimeout(() => {
      order.push("a");
      Promise.resolve().then(() => order.push("a-micro"));
    }, 0);
    setTimeout(() => order.push("b"), 0);
    await scheduler.wait(100);
    out.order = order;
    out.nested = await new Promise((r) => {
      let k = 0;
      const f = () => (++k === 5 ? r(k) : setTimeout(f, 0));
      f();
    });
    out.clearInside = await new Promise((r) => {
      let x = 0;
      const b = setTimeout(() => {
        x = 1;
      }, 20);
      setTimeout(() => {
        clearTimeout(b);
      }, 1);
      setTimeout(() => r(x), 60);
    });
    let err;
    addEventListener("error", (e) => {
      err = e.message;
    });
    setTimeout(() => {
      throw new RangeError("in timer");
    }, 0);
    await scheduler.wait(10);
    out.err = err ?? null;
    out.signal = await (async () => {
      const s = AbortSignal.timeout(5);
      const l = [];
      s.addEventListener("abort", () => l.push(s.reason.name));
      await scheduler.wait(30);
      return l;
    })();
    out.any = await (async () => {
      const a = new AbortController();
      const s = AbortSignal.any([a.signal, AbortSignal.timeout(5)]);
      await scheduler.wait(30);
      return [s.aborted, s.reason.name, probe(() => s.throwIfAborted())];
    })();
    out.anyArgs = [
      probe(() => AbortSignal.any()),
      probe(() => AbortSignal.any([1])),
      probe(() => AbortSignal.timeout()),
      probe(() => new AbortSignal()),
    ];
    out.sched = [
      Object.prototype.toString.call(scheduler),
      typeof scheduler.postTask,
      typeof setImmediate,
      typeof requestAnimationFrame,
    ];
    return Response.json(out);
  },
};
