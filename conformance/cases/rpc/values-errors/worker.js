import { tag, desc, probe, runAll, stackOf } from "./probe.js";
import { RpcTarget, RpcStub } from "cloudflare:workers";
const DROPPED = /^(errObjProto)$/;
export default { fetch(request, { S }) {
  const e = (x) => S.echo(x);
  class ErrX extends RangeError { constructor(m) { super(m); this.extra = [1]; } }
  class ErrN extends Error { name = "Custom"; #p = 1; }
  class ErrG extends Error { get name() { return "Got"; } get computed() { return 5; } }
  const tries = {
    errPlain: () => e(new Error("m")),
    errNoMsg: () => e(new Error()),
    errEmpty: () => e(new Error("")),
    errType: () => e(new TypeError("t")),
    errEval: () => e(new EvalError("t")), errUri: () => e(new URIError("t")), errRef: () => e(new ReferenceError("t")), errSyn: () => e(new SyntaxError("t")),
    errX: () => e(new ErrX("x")), errN: () => e(new ErrN("n")), errG: () => e(new ErrG("g")),
    errCause: () => e(new Error("a", { cause: new ErrX("b") })),
    errCauseUndef: () => e(new Error("a", { cause: undefined })),
    errCauseNull: () => e(new Error("a", { cause: null })),
    errCauseStr: () => e(new Error("a", { cause: "s" })),
    errCauseCycle: () => { const x = new Error("c"); x.cause = x; return e(x); },
    errCauseMap: () => e(new Error("a", { cause: new Map([[1, new Set([2])]]) })),
    errOwnCauseEnum: () => e(Object.assign(new Error("a"), { cause: 5 })),
    errNameEmpty: () => e(Object.assign(new Error("a"), { name: "" })),
    errNameNum: () => e(Object.assign(new Error("a"), { name: 5 })),
    errNameType: () => e(Object.assign(new Error("a"), { name: "TypeError" })),
    errNameUndef: () => e(Object.assign(new TypeError("a"), { name: undefined })),
    errMsgNum: () => e(Object.assign(new Error("a"), { message: 5 })),
    errMsgObj: () => e(Object.assign(new Error("a"), { message: { x: 1 } })),
    errMsgEnum: () => { const x = new Error(); Object.defineProperty(x, "message", { value: "en", enumerable: true }); return e(x); },
    errMsgDeleted: () => { const x = new RangeError("a"); delete x.message; return e(x); },
    errStackStr: () => e(Object.assign(new Error("a"), { stack: "own stack" })),
    errStackNum: () => e(Object.assign(new Error("a"), { stack: 5 })),
    errProps: () => e(Object.assign(new Error("a"), { d: new Date(1), m: new Map([[1, 2]]), u: undefined, n: null, b: 5n, nested: { e: new TypeError("in") } })),
    errFn: () => e(Object.assign(new Error("a"), { f() { return 1; } })),
    errStub: async () => { const r = await e(Object.assign(new Error("a"), { s: new RpcStub(() => 7) })); return [desc(r), typeof r.s === "function" ? await r.s() : null]; },
    errSymProp: () => e(Object.assign(new Error("a"), { [Symbol("q")]: 1 })),
    errGetter: () => e(Object.defineProperty(new Error("a"), "g", { get: () => 8, enumerable: true })),
    errGetterThrows: () => e(Object.defineProperty(new Error("a"), "g", { get() { throw new SyntaxError("gx"); }, enumerable: true })),
    errNonEnum: () => e(Object.defineProperty(new Error("a"), "hid", { value: 8, enumerable: false })),
    errFrozen: () => e(Object.freeze(Object.assign(new Error("a"), { k: 1 }))),
    errNullProto: () => e(Object.setPrototypeOf(new Error("np"), null)),
    errForeignProto: () => e(Object.setPrototypeOf(new TypeError("np"), RangeError.prototype)),
    errObjProto: () => e(Object.setPrototypeOf(new TypeError("np"), Object.prototype)),
    errArrProto: () => e(Object.setPrototypeOf(new TypeError("np"), Array.prototype)),
    likeError: () => e(Object.setPrototypeOf({ message: "like" }, Error.prototype)),
    agg: () => e(new AggregateError([new RangeError("a"), "s", { k: 1 }], "agg")),
    aggNested: () => e({ list: [new AggregateError([new AggregateError([1], "in")], "out")] }),
    aggOwnErrors: () => e(Object.assign(new Error("x"), { errors: [1, 2] })),
    supp: () => e(new SuppressedError(1, 2, "s")),
    sameErr: async () => { const x = new Error("s"); const r = await e([x, x]); return r[0] === r[1]; },
    errInMap: async () => { const x = new Error("s"); const r = await e(new Map([[x, x]])); const [[k, v]] = r; return [k === v, k.message]; },
    dom: () => e(new DOMException("m", "AbortError")),
    domNoName: () => e(new DOMException("m")),
    domNone: () => e(new DOMException()),
    domCustom: () => e(new DOMException("m", "Weird")),
    domCause: () => e(new DOMException("m", { name: "DataError", cause: 5 })),
    domProps: () => e(Object.assign(new DOMException("m", "AbortError"), { x: 1 })),
    domNested: () => e({ d: [new DOMException("m", "AbortError")] }),
    domAbort: async () => { try { AbortSignal.abort().throwIfAborted(); } catch (x) { return e(x); } },
    domTimeout: async () => { const s = AbortSignal.timeout(1); await scheduler.wait(20); return e(s.reason); },
    errCompile: () => { try { JSON.parse("{"); } catch (x) { return e(x); } },
    errOverflow: () => { const f = () => f(); try { f(); } catch (x) { return e([x.name, x]); } },
    errRemoteAgain: async () => { const x = await S.fail("q").catch((y) => y); return e(x); },
  };
  // What workerd says of these is its own affair, or differs from run to run.
  for (const name of Object.keys(tries)) if (DROPPED.test(name)) delete tries[name];
  return runAll(tries);
} };
