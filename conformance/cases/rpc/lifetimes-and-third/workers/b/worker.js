import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
let log = [];
class Counter extends RpcTarget {
  n = 0;
  constructor(name) { super(); this.who = name; }
  add(x) { this.n += x; return this.n; }
  child() { return new Counter(this.who + ".child"); }
  get value() { return this.n; }
  name() { return this.who; }
  [Symbol.dispose]() { log.push("disposed " + this.who); }
}
export class Second extends WorkerEntrypoint { props() { return this.ctx.props; } }
export default class extends WorkerEntrypoint {
  counter(name) { return new Counter(name); }
  pair() { return { a: new Counter("a"), b: new Counter("b") }; }
  props() { return this.ctx.props; }
  async logged(name) { for (let n = 0; n < 60 && !log.includes(name); n++) await scheduler.wait(5); const has = log.includes(name); log = log.filter((x) => x !== name); return has; }
  toThird(stub) { return this.env.C.use(stub); }
  async fromThird() { return this.env.C.make(); }
  fnToThird(f) { return this.env.C.call(f); }
  async keep(stub) { this.ctx.waitUntil((async () => { await scheduler.wait(10); log.push("later " + (await stub.name())); })()); return "kept"; }
  async keepDup(stub) { const mine = stub.dup(); this.ctx.waitUntil((async () => { await scheduler.wait(10); log.push("later dup " + (await mine.name())); })()); return "kept"; }
  giveBack(stub) { return stub; }
  passBinding() { return this.env.C; }
  ofCaller(f) { return f.missing.deep(); }
  async twice(f) { return [await f(1), await f(2)]; }
  async loopback() { return this.ctx.exports?.Second?.({ props: { loop: 1 } }).props(); }
  streamFromThird() { return this.env.C.stream(); }
  responseFromThird() { return this.env.C.fetch("http://c/x"); }
}
