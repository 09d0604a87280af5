export default { async fetch(request, env) {
  const mode = request.headers.get("x-mode");
  if (mode === "rewrap") { const r = await env.S.fetch(request); return new Response(r.body, r); }
  if (mode === "body") return env.S.fetch(request.url, { method: request.method, body: request.body, headers: request.headers });
  if (mode === "socket") { const r = await env.S.fetch(request); const [a, b] = Object.values(new WebSocketPair()); r.webSocket.accept(); b.accept(); b.addEventListener("message", (e) => r.webSocket.send("mid:" + e.data)); r.webSocket.addEventListener("message", (e) => b.send(e.data)); r.webSocket.addEventListener("close", (e) => b.close(e.code, e.reason)); b.addEventListener("close", (e) => r.webSocket.close(e.code, e.reason)); return new Response(null, { status: 101, webSocket: a }); }
  return env.S.fetch(request);
} };
