const rec = async (f) => { try { return await f(); } catch (e) { return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) }; } };
const counting = (v) => { const log = []; return { log, o: new Proxy(v, { get(t, k) { if (typeof k === "string") log.push(k); return t[k]; }, ownKeys(t) { log.push("ownKeys"); return Reflect.ownKeys(t); } }) }; };
export default {
  async fetch(request) {
    const out = {};
    out.statusThrows = await rec(() => new Response("x", { get status() { throw new RangeError("status"); } }).status);
    out.statusObj = await rec(() => new Response("x", { status: { valueOf() { return 201; } } }).status);
    let n = 0; out.changing = await rec(() => new Response("x", { get status() { return 200 + n++; } }).status);
    out.headersThrows = await rec(() => new Headers({ get a() { throw new TypeError("a"); } }));
    out.headersIter = await rec(() => [...new Headers({ [Symbol.iterator]: function* () { yield ["x", "1"]; yield ["y", "2"]; } })]);
    out.headersBadPair = await rec(() => new Headers([["a"]]));
    out.headersToString = await rec(() => new Headers({ a: { toString() { return "str"; } } }).get("a"));
    out.headersThrowToString = await rec(() => new Headers({ a: { toString() { throw new EvalError("no"); } } }));
    out.urlToString = await rec(() => new Request({ toString() { return "http://x/"; } }).url);
    out.methodThrows = await rec(() => new Request("http://x", { get method() { throw new URIError("m"); } }));
    out.symbolBody = await rec(() => new Response(Symbol("s")));
    out.objBody = await rec(() => new Response({ toString() { return "object body"; } }).text());
    out.throwBody = await rec(() => new Response({ toString() { throw new SyntaxError("tb"); } }));
    out.nullInit = await rec(() => new Response("x", null).status);
    out.numInit = await rec(() => new Response("x", 5));
    const c = counting({ status: 201, statusText: "T", headers: { a: "1" } }); out.response = await rec(() => new Response("x", c.o).status); out.responseReads = [...new Set(c.log)].sort();
    out.thenGetter = await rec(async () => { const p = Promise.resolve(1); Object.defineProperty(p, "then", { get() { throw new Error("then getter"); } }); return await p; });
    out.cloneGetter = await rec(() => structuredClone({ get a() { throw new RangeError("g"); } }));
    out.jsonCycle = await rec(() => { const a = {}; a.a = a; return Response.json(a); });
    out.jsonBig = await rec(() => Response.json(1n));
    out.jsonUndef = await rec(() => Response.json(undefined));
    out.jsonToJSON = await rec(() => Response.json({ toJSON() { throw new Error("toJSON"); } }));
    out.signalFake = await rec(() => new Request("http://x", { signal: {} }));
    out.eventFake = await rec(() => new EventTarget().dispatchEvent({ type: "x" }));
    out.listenerObj = await rec(() => { const t = new EventTarget(); let got; t.addEventListener("x", { get handleEvent() { return (e) => { got = e.type; }; } }); t.dispatchEvent(new Event("x")); return got; });
    return Response.json(out);
  },
};
