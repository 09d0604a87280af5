const KINDS = ["Error", "RangeError", "TypeError", "SyntaxError", "EvalError", "ReferenceError", "URIError"];
const OTHERS = ["custom", "unnamed", "text", "undefined", "dom"];
const thrown = async (f) => {
  try {
    await f();
    return "nothing";
  } catch (e) {
    return [e.name, e.message, e.constructor.name, e instanceof Error, e.remote, e.code, e.flag, typeof e.stack];
  }
};
export default {
  async fetch(request, env) {
    const out = {};
    for (const kind of [...KINDS, ...OTHERS]) {
      out[kind] = [
        await thrown(() => env.T.fetch(`http://t/${kind}`)),
        await thrown(() => env.E.fetch(`http://t/${kind}`)),
        await thrown(() => env.E.fail(kind)),
      ];
    }
    return Response.json(out);
  },
};
