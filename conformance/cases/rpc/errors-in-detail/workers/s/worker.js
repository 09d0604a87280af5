import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class Failure extends TypeError {
  get name() { return "Failure"; }
  detail = { list: [1, new Map([["k", 2]])] };
}
class Named extends Error { static name = "Renamed"; }
const thrown = {
  failure: () => new Failure("own class"),
  named: () => new Named("named"),
  nameOwn: () => Object.assign(new Error("m"), { name: "RangeError" }),
  nameOdd: () => Object.assign(new RangeError("m"), { name: "AbortError" }),
  date: () => Object.assign(new Error("m"), { at: new Date(5), re: /x/, bytes: new Uint8Array([1]) }),
  instanceProp: () => Object.assign(new Error("m"), { ok: 1, bad: new (class Odd {})() }),
  targetProp: () => Object.assign(new Error("m"), { t: new RpcTarget() }),
  symbolProp: () => Object.assign(new Error("m"), { [Symbol("s")]: 1, ok: 1 }),
  nested: () => new Error("a", { cause: new Error("b", { cause: new TypeError("c") }) }),
  causeUncloneable: () => new Error("a", { cause: () => 1 }),
  errors: () => new AggregateError([new TypeError("x"), "y"], "agg"),
  remoteOwn: () => Object.assign(new Error("m"), { remote: "mine" }),
  retryable: () => Object.assign(new Error("m"), { retryable: true, overloaded: true }),
  stackOwn: () => Object.assign(new Error("m"), { stack: "my stack" }),
  noStack: () => { const e = new Error("m"); delete e.stack; return e; },
  frozen: () => Object.freeze(new Error("frozen")),
  object: () => ({ message: "plain object", name: "Plain", code: 1 }),
  nullProto: () => Object.create(null),
  response: () => new Response("thrown", { status: 400 }),
  long: () => new Error("line 1\nline 2\n\ttabbed"),
  unicode: () => new Error("äöü \u{1F600}"),
  bigint: () => 5n,
  nan: () => NaN,
  date2: () => new Date(0),
  dataClone: () => new DOMException("dom", "DataCloneError"),
  domProps: () => Object.assign(new DOMException("dom", "TimeoutError"), { extra: 1 }),
  proxy: () => new Proxy(new Error("proxied"), {}),
  getterMessage: () => Object.defineProperty(new Error("m"), "message", { get() { throw new Error("in getter"); } }),
  errorLike: () => Object.setPrototypeOf({ message: "like", stack: "s" }, Error.prototype),
};
export class Ent extends WorkerEntrypoint {
  raise(kind) { throw thrown[kind](); }
  callback(f) { return f(); }
  async catches(f) { try { await f(); } catch (e) { return [e.name, e.message, e.remote ?? null, Object.keys(e).sort(), typeof e.stack]; } }
  async rethrows(f) { await f(); }
  give(kind) { return thrown[kind](); }
  takes(e) { return [e instanceof Error, e.name, e.message, typeof e.stack, Object.keys(e).sort()]; }
}
export default Ent;
