const rec = (f) => { try { return f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
let last;
export default {
  marker: 5,
  async fetch(request, env, ctx) {
    "use strict";
    const same = last === env; last = env;
    return Response.json({ this: this.marker, args: arguments.length, keys: Object.keys(env).sort(), proto: Object.getPrototypeOf(env) === Object.prototype, frozen: Object.isFrozen(env), ext: Object.isExtensible(env), set: rec(() => { env.NEW = 1; return env.NEW; }), over: rec(() => { env.WORD = "x"; return env.WORD; }), del: rec(() => delete env.NEW), desc: rec(() => Object.getOwnPropertyDescriptor(env, "CONF")), confFrozen: Object.isFrozen(env.CONF), json: JSON.stringify(env), missing: typeof env.NOPE, same, ctxTag: Object.prototype.toString.call(ctx), ctxProto: Object.getPrototypeOf(ctx).constructor.name, ctor: rec(() => new (Object.getPrototypeOf(ctx).constructor)()), props: rec(() => ctx.props), inn: "WORD" in env, has: Object.hasOwn(env, "SECRET"), envTag: Object.prototype.toString.call(env), spread: Object.keys({ ...env }).sort() });
  },
};
