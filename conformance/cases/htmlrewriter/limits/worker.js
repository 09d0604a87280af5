const enc = new TextEncoder();
const parts = (n, make, head = "", tail = "") => {
  let i = -1;
  return new ReadableStream({ pull(c) { i++; if (i === 0) c.enqueue(enc.encode(head || " ")); else if (i <= n) c.enqueue(enc.encode(make(i))); else { if (tail) c.enqueue(enc.encode(tail)); c.close(); } } });
};
const run = async (stream, r) => {
  try {
    const b = await r.transform(new Response(stream)).arrayBuffer();
    return b.byteLength;
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
export default {
  async fetch(request) {
    const only = new URL(request.url).searchParams.get("only");
    const out = {};
    const K = "x".repeat(800 * 1024);
    const plain = () => new HTMLRewriter().on("p", { element() {} });
    if (only === "attribute4M") out.attribute4M = await run(parts(1, () => K.repeat(4), '<p a="', '">'), plain());
    if (only === "many") out.many = await run("<p>x</p>".repeat(1000), new HTMLRewriter().on("p", { element(e) { e.setAttribute("a", "b"); } }));
    if (only === "bigContent") out.bigContent = await run("<p>", new HTMLRewriter().on("p", { element(e) { e.before(K); } }));
    if (only === "selectors") out.selectors = await run("<p class=c7>", (() => { const r = new HTMLRewriter(); for (let i = 0; i < 60; i++) r.on(`.c${i}`, { element(e) { e.before(String(i)); } }); return r; })());
    return Response.json(out);
  },
};
