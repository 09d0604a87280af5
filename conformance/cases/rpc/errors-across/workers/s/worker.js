import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class MyError extends Error {
  constructor(m) {
    super(m);
    this.name = "MyError";
    this.detail = { a: 1 };
  }
}
class NoName extends Error {}
const kinds = {
  error: () => new Error("plain"),
  type: () => new TypeError("type"),
  range: () => new RangeError("range"),
  syntax: () => new SyntaxError("syntax"),
  reference: () => new ReferenceError("reference"),
  uri: () => new URIError("uri"),
  eval: () => new EvalError("eval"),
  aggregate: () => new AggregateError([new Error("a"), 5], "aggregate"),
  my: () => new MyError("mine"),
  noName: () => new NoName("no name"),
  dom: () => new DOMException("dom message", "NotFoundError"),
  abort: () => new DOMException("aborted", "AbortError"),
  cause: () => new Error("outer", { cause: new RangeError("inner") }),
  props: () => Object.assign(new Error("props"), { code: "E_CODE", n: 1, fnProp: undefined }),
  fnProp: () => Object.assign(new Error("fn prop"), { f: () => 1 }),
  empty: () => new Error(),
  string: () => "str",
  number: () => 42,
  undefined: () => undefined,
  null: () => null,
  bool: () => false,
  array: () => [1, 2],
  fn: () => () => 1,
  symbol: () => Symbol("s"),
  weird: () => { const e = new Error("w"); e.name = 5; return e; },
  weirdMessage: () => { const e = new Error("w"); e.message = { a: 1 }; return e; },
};
export default class extends WorkerEntrypoint {
  raise(kind) {
    throw kinds[kind]();
  }
  async reject(kind) {
    await scheduler.wait(1);
    throw kinds[kind]();
  }
  async hang() {
    await new Promise(() => {});
  }
  bigMessage() {
    throw new Error("x".repeat(100000));
  }
}
