const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import * as cf from "cloudflare:workers";
const load = async (name) => {
  try {
    const m = await import(name);
    return Object.keys(m).sort();
  } catch (e) {
    return [e.name, e.message];
  }
};
export default {
  async fetch() {
    const proto = (C) => [C.name, C.length, Object.getOwnPropertyNames(C.prototype).sort(), Object.getPrototypeOf(C) === Function.prototype, Reflect.ownKeys(C).map(String).sort()];
    const out = {
      keys: Object.keys(cf).sort().map((k) => [k, typeof cf[k]]),
      tag: Object.prototype.toString.call(cf),
      protos: ["WorkerEntrypoint", "DurableObject", "RpcTarget", "WorkflowEntrypoint"].map((k) => [k, probe && proto(cf[k])]),
      names: Object.keys(cf).filter((k) => typeof cf[k] === "function").sort().map((k) => [k, cf[k].name, cf[k].length]),
      tags: Object.keys(cf).filter((k) => typeof cf[k] === "object").sort().map((k) => [k, Object.prototype.toString.call(cf[k])]),
      callClass: await probe(() => cf.WorkerEntrypoint()),
      newTarget: await probe(() => Object.prototype.toString.call(new cf.RpcTarget())),
      newDO: await probe(() => Object.prototype.toString.call(new cf.DurableObject())),
      newWF: await probe(() => Object.prototype.toString.call(new cf.WorkflowEntrypoint())),
      entrypointFields: await probe(() => { const c = {}; const e = {}; const w = new cf.WorkerEntrypoint(c, e); return [w.ctx === c, w.env === e, Object.keys(w)]; }),
      workflows: await load("cloudflare:workflows"),
      images: await load("cloudflare:images"),
      workflowsInternal: await load("cloudflare-internal:workers"),
      nothing: await load("cloudflare:nothing"),
      bare: await load("workers"),
    };
    return Response.json(out);
  },
};
