const run = async (html, ...on) => {
  const r = new HTMLRewriter();
  for (const [selector, handlers] of on) r.on(selector, handlers);
  try {
    return await r.transform(new Response(html)).text();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
const probe = (f) => {
  try {
    return f();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
export default {
  async fetch() {
    const out = {};
    const log = [];
    out.basic = await run("<div><p>a</p></div>", ["p", { element(e) { out.returns = typeof e.onEndTag((t) => { t.before("B").after("A"); t.before("<i>", { html: true }); log.push(t.name, Object.prototype.toString.call(t), t.constructor.name); }); } }]);
    out.rename = await run("<p>a</P>", ["p", { element(e) { e.onEndTag((t) => { t.name = "Q"; log.push(t.name); }); } }]);
    out.tagNameBoth = await run("<p>a</p>", ["p", { element(e) { e.tagName = "q"; e.onEndTag((t) => { log.push(t.name); t.before("x"); }); } }]);
    out.remove = await run("<p>a</p>b", ["p", { element(e) { e.onEndTag((t) => t.remove().before("B").after("A")); } }]);
    out.twice = await run("<p>a</p>", ["p", { element(e) { e.onEndTag((t) => t.before("1")); e.onEndTag((t) => t.before("2")); } }]);
    out.twoElementHandlers = await run("<p>a</p>", ["p", { element(e) { e.onEndTag((t) => t.before("1")); } }], ["p", { element(e) { e.onEndTag((t) => t.before("2")); } }]);
    out.withAppend = await run("<p>a</p>", ["p", { element(e) { e.append("APP"); e.after("AFT"); e.onEndTag((t) => t.before("B").after("A")); } }]);
    out.async = await run("<div><p>a</p><p>b</p></div>", ["p", { element(e) { e.onEndTag(async (t) => { await null; await new Promise((r) => setTimeout(r, 5)); t.before("later"); }); } }]);
    out.implied = await run("<ul><li>a<li>b</ul>", ["li", { element(e) { e.onEndTag((t) => log.push("implied " + t.name)); } }]);
    out.void = await run("<br><p>x</p>", ["br", { element(e) { e.onEndTag(() => log.push("never")); } }]);
    out.notFunction = await run("<p>a</p>", ["p", { element(e) { log.push(probe(() => e.onEndTag(5)), probe(() => e.onEndTag()), probe(() => e.onEndTag({}))); } }]);
    out.throws = await run("<p>a</p>", ["p", { element(e) { e.onEndTag(() => { throw new RangeError("end"); }); } }]);
    out.rejects = await run("<p>a</p>", ["p", { element(e) { e.onEndTag(async () => { throw new RangeError("end async"); }); } }]);
    out.this = await run("<p>a</p>", ["p", { element(e) { e.onEndTag(function () { log.push(this === undefined ? "undefined" : this === e ? "element" : typeof this); }); } }]);
    let late, tag;
    await run("<p>a</p>", ["p", { element(e) { late = e; e.onEndTag((t) => { tag = t; log.push(probe(() => e.tagName), probe(() => e.getAttribute("x"))); }); } }]);
    out.late = [probe(() => tag.name), probe(() => tag.before("x")), probe(() => late.onEndTag(() => {})), probe(() => late.before("x")), probe(() => late.tagName), probe(() => late.attributes), probe(() => late.removed), probe(() => tag.remove())];
    for (const n of ["", "1", "a b", "a>"]) out["name " + n] = await run("<p>a</p>", ["p", { element(e) { e.onEndTag((t) => { t.name = n; }); } }]);
    out.nested = await run("<p id=1><b>x</b></p>", ["*", { element(e) { const n = e.tagName; e.onEndTag((t) => { t.after(`/${n}`); }); e.append(`~${n}`); } }]);
    return Response.json({ out, log });
  },
};
