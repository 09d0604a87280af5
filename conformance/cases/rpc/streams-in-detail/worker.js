const probe = async (f) => {
  try {
    const value = await Promise.race([f(), scheduler.wait(15000).then(() => "hangs")]);
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return ["throws", e?.name ?? typeof e, e?.message ?? String(e)];
  }
};
const tag = (x) => Object.prototype.toString.call(x);

const enc = new TextEncoder();
const text = (s) => new Response(s).text();
const collect = () => { const got = []; return { got, w: new WritableStream({ write(c) { got.push([c.constructor.name, new TextDecoder().decode(c)]); }, close() { got.push("closed"); }, abort(r) { got.push(["aborted", r?.name, r?.message]); } }) }; };
export default {
  async fetch(request, env) {
    const S = env.S;
    const out = {};
    const tries = {
      bytes: async () => (await text(await S.bytes(5))).length,
      big: async () => { let n = 0; for await (const c of await S.bytes(40, 65536)) n += c.byteLength; return n; },
      plain: async () => text(await S.plain(5)),
      many: async () => (await text(await S.plain(60))).length,
      empty: async () => text(await S.empty()),
      textChunk: async () => text(await S.text()),
      numbers: async () => text(await S.numbers()),
      buffers: async () => (await text(await S.buffers())).length,
      breaks: async () => text(await S.breaks(2)),
      errored: async () => text(await S.errored()),
      closed: async () => text(await S.closed()),
      locked: () => S.locked(),
      disturbed: async () => text(await S.disturbed()),
      tee: async () => { const [a, b] = await S.tee(); return Promise.all([text(a), text(b)]); },
      two: async () => { const { a, b } = await S.two(); return [await text(b), await text(a)]; },
      twice: async () => { const [a, b] = await S.twice(); return a === b; },
      kindBack: async () => { const s = await S.plain(1); const k = [tag(s), s.constructor.name, s.locked]; try { s.getReader({ mode: "byob" }).releaseLock(); k.push("byob"); } catch (e) { k.push(e.name); } await s.cancel(); return k; },
      cancelBack: async () => { await (await S.watched("a")).cancel(new RangeError("not wanted")); return S.wasCancelled("a"); },
      cancelNoReason: async () => { await (await S.watched("b")).cancel(); return S.wasCancelled("b"); },
      cancelAfterRead: async () => { const r = (await S.watched("c")).getReader(); await r.read(); await r.cancel("text"); return S.wasCancelled("c"); },
      identity: async () => text(await S.identity()),
      fixed: async () => text(await S.fixed()),
      response: async () => { const r = await S.response(); return [r.headers.get("x-a"), await r.text()]; },
      responseClone: async () => { const r = await S.response(); return Promise.all([r.clone().text(), r.text()]); },
      pipelined: async () => S.response().status,
      pipelinedText: async () => S.response().text(),
      length: () => S.length(new Blob(["x".repeat(300000)]).stream()),
      readBody: () => S.read(new Response("a body").body),
      readTransform: () => { const t = new TransformStream({ transform(c, ctl) { ctl.enqueue(enc.encode(new TextDecoder().decode(c).toUpperCase())); } }); const p = new Blob(["shout"]).stream().pipeTo(t.writable); return S.read(t.readable).then(async (x) => { await p; return x; }); },
      kind: () => S.kind(new Blob(["x"]).stream()),
      kindPlain: () => S.kind(new ReadableStream()),
      back: async () => text(await S.back(new Blob(["there and back"]).stream())),
      argIsLocked: async () => { const s = new Blob(["x"]).stream(); const p = S.read(s); const r = s.locked; await p; return [r, s.locked]; },
      sendTwice: async () => { const s = new Blob(["x"]).stream(); await S.read(s); return S.read(s); },
      lockedArg: async () => { const s = new Blob(["x"]).stream(); s.getReader(); return S.read(s); },
      ignore: async () => { let why = "not cancelled"; const s = new ReadableStream({ pull(c) { c.enqueue(enc.encode("q")); }, cancel(r) { why = [typeof r, r?.name ?? null, r?.message ?? String(r)]; } }); const r = await S.ignore(s); for (let n = 0; n < 100 && why === "not cancelled"; n++) await scheduler.wait(5); return [r, why]; },
      cancels: async () => { let why; const s = new ReadableStream({ pull(c) { c.enqueue(enc.encode("q")); }, cancel(r) { why = [typeof r, r?.name ?? null, r?.message ?? String(r)]; } }); const r = await S.cancels(s, "because"); for (let n = 0; n < 100 && !why; n++) await scheduler.wait(5); return [r, why ?? "none"]; },
      partly: async () => { let why; const s = new ReadableStream({ pull(c) { c.enqueue(enc.encode("qq")); }, cancel(r) { why = [typeof r, r?.name ?? null, r?.message ?? String(r)]; } }); const r = await S.partly(s); for (let n = 0; n < 100 && !why; n++) await scheduler.wait(5); return [r > 0, why ?? "none"]; },
      argBreaks: () => S.read(new ReadableStream({ pull(c) { c.error(new RangeError("arg broke")); } })),
      argNumbers: () => S.read(new ReadableStream({ pull(c) { c.enqueue(5); } })),
      argText: () => S.read(new ReadableStream({ pull(c) { c.enqueue("strings"); c.close(); } })),
      write: async () => { const { got, w } = collect(); const r = await S.write(w, "a", "bc"); return [r, got]; },
      writeOnly: async () => { const { got, w } = collect(); const r = await S.writeOnly(w, "open"); for (let n = 0; n < 100 && got.length < 2; n++) await scheduler.wait(5); return [r, got]; },
      writeLocked: async () => { const { w } = collect(); const p = S.write(w, "a"); const r = w.locked; await p; return r; },
      abort: async () => { const { got, w } = collect(); const r = await S.abort(w); for (let n = 0; n < 100 && got.length < 1; n++) await scheduler.wait(5); return [r, got]; },
      writeText: async () => { const { got, w } = collect(); return [await S.writeText(w), got]; },
      writeObject: async () => { const { w } = collect(); return S.writeObject(w); },
      sinkFails: async () => S.writeCatches(new WritableStream({ write() { throw new RangeError("sink failed"); } })),
      closeFails: async () => S.closeCatches(new WritableStream({ close() { throw new RangeError("close failed"); } })),
      writableKind: async () => S.writableKind(collect().w),
      writeTransform: async () => { const { readable, writable } = new TransformStream(); const p = text(readable); await S.write(writable, "through ", "transform"); return p; },
      writeIdentity: async () => { const { readable, writable } = new IdentityTransformStream(); const p = text(readable); await S.write(writable, "through ", "identity"); return p; },
      sink: async () => { const w = await S.sink(); const out = w.getWriter(); await out.write(enc.encode("abc")); await out.write(enc.encode("de")); await out.close(); return [tag(w), await S.got()]; },
      lockedSink: () => S.lockedSink(),
      pipe: async () => { const { got, w } = collect(); const r = await S.pipe(new Blob(["piped"]).stream(), w); return [r, got]; },
      byob: async () => { const r = (await S.bytes(3, 10)).getReader({ mode: "byob" }); const { value } = await r.read(new Uint8Array(4)); return [value.byteLength, value[0]]; },
      atLeast: async () => { const r = (await S.bytes(3, 10)).getReader({ mode: "byob" }); const { value } = await r.readAtLeast(15, new Uint8Array(20)); return value.byteLength >= 15; },
      requestBody: async () => S.read(new Request("http://h/", { method: "POST", body: "request body" }).body),
      incoming: async () => S.back(request.body ?? null),
      transformArg: () => S.read(new TransformStream()),
      readableInError: () => probe(() => S.back({ deep: [new Map([["s", new Blob(["deep"]).stream()]])] }).then((v) => text(v.deep[0].get("s")))),
    };
    for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
    return Response.json(out);
  },
};
