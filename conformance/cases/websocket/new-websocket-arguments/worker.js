const probe = (f) => {
  try {
    const ws = f();
    return [ws.readyState, ws.url, ws.protocol, ws.extensions, ws.binaryType];
  } catch (e) {
    return { $error: e.name, $message: e.message, dom: e instanceof DOMException, code: e.code ?? null };
  }
};
export default {
  async fetch() {
    const u = "ws://nowhere.invalid/x";
    return Response.json({
      ok: probe(() => new WebSocket(u)),
      upper: probe(() => new WebSocket("WS://NOWHERE.invalid")),
      http: probe(() => new WebSocket("http://nowhere.invalid/")),
      https: probe(() => new WebSocket("https://nowhere.invalid/")),
      ftp: probe(() => new WebSocket("ftp://nowhere.invalid/")),
      bad: probe(() => new WebSocket("not a url")),
      relative: probe(() => new WebSocket("/x")),
      hash: probe(() => new WebSocket("ws://nowhere.invalid/#frag")),
      urlObject: probe(() => new WebSocket(new URL(u))),
      none: probe(() => new WebSocket()),
      protocols: probe(() => new WebSocket(u, ["a", "b"])),
      protocol: probe(() => new WebSocket(u, "chat")),
      protoDup: probe(() => new WebSocket(u, ["a", "a"])),
      protoDupCase: probe(() => new WebSocket(u, ["a", "A"])),
      protoBad: probe(() => new WebSocket(u, ["a b"])),
      protoEmpty: probe(() => new WebSocket(u, "")),
      protoEmptyList: probe(() => new WebSocket(u, [])),
      protoNumber: probe(() => new WebSocket(u, 5)),
      protoObject: probe(() => new WebSocket(u, {})),
      accept: probe(() => { const ws = new WebSocket(u); ws.accept(); return ws; }),
      send: probe(() => { const ws = new WebSocket(u); ws.send("x"); return ws; }),
      close: probe(() => { const ws = new WebSocket(u); ws.close(1000, "x"); return ws; }),
      inResponse: probe(() => { new Response(null, { status: 101, webSocket: new WebSocket(u) }); return {}; }),
    });
  },
};
