const probe = async (f) => {
  try {
    return await f();
  } catch (e) {
    return e instanceof Error ? { $error: e.name, $message: e.message } : { thrown: e };
  }
};
const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, "0")).join("");
const run = async (name, ...chunks) => {
  const d = new crypto.DigestStream(name);
  const w = d.getWriter();
  for (const c of chunks) await w.write(c);
  await w.close();
  return [hex(await d.digest), String(d.bytesWritten)];
};
export default {
  async fetch() {
    const out = {};
    for (const n of ["crc32", "crc32c", "crc64nvme", "md5", "MD5", "SHA-1", "sha-256", "SHA-384", "SHA-512", "CRC32", "sha1", "SHA3-256"])
      out[n] = [await probe(() => run(n)), await probe(() => run(n, "123456789")), await probe(() => run(n, new Uint8Array(1000).fill(7), "é", new Uint16Array([1, 2]), new DataView(new ArrayBuffer(3)), new ArrayBuffer(2), ""))];
    const checks = {
      none: () => new crypto.DigestStream(),
      undef: () => new crypto.DigestStream(undefined),
      object: async () => run({ name: "SHA-1" }, "a"),
      noName: () => new crypto.DigestStream({}),
      call: () => crypto.DigestStream("SHA-1"),
      number: () => run("SHA-1", 5),
      plain: () => run("SHA-1", {}),
      array: () => run("SHA-1", [1]),
      undefChunk: () => run("SHA-1", undefined),
      abort: async () => {
        const d = new crypto.DigestStream("MD5");
        await d.abort(new Error("foo"));
        await d.digest;
      },
      abortWriter: async () => {
        const d = new crypto.DigestStream("MD5");
        const w = d.getWriter();
        await w.abort("r");
        return [await probe(() => d.digest), await probe(() => w.write("x")), true];
      },
      dispose: async () => {
        const d = new crypto.DigestStream("MD5");
        d[Symbol.dispose]();
        return [await probe(() => d.digest), await probe(() => d.getWriter().write("x"))];
      },
      disposeAfter: async () => {
        const d = new crypto.DigestStream("MD5");
        await d.getWriter().close();
        d[Symbol.dispose]();
        return (await d.digest).byteLength;
      },
      badThenDigest: async () => {
        const d = new crypto.DigestStream("MD5");
        const w = d.getWriter();
        const r = await probe(() => w.write(5));
        return [r, await Promise.race([probe(() => d.digest), new Promise((f) => setTimeout(f, 20, "pending"))])];
      },
      twice: async () => {
        const d = new crypto.DigestStream("MD5");
        await d.close();
        return [(await d.digest) === (await d.digest), await probe(() => d.getWriter().write("x"))];
      },
      pipe: async () => {
        const d = new crypto.DigestStream("SHA-256");
        await new Response("hello").body.pipeTo(d);
        return hex(await d.digest);
      },
      tee: async () => {
        const r = new Response("hello ".repeat(5000));
        const [a, b] = r.body.tee();
        const d = new crypto.DigestStream("SHA-256");
        await Promise.all([a.pipeTo(d), new Response(b).text()]);
        return [hex(await d.digest), String(d.bytesWritten)];
      },
      locked: async () => {
        const d = new crypto.DigestStream("SHA-256");
        const before = d.locked;
        d.getWriter();
        return [before, d.locked, await probe(() => d.getWriter())];
      },
      sub: async () => {
        class Mine extends crypto.DigestStream {
          constructor() {
            super("SHA-1");
          }
        }
        const d = new Mine();
        const w = d.getWriter();
        await w.write("a");
        await w.close();
        return [d instanceof Mine, d instanceof WritableStream, hex(await d.digest)];
      },
      receiver: () => Object.getOwnPropertyDescriptor(crypto.DigestStream.prototype, "digest").get.call({}),
    };
    for (const [name, f] of Object.entries(checks)) out[name] = await probe(async () => { const r = await f(); return r instanceof WritableStream ? "stream" : r; });
    return Response.json(out);
  },
};
