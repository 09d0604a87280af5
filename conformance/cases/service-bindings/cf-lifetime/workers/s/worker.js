import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { fetch(r) { return Response.json(r.cf ?? null); } echo(x) { return x; } }
