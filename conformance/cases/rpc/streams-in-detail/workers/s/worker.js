import { WorkerEntrypoint } from "cloudflare:workers";
const enc = new TextEncoder();
let cancelled = {};
const from = (list, end) => new ReadableStream({ pull(c) { if (list.length) c.enqueue(list.shift()); else end(c); } });
export default class extends WorkerEntrypoint {
  bytes(n, size = 10) { let left = n; return new ReadableStream({ type: "bytes", pull(c) { if (left-- > 0) c.enqueue(new Uint8Array(size).fill(65)); else c.close(); } }); }
  plain(n) { return from(Array.from({ length: n }, (_, k) => enc.encode(`${k};`)), (c) => c.close()); }
  empty() { return from([], (c) => c.close()); }
  text() { return from(["text"], (c) => c.close()); }
  numbers() { return from([1, 2], (c) => c.close()); }
  buffers() { return from([new ArrayBuffer(3), new Uint16Array(2), new DataView(new ArrayBuffer(5))], (c) => c.close()); }
  breaks(after) { return from(Array.from({ length: after }, () => enc.encode("x")), (c) => c.error(new RangeError("broke"))); }
  errored() { return new ReadableStream({ start(c) { c.error(new RangeError("at once")); } }); }
  closed() { return new ReadableStream({ start(c) { c.close(); } }); }
  locked() { const s = this.plain(1); s.getReader(); return s; }
  disturbed() { const s = this.plain(3); const r = s.getReader(); return r.read().then(() => { r.releaseLock(); return s; }); }
  tee() { return this.plain(3).tee(); }
  two() { return { a: this.plain(2), b: this.plain(3) }; }
  twice() { const s = this.plain(1); return [s, s]; }
  watched(name) { return new ReadableStream({ pull(c) { c.enqueue(enc.encode("y")); }, cancel(reason) { cancelled[name] = [typeof reason, reason?.name ?? null, reason?.message ?? String(reason)]; } }); }
  async wasCancelled(name) { for (let n = 0; n < 50 && !cancelled[name]; n++) await scheduler.wait(5); return cancelled[name] ?? "no"; }
  identity() { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); w.write(enc.encode("identity")).then(() => w.close()); return readable; }
  fixed() { const { readable, writable } = new FixedLengthStream(5); const w = writable.getWriter(); w.write(enc.encode("fixed")).then(() => w.close()); return readable; }
  response() { return new Response(this.plain(3), { headers: { "x-a": "1" } }); }
  async length(stream) { let n = 0; for await (const chunk of stream) n += chunk.byteLength; return n; }
  async read(stream) { return new Response(stream).text(); }
  async kind(stream) { const out = [Object.prototype.toString.call(stream), stream.locked, stream.constructor.name]; try { stream.getReader({ mode: "byob" }).releaseLock(); out.push("byob"); } catch (e) { out.push(e.name); } await stream.cancel(); return out; }
  back(stream) { return stream; }
  ignore(stream) { return "ignored"; }
  async cancels(stream, reason) { await stream.cancel(reason); return "cancelled"; }
  async partly(stream) { const r = stream.getReader(); const { value } = await r.read(); await r.cancel(new RangeError("enough")); return value.byteLength; }
  async write(w, ...chunks) { const out = w.getWriter(); for (const c of chunks) await out.write(enc.encode(c)); await out.close(); return "wrote"; }
  async writeOnly(w, text) { const out = w.getWriter(); await out.write(enc.encode(text)); out.releaseLock(); return "left open"; }
  async abort(w) { await w.abort(new RangeError("aborted by callee")); return "aborted"; }
  async writeText(w) { const out = w.getWriter(); await out.write("a string"); await out.close(); return "wrote"; }
  async writeObject(w) { const out = w.getWriter(); await out.write({ a: 1 }); await out.close(); return "wrote"; }
  async writeCatches(w) { const out = w.getWriter(); try { for (let n = 0; n < 20; n++) { await out.write(enc.encode("z")); await scheduler.wait(1); } await out.close(); return "no error"; } catch (e) { return [e.name, e.message]; } }
  async closeCatches(w) { const out = w.getWriter(); try { await out.write(enc.encode("z")); await out.close(); return "no error"; } catch (e) { return [e.name, e.message]; } }
  async writableKind(w) { const out = [Object.prototype.toString.call(w), w.locked]; await w.close(); return out; }
  sink() { const got = []; const w = new WritableStream({ write(c) { got.push(c.byteLength); }, close() { cancelled.sink = got; }, abort(r) { cancelled.sinkAbort = [r?.name, r?.message]; } }); return w; }
  async got() { for (let n = 0; n < 50 && !cancelled.sink; n++) await scheduler.wait(5); return cancelled.sink ?? "no"; }
  async gotAbort() { for (let n = 0; n < 50 && !cancelled.sinkAbort; n++) await scheduler.wait(5); return cancelled.sinkAbort ?? "no"; }
  lockedSink() { const w = this.sink(); w.getWriter(); return w; }
  async pipe(stream, w) { await stream.pipeTo(w); return "piped"; }
}
