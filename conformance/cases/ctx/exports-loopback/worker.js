const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import { WorkerEntrypoint, DurableObject, RpcTarget, exports as imported } from "cloudflare:workers";
export class Greeter extends WorkerEntrypoint {
  greet(n) {
    return "hello " + n + " " + JSON.stringify(this.ctx.props);
  }
  fetch(request) {
    return new Response("greeter " + request.url + JSON.stringify(this.ctx.props));
  }
  exportsHere() {
    return Object.keys(this.ctx.exports).sort();
  }
}
export const handler = {
  fetch(request, env, ctx) {
    return new Response("handler " + JSON.stringify(ctx.props));
  },
};
export class Target extends RpcTarget {}
export class NotEntry {}
export function fn() {}
export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/self") return new Response("self " + JSON.stringify(ctx.props));
    const out = {};
    const tag = (x) => Object.prototype.toString.call(x);
    const tries = {
      keys: () => Object.keys(ctx.exports).sort(),
      same: () => [ctx.exports === imported, ctx.exports.Greeter === ctx.exports.Greeter, tag(ctx.exports), Object.isFrozen(ctx.exports)],
      tags: () => [tag(ctx.exports.Greeter), typeof ctx.exports.Greeter, tag(ctx.exports.default), typeof ctx.exports.default, ctx.exports.Greeter.constructor?.name],
      greet: () => ctx.exports.Greeter.greet("x"),
      fetch: async () => (await ctx.exports.Greeter.fetch("http://g/p")).text(),
      withProps: () => ctx.exports.Greeter({ props: { p: 1 } }).greet("y"),
      withPropsFetch: async () => (await ctx.exports.Greeter({ props: { q: 2 } }).fetch("http://g/")).text(),
      withPropsTag: () => [tag(ctx.exports.Greeter({ props: {} })), typeof ctx.exports.Greeter({ props: {} })],
      noArgs: () => ctx.exports.Greeter().greet("z"),
      emptyOptions: () => ctx.exports.Greeter({}).greet("z"),
      badProps: () => ctx.exports.Greeter({ props: 5 }).greet("z"),
      stubProps: () => ctx.exports.Greeter({ props: { s: ctx.exports.Greeter } }).greet("z"),
      fnProps: () => ctx.exports.Greeter({ props: { f: () => 1 } }).greet("z"),
      handler: async () => (await ctx.exports.handler.fetch("http://h/")).text(),
      handlerProps: async () => (await ctx.exports.handler({ props: { h: 1 } }).fetch("http://h/")).text(),
      self: async () => (await ctx.exports.default.fetch("http://d/self")).text(),
      selfProps: async () => (await ctx.exports.default({ props: { d: 1 } }).fetch("http://d/self")).text(),
      fromInside: () => ctx.exports.Greeter.exportsHere(),
      imported: () => imported.Greeter.greet("imported"),
      importedKeys: () => Object.keys(imported).sort(),
      others: () => [typeof ctx.exports.Target, typeof ctx.exports.NotEntry, typeof ctx.exports.fn, typeof ctx.exports.missing],
      props: () => [ctx.props, Object.isFrozen(ctx.props)],
      assign: () => { ctx.exports.x = 1; return typeof ctx.exports.x; },
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
