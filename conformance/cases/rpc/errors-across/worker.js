export default {
  async fetch(request, env) {
    const out = {};
    const describe = async (p) => {
      try {
        return ["no error", await p];
      } catch (e) {
        if (e instanceof Error || e instanceof DOMException)
          return [e.constructor.name, e.name, String(e.message), e.remote ?? null, Object.keys(e).sort(), e.cause === undefined ? null : String(e.cause), JSON.stringify(e.detail ?? e.code ?? null)];
        return [typeof e, String(e), JSON.stringify(e) ?? null];
      }
    };
    const kinds = ["error","type","range","syntax","reference","uri","eval","aggregate","my","noName","dom","abort","cause","props","fnProp","empty","string","number","undefined","null","bool","array","fn","symbol","weird","weirdMessage"];
    for (const k of kinds) out[k] = await describe(env.S.raise(k));
    out.rejectMy = await describe(env.S.reject("my"));
    out.big = (await describe(env.S.bigMessage()))[2].length;
    out.stackIsText = await env.S.raise("error").catch((e) => [typeof e.stack, e.stack.split("\n")[0]]);
    return Response.json(out);
  },
};
