import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class Base extends RpcTarget {
  inherited() {
    return "inherited";
  }
}
class Counter extends Base {
  #secret = 7;
  own = "own value";
  arrow = () => "arrow";
  constructor(n = 0) {
    super();
    this.n = n;
  }
  add(k = 1) {
    return (this.n += k);
  }
  get value() {
    return this.n;
  }
  set value(v) {
    this.n = v;
  }
  get nested() {
    return { a: { b: () => "deep" }, list: [1, { z: 2 }] };
  }
  get boom() {
    throw new RangeError("getter");
  }
  #private() {
    return this.#secret;
  }
  static stat() {
    return 1;
  }
  [Symbol.iterator]() {
    return 1;
  }
  fail() {
    const e = new TypeError("from target");
    e.code = 42;
    throw e;
  }
  throwString() {
    throw "a string";
  }
  throwObject() {
    throw { a: 1 };
  }
  async reject() {
    throw new Error("rejected");
  }
  child(n) {
    return new Counter(n);
  }
  self() {
    return this;
  }
  callMe(f, ...args) {
    return f(...args);
  }
  thisIs() {
    return this instanceof Counter;
  }
  42() {
    return "forty-two";
  }
}
Counter.prototype.protoValue = "on the prototype";
export default class S extends WorkerEntrypoint {
  own = 1;
  #p = 2;
  counter(n) {
    return new Counter(n);
  }
  fn() {
    const f = (a, b) => [a, b, f.calls = (f.calls ?? 0) + 1];
    f.prop = "fn prop";
    return f;
  }
  obj() {
    return { plain: 1, f: (x) => x * 2, c: new Counter(9), list: [() => "in list"] };
  }
  map() {
    return new Map([["f", () => "from map"]]);
  }
  get nestedGetter() {
    return { inner: (x) => "got " + x };
  }
  get prop() {
    return "prop";
  }
}
S.prototype.table = { m: () => "from table" };
