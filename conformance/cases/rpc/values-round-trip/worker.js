const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
export default {
  async fetch(request, env) {
    const e = (x) => env.S.echo(x);
    const tag = (x) => Object.prototype.toString.call(x);
    const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    const cyc = { name: "c", list: [] };
    cyc.self = cyc;
    cyc.list.push(cyc);
    const cycBack = await e(cyc);
    const shared = { s: 1 };
    const [sa, sb] = await e([shared, shared]);
    const two = await e([new Uint8Array(buffer, 2, 3), new DataView(buffer, 1)]);
    const err = new RangeError("range", { cause: new TypeError("inner") });
    err.extra = "x";
    const errBack = await e(err);
    const agg = await probe(async () => {
      const a = await e(new AggregateError([new Error("one")], "agg"));
      return [a.name, a.message, a instanceof AggregateError, a.errors?.length ?? null];
    });
    class Custom extends Error {}
    const custom = new Custom("custom");
    custom.name = "CustomName";
    const customBack = await e(custom);
    const dom = await probe(async () => {
      const d = await e(new DOMException("dom", "AbortError"));
      return [tag(d), d.name, d.message, d.code ?? null];
    });
    const sparse = [1, , 3];
    sparse.extra = "p";
    const sparseBack = await e(sparse);
    const re = await e(/a+b/gi);
    const m = await e(new Map([["a", 1], [{ k: 1 }, new Set([1, "2"])]]));
    const withGetter = { get g() { return 5; }, plain: 1 };
    Object.defineProperty(withGetter, "hidden", { value: 1, enumerable: false });
    withGetter[Symbol("s")] = 1;
    return Response.json({
      prims: await e([true, false, null, 0, 1.5, -1, "str", "\u{1F600}", "\ud800".length, 2 ** 31, -(2 ** 31), 2 ** 53]),
      undef: [(await e(undefined)) === undefined, "u" in (await e({ u: undefined }))],
      nan: Number.isNaN(await e(NaN)),
      negZero: Object.is(await e(-0), -0),
      inf: (await e(Infinity)) === Infinity,
      lone: (await e("a\ud800b")).charCodeAt(1),
      big: [String(await e(12345678901234567890n)), String(await e(-5n)), String(await e(0n)), String(await e(-(2n ** 200n)))],
      date: (await e(new Date(86400000))).toISOString(),
      badDate: Number.isNaN((await e(new Date(NaN))).getTime()),
      re: [String(re), re.lastIndex, re instanceof RegExp],
      map: [tag(m), m.size, [...m.keys()].map(tag), tag([...m.values()][1])],
      set: [...(await e(new Set(["x", 1])))],
      typed: [tag(two[0]), [...two[0]], two[0].byteOffset, two[0].buffer.byteLength, two[1].byteOffset, two[0].buffer === two[1].buffer],
      kinds: await Promise.all(
        [Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array].map(
          async (T) => [tag(await e(new T(2))), (await e(new T(2))).length],
        ),
      ),
      buffer: [...new Uint8Array(await e(buffer))],
      emptyBuffer: (await e(new ArrayBuffer(0))).byteLength,
      cyc: [cycBack.self === cycBack, cycBack.list[0] === cycBack],
      same: sa === sb,
      sparse: [sparseBack.length, 1 in sparseBack, sparseBack.extra ?? null],
      err: [errBack.name, errBack.message, errBack instanceof RangeError, errBack.extra ?? null, errBack.cause?.name ?? null, errBack.cause?.message ?? null, typeof errBack.stack],
      custom: [customBack.name, customBack.message, customBack.constructor.name],
      agg,
      dom,
      boxed: [tag(await e(new Number(5))), tag(await e(new String("s"))), tag(await e(new Boolean(false))), tag(await e(Object(7n)))],
      getter: await e(withGetter),
      nullProto: await probe(async () => Object.getPrototypeOf(await e(Object.assign(Object.create(null), { a: 1 }))) === Object.prototype),
      proto: await probe(async () => Object.keys(await e(JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}')))),
      describe: [await env.S.describe([]), await env.S.describe({}), await env.S.describe(new Date())],
    });
  },
};
