const shape = (o) => ({
  keys: Object.keys(o),
  own: Object.getOwnPropertyNames(o),
  proto: Object.getOwnPropertyNames(Object.getPrototypeOf(o)).sort(),
  json: JSON.stringify(o),
  spread: Object.keys({ ...o }),
  string: String(o),
  has: ["tagName", "text", "name", "before", "removed"].map((n) => [n in o, Object.hasOwn(o, n)]),
});
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
    const text = await new HTMLRewriter()
      .on("p", {
        element(e) {
          out.element = shape(e);
          out.assign = ["namespaceURI", "removed", "attributes"].map((n) => probe(() => { e[n] = 1; return "ok"; }));
          out.iterator = [Object.getOwnPropertyNames(Object.getPrototypeOf(e.attributes)).sort(), Object.keys(e.attributes)];
          e.extra = 1;
          out.extra = e.extra;
          out.construct = probe(() => new e.constructor());
          out.call = probe(() => { const { before } = e; return before("x"); });
          out.foreign = probe(() => e.before.call({}, "x"));
          e.onEndTag((t) => { out.end = shape(t); });
        },
        comments(c) { out.comment = shape(c); },
        text(t) { if (t.text) { out.text = shape(t); out.assignText = probe(() => { t.text = "x"; return t.text; }); } },
      })
      .onDocument({ doctype(d) { out.doctype = shape(d); out.assignName = probe(() => { d.name = "x"; }); }, end(e) { out.documentEnd = shape(e); } })
      .transform(new Response("<!doctype html><p a=b>x<!--c--></p>")).text();
    return Response.json({ ...out, result: text });
  },
};
