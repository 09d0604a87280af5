const rec = (f) => { try { return f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
export default {
  async fetch() {
    const out = {};
    out.descs = ["prepareStackTrace", "captureStackTrace", "stackTraceLimit"].map((k) => { const d = Object.getOwnPropertyDescriptor(Error, k); return d && [typeof d.value, d.writable, d.enumerable, d.configurable]; });
    out.limit = Error.stackTraceLimit;
    out.names = Object.getOwnPropertyNames(Error).sort();
    out.own = Object.getOwnPropertyNames(new Error("x", { cause: 1 }));
    out.stackDesc = (() => { const d = Object.getOwnPropertyDescriptor(new Error("x"), "stack"); return [typeof d.value, typeof d.get, d.writable, d.enumerable, d.configurable]; })();
    Error.stackTraceLimit = 1;
    out.one = new Error("x").stack.split("\n").length;
    Error.stackTraceLimit = 0;
    out.zero = new Error("x").stack;
    Error.stackTraceLimit = 10;
    function outer() { return inner(); }
    function inner() { const o = {}; Error.captureStackTrace(o, outer); return o.stack; }
    out.hidden = outer();
    out.noArg = rec(() => Error.captureStackTrace());
    out.primitive = rec(() => Error.captureStackTrace(5));
    out.frozen = rec(() => Error.captureStackTrace(Object.freeze({})));
    Error.prepareStackTrace = (err, sites) => sites;
    const sites = new Error("x").stack;
    out.isArray = Array.isArray(sites);
    const s = sites[0];
    out.site = [s.getFileName(), s.getLineNumber(), s.getColumnNumber(), s.getFunctionName(), s.getMethodName(), s.getTypeName(), s.isAsync(), s.isConstructor(), s.isEval(), s.isNative(), s.isToplevel(), s.isPromiseAll(), s.getEvalOrigin() ?? null, typeof s.getThis(), typeof s.getFunction(), String(s), s.getScriptNameOrSourceURL(), s.getPromiseIndex()];
    Error.prepareStackTrace = () => "mine";
    out.mine = new Error("x").stack;
    Error.prepareStackTrace = (e, cs) => `${e.name}/${e.message}/${cs[0].getFileName()}`;
    out.formatted = new TypeError("m").stack;
    Error.prepareStackTrace = () => { throw new Error("no"); };
    out.throws = rec(() => typeof new Error("x").stack);
    Error.prepareStackTrace = undefined;
    out.reset = new Error("x").stack;
    return Response.json(out);
  },
};
