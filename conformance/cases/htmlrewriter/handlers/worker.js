const probe = async (f) => {
  try {
    return await f();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
const go = (r, html = "<p>a<!--c--></p>") => probe(() => r.transform(new Response(html)).text());
const what = (v, named) => { for (const k in named) if (v === named[k]) return k; return v === undefined ? "undefined" : v === null ? "null" : Object.prototype.toString.call(v); };
export default {
  async fetch() {
    const out = {}, log = [];
    class Handler {
      constructor(n) { this.n = n; }
      element(e) { log.push(["class", this.n, this instanceof Handler]); e.before(`#${this.n}`); }
      comments(c) { c.text = this.n; }
      text(t) { if (t.lastInTextNode) t.after(this.n); }
    }
    out.class = await go(new HTMLRewriter().on("p", new Handler("N")));
    const h = { element: function () { log.push(["this", what(this, { h, globalThis })]); } };
    await go(new HTMLRewriter().on("p", h));
    const reads = [];
    const traps = (o) => new Proxy(o, { get(t, k, r) { reads.push(String(k)); return Reflect.get(t, k, r); } });
    new HTMLRewriter().on("p", traps({ element() {} })).onDocument(traps({ end() {} }));
    out.reads = reads;
    const replaced = { element(e) { e.before("old"); } };
    const r = new HTMLRewriter().on("p", replaced);
    replaced.element = (e) => e.before("new");
    out.readWhen = await go(r);
    for (const [k, v] of Object.entries({ number: 5, string: "x", object: {}, null: null, undefined: undefined, array: [] })) {
      out["element " + k] = await probe(() => go(new HTMLRewriter().on("p", { element: v })));
      out["handlers " + k] = await probe(() => go(new HTMLRewriter().on("p", v)));
      out["document " + k] = await probe(() => go(new HTMLRewriter().onDocument(v)));
      out["end " + k] = await probe(() => go(new HTMLRewriter().onDocument({ end: v })));
    }
    out.fn = await probe(() => go(new HTMLRewriter().on("p", Object.assign(() => {}, { element(e) { e.before("fn"); } }))));
    out.docNone = await probe(() => new HTMLRewriter().onDocument());
    out.onNone = await probe(() => new HTMLRewriter().on());
    out.onNumber = await probe(() => new HTMLRewriter().on(5, {}));
    out.getterThrows = await probe(() => new HTMLRewriter().on("p", { get element() { throw new RangeError("getter"); } }));
    out.bothThrow = await probe(() => new HTMLRewriter().on("[", { get element() { throw new RangeError("getter"); } }));
    out.thenable = await go(new HTMLRewriter().on("p", { element: (e) => ({ then(ok) { setTimeout(() => { e.before("then"); ok(); }, 2); } }) }));
    out.returns = await go(new HTMLRewriter().on("p", { element: (e) => e.before("x") }).on("p", { element: () => 5 }).on("p", { element: () => "s" }));
    out.rejectsPlain = await go(new HTMLRewriter().on("p", { element: () => Promise.reject("plain") }));
    out.throwsPlain = await probe(async () => { try { await new HTMLRewriter().on("p", { element() { throw "plain"; } }).transform(new Response("<p>")).text(); } catch (e) { return [typeof e, String(e)]; } });
    const mine = Object.assign(new Error("own"), { code: 7 });
    out.identity = await probe(async () => { try { await new HTMLRewriter().on("p", { element() { throw mine; } }).transform(new Response("<p>")).text(); } catch (e) { return [e.message, e.code, e.constructor === Error]; } });
    class Custom extends Error { name = "Custom"; }
    out.custom = await go(new HTMLRewriter().on("p", { async element() { throw new Custom("c"); } }));
    const order = [];
    await go(new HTMLRewriter()
      .onDocument({ comments() { order.push("doc1"); }, text(t) { order.push("doct " + t.text); } })
      .on("p", { comments() { order.push("p1"); }, element() { order.push("e1"); }, text(t) { order.push("t1 " + t.text); } })
      .on("*", { comments() { order.push("*"); }, element() { order.push("e*"); } })
      .on("p", { comments() { order.push("p2"); }, async element() { await 1; order.push("e2"); }, text(t) { order.push("t2 " + t.text); } })
      .onDocument({ comments() { order.push("doc2"); } }));
    out.order = order;
    out.lists = await go(new HTMLRewriter().on("p, .a, *", { element(e) { e.before("1"); } }), "<p class=a></p>");
    const sequence = [];
    out.sequence = await go(new HTMLRewriter().on("b", { async element(e) { const n = e.getAttribute("n"); sequence.push("in" + n); await new Promise((ok) => setTimeout(ok, 10 - 3 * n)); sequence.push("out" + n); e.setInnerContent(n); } }), "<b n=1></b><b n=2></b><b n=3></b>");
    out.sequenceLog = sequence;
    out.removedInside = await go(new HTMLRewriter().on("p", { element(e) { e.remove(); } }).on("b", { element() { log.push("inside removed"); }, text(t) { log.push("text " + t.text); } }), "<p><b>x</b></p>");
    out.innerReplaced = await go(new HTMLRewriter().on("p", { element(e) { e.setInnerContent("<b>new</b>", { html: true }); } }).on("b", { element() { log.push("inner"); } }), "<p><b>x</b></p>");
    out.nestedRewriter = await go(new HTMLRewriter().on("p", { async element(e) { e.setInnerContent(await new HTMLRewriter().on("i", { async element(x) { await 1; x.setInnerContent("deep"); } }).transform(new Response("<i></i>")).text(), { html: true }); } }));
    out.parallel = await Promise.all([1, 2, 3, 4].map((n) => go(new HTMLRewriter().on("p", { async element(e) { await new Promise((ok) => setTimeout(ok, 5 * (5 - n))); e.setAttribute("n", String(n)); }, async text(t) { await 1; t.lastInTextNode && t.before(String(n)); } }), `<p>${"x".repeat(n)}</p><p>${n}`)));
    const { AsyncLocalStorage } = globalThis;
    out.stuck = await probe(() => Promise.race([go(new HTMLRewriter().on("p", { element: () => new Promise(() => {}) })), new Promise((ok) => setTimeout(ok, 20, "still waiting"))]));
    return Response.json({ out, log });
  },
};
