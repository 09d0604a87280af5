import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
const kdf = (name, u = ["deriveBits", "deriveKey"], n = 16) => S.importKey("raw", bytes(n), name, false, u);
const ec = (k, c, name = "ECDH") => S.importKey("pkcs8", b64(keys[k].pkcs8), name === "X25519" ? name : { name, namedCurve: c }, true, ["deriveBits", "deriveKey"]);
const ecPub = (k, c, name = "ECDH") => S.importKey("spki", b64(keys[k].spki), name === "X25519" ? name : { name, namedCurve: c }, true, []);
export default {
  async fetch() {
    const out = {};
    const hkdf = await kdf("HKDF"), pb = await kdf("PBKDF2");
    for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512", "MD5", "sha-256"]) {
      out["hkdf " + hash] = await probe(() => S.deriveBits({ name: "HKDF", hash, salt: bytes(3), info: bytes(4) }, hkdf, 512));
      out["pbkdf2 " + hash] = await probe(() => S.deriveBits({ name: "PBKDF2", hash, salt: bytes(3), iterations: 7 }, pb, 512));
    }
    const H = { name: "HKDF", hash: "SHA-256", salt: bytes(0), info: bytes(0) }, P = { name: "PBKDF2", hash: "SHA-256", salt: bytes(0), iterations: 2 };
    for (const n of [0, 1, 7, 8, 9, 255 * 256, 255 * 256 + 8, null, undefined, "16", 16.9, -8]) {
      out[`hkdf ${n}`] = await probe(async () => { const b = await S.deriveBits(H, hkdf, n); return [b.byteLength, hex(b).slice(0, 40)]; });
      if (!(n > 9000)) out[`pbkdf2 ${n}`] = await probe(() => S.deriveBits(P, pb, n));
    }
    for (const [c, k] of [["P-256", "P256"], ["P-384", "P384"], ["P-521", "P521"]]) {
      const a = await ec(k, c), b = await ecPub(k + "b", c);
      for (const n of [undefined, null, 0, 1, 8, 13, 128, 250, 256, 384, 521, 528, 529, 1000]) out[`${c} ${n}`] = await probe(() => S.deriveBits({ name: "ECDH", public: b }, a, n));
      out[c + " same"] = hex(await S.deriveBits({ name: "ECDH", public: b }, a)) === hex(await S.deriveBits({ name: "ECDH", public: await ecPub(k, c) }, await ec(k + "b", c)));
    }
    const x = await ec("x1", "", "X25519"), y = await ecPub("x2", "", "X25519");
    for (const n of [undefined, null, 0, 5, 8, 128, 256, 257, 264]) out[`x25519 ${n}`] = await probe(() => S.deriveBits({ name: "X25519", public: y }, x, n));
    const a = await ec("P256", "P-256"), b = await ecPub("P256b", "P-256"), c384 = await ecPub("P384", "P-384");
    const ecdsa = await S.importKey("spki", b64(keys.P256.spki), { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
    const aes = await S.importKey("raw", bytes(16), "AES-GCM", true, ["encrypt"]);
    const rsaPub = await S.importKey("spki", b64(keys.rsa.spki), { name: "RSA-OAEP", hash: "SHA-1" }, true, ["encrypt"]);
    const zero = await S.importKey("raw", bytes(32, () => 0), "X25519", true, []);
    const dk = (alg, base, t, u = ["encrypt"]) => S.deriveKey(alg, base, t, true, u);
    out.checks = await probeAll({
      noSalt: () => S.deriveBits({ name: "HKDF", hash: "SHA-256", info: bytes(0) }, hkdf, 8),
      noInfo: () => S.deriveBits({ name: "HKDF", hash: "SHA-256", salt: bytes(0) }, hkdf, 8),
      noHash: () => S.deriveBits({ name: "HKDF", salt: bytes(0), info: bytes(0) }, hkdf, 8),
      badHash: () => S.deriveBits({ ...H, hash: "SHA-7" }, hkdf, 8),
      pbNoSalt: () => S.deriveBits({ name: "PBKDF2", hash: "SHA-256", iterations: 1 }, pb, 8),
      pbNoIterations: () => S.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: bytes(0) }, pb, 8),
      pbZero: () => S.deriveBits({ ...P, iterations: 0 }, pb, 8),
      pbNegative: () => S.deriveBits({ ...P, iterations: -5 }, pb, 8),
      wrongAlg: () => S.deriveBits(P, hkdf, 8),
      noUsage: async () => S.deriveBits(H, await kdf("HKDF", ["deriveKey"]), 8),
      noUsageKey: async () => dk(H, await kdf("HKDF", ["deriveBits"]), { name: "AES-GCM", length: 128 }),
      emptySecret: async () => S.deriveBits(P, await kdf("PBKDF2", ["deriveBits"], 0), 64),
      emptySecretHkdf: async () => S.deriveBits(H, await kdf("HKDF", ["deriveBits"], 0), 64),
      extractable: () => S.importKey("raw", bytes(3), "HKDF", true, ["deriveBits"]),
      extractablePb: () => S.importKey("raw", bytes(3), "PBKDF2", true, ["deriveBits"]),
      format: () => S.importKey("jwk", { kty: "oct", k: "AAAA" }, "HKDF", false, ["deriveBits"]),
      formatPb: () => S.importKey("jwk", { kty: "oct", k: "AAAA" }, "PBKDF2", false, ["deriveBits"]),
      usage: () => S.importKey("raw", bytes(3), "HKDF", false, ["sign"]),
      noUsages: () => S.importKey("raw", bytes(3), "HKDF", false, []),
      key: () => pb,
      generate: () => S.generateKey("HKDF", false, ["deriveBits"]),
      exportIt: () => S.exportKey("raw", hkdf),
      toAes: async () => S.exportKey("raw", await dk(H, hkdf, { name: "AES-GCM", length: 256 })),
      toAes192: async () => S.exportKey("raw", await dk(P, pb, { name: "AES-CBC", length: 192 })),
      toAesBad: () => dk(H, hkdf, { name: "AES-GCM", length: 100 }),
      toAesNone: () => dk(H, hkdf, "AES-GCM"),
      toHmac: async () => { const k = await dk(H, hkdf, { name: "HMAC", hash: "SHA-512" }, ["sign"]); return [k.algorithm, hex(await S.exportKey("raw", k))]; },
      toHmacLength: async () => { const k = await dk(H, hkdf, { name: "HMAC", hash: "SHA-1", length: 24 }, ["sign"]); return [k.algorithm, hex(await S.exportKey("raw", k))]; },
      toHmacOdd: () => dk(H, hkdf, { name: "HMAC", hash: "SHA-1", length: 13 }, ["sign"]),
      toHmacZero: () => dk(H, hkdf, { name: "HMAC", hash: "SHA-1", length: 0 }, ["sign"]),
      toHmacNoHash: () => dk(H, hkdf, { name: "HMAC" }, ["sign"]),
      toHkdf: () => dk(H, hkdf, "HKDF", ["deriveBits"]),
      toRsa: () => dk(H, hkdf, { name: "RSA-PSS", hash: "SHA-1" }, ["sign"]),
      toUnknown: () => dk(H, hkdf, "FOO", ["sign"]),
      toNoUsages: () => dk(H, hkdf, { name: "AES-GCM", length: 128 }, []),
      ecdhToAes: async () => S.exportKey("raw", await dk({ name: "ECDH", public: b }, a, { name: "AES-GCM", length: 256 })),
      ecdhToHkdf: async () => { const k = await S.deriveKey({ name: "ECDH", public: b }, a, "HKDF", false, ["deriveBits"]); return [k.algorithm, hex(await S.deriveBits(H, k, 128))]; },
      ecdhToHmac: () => dk({ name: "ECDH", public: b }, a, { name: "HMAC", hash: "SHA-512" }, ["sign"]),
      xToAes: async () => S.exportKey("raw", await dk({ name: "X25519", public: y }, x, { name: "AES-KW", length: 128 }, ["wrapKey"])),
      noPublic: () => S.deriveBits({ name: "ECDH" }, a, 8),
      nullPublic: () => S.deriveBits({ name: "ECDH", public: null }, a, 8),
      wrongPublic: () => S.deriveBits({ name: "ECDH", public: {} }, a, 8),
      privatePublic: async () => S.deriveBits({ name: "ECDH", public: await ec("P256b", "P-256") }, a, 8),
      otherCurve: () => S.deriveBits({ name: "ECDH", public: c384 }, a, 8),
      otherAlg: () => S.deriveBits({ name: "ECDH", public: ecdsa }, a, 8),
      otherKind: () => S.deriveBits({ name: "ECDH", public: aes }, a, 8),
      otherRsa: () => S.deriveBits({ name: "ECDH", public: rsaPub }, a, 8),
      xWithEc: () => S.deriveBits({ name: "ECDH", public: y }, a, 8),
      ecWithX: () => S.deriveBits({ name: "X25519", public: b }, x, 8),
      publicBase: () => S.deriveBits({ name: "ECDH", public: b }, b, 8),
      smallOrder: () => S.deriveBits({ name: "X25519", public: zero }, x, 256),
      xNoPublic: () => S.deriveBits("X25519", x, 8),
    });
    return Response.json(out);
  },
};
