const run = async (html, r) => {
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
const tag = (o) => [Object.prototype.toString.call(o), o.constructor.name];
export default {
  async fetch() {
    const out = {}, log = [];
    const html = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/x.dtd"><!--one--><html><body>text<!-- two --><p>in<!--three--></p></body></html>after<!--four-->';
    out.all = await run(html, new HTMLRewriter().onDocument({
      doctype(d) { log.push(["doctype", d.name, d.publicId, d.systemId, tag(d)]); },
      comments(c) { log.push(["comment", c.text, c.removed, tag(c)]); c.text = c.text.toUpperCase(); },
      text(t) { log.push(["text", t.text, t.lastInTextNode, t.removed]); },
      end(e) { log.push(["end", tag(e)]); e.append("<END>").append("<end>", { html: true }); },
    }));
    out.doctypes = [];
    for (const d of ["<!doctype>", "<!DOCTYPE HTML>", "<!doctype html SYSTEM 'about:legacy-compat'>", "x"]) await run(d, new HTMLRewriter().onDocument({ doctype(t) { out.doctypes.push([t.name, t.publicId, t.systemId]); } }));
    out.comments = await run("a<!--c--><p><!--d--></p>", new HTMLRewriter().on("p", { comments(c) { c.before("<1>").after("<2>", { html: true }); out.back = c.remove() === c; log.push(c.removed); } }).onDocument({ comments(c) { if (!c.removed) c.replace("R<>"); } }));
    out.replaceHtml = await run("a<!--c-->b", new HTMLRewriter().onDocument({ comments(c) { c.replace("<i>", { html: true }); } }));
    for (const t of ["--", "-->", "", ">", "->", "ok--!>", "é", "a-"]) out["comment " + t] = await run("<!--c-->", new HTMLRewriter().onDocument({ comments(c) { c.text = t; } }));
    out.endOnly = await run("", new HTMLRewriter().onDocument({ end(e) { e.append("x"); } }));
    out.endAsync = await run("a", new HTMLRewriter().onDocument({ async end(e) { await new Promise((r) => setTimeout(r, 2)); e.append("late"); } }));
    out.endThrows = await run("a", new HTMLRewriter().onDocument({ end() { throw new TypeError("at the end"); } }));
    out.twoDocs = await run("<!doctype html>a", new HTMLRewriter().onDocument({ end(e) { e.append("1"); } }).onDocument({ end(e) { e.append("2"); } }));
    out.cdata = await run("<svg><![CDATA[x<y]]></svg><![CDATA[z]]>", new HTMLRewriter().onDocument({ text(t) { log.push(["cdata text", t.text]); }, comments(c) { log.push(["cdata comment", c.text]); } }));
    out.bogus = await run("<?xml version='1'?><!x></ y><p></>", new HTMLRewriter().onDocument({ comments(c) { log.push(["bogus", c.text]); } }));
    let saved = {};
    await run(html, new HTMLRewriter().onDocument({ doctype(d) { saved.d = d; }, comments(c) { saved.c = c; }, text(t) { saved.t = t; }, end(e) { saved.e = e; } }));
    out.late = [() => saved.d.name, () => saved.c.text, () => { saved.c.text = "x"; }, () => saved.c.removed, () => saved.t.text, () => saved.t.lastInTextNode, () => saved.t.before("x"), () => saved.e.append("x")].map(probe);
    out.types = { HTMLRewriter: typeof HTMLRewriter, Element: typeof Element, Text: typeof Text, Comment: typeof Comment, Doctype: typeof Doctype, DocumentEnd: typeof DocumentEnd, EndTag: typeof EndTag, ContentOptions: typeof ContentOptions };
    return Response.json({ out, log });
  },
};
