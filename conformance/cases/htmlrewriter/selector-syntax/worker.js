const HTML =
  '<main id="m" class="a b" lang="en-US"><ul><li class="x">1</li><li data-v="foo-bar">2</li><li>3</li></ul><a href="https://x.example/p.pdf">l</a><div><p>d</p></div><p>c</p></main>';
const count = async (selector) => {
  let n = 0;
  try {
    await new HTMLRewriter()
      .on(selector, {
        element() {
          n++;
        },
      })
      .transform(new Response(HTML))
      .text();
    return n;
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
export default {
  async fetch() {
    const seen = {};
    for (const s of [
      "li:not(.x, .y)", ':not([class])', '[DATA-V="FOO-BAR" i]', "[DATA-V]", '[data-v="FOO-BAR" s]', "LI", "ul > LI.x", "#M", ".A",
      "li:nth-child(2n+1)", "li:nth-child(odd)", "li:nth-child(-n+2)", ":first-of-type", "p:first-of-type", "li:nth-of-type(even)", "svg|a", "a ~ b", "*|*", "|a",
      "a::before", "a >", "> a", "a >> b", "a..b", "5", "#5", "a,,b", ",", "a:not(:not(b))", ":not(a b)", ":is(a)", ":where(a)", ":has(a)", ":root", ":empty",
      "[a=b", "[a='b", "[a b]", '[foo=""]', '[class^=""]', "#", ".", "a!", "a:nth-child(x)", "a:only-child", "  li  ", "li , a", "main  ul", "ul>li", "li/*c*/.x",
      "\\6c i", ".\\78", "*.x", "*#m", "main *", "[lang=en-US]", "[lang|=en]", "[lang='EN-us' i]", "li.x:nth-child(1)", "a:nth-last-child(1)", "a:nth-last-of-type(1)", "[class~='']", "[href$='']", "main:not(ul > li)", "a:link", "&", "@x", "li:not()", "li:not(*)", ":nth-child(1 of li)", "a || b",
    ])
      seen[s] = await count(s);
    return Response.json(seen);
  },
};
