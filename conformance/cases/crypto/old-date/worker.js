import { b64, bytes, keys, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
const { d, ...pj } = keys.P256.jwk;
const E = { name: "ECDH", namedCurve: "P-256" };
const gen = (o) => S.generateKey({ name: "RSA-PSS", hash: "SHA-256", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), ...o }, true, ["sign"]);
export default {
  async fetch() {
    const g = await gen({});
    const i = await S.importKey("spki", b64(keys.rsa.spki), { name: "RSA-PSS", hash: "SHA-1" }, true, ["verify"]);
    return Response.json({
      exponent: [g, { publicKey: i }].map((k) => [Object.prototype.toString.call(k.publicKey.algorithm.publicExponent), [...new Uint8Array(k.publicKey.algorithm.publicExponent)]]),
      ...(await probeAll({
        genOdd: async () => (await gen({ modulusLength: 1032 })).publicKey.algorithm.modulusLength,
        genOdd2: async () => gen({ modulusLength: 1030 }),
        exp257: () => S.importKey("spki", b64(keys.rsaE257.spki), { name: "RSA-PSS", hash: "SHA-1" }, true, ["verify"]).then((k) => k.algorithm.modulusLength),
        ecdhSpki: () => S.importKey("spki", b64(keys.P256.spki), E, true, ["deriveBits"]),
        ecdhJwk: () => S.importKey("jwk", pj, E, true, ["deriveBits"]),
        ecdhRaw: async () => S.importKey("raw", await S.exportKey("raw", await S.importKey("spki", b64(keys.P256.spki), E, true, [])), E, true, ["deriveBits"]),
        tags: () => [String(crypto), String(S), String(i)],
        members: async () => Object.keys(await S.exportKey("jwk", i)),
      })),
    });
  },
};
