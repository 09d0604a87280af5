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
    const doc = "<div><p class=x>in<b>ner</b></p>tail</div>";
    const out = {};
    for (const m of ["before", "after", "prepend", "append", "replace", "setInnerContent"]) {
      out[m] = await run(doc, el((e) => e[m]("<i>1</i>")[m]("<i>2</i>", { html: true })[m]("&\"'<>", { html: false })));
      out[m + "Types"] = await run(doc, el((e) => { e[m](5); e[m](null); e[m](undefined); e[m]({ toString: () => "obj" }); e[m]("x", null); e[m]("y", { html: 1 }); e[m]("z", {}); }));
      out[m + "Void"] = await run("<div><img src=x>t<br/></div>", ["img, br", { element(e) { e[m]("!"); } }]);
    }
    out.remove = await run(doc, el((e) => { const a = e.removed; e.remove(); e.before("B"); e.after("A"); e.prepend("P"); e.append("Q"); e.setAttribute("r", a + "," + e.removed); }));
    out.keep = await run(doc, el((e) => { e.removeAndKeepContent(); e.before("B"); e.after("A"); e.prepend("P"); e.append("Q"); e.before(String(e.removed)); }));
    out.replaceThenRemove = await run(doc, el((e) => { e.replace("R"); e.before(String(e.removed)); }));
    out.innerThenAppend = await run(doc, el((e) => e.setInnerContent("I").append("A").prepend("P")));
    out.appendThenInner = await run(doc, el((e) => e.append("A").prepend("P").setInnerContent("I")));
    out.nested = await run("<div><p>a<b>c</b></p></div>", ["div", { element(e) { e.setInnerContent("new"); } }], ["b", { element(e) { e.before("never"); } }]);
    out.twoHandlers = await run(doc, el((e) => e.before("1")), el((e) => e.before("2")), ["*", { element(e) { e.after(e.tagName); } }]);
    out.chain = await run(doc, el((e) => { e.before(String(e.before("q") === e && e.setAttribute("a", "b") === e && e.removeAttribute("a") === e && e.remove() === e)); }));
    out.unclosed = await run("<div><p>one<p>two", el((e) => e.append("A").after("Z").prepend("P")));
    out.noArg = await run(doc, el((e) => e.before()));
    out.symbol = await run(doc, el((e) => e.before(Symbol("x"))));
    out.badOptions = await run(doc, el((e) => e.before("x", 5)));
    out.tagName = await run(doc, el((e) => { e.tagName = "SECTION"; e.before(e.tagName); }));
    out.tagNameVoid = await run("<img a=b>", ["img", { element(e) { e.tagName = "x-y"; } }]);
    for (const n of ["", "1", "a b", "a>", "a/", "é", "-a", "p:q"]) out["tag " + n] = await run(doc, el((e) => { e.tagName = n; }));
    return Response.json(out);
  },
};
