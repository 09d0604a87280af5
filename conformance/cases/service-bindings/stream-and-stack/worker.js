const told = async (f) => { try { return ["nothing", await f()]; } catch (e) { return [e?.name ?? typeof e, e?.message ?? String(e), e?.code ?? null, e?.remote ?? null]; } };
async function named(env) { return await env.S.fetch("http://h/throw"); }
export default { async fetch(request, env) {
  const out = {};
  for (const path of ["range", "own", "first", "pull", "text"]) {
    out[path] = await told(async () => (await env.S.fetch("http://h/" + path)).text());
    out[path + " read"] = await told(async () => { const reader = (await env.S.fetch("http://h/" + path)).body.getReader(); for (;;) if ((await reader.read()).done) return "done"; });
  }
  out.through = await told(async () => (await env.MID.fetch("http://h/range")).text());
  try { await named(env); } catch (e) { out.stack = e.stack.split("\n").map((line) => line.replace(/:\d+:\d+/, "")); }
  return Response.json(out);
} };
