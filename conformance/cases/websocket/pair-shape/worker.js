const desc = (o, k) => {
  const d = Object.getOwnPropertyDescriptor(o, k);
  if (!d) return null;
  return [d.get ? "get" : typeof d.value, !!d.set || !!d.writable, d.enumerable, d.configurable];
};
// without the symbols of workerd's own inspection
const own = (o) => Reflect.ownKeys(o).filter((k) => typeof k === "string" || k === Symbol.toStringTag || k === Symbol.iterator);
const probe = (f) => {
  try {
    return f();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
export default {
  async fetch() {
    const pair = new WebSocketPair();
    const ws = pair[0];
    return Response.json({
      keys: Object.keys(pair),
      own0: desc(pair, "0"),
      pairTag: Object.prototype.toString.call(pair),
      wsTag: Object.prototype.toString.call(ws),
      iterable: probe(() => {
        const [a, b] = new WebSocketPair();
        return [a instanceof WebSocket, b instanceof WebSocket];
      }),
      pairProto: own(WebSocketPair.prototype).map(String).sort(),
      wsProto: own(WebSocket.prototype).map((k) => [String(k), ...(desc(WebSocket.prototype, k) ?? [])]).sort(),
      wsStatic: Object.getOwnPropertyNames(WebSocket)
        .filter((k) => k !== "prototype").map((k) => [String(k), ...(desc(WebSocket, k) ?? [])]).sort(),
      own: Object.keys(ws),
      isTarget: ws instanceof EventTarget,
      values: [ws.readyState, ws.url, ws.protocol, ws.extensions, ws.binaryType, ws.bufferedAmount ?? null],
      lengths: [WebSocketPair.length, WebSocket.length, ws.accept.length, ws.send.length, ws.close.length],
      same: pair[0] === pair[0],
    });
  },
};
