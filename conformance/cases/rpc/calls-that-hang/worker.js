import { RpcTarget } from "cloudflare:workers";
class Later extends RpcTarget { async give() { await scheduler.wait(700); return "given"; } }
export default { async fetch(request, env, ctx) { const { S } = env; const out = {}; const go = async (k, f) => { try { out[k] = await f(); } catch (e) { out[k] = [e.name, e.message.slice(0, 60), e.remote ?? null]; } };
  await Promise.all([
    go("method", () => S.hang()), go("property", () => S.stuck), go("pipelined", () => S.hang().x.y()), go("withArgument", () => S.hang({ a: 1 })),
  ]);
  await Promise.all([
    go("slowTimer", () => S.slow()), go("callback", () => S.callBack(async () => { await scheduler.wait(700); return "called"; })), go("target", () => S.takeFrom(new Later())),
    go("settledByAnotherCall", async () => { using d = await S.door(); const open = d.wait(); await scheduler.wait(700); await d.open(); return open; }),
    go("stream", async () => { const { readable, writable } = new IdentityTransformStream(); const p = S.read(readable); await scheduler.wait(700); const w = writable.getWriter(); await w.write(new TextEncoder().encode("late")); await w.close(); return p; }),
  ]);
  return Response.json(out); } };
