import { tag, desc, probe, runAll, stackOf } from "./probe.js";
const DROPPED = /^(.* (passThrough|hang|streamHang))$/;
export default { async fetch(request, env, ctx) { const t = {};
  const kinds = ["error", "typeError", "custom", "string", "number", "undef", "nul", "object", "objMsg", "array", "fn", "symbol", "bigint", "bool", "response", "dom", "domAbort", "agg", "cause", "props", "nested", "stackless", "frozen", "long", "empty", "newline", "proxy", "date", "promise", "asyncReject", "asyncUndef", "noReturn", "retNull", "retStr", "retNum", "retObj", "retPromise", "retThenable", "retFakeResponse", "retUsed", "retLocked", "retError", "retRequest", "retClone", "retArr", "json", "ref", "overflow", "timeout", "regex", "streamErr", "streamErrStr", "streamErrLate", "streamBad", "streamHang", "passThrough", "hang", "redirErr", "ret101", "abortSelf"];
  for (const B of ["S", "O", "E", "SW"]) for (const k of kinds) t[`${B} ${k}`] = async () => { const r = await env[B].fetch("http://h/" + k); return [r.status, r.headers.get("content-type"), await probe(() => r.text())]; };
  for (const k of kinds.slice(0, 33)) t[`rpc ${k}`] = () => env.S.raise(k);
  for (const k of kinds.slice(0, 33)) t[`ctor ${k}`] = () => env.C.hi(k);
  const tries = t;
  // What workerd says of these is its own affair, or differs from run to run.
  for (const name of Object.keys(tries)) if (DROPPED.test(name)) delete tries[name];
  return runAll(tries);
} };
