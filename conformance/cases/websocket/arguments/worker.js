const probe = (f) => {
  try {
    const r = f();
    return r === undefined ? null : r;
  } catch (e) {
    return { $error: e.name, $message: e.message, dom: e instanceof DOMException, code: e.code ?? null };
  }
};
const end = () => {
  const [a, b] = Object.values(new WebSocketPair());
  a.accept();
  b.accept();
  return a;
};
export default {
  async fetch() {
    const out = {};
    for (const code of [0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1015, 1016, 2999, 3000, 4999, 5000, 65536, -1, 1.5, "1000", "x", NaN, null, true])
      out["close " + String(code) + typeof code] = probe(() => end().close(code));
    out.reasonOnly = probe(() => end().close(undefined, "why"));
    out.reasonLong = probe(() => end().close(1000, "x".repeat(124)));
    out.reason123 = probe(() => end().close(1000, "x".repeat(123)));
    out.reasonUtf8 = probe(() => end().close(1000, "é".repeat(62)));
    out.reasonObject = probe(() => end().close(1000, { toString: () => "r" }));
    for (const [name, value] of Object.entries({ none: undefined, nul: null, num: 1, obj: {}, arr: [1], bool: false, str: new String("s"), date: new Date(0), bytes: new Uint8Array(3), dv: new DataView(new ArrayBuffer(2)), blob: new Blob(["x"]), sym: Symbol("s") }))
      out["send " + name] = probe(() => end().send(value));
    out.sendNothing = probe(() => end().send());
    out.acceptBad = probe(() => new WebSocketPair()[0].accept(5));
    out.acceptHalf = probe(() => new WebSocketPair()[0].accept({ allowHalfOpen: "x" }));
    out.acceptGetter = probe(() => new WebSocketPair()[0].accept({ get allowHalfOpen() { throw new RangeError("mine"); } }));
    out.binaryType = probe(() => { const a = end(); a.binaryType = "arraybuffer"; const one = a.binaryType; a.binaryType = "blob"; return [one, a.binaryType]; });
    out.binaryBad = probe(() => { const a = end(); a.binaryType = "nodebuffer"; return a.binaryType; });
    out.detached = probe(() => { const { send } = end(); return send("x"); });
    out.attachment = probe(() => { const a = end(); const before = a.deserializeAttachment(); a.serializeAttachment({ a: [1, new Date(5)], m: new Map([[1, 2]]) }); const v = a.deserializeAttachment(); return [before, v.a[0], v.a[1].getTime(), v.m.get(1), v === a.deserializeAttachment()]; });
    out.attachmentBig = probe(() => end().serializeAttachment("x".repeat(20000)));
    out.attachmentFunction = probe(() => end().serializeAttachment(() => 1));
    out.attachmentNone = probe(() => end().serializeAttachment());
    return Response.json(out);
  },
};
