const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
export default {
  async fetch(request, env) {
    const out = {};
    const tries = {
      fetch: async () => (await env.S.fetch("http://x/p")).text(),
      scheduled: () => env.S.scheduled({ cron: "* * * * *" }),
      scheduledResult: async () => Object.keys(await env.S.scheduled()),
      tail: () => env.S.tail([]),
      queue: () => env.S.queue("q", []),
      test: () => env.S.test(),
      alarm: () => env.S.alarm(),
      dup: () => typeof env.S.dup(),
      name: () => env.S.name(),
      which: () => env.S.which(),
      wsm: () => env.S.webSocketMessage(),
      toJSON: () => env.S.toJSON(),
      under: () => env.S._under(),
      dollar: () => env.S.$dollar(),
      get: () => env.S.get("x"),
      ctorProp: () => typeof env.S.constructor,
      plainFetch: async () => (await env.OBJ.fetch("http://x/")).text(),
      plainMethod: () => env.OBJ.method("a"),
      plainTwo: () => env.OBJ.two("a", "b"),
      plainNone: () => env.OBJ.method(),
      plainValue: () => env.OBJ.value,
      plainMissing: () => env.OBJ.missing(),
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
