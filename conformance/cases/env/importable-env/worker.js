const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import { env, withEnv, exports, WorkerEntrypoint, withExports, withEnvAndExports } from "cloudflare:workers";
const topLevel = env.NAME;
const topKeys = Object.keys(env).sort();
export class E extends WorkerEntrypoint {
  read() {
    return [this.env.NAME, env.NAME, this.env === env];
  }
}
export default {
  async fetch(request, handlerEnv, ctx) {
    if (new URL(request.url).pathname === "/inner") return new Response(env.NAME);
    const out = {};
    const tag = (x) => Object.prototype.toString.call(x);
    const tries = {
      top: () => [topLevel, topKeys],
      same: () => [env === handlerEnv, tag(env), tag(handlerEnv), env.CONF === handlerEnv.CONF, env.SELF === handlerEnv.SELF, handlerEnv.CONF === handlerEnv.CONF],
      keys: () => [Object.keys(env).sort(), Object.keys(handlerEnv).sort(), Reflect.ownKeys(env).length],
      missing: () => [typeof env.MISSING, "MISSING" in env, "NAME" in env],
      conf: () => [env.CONF, Object.isFrozen(env.CONF)],
      withEnv: () => withEnv({ NAME: "w" }, () => [env.NAME, Object.keys(env), handlerEnv.NAME]),
      withEnvNested: () => withEnv({ NAME: "1" }, () => [withEnv({ NAME: "2" }, () => env.NAME), env.NAME]),
      withEnvThrows: async () => { const r = await probe(() => withEnv({ NAME: "t" }, () => { throw new Error("inside"); })); return [r, env.NAME]; },
      withEnvAsync: async () => { const p = withEnv({ NAME: "a" }, async () => { await scheduler.wait(1); return env.NAME; }); const now = env.NAME; return [now, await p]; },
      withEnvTimer: async () => new Promise((r) => withEnv({ NAME: "timer" }, () => setTimeout(() => r(env.NAME), 1))),
      withEnvSelf: async () => withEnv({ NAME: "x" }, async () => (await handlerEnv.SELF.fetch("http://s/inner")).text()),
      withEnvNull: () => withEnv(null, () => typeof env.NAME),
      withEnvUndefined: () => withEnv(undefined, () => typeof env.NAME),
      withEnvBadFn: () => withEnv({}, 5),
      withEnvArgs: () => withEnv({ NAME: 1 }, (...a) => a.length, 1, 2),
      set: () => { env.NEW = 1; return [env.NEW, handlerEnv.NEW, delete env.NEW, env.NEW ?? null]; },
      setHandler: () => { handlerEnv.H = 2; return [env.H ?? null, delete handlerEnv.H]; },
      define: () => { Object.defineProperty(env, "D", { value: 1, configurable: true, enumerable: true }); const r = [env.D, handlerEnv.D ?? null]; delete env.D; return r; },
      spread: () => Object.keys({ ...env }).sort(),
      proto: () => [Object.getPrototypeOf(env) === Object.prototype, Object.getPrototypeOf(handlerEnv) === Object.prototype, "toString" in env],
      types: () => [typeof withExports, typeof withEnvAndExports, typeof exports],
      entry: () => ctx.exports.E.read(),
      json: () => JSON.stringify(env),
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
