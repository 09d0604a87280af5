import crypto, { createHash, createHmac, hash, getHashes, createSecretKey } from "node:crypto";
import { bytes, probe, probeAll } from "./keys.js";
export default {
  async fetch() {
    const out = { hashes: {}, hmacs: {} };
    for (const n of [...getHashes(), "SHA256", "Sha-256", "sha-1", "sha512-256", "SHA512/256", "sha3-256", "shake128", "shake256", "ripemd160", "blake2b512", "blake2s256", "whirlpool", "md4", "sm3", "", "nope"]) {
      out.hashes[n] = await probe(() => createHash(n).update("abc").digest("hex"));
      if (!/^md4$|md5-/.test(n)) out.hmacs[n] = await probe(() => createHmac(n, "key").update("abc").digest("hex"));
    }
    const h = createHash("sha256").update("a");
    const c = h.copy();
    out.checks = await probeAll({
      encodings: () => ["hex", "base64", "base64url", "latin1", "binary", "buffer", undefined].map((e) => String(createHash("md5").update("x").digest(e))),
      copy: () => [h.update("b").digest("hex"), c.update("c").digest("hex")],
      copyAfter: () => h.copy(),
      twice: () => h.digest(),
      updateAfter: () => h.update("x"),
      inputs: () => ["x", bytes(3), new DataView(bytes(3).buffer), new Uint16Array([1, 2]), Buffer.from("x")].map((v) => createHash("sha1").update(v).digest("hex")),
      inputArrayBuffer: () => createHash("sha1").update(bytes(3).buffer).digest("hex"),
      inputEncoding: () => createHash("sha1").update("6162", "hex").digest("hex"),
      inputNumber: () => createHash("sha1").update(5),
      inputUndefined: () => createHash("sha1").update(),
      inputNull: () => createHash("sha1").update(null),
      noAlgorithm: () => createHash(),
      numberAlgorithm: () => createHash(5),
      call: () => crypto.Hash("sha1").update("a").digest("hex"),
      isHash: () => [createHash("md5") instanceof crypto.Hash, createHash("md5").constructor.name],
      lengthSame: () => createHash("sha256", { outputLength: 32 }).update("a").digest("hex"),
      lengthOther: () => createHash("sha256", { outputLength: 16 }).update("a").digest("hex"),
      lengthBad: () => createHash("sha256", { outputLength: "x" }),
      lengthNegative: () => createHash("sha256", { outputLength: -1 }),
      stream: async () => { const s = createHash("sha1"); s.write("ab"); s.end("c"); return (await new Promise((f) => s.on("readable", () => f(s.read())))).toString("hex"); },
      streamEncoding: async () => { const s = createHash("sha1"); s.setEncoding("hex"); s.end("abc"); let t = ""; for await (const x of s) t += x; return t; },
      hash: () => hash("sha1", "abc"),
      hashBuffer: () => hash("sha256", Buffer.from("abc"), "base64"),
      hashRaw: () => hash("sha1", "abc", "buffer"),
      hashBad: () => hash("nope", "abc"),
      hashInput: () => hash("sha1", 5),
      hashAlg: () => hash(5, "a"),
      hmac: () => createHmac("sha256", bytes(70)).update("a").update("b").digest("base64"),
      hmacKeyObject: () => createHmac("sha256", createSecretKey(Buffer.from("k"))).update("a").digest("hex"),
      hmacTwice: () => { const m = createHmac("sha1", "k"); return [m.digest("hex"), String(m.digest("hex"))]; },
      hmacUpdateAfter: () => { const m = createHmac("sha1", "k"); m.digest(); m.update("x"); },
      hmacNoKey: () => createHmac("sha1"),
      hmacNullKey: () => createHmac("sha1", null),
      hmacNumberKey: () => createHmac("sha1", 5),
      hmacEmptyKey: () => createHmac("sha1", "").update("a").digest("hex"),
      hmacAlg: () => createHmac(5, "k"),
      hmacArrayBuffer: () => createHmac("sha1", bytes(3).buffer).update("a").digest("hex"),
      hmacStream: async () => { const s = createHmac("sha1", "k"); s.end("abc"); let t = ""; for await (const x of s) t += x.toString("hex"); return t; },
    });
    return Response.json(out);
  },
};
