import { AsyncLocalStorage } from "node:async_hooks";
const als = new AsyncLocalStorage();
export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/part") return new Response("<part>");
    const log = [];
    const r = als.run("on", () => new HTMLRewriter().on("p", {
      element(e) { log.push(["element", als.getStore()]); e.onEndTag(() => log.push(["endtag", als.getStore()])); },
      async text(t) { log.push(["text", als.getStore()]); await new Promise((ok) => setTimeout(ok, 2)); log.push(["text later", als.getStore()]); },
    }).onDocument({ async end(e) { log.push(["end", als.getStore()]); e.append(await (await env.SELF.fetch("http://x/part")).text()); } }));
    const response = als.run("transform", () => r.transform(new Response("<p>a</p><p>b</p>")));
    const text = await als.run("read", () => response.text());
    return Response.json({ text, log, outside: als.getStore() ?? null });
  },
};
