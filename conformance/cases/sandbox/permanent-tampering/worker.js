const broken = (name) => function () { throw new Error("patched " + name); };
const keep = { then: Promise.prototype.then };
const define = Object.defineProperty, targets = [[Array.prototype, ["push", "map", "forEach", "join", "slice", "concat", "filter", Symbol.iterator]], [String.prototype, ["slice", "split", "startsWith", "indexOf", "replace", "toLowerCase", "trim", "charCodeAt"]], [Map.prototype, ["get", "set", "has", "delete"]], [Set.prototype, ["add", "has", "delete"]], [WeakMap.prototype, ["get", "set", "has"]], [Object, ["keys", "entries", "assign", "freeze"]], [Reflect, ["apply", "get", "ownKeys", "construct"]], [JSON, ["stringify", "parse"]], [Uint8Array.prototype, ["set", "subarray", "slice"]], [Function.prototype, ["apply", "bind"]], [Promise, ["resolve", "all", "race"]], [Number, ["parseInt", "isInteger"]], [Math, ["min", "max", "floor"]]];
for (let i = 0; i < targets.length; i++) { const o = targets[i][0], ks = targets[i][1]; for (let j = 0; j < ks.length; j++) define(o, ks[j], { value: broken(String(ks[j])), configurable: true, writable: true }); }

define(Object.prototype, "status", { value: 599, configurable: true, writable: true });
define(Object.prototype, "get", { __proto__: null, get() { throw new Error("getter on Object.prototype"); }, set() { throw new Error("setter"); }, configurable: true });
globalThis.Promise = class extends Promise { };
export default {
  async fetch(request) {
    const url = request.url;
    if (url[url.length - 1] === "o") return new Response(await request.text());
    if (url[url.length - 1] === "m") return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65, 66])); c.close(); } }));
    if (url[url.length - 1] === "n") return new Response("{}", { status: 202, headers: { "content-type": "application/json" } });
    if (url[url.length - 1] === "w") throw new TypeError("thrown");
    if (url[url.length - 1] === "r") { await new Promise((r) => setTimeout(r, 2)); return new Response("timer"); }
    return new Response("plain", { status: 200 });
  },
};
