import { tag, desc, probe, runAll, stackOf } from "./probe.js";
const DROPPED = /^(obj store)$/;
export default { async fetch(request, env, ctx) { const { S } = env; const t = {};
  for (const [k, cf] of Object.entries({ five: { cacheTtl: 5 }, zero: { cacheTtl: 0 }, minus: { cacheTtl: -1 }, minus2: { cacheTtl: -2 }, str: { cacheTtl: "5" }, frac: { cacheTtl: 1.5 }, nul: { cacheTtl: null }, big: { cacheTtl: 1e10 }, und: { cacheTtl: undefined }, both: { cacheTtl: 5, cacheControl: "x" }, cc: { cacheControl: "max-age=9" }, everything: { cacheEverything: true, cacheTtl: 7 }, byStatus: { cacheTtlByStatus: { "200-299": 5 } }, boo: { cacheTtl: true }, ccNum: { cacheControl: 5 }, obj: { cacheTtl: {} }, nan: { cacheTtl: NaN } })) { t[k] = async () => (await S.fetch("http://h/", { cf })).json(); t[k + " store"] = async () => (await S.fetch("http://h/", { cf, cache: "no-store" })).json(); t[k + " rpc"] = async () => (await S.echo(new Request("http://h/", { cf }))).cf; t[k + " own"] = async () => { const r = new Request("http://h/", { cf }); return r.cf; }; }
  const tries = t;
  // What workerd says of these is its own affair, or differs from run to run.
  for (const name of Object.keys(tries)) if (DROPPED.test(name)) delete tries[name];
  return runAll(tries);
} };
