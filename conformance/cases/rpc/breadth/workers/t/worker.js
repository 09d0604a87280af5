import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint { async viaOther(c) { return [await this.env.S.useCounter(c)]; } callBinding(b) { return b.echo("through binding"); } giveBack(x) { return x.dup ? x.dup() : x; } hiOf(b) { return b.hi("t"); } }
