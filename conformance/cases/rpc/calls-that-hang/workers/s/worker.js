import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class Door extends RpcTarget { #open; #opened = new Promise((r) => { this.#open = r; }); wait() { return this.#opened; } open() { this.#open("opened"); } }
export default class extends WorkerEntrypoint { hang() { return new Promise(() => {}); } get stuck() { return new Promise(() => {}); } async slow() { await scheduler.wait(700); return "slow"; } async callBack(f) { return f(); } async takeFrom(t) { return t.give(); } door() { return new Door(); } read(s) { return new Response(s).text(); } }
