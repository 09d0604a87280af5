const enc = new TextEncoder();
const stream = (parts) => {
  let i = 0;
  return new ReadableStream({
    pull(c) {
      i < parts.length ? c.enqueue(typeof parts[i] === "string" ? enc.encode(parts[i]) : parts[i]) : c.close();
      i++;
    },
  });
};
export default {
  async fetch() {
    const out = {};
    const collect = async (selector, parts, change) => {
      const seen = [];
      const r = new HTMLRewriter().on(selector, {
        text(t) {
          seen.push([t.text, t.lastInTextNode]);
          change?.(t);
        },
      });
      return { text: await r.transform(new Response(stream([].concat(parts)))).text(), seen };
    };
    out.whole = await collect("p", "<p>one &amp; two<b>x</b> three </p>");
    out.script = await collect("script", "<script>if (a<b && c>d) { x('</p>') }</script>");
    out.style = await collect("style", "<style>a > b { c: '<' }</style>");
    out.title = await collect("title", "<title>a<b>&lt;</title>");
    out.textarea = await collect("textarea", "<textarea>\n<p></textarea>");
    out.split = await collect("p", ["<p>on", "e tw", "o</p>"]);
    out.splitJoined = (await collect("p", ["<p>on", "e tw", "o</p>"])).seen.map(([t]) => t).join("");
    const euro = enc.encode("€");
    out.splitUtf8 = (await collect("p", ["<p>a", euro.slice(0, 1), euro.slice(1), "b</p>"]));
    out.badUtf8 = await collect("p", ["<p>a", new Uint8Array([0xff, 0xfe]), "b</p>"]);
    out.splitTag = await collect("p", ["<", "p", ">x<", "/", "p", ">"]);
    out.replaceAll = await collect("p", "<p>a<b>b</b>c</p>", (t) => t.replace(t.text ? "R" : ""));
    out.beforeAfter = await collect("p", "<p>x</p>", (t) => t.before("<").after(">").before("(", { html: true }));
    out.lastOnly = await collect("p", "<p>x</p>", (t) => t.lastInTextNode && t.after("!"));
    out.empty = await collect("p", "<p></p><p> </p>");
    out.nul = await collect("p", "<p>a\0b</p>");
    out.comments = await collect("p", "<p>a<!--c-->b</p>");
    out.entities = await collect("p", "<p>&lt;&nbsp;&#x41;&unknown;</p>", (t) => t.text && t.replace(t.text));
    out.all = await collect("*", "<a>1<b>2</b>3</a>4");
    out.removed = await collect("p", "<p>abc</p>", (t) => { t.remove(); out.isRemoved = t.removed; });
    out.noscript = await collect("noscript", "<noscript><p>x</p></noscript>");
    out.template = await collect("template", "<template>a<p>x</p></template>");
    out.plaintext = await collect("plaintext", "<plaintext>a<p>x</p></plaintext>");
    out.xmp = await collect("xmp", "<xmp><b>x</b></xmp>");
    out.iframe = await collect("iframe", "<iframe><b>x</b></iframe>");
    return Response.json(out);
  },
};
