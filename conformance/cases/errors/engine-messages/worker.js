const rec = (f) => { try { return f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
export default {
  fetch() {
    const o = {};
    return Response.json({
      nullProp: rec(() => null.x), undefProp: rec(() => undefined.x.y), notFn: rec(() => o.f()), notIter: rec(() => [...5]), notCtor: rec(() => new (() => {})()), constAssign: rec(() => { const c = 1; c = 2; }), tdz: rec(() => { x; let x; }),
      big: rec(() => 1n + 1), arr: rec(() => new Array(-1)), radix: rec(() => (1).toString(99)), repeat: rec(() => "x".repeat(-1)), json: rec(() => JSON.parse("{bad")), jsonEmpty: rec(() => JSON.parse("")), circ: rec(() => { const a = {}; a.a = a; JSON.stringify(a); }), bigJson: rec(() => JSON.stringify(1n)),
      uri: rec(() => decodeURIComponent("%")), regex: rec(() => new RegExp("(")), sym: rec(() => `${Symbol("x")}`), inOp: rec(() => "a" in 1), inst: rec(() => ({}) instanceof 5), destr: rec(() => { const { a } = null; }), priv: rec(() => { class A { #x; static t(o) { return o.#x; } } A.t({}); }), cls: rec(() => { class A {} A(); }), sup: rec(() => { class A extends null { constructor() {} } new A(); }), frozen: rec(() => { Object.freeze([]).push(1); }), define: rec(() => Object.defineProperty(Object.freeze({}), "x", { value: 1 })), proxy: rec(() => new Proxy(1, {})), date: rec(() => new Date(NaN).toISOString()), undef: rec(() => notDefinedAnywhere), strRaw: rec(() => "x".normalize("bad")), intl: rec(() => new Intl.NumberFormat("xx-invalid-locale-zzzzzzzzzzz")), gen: rec(() => { const g = (function* () { g.next(); })(); g.next(); }), ab: rec(() => new ArrayBuffer(-1)), dv: rec(() => new DataView(new ArrayBuffer(1)).getInt32(0)), ta: rec(() => new Uint32Array(new ArrayBuffer(3))), set: rec(() => { "use strict"; Object.defineProperty({}, "x", { get() {} }).x = 1; }),
    });
  },
};
