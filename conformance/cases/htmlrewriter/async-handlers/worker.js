const page = (s) => new Response(s, { headers: { "content-type": "text/html" } });
const wait = (ms) => new Promise((ok) => setTimeout(ok, ms));
export default {
  async fetch(request, env, ctx) {
    const out = {};
    if (new URL(request.url).pathname === "/stream") {
      const { readable, writable } = new TransformStream();
      const w = writable.getWriter();
      const enc = new TextEncoder();
      ctx.waitUntil((async () => { await w.write(enc.encode("<p>one</p>")); await wait(150); await w.write(enc.encode("<p>two</p>")); await wait(150); await w.close(); })());
      return new HTMLRewriter().on("p", { async element(e) { await wait(5); e.setAttribute("at", "x"); } }).transform(page(readable));
    }
    const order = [];
    out.text = await new HTMLRewriter()
      .on("p", { async element(e) { order.push("p>"); await wait(3); e.setAttribute("a", "1"); order.push("p<"); }, async comments(c) { order.push("c>"); await wait(1); c.replace("C"); order.push("c<"); }, async text(t) { order.push("t" + t.text); await null; } })
      .on("p", { element() { order.push("second"); } })
      .onDocument({ async doctype(d) { order.push("d>"); await wait(1); order.push("d<" + d.name); }, async end(e) { await wait(1); order.push("end"); e.append("!"); } })
      .transform(page("<!doctype html><p>x<!--y--></p>")).text();
    out.order = order;
    const waited = [];
    const r = new HTMLRewriter().on("p", { element() { waited.push("element"); } }).transform(page("<p>"));
    waited.push("transformed");
    await wait(5);
    waited.push("waited");
    await r.text();
    out.eager = waited;
    out.fetchInside = await new HTMLRewriter().on("p", { async element(e) { e.setInnerContent(await new Response("inner").text()); } }).transform(page("<p></p>")).text();
    const keep = [];
    out.tokenAfterAwait = await new HTMLRewriter().on("p", { async element(e) { await wait(2); keep.push(e.tagName, e.getAttribute("k"), [...e.attributes].length); e.remove(); } }).transform(page("<p k=v>x</p>y")).text();
    out.keep = keep;
    out.rejectLate = await new HTMLRewriter().on("p", { async element() { await wait(2); throw new TypeError("late"); } }).transform(page("<p>a</p>")).text().catch((e) => [e.name, e.message]);
    out.partial = await (async () => {
      const reader = new HTMLRewriter().on("b", { element() { throw new RangeError("b"); } }).transform(page("<p>a</p><b>")).body.getReader();
      let text = "";
      try { for (;;) { const { done, value } = await reader.read(); if (done) return [text, "done"]; text += new TextDecoder().decode(value); } } catch (e) { return [text, e.name, e.message]; }
    })();
    out.after = await new HTMLRewriter().on("p", { element(e) { e.setAttribute("still", "works"); } }).transform(page("<p>")).text();
    out.esi = await new HTMLRewriter().on("*", { element(e) { e.append("in"); e.after("out"); } }).transform(page("<esi:include src=x><p></p>")).text();
    out.serialised = await new HTMLRewriter().on("a", { element(e) { e.setAttribute("x", e.getAttribute("href").replace("&amp;", "&")); } }).transform(page("<a href='?a=1&amp;b=2'>l</a>")).text();
    return Response.json(out);
  },
};
