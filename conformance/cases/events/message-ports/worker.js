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
    const { port1, port2 } = new MessageChannel();
    out.a = await (async () => {
      const l = [];
      port2.addEventListener("message", (e) => l.push(["listener", e.data, e.target === port2]));
      port1.postMessage(1);
      await scheduler.wait(2);
      l.push("w");
      return l;
    })();
    out.b = await (async () => {
      const l = [];
      const c = new MessageChannel();
      c.port1.postMessage(1);
      c.port1.postMessage(2);
      c.port2.onmessage = (e) => l.push(e.data);
      l.push("s");
      await 0;
      l.push("m");
      await scheduler.wait(2);
      return l;
    })();
    out.c = await (async () => {
      const l = [];
      const c = new MessageChannel();
      c.port1.postMessage(1);
      await scheduler.wait(1);
      c.port2.onmessage = (e) => l.push(e.data);
      await scheduler.wait(2);
      l.push("w");
      c.port1.postMessage(3);
      await scheduler.wait(1);
      c.port2.onmessage = null;
      c.port1.postMessage(4);
      await scheduler.wait(1);
      c.port2.onmessage = (e) => l.push(e.data);
      await scheduler.wait(1);
      return l;
    })();
    out.d = await (async () => {
      const l = [];
      const c = new MessageChannel();
      c.port2.onmessage = function (e) {
        l.push([this === c.port2, this === globalThis, e.target === c.port2, e.currentTarget === c.port2]);
      };
      c.port2.addEventListener("message", () => l.push("L"));
      c.port1.postMessage(0);
      await scheduler.wait(1);
      return l;
    })();
    out.e = await (async () => {
      const l = [];
      const c = new MessageChannel();
      c.port2.onmessage = (e) => l.push(e.data);
      c.port1.postMessage(1);
      c.port1.close();
      l.push("closed");
      await scheduler.wait(1);
      c.port2.postMessage(5);
      c.port1.start();
      return l;
    })();
    out.f = await (async () => {
      const l = [];
      const c = new MessageChannel();
      c.port2.addEventListener("message", (e) => l.push("after " + e.data));
      c.port2.start();
      c.port1.postMessage({ d: new Date(0), m: new Map([[1, 2]]) });
      await scheduler.wait(1);
      return l;
    })();
    out.g = await (async () => {
      const l = [];
      const c = new MessageChannel();
      c.port2.onmessage = async (e) => {
        l.push(e.data);
        if (e.data < 3) c.port2.postMessage(e.data + 1);
      };
      c.port1.onmessage = (e) => c.port1.postMessage(e.data);
      c.port1.postMessage(1);
      await scheduler.wait(3);
      return l;
    })();
    out.h = await (async () => {
      const c = new MessageChannel();
      const l = [];
      c.port2.onmessage = () => {
        throw new RangeError("in");
      };
      addEventListener("error", (e) => l.push(e.message));
      try {
        c.port1.postMessage(1);
      } catch (e) {
        l.push("sync " + e.message);
      }
      await scheduler.wait(1);
      return l;
    })();
    out.i = probe(() => port1.postMessage(1, { transfer: [] }));
    out.j = probe(() => port1.postMessage(1, 5));
    out.k = probe(() => port1.postMessage(1, []));
    out.l = probe(() => new MessageChannel(1).port1.constructor.name);
    out.n = probe(() => {
      const o = new MessageChannel();
      o.port1 = 5;
      return typeof o.port1;
    });
    return Response.json(out);
  },
};
