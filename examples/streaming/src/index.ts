/** Server-sent events: one tick every 100 ms, five in all. The visitor sees each as it happens. */
export default {
  fetch(_request, _env, ctx): Response {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    ctx.waitUntil(tick(writable));
    return new Response(readable, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } });
  },
} satisfies ExportedHandler;

async function tick(writable: WritableStream<Uint8Array>): Promise<void> {
  const encoder = new TextEncoder();
  const writer = writable.getWriter();
  for (let count = 1; count <= 5; count++) {
    await writer.write(encoder.encode(`event: tick\ndata: ${count}\n\n`));
    await scheduler.wait(100);
  }
  await writer.close();
}
