import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { async via(s) { return this.env.S.echo(s); } giveFrom() { return this.env.S.stream(["from s"]); } }
