import { WorkerEntrypoint } from "cloudflare:workers";
class Thing {
  x = 1;
}
export default class extends WorkerEntrypoint {
  echo(x) {
    return x;
  }
  thing() {
    return new Thing();
  }
  symbol() {
    return Symbol("s");
  }
  weak() {
    return new WeakMap();
  }
  self() {
    return this;
  }
  nested() {
    return { a: [new Thing()] };
  }
  promiseInside() {
    return { p: Promise.resolve(1) };
  }
}
