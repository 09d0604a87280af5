const define = Object.defineProperty;
export default {
  async fetch(request) {
    const path = new URL(request.url).pathname.slice(1);
    const undo = [];
    const patch = (o, k, v) => { const d = Object.getOwnPropertyDescriptor(o, k); define(o, k, { configurable: true, writable: true, value: v }); undo[undo.length] = () => define(o, k, d); };
    let calls = 0;
    try {
      if (path === "promise") { const t = Promise.prototype.then; patch(Promise.prototype, "then", function (a, b) { calls++; return t.call(this, a, b); }); return new Response("promise"); }
      if (path === "array") { patch(Array.prototype, "push", () => { throw new Error("push"); }); patch(Array.prototype, Symbol.iterator, () => { throw new Error("iter"); }); patch(Array.prototype, "map", () => { throw new Error("map"); }); return new Response("array", { headers: { "x-a": "1" } }); }
      if (path === "string") { patch(String.prototype, "slice", () => { throw new Error("slice"); }); patch(String.prototype, "toLowerCase", () => "broken"); return new Response("string", { headers: { "X-Upper": "1" } }); }
      if (path === "object") { patch(Object, "keys", () => { throw new Error("keys"); }); patch(Object, "entries", () => { throw new Error("entries"); }); patch(Object, "defineProperty", Object.defineProperty); return Response.json({ a: 1 }, { headers: { "x-b": "2" } }); }
      if (path === "headers") { patch(Headers.prototype, "get", () => "forged"); patch(Headers.prototype, "entries", () => { throw new Error("entries"); }); patch(Headers.prototype, Symbol.iterator, () => { throw new Error("iter"); }); return new Response("headers", { status: 201, headers: { "x-c": "3" } }); }
      if (path === "symbol") { patch(Function.prototype, "call", () => { throw new Error("call"); }); patch(Function.prototype, "apply", () => { throw new Error("apply"); }); patch(Function.prototype, "bind", () => { throw new Error("bind"); }); return new Response("symbol"); }
      if (path === "json") { patch(JSON, "stringify", () => "forged"); patch(JSON, "parse", () => ({})); patch(Reflect, "apply", () => { throw new Error("reflect"); }); return Response.json({ real: true }); }
      return new Response("ok");
    } finally { const p = undo.length; for (let i = p - 1; i >= 0; i--) undo[i](); }
  },
};
