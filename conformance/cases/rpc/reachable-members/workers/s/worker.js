import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class Base extends RpcTarget {
  inherited() { return "inherited"; }
  get inheritedGetter() { return "inherited getter"; }
}
class Target extends Base {
  own = "own";
  ownFunction = () => "own function";
  #secret = "secret";
  static fixed = "static";
  static fixedMethod() { return "static"; }
  #hidden() { return "hidden"; }
  method() { return this.#secret + this.#hidden().length; }
  get getter() { return "getter of " + this.own; }
  get asyncGetter() { return Promise.resolve("async getter"); }
  get throwing() { throw new RangeError("getter threw"); }
  get undefinedGetter() { return undefined; }
  get nullGetter() { return null; }
  get fn() { return () => "from getter"; }
  get target() { return new Base(); }
  get plain() { return { a: { b: () => "deep", c: 5 }, list: [10, { x: 11 }] }; }
  set writeOnly(v) {}
  async rejected() { throw new TypeError("rejected"); }
  *generator() { yield 1; }
  async *asyncGenerator() { yield 1; }
  [Symbol.iterator]() { return [][Symbol.iterator](); }
  fetch(request) { return new Response("fetch of target " + request?.url); }
  connect() { return "connect"; }
  get() { return "get"; }
  catch(x) { return "catch " + x; }
  finally() { return "finally"; }
  toString() { return "text"; }
  toJSON() { return "json"; }
  valueOf() { return 7; }
  hasOwnProperty(x) { return "has " + x; }
  dup() { return "dup"; }
  call(...a) { return ["call", ...a]; }
  apply(...a) { return ["apply", ...a]; }
  bind() { return "bind"; }
  alarm() { return "alarm"; }
  webSocketMessage() { return "wsm"; }
  scheduled() { return "scheduled"; }
  "with space"() { return "space"; }
  "ünï"() { return "unicode"; }
  ""() { return "empty"; }
  5() { return "five"; }
  __proto() { return "proto"; }
  prototype() { return "prototype"; }
  length() { return "length"; }
  name() { return "name"; }
  arguments() { return "arguments"; }
  caller() { return "caller"; }
}
const nameless = function () { return "called"; };
export default class extends WorkerEntrypoint {
  own = "own of entrypoint";
  target() { return new Target(); }
  plain() { return { a: 1, f() { return "f of plain " + this?.a; }, nested: { g: () => "g" }, list: [() => "in list"], get computed() { return "computed"; } }; }
  func() { return Object.assign(() => "called", { extra: "extra", sub: () => "sub", deep: { x: 1 } }); }
  bound() { return nameless.bind({}); }
  asyncFunc() { return async (x) => x + 1; }
  array() { return [1, 2, { f: () => "in array" }]; }
  text() { return "some text"; }
  number() { return 5; }
  nothing() {}
  nil() { return null; }
  map() { return new Map([["k", 1]]); }
  date() { return new Date(0); }
  error() { return new Error("value"); }
  bytes() { return new Uint8Array([1, 2, 3]); }
}
