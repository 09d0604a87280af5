const rec = async (f) => { try { const v = await f(); return v; } catch (e) { return { $error: e.name, $message: e.message }; } };
export default {
  async fetch() {
    return Response.json({
      json: await rec(async () => (await import("./j.json", { with: { type: "json" } })).default),
      text: await rec(async () => (await import("./t.txt", { with: { type: "text" } })).default),
      bytes: await rec(async () => (await import("./d.bin", { with: { type: "bytes" } })).default.byteLength),
      js: await rec(async () => (await import("./x.js", { with: { type: "json" } })).default),
      other: await rec(async () => (await import("./x.js", { with: { foo: "bar" } })).default),
      none: await rec(async () => (await import("./x.js", {})).default),
      empty: await rec(async () => (await import("./x.js", { with: {} })).default),
      bad: await rec(async () => (await import("./x.js", { with: { type: 5 } })).default),
    });
  },
};
