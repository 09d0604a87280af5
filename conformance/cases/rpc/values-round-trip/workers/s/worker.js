import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
  echo(x) {
    return x;
  }
  describe(x) {
    return Object.prototype.toString.call(x) + (x?.constructor?.name ?? "");
  }
}
