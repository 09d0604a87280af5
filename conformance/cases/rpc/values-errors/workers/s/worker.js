import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { echo(x) { return x; } fail(m) { throw Object.assign(new RangeError(m), { k: 1 }); } }
