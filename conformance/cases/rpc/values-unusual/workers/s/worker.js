import { WorkerEntrypoint } from "cloudflare:workers";
class Account {
  constructor() { this.id = 1; }
  get label() { return "label"; }
}
const made = {
  nullProto: () => Object.assign(Object.create(null), { a: 1 }),
  thenable: () => ({ then(resolve) { resolve("from then"); } }),
  rejectingThenable: () => ({ then(_, reject) { reject(new RangeError("from then")); } }),
  getterThrows: () => ({ get x() { throw new SyntaxError("getter"); } }),
  instance: () => new Account(),
  instanceInArray: () => [1, new Account()],
  instanceInMap: () => new Map([["k", new Account()]]),
  classItself: () => Account,
  weakMap: () => new WeakMap(),
  symbol: () => Symbol("mine"),
  symbolInside: () => ({ s: Symbol("inside") }),
  asyncGenerator: () => (async function* () { yield 1; })(),
  iterator: () => [1][Symbol.iterator](),
  mapIterator: () => new Map([[1, 2]]).entries(),
  generatorFunction: () => function* () {},
  proxy: () => new Proxy({ a: 1, f() { return this.a; } }, {}),
  url: () => new URL("http://h/"),
  formData: () => new FormData(),
  abortSignal: () => AbortSignal.abort(),
  headersUsed: () => { const h = new Headers({ a: "1" }); h.append("b", "2"); return h; },
  error: () => Object.assign(new RangeError("returned", { cause: { why: 1 } }), { code: "E1" }),
  moduleNamespace: () => import("cloudflare:workers"),
  globalThis: () => globalThis,
  shared: () => new SharedArrayBuffer(4),
  wasm: () => new WebAssembly.Memory({ initial: 1 }),
  json: () => JSON,
  boxedSymbol: () => Object(Symbol("boxed")),
  arguments: () => (function () { return arguments; })(1, 2),
  response304: () => new Response(null, { status: 304 }),
  responseError: () => Response.error(),
  redirect: () => Response.redirect("http://h/there", 307),
};
export default class extends WorkerEntrypoint {
  echo(x) { return x; }
  kind(x) { return [Object.prototype.toString.call(x), x?.constructor?.name ?? null, Object.getPrototypeOf(Object(x)) === null]; }
  make(name) { return made[name](); }
  args(...list) { return list.map((x) => (x === undefined ? "undefined" : x === null ? "null" : typeof x)); }
  async same(a, b) { return [a === b, a.buffer === b.buffer]; }
}
