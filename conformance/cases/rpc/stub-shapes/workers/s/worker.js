import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class T extends RpcTarget { v() { return 1; } get p() { return 2; } }
export default class extends WorkerEntrypoint { t() { return new T(); } fn(x) { return () => x ?? 9; } echo(x) { return x; } obj() { return { t: new T(), u: new T(), n: 1 }; } get prop() { return 6; } get failProp() { throw new RangeError("fp"); } fail() { throw new RangeError("f"); } async useT(t) { return t.v(); } }
