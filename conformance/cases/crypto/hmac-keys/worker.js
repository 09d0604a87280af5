import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
const data = new TextEncoder().encode(keys.message);
const H = (hash, length) => (length === undefined ? { name: "HMAC", hash } : { name: "HMAC", hash, length });
export default {
  async fetch() {
    const out = {};
    for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512", "MD5"]) {
      const k = await S.importKey("raw", bytes(200), H(hash), true, ["sign", "verify"]);
      const g = await S.generateKey(H(hash), true, ["sign"]);
      out[hash] = await probeAll({
        key: () => k,
        sign: () => S.sign("HMAC", k, data),
        verify: async () => S.verify("HMAC", k, await S.sign("HMAC", k, data), data),
        wrong: async () => S.verify("HMAC", k, (await S.sign("HMAC", k, data)).slice(1), data),
        other: async () => S.verify({ name: "hmac", hash: "SHA-7" === hash ? hash : "SHA-1" }, k, bytes(20), data),
        gen: () => [g.algorithm, g.usages],
        jwk: () => S.exportKey("jwk", k),
        back: async () => S.importKey("jwk", await S.exportKey("jwk", k), H(hash), true, ["sign"]),
        rawSecret: async () => hex(await S.exportKey("raw-secret", await S.importKey("raw-secret", bytes(5), H(hash), true, ["sign"]))),
        rawSecretOut: () => S.exportKey("raw-secret", k),
        spki: () => S.exportKey("spki", k),
      });
    }
    const jwk = (o, alg, u = ["encrypt"], e = true) => S.importKey("jwk", { kty: "oct", k: "AAECAwQFBgcICQoLDA0ODw", ...o }, alg, e, u);
    out.hmac = await probeAll({
      length: () => S.importKey("raw", bytes(4), H("SHA-256", 25), true, ["sign"]),
      lengthShort: () => S.importKey("raw", bytes(4), H("SHA-256", 24), true, ["sign"]),
      lengthLong: () => S.importKey("raw", bytes(4), H("SHA-256", 33), true, ["sign"]),
      lengthNegative: () => S.importKey("raw", bytes(4), H("SHA-256", -1), true, ["sign"]),
      noHash: () => S.importKey("raw", bytes(4), "HMAC", true, ["sign"]),
      badHash: () => S.importKey("raw", bytes(4), H("SHA-3"), true, ["sign"]),
      usage: () => S.importKey("raw", bytes(4), H("SHA-256"), true, ["encrypt"]),
      usageUnknown: () => S.importKey("raw", bytes(4), H("SHA-256"), true, ["Sign"]),
      order: () => S.importKey("raw", bytes(0), { name: "HMAC", hash: "nope" }, true, ["nope"]),
      jwkKty: () => jwk({ kty: "RSA" }, H("SHA-256"), ["sign"]),
      jwkAlg: () => jwk({ alg: "HS256" }, H("SHA-256"), ["sign"]),
      jwkAlgLowerHash: () => jwk({ alg: "HS256" }, H("sha-256"), ["sign"]),
      jwkUse: () => jwk({ use: "enc" }, H("SHA-256"), ["sign"]),
      jwkOps: () => jwk({ key_ops: ["verify"] }, H("SHA-256"), ["sign"]),
      jwkExt: () => jwk({ ext: false }, H("SHA-256"), ["sign"]),
      jwkLength: () => jwk({}, H("SHA-256", 127), ["sign"]),
      copy: async () => { const b = bytes(16); const k = await S.importKey("raw", b, H("SHA-1"), true, ["sign"]); b.fill(0); return S.exportKey("raw", k); },
      exportedCopy: async () => { const k = await S.importKey("raw", bytes(4), H("SHA-1"), true, ["sign"]); new Uint8Array(await S.exportKey("raw", k)).fill(9); return S.exportKey("raw", k); },
      genUsage: () => S.generateKey(H("SHA-1"), true, ["encrypt"]),
      genNone: () => S.generateKey(H("SHA-1"), true, []),
      genNoHash: () => S.generateKey("HMAC", true, ["sign"]),
      genBits: async () => { const k = await S.generateKey(H("SHA-1", 4), true, ["sign"]); const b = new Uint8Array(await S.exportKey("raw", k)); return [b.length, b[0] & 15]; },
      sealed: async () => S.exportKey("raw", await S.generateKey(H("SHA-1"), false, ["sign"])),
    });
    for (const name of ["AES-GCM", "AES-CBC", "AES-CTR", "AES-KW"]) {
      const u = name === "AES-KW" ? ["wrapKey"] : ["encrypt", "decrypt"];
      out[name] = await probeAll({
        jwk: () => jwk({}, name, u),
        jwkOut: async () => S.exportKey("jwk", await jwk({}, name, u)),
        jwkAlg: () => jwk({ alg: "A128" + name.slice(4) }, name, u),
        jwkAlgOther: () => jwk({ alg: "A256GCM" }, name, u),
        jwkShort: () => jwk({ k: "AAAA" }, name, u),
        jwkNoK: () => jwk({ k: undefined }, name, u),
        jwkKty: () => jwk({ kty: "OKP" }, name, u),
        jwkUse: () => jwk({ use: "sig" }, name, u),
        jwkUseGood: () => jwk({ use: "enc" }, name, u),
        jwkOps: () => jwk({ key_ops: ["wrapKey"] }, name, u),
        jwkOpsTwice: () => jwk({ key_ops: [...u, "zzz", "aaa", "zzz", "aaa"] }, name, u),
        jwkExt: () => jwk({ ext: false }, name, u),
        raw: () => S.importKey("raw", bytes(24), name, false, u),
        rawSecret: () => S.importKey("raw-secret", bytes(24), name, false, u),
        rawShort: () => S.importKey("raw", bytes(15), name, true, u),
        spki: () => S.importKey("spki", bytes(16), name, true, u),
        usage: () => S.importKey("raw", bytes(16), name, true, ["sign"]),
        usageKw: () => S.importKey("raw", bytes(16), name, true, ["encrypt"]),
        none: () => S.importKey("raw", bytes(16), name, true, []),
        sealed: async () => S.exportKey("raw", await S.importKey("raw", bytes(16), name, false, u)),
        exportSpki: async () => S.exportKey("spki", await S.importKey("raw", bytes(16), name, true, u)),
        gen: () => S.generateKey({ name, length: 256 }, false, u),
        genBad: () => S.generateKey({ name, length: 129 }, false, u),
        genNone: () => S.generateKey({ name, length: 128 }, false, []),
        genUsage: () => S.generateKey({ name, length: 128 }, false, ["sign"]),
        genUnique: async () => hex(await S.exportKey("raw", await S.generateKey({ name, length: 128 }, true, u))) !== hex(await S.exportKey("raw", await S.generateKey({ name, length: 128 }, true, u))),
      });
    }
    return Response.json(out);
  },
};
