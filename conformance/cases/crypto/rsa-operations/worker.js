import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
const data = new TextEncoder().encode(keys.message);
const priv = (k, name, hash, u = "sign") => S.importKey("pkcs8", b64(keys[k].pkcs8), { name, hash }, true, [u]);
const pub = (k, name, hash, u = "verify") => S.importKey("spki", b64(keys[k].spki), { name, hash }, true, [u]);
const PK = "RSASSA-PKCS1-v1_5";
export default {
  async fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    const out = {};
    for (const [hash, h] of [["SHA-1", "sha1"], ["SHA-256", "sha256"], ["SHA-384", "sha384"], ["SHA-512", "sha512"], ["MD5", "md5"]].filter(([n]) => n === name)) {
      const a = await priv("rsa", PK, hash), b = await pub("rsa", PK, hash);
      const sig = await S.sign(PK, a, data);
      const x = await priv("rsa", "RSA-PSS", hash), y = await pub("rsa", "RSA-PSS", hash);
      out[hash] = await probeAll({
        sig: () => hex(sig) === hex(b64(keys.sigs["rsa_" + h])),
        ok: () => S.verify(PK, b, sig, data),
        other: () => S.verify(PK, b, sig, bytes(3)),
        short: () => S.verify(PK, b, bytes(5), data),
        long: () => S.verify(PK, b, bytes(300), data),
        zero: () => S.verify(PK, b, bytes(256, () => 255), data),
        pss: async () => { const r = []; for (const saltLength of [0, 1, 20, 32, 100]) { const s = await S.sign({ name: "RSA-PSS", saltLength }, x, data); r.push(s.byteLength, await S.verify({ name: "RSA-PSS", saltLength }, y, s, data), await probe(() => S.verify({ name: "RSA-PSS", saltLength: saltLength + 1 }, y, s, data))); } return r; },
        pssNoSalt: () => S.sign("RSA-PSS", x, data),
        pssNoSaltVerify: () => S.verify("RSA-PSS", y, bytes(256), data),
        pssNegative: () => S.sign({ name: "RSA-PSS", saltLength: -1 }, x, data),
        pssNegativeVerify: () => S.verify({ name: "RSA-PSS", saltLength: -1 }, y, bytes(256), data),
        pssHuge: () => S.sign({ name: "RSA-PSS", saltLength: 255 }, x, data),
        pssHugeVerify: () => S.verify({ name: "RSA-PSS", saltLength: 255 }, y, bytes(256), data),
        small: async () => (await S.sign(PK, await priv("rsa512", PK, hash), data)).byteLength,
        smallPss: async () => (await S.sign({ name: "RSA-PSS", saltLength: 0 }, await priv("rsa512", "RSA-PSS", hash), data)).byteLength,
        smallPssSalt: async () => (await S.sign({ name: "RSA-PSS", saltLength: 60 }, await priv("rsa512", "RSA-PSS", hash), data)).byteLength,
        oaep: async () => { const c = await S.encrypt("RSA-OAEP", await pub("rsa", "RSA-OAEP", hash, "encrypt"), data); return [c.byteLength, hex(await S.decrypt("RSA-OAEP", await priv("rsa", "RSA-OAEP", hash, "decrypt"), c)) === hex(data)]; },
      });
    }
    if (name !== "checks") return Response.json(out);
    const ep = await pub("rsa", "RSA-OAEP", "SHA-256", "encrypt"), ed = await priv("rsa", "RSA-OAEP", "SHA-256", "decrypt");
    const raw = await S.importKey("pkcs8", b64(keys.rsa1k.pkcs8), "RSA-RAW", true, ["sign"]);
    const label = Uint8Array.from([0, 255]);
    out.checks = await probeAll({
      known: async () => S.verify({ name: "RSA-PSS", saltLength: 32 }, await pub("rsa", "RSA-PSS", "SHA-256"), b64(keys.sigs.pss32), data),
      oaep1: async () => S.decrypt("RSA-OAEP", await priv("rsa", "RSA-OAEP", "SHA-1", "decrypt"), b64(keys.oaep.sha1)),
      oaep256: () => S.decrypt("RSA-OAEP", ed, b64(keys.oaep.sha256)),
      oaepLabel: () => S.decrypt({ name: "RSA-OAEP", label }, ed, b64(keys.oaep.label)),
      oaepNoLabel: () => S.decrypt("RSA-OAEP", ed, b64(keys.oaep.label)),
      oaepEmptyLabel: () => S.decrypt({ name: "RSA-OAEP", label: bytes(0) }, ed, b64(keys.oaep.sha256)),
      oaepOther: () => S.decrypt("RSA-OAEP", ed, b64(keys.oaep.sha1)),
      oaepShort: () => S.decrypt("RSA-OAEP", ed, bytes(5)),
      oaepLong: () => S.decrypt("RSA-OAEP", ed, bytes(257)),
      oaepMost: async () => (await S.encrypt("RSA-OAEP", ep, bytes(190))).byteLength,
      oaepTooMuch: () => S.encrypt("RSA-OAEP", ep, bytes(191)),
      oaepEmpty: async () => S.decrypt("RSA-OAEP", ed, await S.encrypt("RSA-OAEP", ep, bytes(0))),
      oaepSign: () => S.sign("RSA-OAEP", ed, data),
      rawKey: () => raw,
      raw: () => S.sign("RSA-RAW", raw, bytes(128, (i) => i % 50)),
      rawZero: () => S.sign("RSA-RAW", raw, bytes(128, () => 0)),
      rawShort: () => S.sign("RSA-RAW", raw, bytes(20)),
      rawLong: () => S.sign("RSA-RAW", raw, bytes(129)),
      rawTooBig: () => S.sign("RSA-RAW", raw, bytes(128, () => 255)),
      rawPublic: () => S.importKey("spki", b64(keys.rsa1k.spki), "RSA-RAW", true, ["verify"]),
      rawJwk: () => S.importKey("jwk", keys.rsa1k.jwk, "RSA-RAW", true, ["sign"]),
      rawJwkAlg: () => S.importKey("jwk", { ...keys.rsa1k.jwk, alg: "XX" }, "RSA-RAW", true, ["sign"]),
      rawExportPkcs8: async () => hex(await S.exportKey("pkcs8", raw)) === hex(b64(keys.rsa1k.pkcs8)),
      wrongUsage: async () => S.verify(PK, await priv("rsa", PK, "SHA-1"), bytes(3), data),
      wrongAlg: async () => S.sign("RSA-PSS", await priv("rsa", PK, "SHA-1"), data),
      callHashIgnored: async () => hex(await S.sign({ name: PK, hash: "SHA-512" }, await priv("rsa", PK, "SHA-256"), data)) === hex(b64(keys.sigs.rsa_sha256)),
    });
    return Response.json(out);
  },
};
