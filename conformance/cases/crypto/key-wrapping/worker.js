import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
export default {
  async fetch() {
    const out = {};
    const target = await S.importKey("raw", bytes(16), "AES-GCM", true, ["encrypt", "decrypt"]);
    const hmac = await S.importKey("raw", bytes(20), { name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"]);
    const ec = await S.importKey("pkcs8", b64(keys.P256.pkcs8), { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
    const ecPub = await S.importKey("spki", b64(keys.P256.spki), { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
    for (const size of [16, 24, 32]) {
      const kw = await S.importKey("raw", bytes(size), "AES-KW", true, ["wrapKey", "unwrapKey"]);
      out["kw" + size] = await probe(async () => {
        const w = await S.wrapKey("raw", target, kw, "AES-KW");
        const k = await S.unwrapKey("raw", w, kw, "AES-KW", "AES-GCM", true, ["encrypt"]);
        return [hex(w), hex(await S.exportKey("raw", k)), k.usages, k.algorithm];
      });
      const gcm = await S.importKey("raw", bytes(size), "AES-GCM", true, ["wrapKey", "unwrapKey"]);
      const A = { name: "AES-GCM", iv: bytes(12) };
      for (const [f, k, alg, u] of [["raw", hmac, { name: "HMAC", hash: "SHA-256" }, ["sign"]], ["jwk", hmac, { name: "HMAC", hash: "SHA-256" }, ["sign", "verify"]], ["jwk", target, "AES-GCM", ["encrypt"]], ["jwk", ec, { name: "ECDSA", namedCurve: "P-256" }, ["sign"]], ["pkcs8", ec, { name: "ECDSA", namedCurve: "P-256" }, ["sign"]], ["spki", ecPub, { name: "ECDSA", namedCurve: "P-256" }, ["verify"]], ["raw", ecPub, { name: "ECDSA", namedCurve: "P-256" }, ["verify"]]])
        out[`gcm${size} ${f} ${k.algorithm.name} ${k.type}`] = await probe(async () => {
          const w = await S.wrapKey(f, k, gcm, A);
          const r = await S.unwrapKey(f, w, gcm, A, alg, true, u);
          return [w.byteLength, r.type, r.usages, await probe(() => S.exportKey(f, r))];
        });
    }
    const oaepPub = await S.importKey("spki", b64(keys.rsa.spki), { name: "RSA-OAEP", hash: "SHA-256" }, true, ["wrapKey", "encrypt"]);
    const oaepPriv = await S.importKey("pkcs8", b64(keys.rsa.pkcs8), { name: "RSA-OAEP", hash: "SHA-256" }, false, ["unwrapKey"]);
    const kw = await S.importKey("raw", bytes(16), "AES-KW", true, ["wrapKey", "unwrapKey"]);
    const cbc = await S.importKey("raw", bytes(16), "AES-CBC", true, ["wrapKey", "unwrapKey"]);
    const noWrap = await S.importKey("raw", bytes(16), "AES-CBC", true, ["encrypt", "decrypt"]);
    const sealed = await S.importKey("raw", bytes(16), "AES-GCM", false, ["encrypt"]);
    const odd = await S.importKey("raw", bytes(10), { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
    const eight = await S.importKey("raw", bytes(8), { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
    const C = { name: "AES-CBC", iv: bytes(16) };
    const w = await S.wrapKey("raw", target, kw, "AES-KW");
    const json = async (text) => S.encrypt(C, await S.importKey("raw", bytes(16), "AES-CBC", true, ["encrypt"]), new TextEncoder().encode(text));
    out.checks = await probeAll({
      oaep: async () => {
        const c = await S.wrapKey("raw", target, oaepPub, "RSA-OAEP");
        return S.exportKey("raw", await S.unwrapKey("raw", c, oaepPriv, { name: "RSA-OAEP" }, "AES-GCM", true, ["encrypt"]));
      },
      oaepJwk: async () => {
        const c = await S.wrapKey("jwk", target, oaepPub, "RSA-OAEP");
        return S.exportKey("jwk", await S.unwrapKey("jwk", c, oaepPriv, { name: "RSA-OAEP" }, "AES-GCM", true, ["encrypt"]));
      },
      cbc: async () => hex(await S.wrapKey("raw", target, cbc, C)),
      cbcJwk: async () => hex(await S.wrapKey("jwk", target, cbc, C)),
      hmacJwk: async () => hex(await S.wrapKey("jwk", hmac, cbc, C)),
      ecJwk: async () => hex(await S.wrapKey("jwk", ec, cbc, C)),
      notExtractable: () => S.wrapKey("raw", sealed, kw, "AES-KW"),
      noUsage: () => S.wrapKey("raw", target, noWrap, C),
      noUsageUnwrap: () => S.unwrapKey("raw", w, noWrap, C, "AES-GCM", true, ["encrypt"]),
      wrongName: () => S.wrapKey("raw", target, kw, "AES-GCM"),
      oddLength: () => S.wrapKey("raw", odd, kw, "AES-KW"),
      tooShort: () => S.wrapKey("raw", eight, kw, "AES-KW"),
      jwkKw: () => S.wrapKey("jwk", target, kw, "AES-KW"),
      badFormat: () => S.wrapKey("foo", target, kw, "AES-KW"),
      unwrapFormat: () => S.unwrapKey("foo", w, kw, "AES-KW", "AES-GCM", true, ["encrypt"]),
      tampered: () => { const t = new Uint8Array(w); t[3] ^= 1; return S.unwrapKey("raw", t, kw, "AES-KW", "AES-GCM", true, ["encrypt"]); },
      unwrapOdd: () => S.unwrapKey("raw", bytes(25), kw, "AES-KW", "AES-GCM", true, ["encrypt"]),
      unwrapShort: () => S.unwrapKey("raw", bytes(16), kw, "AES-KW", "AES-GCM", true, ["encrypt"]),
      unwrapUsages: () => S.unwrapKey("raw", w, kw, "AES-KW", "AES-GCM", true, []),
      unwrapBadUsages: () => S.unwrapKey("raw", w, kw, "AES-KW", "AES-GCM", true, ["sign"]),
      unwrapAlg: () => S.unwrapKey("raw", w, kw, "AES-KW", "FOO", true, ["sign"]),
      notJson: async () => S.unwrapKey("jwk", await json("{"), cbc, C, "AES-GCM", true, ["encrypt"]),
      jsonNull: async () => S.unwrapKey("jwk", await json("null"), cbc, C, "AES-GCM", true, ["encrypt"]),
      jsonNumber: async () => S.unwrapKey("jwk", await json("5"), cbc, C, "AES-GCM", true, ["encrypt"]),
      jsonEmpty: async () => S.unwrapKey("jwk", await json("{}"), cbc, C, "AES-GCM", true, ["encrypt"]),
      jsonBadExt: async () => S.unwrapKey("jwk", await json('{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA","ext":false}'), cbc, C, "AES-GCM", true, ["encrypt"]),
      jsonGood: async () => S.unwrapKey("jwk", await json('{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA","ext":false}'), cbc, C, "AES-GCM", false, ["encrypt"]),
      encryptWithKw: () => S.encrypt("AES-KW", kw, bytes(16)),
    });
    return Response.json(out);
  },
};
