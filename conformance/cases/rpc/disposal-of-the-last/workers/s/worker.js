import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
let log = [];
class T extends RpcTarget {
  constructor(name) {
    super();
    this.name = name;
  }
  child(name) {
    return new T(name);
  }
  hi() {
    return this.name;
  }
  [Symbol.dispose]() {
    log.push(this.name);
  }
}
export default class extends WorkerEntrypoint {
  two() {
    return { a: new T("a"), b: new T("b") };
  }
  one(name) {
    return new T(name);
  }
  waiting(name) {
    this.ctx.waitUntil(scheduler.wait(100));
    return new T(name);
  }
  async take() {
    await scheduler.wait(60);
    const l = log;
    log = [];
    return l.sort();
  }
}
