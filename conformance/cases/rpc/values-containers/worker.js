import { tag, desc, probe, runAll, stackOf } from "./probe.js";
import { RpcTarget, RpcStub } from "cloudflare:workers";
const DROPPED = /^(objMutatedByGetter|cons)$/;
export default { fetch(request, { S }) {
  const e = (x) => S.echo(x);
  const buf = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]).buffer;
  class Arr extends Array { extra() {} } class M extends Map {} class St extends Set {} class D extends Date {} class R extends RegExp {} class U extends Uint8Array {} class O extends Object {} class Str extends String {} class AB extends ArrayBuffer {} class P extends Promise {}
  const t = {};
  for (const n of ["Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "DataView"]) { t["off" + n] = () => e(new globalThis[n](buf, 8, n === "DataView" ? 5 : 1)); }
  const tries = { ...t,
    shareAll: async () => { const r = await e([new Uint8Array(buf, 0, 4), new Float64Array(buf, 8), new DataView(buf, 1, 2), buf]); return [r[0].buffer === r[3], r[1].buffer === r[3], r[2].buffer === r[3], desc(r)]; },
    shareSubs: async () => { const u = new Uint8Array(buf); const r = await e({ a: u.subarray(1, 3), b: u.subarray(2, 5) }); r.a[1] = 99; return [r.b[0], r.a.buffer.byteLength]; },
    viewProps: () => e(Object.assign(new Uint8Array(2), { x: 1 })),
    bufProps: () => e(Object.assign(new ArrayBuffer(2), { x: 1 })),
    u: () => e(new U(2)), ab: () => e(new AB(2)), arr: () => e(Arr.from([1, 2])), m: () => e(new M([[1, 2]])), st: () => e(new St([1])), d: () => e(new D(5)), r: () => e(new R("x", "g")), o: () => e(new O()), str: () => e(new Str("s")), p: () => e(P.resolve(4)),
    arrProps: () => e(Object.assign([1, 2], { x: 3, "-1": 4 })),
    sparse: () => e([, 1, , 2, ,]), sparseTail: async () => { const a = [1]; a.length = 5; const r = await e(a); return [r.length, 1 in r]; },
    arrGetter: () => e(Object.defineProperty([1], 0, { get: () => 9, enumerable: true })),
    arrNonEnum: () => e(Object.defineProperty([1, 2], 0, { value: 9, enumerable: false })),
    arrUndefined: async () => { const r = await e([undefined, null]); return [0 in r, desc(r)]; },
    arrNullProto: () => e(Object.setPrototypeOf([1], null)), arrObjProto: () => e(Object.setPrototypeOf([1], Object.prototype)),
    objUndef: async () => { const r = await e({ a: undefined }); return ["a" in r, desc(r)]; },
    objProtoKey: async () => { const r = await e(JSON.parse('{"__proto__":5,"a":1}')); return [Object.keys(r), Object.getPrototypeOf(r) === Object.prototype]; },
    objProto2: async () => { const o = {}; Object.defineProperty(o, "__proto__", { value: { x: 1 }, enumerable: true }); const r = await e(o); return [Object.keys(r), r.x ?? "none"]; },
    objNum: async () => Object.keys(await e({ z: 1, 10: 1, 9: 1, "-1": 1, 4294967295: 1, 4294967294: 1, "01": 1 })),
    objEmptyKey: () => e({ "": 1, " ": 2 }), objLone: async () => { const r = await e({ "\ud800": "\udc00" }); return [Object.keys(r)[0].charCodeAt(0), Object.values(r)[0].charCodeAt(0)]; },
    objSetter: () => e({ set x(v) {} }), objGetSet: () => e({ get x() { return 1; }, set x(v) {} }),
    objCreated: () => e(Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } })),
    objCreatedEmpty: () => e(Object.create({})),
    objTag: () => e({ [Symbol.toStringTag]: "Foo", a: 1 }),
    objIter: () => e({ *[Symbol.iterator]() { yield 1; } }),
    objPrim: () => e({ [Symbol.toPrimitive]: () => 5, a: 1 }),
    objSealed: async () => Object.isSealed(await e(Object.seal({ a: 1 }))), arrFrozen: async () => Object.isFrozen(await e(Object.freeze([1]))),
    nullProto: () => e(Object.create(null)), nullProtoNested: () => e({ a: Object.create(null) }), nullProtoProps: () => e(Object.assign(Object.create(null), { a: 1, b: { c: Object.create(null) } })),
    dates: () => e([new Date(8.64e15), new Date(-8.64e15), new Date(NaN), new Date(-0), new Date(1.5)]),
    regs: () => e([/a/, /b/gi, new RegExp(""), new RegExp("/"), /[/]\n/su, /\//y]),
    regLast: async () => { const x = /a/g; x.lastIndex = 2; return (await e(x)).lastIndex; },
    regProps: () => e(Object.assign(/a/, { x: 1 })),
    boxes: () => e([Object(1), Object("s"), Object(false), Object(5n), Object(-0), Object("")]),
    boxProps: () => e(Object.assign(Object("s"), { x: 1 })),
    bigs: () => e([0n, -1n, 2n ** 64n, -(2n ** 63n), 2n ** 4096n].map(String)), bigsRaw: async () => (await e([0n, -1n, 2n ** 200n])).map(String),
    nums: () => e([0, -0, NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 31), 2 ** 31, 1e21, 1e-7, 0.1]),
    mapOrder: () => e(new Map([["b", 1], ["a", 2], [1, 3], [NaN, 4], [-0, 5], [undefined, 6], [null, 7]])),
    mapKeyObj: async () => { const k = { k: 1 }; const r = await e([k, new Map([[k, 1]])]); return r[1].get(r[0]) ?? "lost"; },
    setOfMap: () => e(new Set([new Map([[new Set([1]), []]]), "x"])),
    mapFn: async () => { const r = await e(new Map([["f", () => 3]])); return [typeof r.get("f"), await r.get("f")(), typeof r[Symbol.dispose]]; },
    setFn: async () => { const r = await e(new Set([() => 3])); const [f] = r; return [typeof f, await f()]; },
    mapTarget: async () => { const r = await e(new Map([[new (class extends RpcTarget { v() { return 4; } })(), 1]])); const [[k]] = r; return [typeof k, await k.v()]; },
    mapMutatedByGetter: async () => { const m = new Map(); m.set("a", { get x() { m.set("late", 1); return 1; } }); const r = await e(m); return [...r.keys()]; },
    arrMutatedByGetter: async () => { const a = [{ get x() { a.push("late"); return 1; } }, 2]; const r = await e(a); return r.length; },
    objMutatedByGetter: async () => { const o = { get x() { o.late = 1; delete o.z; return 1; }, y: 1, z: 2 }; return e(o); },
    args: () => e((function () { return arguments; })(1, 2)),
    argsNested: () => e({ a: (function () { return arguments; })(1) }),
    cyc: async () => { const m = new Map(); const s = new Set([m]); const a = [s]; m.set("a", a); const er = new Error("x"); er.m = m; m.set("e", er); const r = await e(m); return [[...r.get("a")[0]][0] === r, r.get("e").m === r]; },
    crossArgs: async () => { const o = { a: 1 }; return S.same(o, [o]); },
    crossArgsFn: async () => { const f = () => 1; return S.same(f, [f]); },
    many: async () => { const r = await e(Array.from({ length: 2000 }, (_, i) => ({ i, s: "x" + i }))); return [r.length, desc(r[1999])]; },
    longStr: async () => (await e("ä".repeat(200000))).length, longStr2: async () => { const s = "\u{1F600}a".repeat(70000); return (await e(s)) === s; },
    bigBuf: async () => { const u = new Uint8Array(1e6).map((_, i) => i); const r = await e(u); return [r.length, r[999999]]; },
    math: () => e(Math), json: () => e(JSON), refl: () => e(Reflect), atom: () => e(Atomics), intl: () => e(Intl), gl: () => e(globalThis), wasm: () => e(WebAssembly), cons: () => e(console), cryp: () => e(crypto), cach: () => e(caches), sch: () => e(scheduler), nav: () => e(navigator), perf: () => e(performance),
  };
  // What workerd says of these is its own affair, or differs from run to run.
  for (const name of Object.keys(tries)) if (DROPPED.test(name)) delete tries[name];
  return runAll(tries);
} };
