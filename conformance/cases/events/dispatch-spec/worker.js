const probe = (f) => {
  try {
    const v = f();
    return v === undefined ? "undefined" : v;
  } catch (e) {
    return { $error: e?.name, $message: e?.message };
  }
};
export default {
  async fetch() {
    const out = {};
    const t = new EventTarget();
    t.addEventListener("a", function () {
      out.this = this === t ? "t" : this === globalThis ? "g" : this === undefined ? "u" : String(this);
    });
    t.dispatchEvent(new Event("a"));
    out.o = await new Promise((r) => {
      t.addEventListener("b", {
        handleEvent() {
          r(
            this === t
              ? "t"
              : this === globalThis
                ? "g"
                : this === undefined
                  ? "u"
                  : Object.keys(this).join(),
          );
        },
      });
      t.dispatchEvent(new Event("b"));
    });
    out.thr = probe(() => {
      t.addEventListener("c", () => {
        throw new RangeError("x");
      });
      return t.dispatchEvent(new Event("c"));
    });
    let seen;
    addEventListener("error", (e) => {
      seen = e.message;
    });
    out.thr2 = probe(() => {
      t.addEventListener("d", () => {
        throw new RangeError("x");
      });
      return t.dispatchEvent(new Event("d"));
    });
    out.seen = seen;
    out.cancel = (() => {
      t.addEventListener("e", (e) => e.preventDefault());
      return [t.dispatchEvent(new Event("e")), t.dispatchEvent(new Event("e", { cancelable: true }))];
    })();
    out.dp = (() => {
      const e = new Event("q");
      e.preventDefault();
      return e.defaultPrevented;
    })();
    out.passive = (() => {
      t.addEventListener("p", (e) => e.preventDefault(), { passive: true });
      return probe(() => t.dispatchEvent(new Event("p", { cancelable: true })));
    })();
    out.capture = probe(() => t.addEventListener("x", () => {}, true));
    out.ts = new Event("x").timeStamp;
    out.stop = (() => {
      const l = [];
      t.addEventListener("s", (e) => {
        l.push(1);
        e.stopPropagation();
      });
      t.addEventListener("s", () => l.push(2));
      t.dispatchEvent(new Event("s"));
      return l;
    })();

    out.sigthrow = probe(() => {
      const c = new AbortController();
      const l = [];
      c.signal.addEventListener("abort", function (e) {
        throw new RangeError("in abort");
      });
      c.signal.addEventListener("abort", () => l.push(2));
      c.abort();
      return l;
    });
    out.onabortthrow = probe(() => {
      const c = new AbortController();
      c.signal.onabort = () => {
        throw new RangeError("on");
      };
      c.abort();
      return "ok";
    });
    out.dispAbort = probe(() => {
      const c = new AbortController();
      let n = 0;
      c.signal.addEventListener("abort", () => n++);
      c.signal.dispatchEvent(new Event("abort"));
      return [n, c.signal.aborted];
    });
    out.globalDisp = probe(() => {
      let n = 0;
      addEventListener("foo", (e) => {
        n++;
        out.gt = [e.target === globalThis, e.type];
      });
      dispatchEvent(new Event("foo"));
      globalThis.dispatchEvent(new Event("foo"));
      return n;
    });
    out.rmG = probe(() => {
      const f = () => {};
      addEventListener("f", f);
      removeEventListener("f", f);
      return 1;
    });
    out.abortorder = (() => {
      const c = new AbortController();
      const l = [];
      c.signal.addEventListener("abort", () => l.push("l1"));
      c.signal.onabort = () => l.push("on");
      c.signal.addEventListener("abort", () => l.push("l2"));
      c.abort();
      return l;
    })();

    return Response.json(out);
  },
};
