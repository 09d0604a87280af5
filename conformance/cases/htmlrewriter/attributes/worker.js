const run = async (html, f, selector = "a") => {
  try {
    return await new HTMLRewriter().on(selector, { element: f }).transform(new Response(html)).text();
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
    const doc = "<a HREF='x&amp;y' b=1 b=2 c d=\"it's\" é=ü data-X=\"&quot;q\">t</a>";
    await run(doc, (e) => {
      out.list = [...e.attributes];
      out.gets = ["href", "HREF", "b", "c", "d", "é", "data-x", "none", ""].map((n) => probe(() => e.getAttribute(n)));
      out.has = ["href", "HREF", "none", "", "a b"].map((n) => probe(() => e.hasAttribute(n)));
      const it = e.attributes;
      out.iterator = [typeof it.next, it[Symbol.iterator]() === it, Object.prototype.toString.call(it), it.next(), typeof it.return];
      out.fresh = e.attributes === e.attributes;
      out.noName = probe(() => e.getAttribute());
      out.noValue = probe(() => e.setAttribute("x"));
      out.noHas = probe(() => e.hasAttribute());
      out.undef = probe(() => (e.setAttribute("u", undefined), e.getAttribute("u")));
      out.num = probe(() => (e.setAttribute("n", 1.5), e.getAttribute("n")));
      for (const bad of ["", "a b", "a/b", "a=b", "a>b", "a\tb", "a\nb", "a'b", 'a"b', "<", "é"]) out["set " + JSON.stringify(bad)] = probe(() => (e.setAttribute(bad, "v"), "ok"));
    });
    out.set = await run(doc, (e) => e.setAttribute("href", "a&b<>\"'").setAttribute("NEW", "n\"'").setAttribute("b", "3").setAttribute("empty", ""));
    out.remove = await run(doc, (e) => e.removeAttribute("HREF").removeAttribute("b").removeAttribute("nope"));
    out.removeAll = await run(doc, (e) => { for (const [n] of [...e.attributes]) e.removeAttribute(n); });
    out.mutateWhile = await run(doc, (e) => { const seen = []; for (const [n] of e.attributes) { seen.push(n); if (seen.length === 1) e.setAttribute("later", "1"); } e.setAttribute("seen", seen.join()); });
    out.selfClosing = await run("<a x/>t</a><a y=1/>u</a><br/>", (e) => e.setAttribute("z", "1"), "a, br");
    out.afterChange = await run("<a id=one>", (e) => { e.setAttribute("id", "two"); e.setAttribute("seen", e.getAttribute("id")); });
    out.svg = await run("<svg viewBox='0 0 1 1'><path D=x /></svg>", (e) => e.setAttribute("viewbox", "1").setAttribute("n", e.namespaceURI).setAttribute("t", e.tagName), "svg, path");
    out.math = await run("<math><mi>x</mi></math><p>", (e) => e.setAttribute("n", e.namespaceURI), "*");
    out.readOnly = await run("<a>", (e) => { try { e.namespaceURI = "x"; e.removed = true; e.attributes = 1; } catch (x) { e.setAttribute("err", x.message); } e.foo = 1; e.setAttribute("foo", String(e.foo)); });
    let late;
    await run(doc, (e) => { late = e.attributes; });
    out.lateIterator = probe(() => late.next());
    return Response.json(out);
  },
};
