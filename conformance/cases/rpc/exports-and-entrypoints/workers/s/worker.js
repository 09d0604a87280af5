import { WorkerEntrypoint } from "cloudflare:workers";
export class Named extends WorkerEntrypoint { who() { return ["named", this.ctx.props ?? null]; } fetch() { return new Response("named"); } }
export const handlers = { fetch(r, env, ctx) { return new Response("handlers " + JSON.stringify(ctx.props ?? null)); }, method(x, env, ctx) { return ["m", x, ctx?.props ?? null, arguments.length]; }, hi() { return arguments.length; } };
export default class extends WorkerEntrypoint { async use(b) { return [Object.prototype.toString.call(b), typeof b, await b.who(), await b.prop]; } async useFetch(b) { return (await b.fetch("http://u/")).json(); } hi() { return arguments.length; } who() { return [typeof this.ctx.props, JSON.stringify(this.ctx.props)]; } }
