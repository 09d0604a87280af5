const probe = async (f) => {
  try {
    return await f();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
const H = { headers: { "content-type": "text/html" } };
const rw = () => new HTMLRewriter().on("p", { element(e) { e.setAttribute("x", "1"); } });
const main = {
  async fetch(request) {
    const out = {};
    const input = new Response("<p>a</p>", { status: 203, statusText: "Odd", headers: { "content-type": "text/html; charset=utf-8", "content-length": "8", etag: '"e"', "x-y": "z", "set-cookie": "a=b" } });
    const output = rw().transform(input);
    out.kept = [output.status, output.statusText, [...output.headers], output.url, output.type, output.redirected, output.ok, output === input, output instanceof Response];
    out.inputUsed = [input.bodyUsed, input.body?.locked];
    out.outputUsed = [output.bodyUsed, output.body instanceof ReadableStream, output.body.locked];
    out.text = await output.text();
    out.after = [input.bodyUsed, output.bodyUsed];
    const none = new Response(null, { status: 204, headers: { a: "b" } });
    out.nullBody = rw().transform(none) === none;
    out.emptyString = await probe(() => rw().transform(new Response("")).text());
    out.used = await probe(async () => { const r = new Response("<p>"); await r.text(); return rw().transform(r).text(); });
    out.locked = await probe(async () => { const r = new Response("<p>"); r.body.getReader(); return rw().transform(r).text(); });
    out.twice = await probe(async () => { const r = new Response("<p>"); rw().transform(r); return rw().transform(r).text(); });
    const again = rw();
    out.reuse = [await again.transform(new Response("<p>1")).text(), await again.transform(new Response("<p>2")).text()];
    again.on("b", { element(e) { e.remove(); } });
    out.added = await again.transform(new Response("<p>1<b>2</b>")).text();
    const late = rw(), lateResponse = late.transform(new Response("<p>1</p>"));
    late.on("p", { element(e) { e.after("late"); } });
    out.lateOn = await lateResponse.text();
    out.noHandlers = await new HTMLRewriter().transform(new Response("<p>a<br>&amp;\0</p", H)).text();
    out.noArg = await probe(() => new HTMLRewriter().transform());
    out.request = await probe(() => rw().transform(request));
    out.promise = await probe(() => rw().transform(Promise.resolve(new Response("x"))));
    out.call = await probe(() => HTMLRewriter());
    out.detached = await probe(() => { const { transform } = new HTMLRewriter(); return transform(new Response("x")); });
    out.detachedOn = await probe(() => { const { on } = new HTMLRewriter(); return on("a", {}); });
    out.shape = [Object.prototype.toString.call(rw()), HTMLRewriter.length, HTMLRewriter.name, Object.getOwnPropertyNames(HTMLRewriter.prototype).sort(), HTMLRewriter.prototype.on.length, HTMLRewriter.prototype.transform.length, Object.keys(new HTMLRewriter())];
    out.clone = await probe(async () => { const r = rw().transform(new Response("<p>c</p>")); const c = r.clone(); return [await r.text(), await c.text()]; });
    out.chained = await rw().transform(new HTMLRewriter().on("p", { element(e) { e.tagName = "q"; e.before("<p>", { html: true }); } }).transform(new Response("<p>x</p>"))).text();
    out.string = await probe(() => rw().transform(new Response(new Blob(["<p>blob"]))).text());
    out.json = await probe(() => rw().transform(Response.json({ a: "<p>" })).text());
    out.form = await probe(async () => typeof (await rw().transform(new Response(new URLSearchParams({ a: "<p>" }))).text()));
    out.reader = await probe(async () => { const reader = rw().transform(new Response("<p>x</p>")).body.getReader({ mode: "byob" }); let s = ""; for (;;) { const { done, value } = await reader.read(new Uint8Array(3)); if (done) break; s += new TextDecoder().decode(value); } return s; });
    class Sub extends HTMLRewriter { on(s, h) { return super.on(`${s}.sub`, h); } }
    out.subclass = await new Sub().on("p", { element(e) { e.remove(); } }).transform(new Response("<p class=sub>a</p><p>b</p>")).text();
    out.error = await probe(() => rw().transform(Response.error()).type);
    out.bodyType = await probe(() => rw().transform(new Response(new ReadableStream({ start(c) { c.enqueue("<p>str"); c.close(); } }))).text());
    out.bodyError = await probe(() => rw().transform(new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("<p>")); }, pull(c) { c.error(new RangeError("source")); } }))).text());
    return Response.json(out);
  },
};
export default { fetch: (r) => main.fetch(r).catch((e) => new Response(e.stack)) };
