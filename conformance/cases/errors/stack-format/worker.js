import { deep, K, viaEval } from "./lib/deep.js";
const top = new Error("top").stack;
function named() { return new Error("named").stack; }
const arrow = () => new Error("arrow").stack;
class Custom extends Error { constructor(m) { super(m); this.name = "Custom"; } }
export default {
  async fetch(request) {
    const out = { top, named: named(), arrow: arrow(), deep: deep(), stat: K.s(), inst: new K().m(), get: new K().g };
    out.ctor = new Custom("c").stack;
    out.typeError = (() => { try { null.x; } catch (e) { return e.stack; } })();
    out.async = await (async () => { await null; return new Error("after await").stack; })();
    out.timer = await new Promise((r) => setTimeout(() => r(new Error("timer").stack), 1));
    out.then = await Promise.resolve().then(function inThen() { return new Error("then").stack; });
    out.micro = await new Promise((r) => queueMicrotask(function inMicro() { r(new Error("micro").stack); }));
    out.map = [1].map(() => new Error("map").stack)[0];
    out.json = JSON.parse("[1]", (k, v) => (k === "0" ? new Error("json").stack : v))[0];
    out.nonError = String({ stack: 1 }.stack);
    out.multi = new Error("line 1\nline 2").stack;
    out.noMessage = new Error().stack;
    out.obj = (() => { const o = {}; Error.captureStackTrace(o); return o.stack; })();
    out.objNamed = (() => { const o = { name: "N", message: "M" }; Error.captureStackTrace(o, named); return o.stack; })();
    out.dom = typeof new DOMException("d", "AbortError").stack;
    return Response.json(out);
  },
};
