import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class T extends RpcTarget {
  hello() {
    return "hello";
  }
}
export default class extends WorkerEntrypoint {
  make() {
    return new T();
  }
  use(t) {
    return t.hello();
  }
  drop() {
    return "dropped";
  }
}
