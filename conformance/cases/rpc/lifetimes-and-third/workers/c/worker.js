import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class Made extends RpcTarget { hi(x) { return "made in c, " + x; } }
export default class extends WorkerEntrypoint {
  async use(stub) { return [await stub.add(5), await stub.value, await stub.child().name()]; }
  make() { return new Made(); }
  call(f) { return f("from c"); }
  stream() { return new Blob(["stream of c"]).stream(); }
  fetch(r) { return new Response("fetch of c " + r.url); }
}
