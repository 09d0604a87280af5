import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class Log extends RpcTarget {
  entries = [];
  push(x) {
    this.entries.push(x);
    return this.entries.length;
  }
  async slowPush(x) {
    this.entries.push("start " + x);
    await scheduler.wait(10);
    this.entries.push("end " + x);
    return x;
  }
  async child() {
    await scheduler.wait(10);
    return this;
  }
  all() {
    return this.entries;
  }
}
export default class extends WorkerEntrypoint {
  log() {
    return new Log();
  }
  async slowLog() {
    await scheduler.wait(10);
    return new Log();
  }
  async failing() {
    await scheduler.wait(5);
    throw new RangeError("pipeline broke");
  }
  call(f) {
    return Promise.all([f(1), f(2), f(3)]);
  }
  async id(x) {
    return x;
  }
  sum(a, b) {
    return a + b;
  }
  async useStub(s) {
    return s.push("from service");
  }
}
