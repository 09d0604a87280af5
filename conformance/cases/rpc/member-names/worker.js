import { tag, desc, probe, runAll, stackOf } from "./probe.js";
const DROPPED = /^(.*(__proto__|propertyIsEnumerable))$/;
export default { async fetch(request, env) { const { S, O, N } = env;
  const names = ["then", "catch", "finally", "fetch", "connect", "dup", "constructor", "toString", "toJSON", "valueOf", "toLocaleString", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "__proto__", "__defineGetter__", "__lookupGetter__", "queue", "scheduled", "tail", "trace", "tailStream", "test", "email", "alarm", "webSocketMessage", "webSocketClose", "webSocketError", "get", "put", "delete", "length", "name", "prototype", "arguments", "caller", "call", "apply", "bind", "env", "ctx", "0", "-1", "1e3", "ünï", "with space", "#priv", "priv", "static1", "arrowField", "inherited", "getterFn", "getterVal", "getterThrow", "asyncGetter", "missing", "undef", "nul", "num", "symbolic", "own", "defined", "Symbol.iterator", "gen", "agen", "asyncThrow", "rejectUndef", "thenable", "thenableThrow", "onRpcBroken", "dispose", "async", "class", "new", "default", "eval", ""];
  const t = {};
  for (const [label, B] of [["S", S], ["O", O], ["N", N]]) for (const n of names) { t[`${label} call ${n}`] = () => { const m = B[n]; return typeof m === "function" ? m.call(B, "a") : ["not fn", typeof m]; }; t[`${label} direct ${n}`] = () => B[n]("a"); t[`${label} read ${n}`] = () => B[n]; }
  for (const k of Object.keys(t)) { if (/(fetch|connect)$/.test(k)) { const f = t[k]; t[k] = async () => { const r = await f(); return r instanceof Response ? r.status : tag(r) === "[object Socket]" || typeof r === "function" ? tag(r) : r; }; } }
  const tries = t;
  // What workerd says of these is its own affair, or differs from run to run.
  for (const name of Object.keys(tries)) if (DROPPED.test(name)) delete tries[name];
  return runAll(tries);
} };
