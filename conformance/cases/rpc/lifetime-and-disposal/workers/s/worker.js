import { WorkerEntrypoint, RpcTarget, RpcStub } from "cloudflare:workers";
let log = [];
class T extends RpcTarget {
  constructor(name) {
    super();
    this.name = name;
  }
  hello() {
    return "hello " + this.name;
  }
  [Symbol.dispose]() {
    log.push("disposed " + this.name);
  }
}
let kept;
export default class extends WorkerEntrypoint {
  make(name) {
    return new T(name);
  }
  pair() {
    return { a: new T("a"), b: new T("b"), fn: () => "fn" };
  }
  shared() {
    const t = new T("shared");
    return { x: t, y: t };
  }
  async takeLog() {
    await scheduler.wait(60);
    const l = log;
    log = [];
    return l;
  }
  useArg(f) {
    return f("now");
  }
  keepArg(f) {
    kept = f;
    return typeof f;
  }
  keepDup(f) {
    kept = f.dup();
    return typeof kept;
  }
  async useKept() {
    return await kept("later");
  }
  giveBack(f) {
    return f;
  }
  giveBackDup(f) {
    return f.dup();
  }
  plain() {
    return { a: 1, list: [1] };
  }
  arr() {
    return [1, new T("in array")];
  }
  ownStub() {
    return new RpcStub(new T("own stub"));
  }
  num() {
    return 5;
  }
}
