const show = (e) => ({ name: e.name, message: e.message, str: String(e), tag: Object.prototype.toString.call(e), keys: Object.keys(e), own: Object.getOwnPropertyNames(e).sort(), err: e instanceof Error });
export default {
  async fetch() {
    const out = {};
    out.error = show(new Error("m", { cause: "c" }));
    out.cause = [new Error("m", { cause: undefined }).cause === undefined, "cause" in new Error("m", { cause: undefined }), "cause" in new Error("m", {})];
    out.aggregate = show(new AggregateError([1, new Error("x")], "agg", { cause: 2 }));
    out.any = await Promise.any([Promise.reject(1), Promise.reject(2)]).catch((e) => [e.name, e.message, e.errors]);
    out.dom = show(new DOMException("m", "DataCloneError"));
    out.domCode = [new DOMException("m", "DataCloneError").code, new DOMException("m").name, new DOMException("m").code, new DOMException().message, new DOMException("m", "Custom").code, DOMException.DATA_CLONE_ERR, new DOMException("m", { name: "AbortError", cause: 5 }).name, new DOMException("m", { name: "AbortError", cause: 5 }).cause];
    out.domProto = Object.getOwnPropertyNames(DOMException.prototype).sort();
    out.domStatics = Object.getOwnPropertyNames(DOMException).sort();
    out.domParent = [Object.getPrototypeOf(DOMException.prototype) === Error.prototype, Object.getPrototypeOf(DOMException) === Error, Object.getPrototypeOf(DOMException) === Function.prototype];
    out.domNew = (() => { try { DOMException("x"); } catch (e) { return [e.name, e.message]; } })();
    out.domStack = new DOMException("m", "AbortError").stack.split("\n")[0];
    out.isError = typeof Error.isError === "function" ? [Error.isError(new Error()), Error.isError(new DOMException("x")), Error.isError({})] : "none";
    out.suppressed = typeof SuppressedError;
    class Mine extends TypeError { name = "Mine"; }
    out.mine = show(new Mine("x"));
    out.nested = (() => { try { try { throw new Error("inner"); } catch (e) { throw new Error("outer", { cause: e }); } } catch (e) { return [e.message, e.cause.message]; } })();
    out.clone = (() => { const c = structuredClone(new RangeError("r", { cause: 1 })); return [c.name, c.message, c.cause, c instanceof RangeError, typeof c.stack]; })();
    out.cloneDom = (() => { const c = structuredClone(new DOMException("r", "AbortError")); return [c.name, c.message, c instanceof DOMException, c.code]; })();
    return Response.json(out);
  },
};
