/** A WebSocket that answers each message with the same, and counts them. */
export default {
  fetch(request): Response {
    if (request.headers.get('upgrade') !== 'websocket') {
      return new Response('Connect with a WebSocket.', { status: 426, headers: { upgrade: 'websocket' } });
    }
    const { 0: client, 1: server } = new WebSocketPair();
    let count = 0;
    server.binaryType = 'arraybuffer';
    server.accept();
    server.addEventListener('message', ({ data }) => {
      server.send(`${++count}: ${typeof data === 'string' ? data : `${data.byteLength} bytes`}`);
    });
    return new Response(null, { status: 101, webSocket: client });
  },
} satisfies ExportedHandler;
