import { WorkerEntrypoint, RpcTarget } from "cloudflare:workers";
class T extends RpcTarget { m() { return "m of T"; } }
export default class Ent extends WorkerEntrypoint {
  v() { return 1; } fail() { throw new RangeError("f"); } prop = 1; get p() { return 2; } t() { return new T(); } r(x) { return x; }
  async ab(s) { if (s.aborted) return "already"; await new Promise((r) => s.addEventListener("abort", r)); return String(s.reason); }
  big(n) { return "x".repeat(n); } size(x) { return x.length; }
  async hang() { await new Promise(() => {}); }
  kill() { while (true); }
  nested() { return { a: { t: new T(), s: new Blob(["in nested"]).stream() }, f: () => "f" }; }
  request(r) { return [r.url, r.method, JSON.stringify(r.cf ?? null), r.redirect, r.cache ?? null, r.keepalive ?? null, r.integrity, [...r.headers]]; }
  giveRequest() { return new Request("http://h/give", { method: "POST", body: "giv", headers: { a: "1" }, cf: { k: 1 } }); }
  giveResponse() { return new Response("r", { status: 203, statusText: "Odd", headers: { "content-encoding": "gzip" }, encodeBody: "manual", cf: { x: 1 } }); }
}
