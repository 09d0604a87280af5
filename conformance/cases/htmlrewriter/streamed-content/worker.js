const enc = new TextEncoder();
const stream = (...parts) => new ReadableStream({ async pull(c) { if (parts.length === 0) return c.close(); const p = parts.shift(); await new Promise((ok) => setTimeout(ok, 2)); p instanceof Error ? c.error(p) : c.enqueue(typeof p === "string" ? enc.encode(p) : p); } });
const run = async (html, ...on) => {
  const r = new HTMLRewriter();
  for (const [selector, handlers] of on) r.on(selector, handlers);
  try {
    return await r.transform(new Response(html)).text();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
const el = (f) => ["p", { element: f }];
export default {
  async fetch() {
    const out = {};
    const doc = "<div><p>in</p>tail</div>";
    for (const m of ["before", "after", "prepend", "append", "replace", "setInnerContent"]) {
      out[m] = await run(doc, el((e) => e[m](stream("<i>", "1</i>&"), { html: true })));
      out[m + "Text"] = await run(doc, el((e) => e[m](stream("<i>", "1</i>&"))));
      out[m + "Mixed"] = await run(doc, el((e) => e[m](stream("s"))[m]("]")[m](new Response("R"))));
    }
    out.response = await run(doc, el((e) => e.append(new Response("<b>r</b>", { headers: { "content-type": "text/html" } }), { html: true })));
    out.responseText = await run(doc, el((e) => e.append(new Response("<b>r</b>"))));
    out.emptyResponse = await run(doc, el((e) => e.append(new Response(null))));
    out.emptyStream = await run(doc, el((e) => e.append(stream())));
    out.errors = await run(doc, el((e) => e.append(stream("x", new RangeError("in stream")), { html: true })));
    out.used = await run(doc, el(async (e) => { const r = new Response("x"); await r.text(); e.append(r); }));
    out.locked = await run(doc, el((e) => { const s = stream("x"); s.getReader(); e.append(s); }));
    out.strings = await run(doc, el((e) => e.append(new ReadableStream({ start(c) { c.enqueue("string"); c.close(); } }))));
    const euro = enc.encode("€");
    out.splitUtf8 = await run(doc, el((e) => e.append(stream(euro.slice(0, 1), euro.slice(1)))));
    out.badUtf8 = await run(doc, el((e) => e.append(stream(new Uint8Array([0x61, 0xff, 0x62])))));
    out.endTag = await run(doc, el((e) => e.onEndTag((t) => t.before(stream("eb")).after(new Response("<ea>"), { html: true }))));
    out.text = await run(doc, ["p", { text(t) { if (t.text) t.before(stream("tb")).after(stream("ta")); } }]);
    out.textReplace = await run(doc, ["p", { text(t) { if (t.text) t.replace(new Response("<tr>"), { html: true }); } }]);
    out.comment = await run("a<!--c-->b", ["*", {}]);
    out.comments = await new HTMLRewriter().onDocument({ comments(c) { c.before(stream("1")).replace(stream("<2>")).after(stream("3")); }, end(e) { e.append(stream("<e>"), { html: true }).append(new Response("x")); } }).transform(new Response("a<!--c-->b")).text().catch((e) => ({ $error: e.name, $message: e.message }));
    let pulled = 0;
    out.removed = await run("<p><b>x</b></p>", ["p", { element(e) { e.setInnerContent("gone"); } }], ["b", { element(e) { e.append(new ReadableStream({ pull(c) { pulled++; c.close(); } }, { highWaterMark: 0 })); } }]);
    out.pulled = pulled;
    out.fed = await run("<p></p><b></b>", el((e) => e.append(new HTMLRewriter().on("i", { element(x) { x.setInnerContent("fed"); } }).transform(new Response("<i></i>")), { html: true })));
    out.sameTwice = await run("<p></p><p></p>", el(((r) => (e) => e.append(r))(new Response("once"))));
    out.big = (await run("<p></p>", el((e) => e.append(stream("y".repeat(100000), "z".repeat(100000)))))).length;
    out.locksAtOnce = await run("<p></p>", el((e) => { const s = stream("x"); e.append(s); e.before(String(s.locked)); const r = new Response("y"); e.append(r); e.before(String(r.bodyUsed)); }));
    return Response.json(out);
  },
};
