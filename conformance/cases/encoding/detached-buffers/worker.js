// Each check is shown under its own source text; what it throws is shown as name and message.
const gone = () => { const bytes = new Uint8Array([1, 2, 3]); structuredClone(bytes.buffer, { transfer: [bytes.buffer] }); return bytes; };
const goneBuffer = () => gone().buffer;
const goneView = () => { const buffer = new ArrayBuffer(3); const view = new DataView(buffer); structuredClone(buffer, { transfer: [buffer] }); return view; };
const shared = () => new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer, 0, 3);
const sizeOf = async (body) => (await new Response(body).arrayBuffer()).byteLength;
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('').slice(0, 8);
const enqueued = (bytes) => sizeOf(new ReadableStream({ start(c) { c.enqueue(bytes); c.close(); } }));
const written = async (bytes) => { const { readable, writable } = new IdentityTransformStream(); const writer = writable.getWriter(); const size = sizeOf(readable); await Promise.all([writer.write(bytes), writer.close()]); return size; };
const compressed = async (bytes) => { const stream = new CompressionStream('gzip'); const writer = stream.writable.getWriter(); const size = sizeOf(stream.readable); await Promise.all([writer.write(bytes), writer.close()]); return (await size) > 0; };

const checks = [
  async () => [gone().byteLength, goneBuffer().byteLength],
  async () => sizeOf(gone()),
  async () => sizeOf(goneBuffer()),
  async () => sizeOf(goneView()),
  async () => (await new Request('https://a.example/', { method: 'POST', body: gone() }).arrayBuffer()).byteLength,
  async () => (await new Request('https://a.example/', { method: 'POST', body: goneView() }).arrayBuffer()).byteLength,
  async () => new Blob([gone(), 'x']).size,
  async () => new Blob([goneBuffer(), 'x']).size,
  async () => new Blob([goneView(), 'x']).size,
  async () => enqueued(gone()),
  async () => enqueued(goneBuffer()),
  async () => written(gone()),
  async () => written(goneBuffer()),
  async () => written(goneView()),
  async () => compressed(gone()),
  async () => hex(await crypto.subtle.digest('SHA-256', gone())),
  async () => hex(await crypto.subtle.digest('SHA-256', goneBuffer())),
  async () => hex(await crypto.subtle.digest('SHA-256', goneView())),
  async () => new TextDecoder().decode(gone()),
  async () => new TextDecoder().decode(goneBuffer()),
  async () => new TextDecoder().decode(goneView()),
  async () => crypto.getRandomValues(gone()).byteLength,
  async () => sizeOf(shared()),
  async () => new Blob([shared(), 'x']).size,
  async () => new Blob([shared().buffer, 'x']).size,
  async () => enqueued(shared()),
  async () => written(shared()),
  async () => compressed(shared()),
  async () => hex(await crypto.subtle.digest('SHA-256', shared())),
  async () => hex(await crypto.subtle.digest('SHA-256', shared().buffer)),
  async () => new TextDecoder().decode(shared()).length,
  async () => crypto.getRandomValues(shared()).byteLength,
];
const show = (value) => (value === undefined ? 'undefined' : value);
export default {
  async fetch() {
    const out = {};
    for (const check of checks) {
      const name = String(check).slice('async () => '.length);
      try {
        out[name] = show(await check());
      } catch (error) {
        out[name] = { $error: error?.name, $message: error?.message };
      }
    }
    return Response.json(out);
  },
};
