import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { echo(x) { return x; } same(a, b) { return a === b[0]; } }
