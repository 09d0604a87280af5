import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { ping() { return "pong"; } x() { return 1; } fetch(r) { return new Response("z " + r.url); } }
