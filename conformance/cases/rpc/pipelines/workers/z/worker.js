import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { ping() { return "pong"; } fetch(r) { return new Response("z " + r.url); } }
