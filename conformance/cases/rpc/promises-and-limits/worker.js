const probe = async (f) => { try { const value = await Promise.race([f(), scheduler.wait(15000).then(() => "hangs")]); return value === undefined ? "undefined" : value; } catch (e) { return ["throws", e?.name ?? typeof e, e?.message ?? String(e)]; } };
let rejections = [];
addEventListener("unhandledrejection", (e) => { rejections.push(String(e.reason)); });
const seen = async () => {
  for (let n = 0; n < 100 && rejections.length === 0; n++) await scheduler.wait(5);
  return rejections.splice(0)[0] ?? "none";
};
export default { async fetch(request, env, ctx) {
  const out = {};
  const tries = {
  warm: () => env.S.v(),
  then0: () => env.S.v().then(), thenText: () => env.S.v().then("x"), thenNull: () => env.S.v().then(null), thenUndef: () => env.S.v().then(undefined, (e) => e), 
  catch0: () => env.S.v().catch(), catchNull: () => env.S.v().catch(null), catchText: () => env.S.v().catch("x"), finally0: () => env.S.v().finally(), finallyNull: () => env.S.v().finally(null),
  pThen0: () => env.S.p.then(), pCatch0: () => env.S.p.catch(), pFinally0: () => env.S.p.finally(), pThenNull: () => env.S.p.then(null),
  unawaited: async () => { env.S.fail(); return seen(); },
  unawaitedVar: async () => { const p = env.S.fail(); const first = await seen(); return [await p.catch((e) => e.message), first]; },
  unawaitedThen: async () => { env.S.fail().then(() => 1); return seen(); },
  unawaitedAsync: async () => { (async () => { await env.S.fail(); })(); return seen(); },
  unPipelined: async () => { const p = env.S.fail(); await p.x().catch((e) => e); return seen(); },
  unPipelined2: async () => { await env.S.fail().x().catch((e) => e); return seen(); },
  unPipelined3: async () => { env.S.fail().x(); return seen(); },
  unPipelined4: async () => { env.S.fail().x; return seen(); },
  unSync: async () => { env.S.v(Symbol("x")); return seen(); },
  abortSignal: () => env.S.ab(AbortSignal.abort()),
  over: async () => { const m = await probe(() => env.S.size("x".repeat(33 * 1024 * 1024))); return [m[1], m[2]?.replace(/\d{6,}/g, "N")]; },
  overBack: async () => { const m = await probe(() => env.S.big(33 * 1024 * 1024)); return [m[1], m[2]?.replace?.(/\d{6,}/g, "N")]; },
  under: async () => env.S.size("x".repeat(8 * 1024 * 1024)),
  afterOver: () => env.S.v(),
  nested: async () => { const n = await env.S.nested(); return [await n.a.t.m(), await new Response(n.a.s).text(), await n.f()]; },
  newStub: async () => { const t = await env.S.t(); return typeof new t.m(); },
  newMethod: () => new env.S.v(),
  request: () => env.S.request(new Request("http://h/x", { cf: { a: 1 }, redirect: "manual", headers: { q: "1" } })),
  requestIncoming: async () => { const r = await env.S.request(request); r.splice(7); r[2] = typeof r[2]; r[0] = 0; return r; },
  giveRequest: async () => { const r = await env.S.giveRequest(); return [r.url, r.method, await r.text(), JSON.stringify(r.cf ?? null), [...r.headers]]; },
  giveResponse: async () => { const r = await env.S.giveResponse(); return [r.status, r.statusText, [...r.headers], r.url, r.redirected, JSON.stringify(r.cf ?? null), await r.text()]; },
  asyncDispose: async () => { const t = await env.S.t(); return [typeof t[Symbol.asyncDispose], typeof t[Symbol.dispose], typeof env.S[Symbol.dispose], typeof env.S.t()[Symbol.dispose]]; },
  instance: () => [env.S.v() instanceof Promise, typeof structuredClone],
  postedStub: async () => JSON.stringify({ s: await env.S.t(), p: env.S.v() }),
  spread: async () => ({ ...(await env.S.t()) }),
  keys: async () => Object.keys(await env.S.t()),
  equal: async () => { const t = await env.S.t(); return t === await env.S.r(t); },
  selfReturn: async () => { const t = await env.S.t(); const u = await env.S.r(t); return u.m(); },
  objectReturn: async () => { const o = { a: 1 }; return o === await env.S.r(o); },
  thenSecond: () => env.S.fail().then((x) => x, "y"), thenNullSecond: () => env.S.fail().then((x) => x, null),
  fnReturn: async () => { const f = () => "mine"; const g = await env.S.r(f); return [f === g, await g()]; },
  };
  for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
  return Response.json(out);
} };
