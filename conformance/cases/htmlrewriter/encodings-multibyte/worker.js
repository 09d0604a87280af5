const run = async (bytes, charset, on = (e) => e.setAttribute("t", "é€😀я"), doc) => {
  const seen = [];
  try {
    const r = new HTMLRewriter().on("p", { element(e) { seen.push([...e.attributes]); on?.(e); }, text(t) { if (t.text) seen.push(t.text); }, comments(c) { seen.push(c.text); c.text += "é"; } });
    const res = r.transform(new Response(new Uint8Array(bytes), { headers: { "content-type": charset === null ? "application/octet-stream" : `text/html; charset=${charset}` } }));
    const out = new Uint8Array(await res.arrayBuffer());
    return [[...out].map((b) => (b < 127 && b > 31 ? String.fromCharCode(b) : `\\x${b.toString(16)}`)).join(""), seen];
  } catch (e) {
    return { $error: e.name, $message: e.message, seen };
  }
};
const a = (s) => [...s].map((c) => c.charCodeAt(0));
export default {
  async fetch(request) {
    const only = new URL(request.url).searchParams.get("only");
    const out = {};
    if (only === "sjis") out.sjis = await run([...a("<p>"), 0x82, 0xa0, ...a("</p>")], "shift_jis", (e) => e.append("あé"));
    if (only === "gbk") out.gbk = await run([...a("<p>"), 0xc4, 0xe3, ...a("</p>")], "gbk", (e) => e.append("你好"));
    if (only === "eucjp") out.eucjp = await run([...a("<p>"), 0xa4, 0xa2, ...a("</p>")], "EUC-JP", (e) => e.append("あ"));
    if (only === "big5") out.big5 = await run([...a("<p>"), 0xa7, 0x41, ...a("</p>")], "big5", (e) => e.append("你"));
    if (only === "euckr") out.euckr = await run([...a("<p>"), 0xb0, 0xa1, ...a("</p>")], "euc-kr", (e) => e.append("가"));
    return Response.json(out);
  },
};
