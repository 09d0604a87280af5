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
  async fetch() {
    const out = {};
    out.latin1 = await run([...a("<p a="), 0xe9, ...a(">x"), 0xe9, ...a("<!--"), 0xe8, ...a("--></p>"), 0xff], "iso-8859-1");
    out.win1252 = await run([...a("<p>"), 0x80, ...a("</p>")], "windows-1252");
    out.win1251 = await run([...a("<p>"), 0xff, 0xe0, ...a("</p>")], "windows-1251", (e) => e.after("яé"));
    out.koi8 = await run([...a("<p>"), 0xd1, ...a("</p>")], "koi8-r", (e) => e.append("я"));
    out.iso88592 = await run([...a("<p>"), 0xb1, ...a("</p>")], "ISO-8859-2", (e) => e.append("ą"));
    out.quoted = await run([...a("<p>"), 0xe9, ...a("</p>")], '"iso-8859-1"', (e) => e.append("é"));
    out.upper = await run([...a("<p>"), 0xe9, ...a("</p>")], "ISO-8859-1 ", null);
    out.utf16 = await run(a("<p>x"), "utf-16le");
    out.unknown = await run(a("<p>x"), "klingon");
    out.empty = await run(a("<p>x"), "");
    out.ascii = await run([...a("<p>"), 0xe9], "us-ascii", (e) => e.append("é"));
    out.utf7 = await run(a("<p>x"), "utf-7");
    out.iso2022 = await run(a("<p>x"), "iso-2022-jp");
    out.replacement = await run(a("<p>x"), "hz-gb-2312");
    out.none = await run(new TextEncoder().encode("<p a=é>ü</p>"), null);
    out.meta = await run([...a("<meta charset=iso-8859-1><p>"), 0xe9, ...a("</p>")], null);
    out.bom = await run([0xef, 0xbb, 0xbf, ...a("<p>x")], "utf-8");
    out.xuser = await run([...a("<p>"), 0x80, ...a("</p>")], "x-user-defined", (e) => e.append("é"));
    return Response.json(out);
  },
};
