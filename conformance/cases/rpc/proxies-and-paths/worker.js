import { tag, desc, probe, runAll, stackOf } from "./probe.js";
import { RpcTarget } from "cloudflare:workers";
const DROPPED = /^(svc.* connect.*|depth.*)$/;
export default { async fetch(request, env, ctx) { const { S } = env;
  const t = {};
  for (const k of ["getOnly", "withOwn", "hasOnly", "targetGet", "targetOwn", "targetProto", "fnProxy", "fnProxyGet", "entrypointLike", "throwing", "ownMethod", "nested"]) for (const n of ["any", "own", "toString", "v"]) { t[`root ${k} read ${n}`] = async () => { using p = await S.mk(k); return p[n]; }; t[`root ${k} call ${n}`] = async () => { using p = await S.mk(k); return p[n](2); }; t[`piped ${k} ${n}`] = () => S.mk(k)[n](2); t[`mid ${k} ${n}`] = () => S.all[k][n](2); t[`midr ${k} ${n}`] = () => S.all[k][n]; t[`in ${k} ${n}`] = async () => { using p = await S.wrap(k); return p.x[n](2); }; }
  for (const n of [1, 2, 3, 5, 10, 62, 63, 64, 65, 66, 67]) { const path = (o) => { for (let i = 0; i < n; i++) o = o.o; return o; }; t[`depth ${n} read`] = () => path(S.deep).z; t[`depth ${n} call`] = () => path(S.deep).f(); t[`depthr ${n} read`] = () => path(S.mkDeep()).z; t[`depthr ${n} call`] = () => path(S.mkDeep()).f(); t[`depths ${n}`] = async () => { using s = await S.mkFn(); return path(s).z; }; }
  for (const n of ["fetch", "connect", "dup", "ping", "toString", "constructor", "then", "x", "env"]) { t[`svc ${n}`] = () => S.svc[n]; t[`svc ${n}()`] = async () => { const r = await S.svc[n]("http://x/"); return r instanceof Response ? r.text() : r; }; t[`svcR ${n}()`] = async () => { const r = await S.svcFn()[n]("http://x/"); return r instanceof Response ? r.text() : r; }; t[`svcIn ${n}()`] = async () => { const r = await S.svcObj().o.s[n]("http://x/"); return r instanceof Response ? r.text() : r; }; t[`stub ${n}()`] = async () => { const r = await S.stubObj().o.s[n]("http://x/"); return r instanceof Response ? r.text() : desc(r); }; }
  const tries = t;
  // What workerd says of these is its own affair, or differs from run to run.
  for (const name of Object.keys(tries)) if (DROPPED.test(name)) delete tries[name];
  return runAll(tries);
} };
