export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname.slice(1)) {
      case "error": throw new Error("an error");
      case "string": throw "a string";
      case "undefined": throw undefined;
      case "null": throw null;
      case "number": throw 42;
      case "object": throw { message: "obj", stack: "s" };
      case "symbol": throw Symbol("s");
      case "frozen": throw Object.freeze(new Error("frozen"));
      case "dom": throw new DOMException("dom", "AbortError");
      case "aggregate": throw new AggregateError([new Error("a")], "agg");
      case "evil": { const e = new Error("evil"); Object.defineProperty(e, "message", { get() { throw new Error("in getter"); } }); throw e; }
      case "getter": throw { get name() { throw 1; }, get stack() { throw 2; }, toString() { throw 3; } };
      case "proxy": throw new Proxy(new Error("p"), { get() { throw new Error("trap"); }, getPrototypeOf() { throw new Error("trap"); } });
      case "reject": return Promise.reject(new Error("rejected"));
      case "later": await scheduler.wait(1); throw new Error("later");
      case "sync-return": return "not a response";
      case "none": return undefined;
      case "nothing": return;
      case "fake": return { status: 200, headers: new Headers(), body: null };
      case "promise-fake": return Promise.resolve(5);
      case "thenable": return { then(r) { r(new Response("thenable")); } };
      case "thenable-throw": return { then() { throw new Error("in then"); } };
      case "response-class": return Response;
      case "used": { const r = new Response("used"); await r.text(); return r; }
      case "locked": { const r = new Response("locked"); r.body.getReader(); return r; }
      default: return new Response("ok");
    }
  },
};
