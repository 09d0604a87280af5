const URLS = [
  "data:,hi",
  "data:text/plain,hello%20w",
  "data:text/html;charset=utf-8,<p>",
  "data:application/json;base64,eyJhIjoxfQ==",
  "data:;base64,aGk",
  "data:;charset=x,q",
  "data:text/plain;base64,!!!",
  "data:foo",
  "data:,a#fragment",
  "data:,a?q=1",
  "DATA:,x",
  "data:text/plain;a=b;base64, aGk=",
  "data:not-a-type,y",
  "data:,",
  "data:,%zz%4",
];
const probe = async (f) => {
  try {
    return await f();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
const describe = async (r) => [r.status, r.statusText, r.url, r.type, r.redirected, [...r.headers], await r.text()];
export default {
  async fetch() {
    const out = {};
    for (const url of URLS) out[url] = await probe(async () => describe(await fetch(url)));
    out.post = await probe(async () => describe(await fetch("data:,x", { method: "POST", body: "q" })));
    out.head = await probe(async () => describe(await fetch("data:,x", { method: "HEAD" })));
    out.request = await probe(async () => describe(await fetch(new Request("data:,x"))));
    const bytes = await fetch("data:application/octet-stream;base64,AP+A");
    out.bytes = [...new Uint8Array(await bytes.arrayBuffer())];
    return Response.json(out);
  },
};
