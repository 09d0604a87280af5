import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class T extends RpcTarget {
  ping() {
    return "pong";
  }
  async slow() {
    await scheduler.wait(150);
    return "slow";
  }
}
export default class extends WorkerEntrypoint {
  target() {
    return new T();
  }
  value(x) {
    return x;
  }
  obj() {
    return { t: new T(), n: 1 };
  }
  fail() {
    throw new Error("no");
  }
  get prop() {
    return "p";
  }
}
