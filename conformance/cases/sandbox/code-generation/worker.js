const rec = (f) => { try { const v = f(); return typeof v === "function" ? "function" : v; } catch (e) { return { $error: e.name, $message: e.message }; } };
const rat = async (f) => { try { return await f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
const AsyncFunction = (async () => {}).constructor, GeneratorFunction = (function* () {}).constructor, AsyncGeneratorFunction = (async function* () {}).constructor;
export default {
  async fetch() {
    return Response.json({
      eval: rec(() => eval("1+1")), indirect: rec(() => (0, eval)("1+1")), evalNonString: rec(() => eval(5)), evalObj: rec(() => typeof eval({})),
      fn: rec(() => new Function("return 1")()), call: rec(() => Function("return 1")()), args: rec(() => new Function("a", "b", "return a+b")(1, 2)),
      async: rec(() => new AsyncFunction("return 1")), gen: rec(() => new GeneratorFunction("yield 1")), asyncGen: rec(() => new AsyncGeneratorFunction("yield 1")),
      ctorctor: rec(() => ({}).constructor.constructor("return this")()), arrow: rec(() => (() => {}).constructor("return 1")()), reflect: rec(() => Reflect.construct(Function, ["return 1"])), bound: rec(() => Function.bind(null, "return 1")()), apply: rec(() => Function.apply(null, ["return 1"])),
      timer: rec(() => setTimeout("1")), timerFnString: await rat(() => new Promise((r) => { setTimeout(r, 1, "arg"); })),
      data: await rat(() => import("data:text/javascript,export default 1")), blobUrl: await rat(async () => typeof URL.createObjectURL), 
      evalName: [eval.name, eval.length, typeof eval], fnName: [Function.name, Function.length, Object.getOwnPropertyNames(Function).sort()], regexp: rec(() => "aXb".replace(/x/i, (m) => m + "!")), json: rec(() => JSON.parse('{"a":1}')), tagged: rec(() => String.raw`\n`), descr: [typeof Object.getOwnPropertyDescriptor(globalThis, "eval").value, Object.getOwnPropertyDescriptor(globalThis, "Function").enumerable],
    });
  },
};
