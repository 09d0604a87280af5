import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
const pkcs1 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const { d, p, q, dp, dq, qi, ...pub } = keys.rsa.jwk;
const j = keys.rsa.jwk;
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const out = {};
    for (const [name, u1, u2] of [["RSASSA-PKCS1-v1_5", "sign", "verify"], ["RSA-PSS", "sign", "verify"], ["RSA-OAEP", "decrypt", "encrypt"]].filter(([n]) => pathname === `/${n}`))
      for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512", "MD5"]) {
        const alg = { name, hash };
        out[`${name} ${hash}`] = await probe(async () => {
          const a = await S.importKey("pkcs8", b64(keys.rsa.pkcs8), alg, true, [u1]);
          const b = await S.importKey("spki", b64(keys.rsa.spki), alg, true, [u2]);
          return [await probe(() => a), await probe(() => b), hex(await S.exportKey("pkcs8", a)) === hex(b64(keys.rsa.pkcs8)), hex(await S.exportKey("spki", b)) === hex(b64(keys.rsa.spki)), await probe(() => S.exportKey("jwk", a)), await probe(() => S.exportKey("jwk", b))];
        });
      }
    const a = await S.importKey("pkcs8", b64(keys.rsa.pkcs8), pkcs1, true, ["sign"]), b = await S.importKey("spki", b64(keys.rsa.spki), pkcs1, true, ["verify"]);
    const imp = (f, k, alg = pkcs1, u = ["sign"], e = true) => S.importKey(f, k, alg, e, u);
    const jwk = (o, alg, u, e) => imp("jwk", { ...j, ...o }, alg, u, e);
    const gen = (o, u = ["sign", "verify"], name = "RSASSA-PKCS1-v1_5") => S.generateKey({ name, hash: "SHA-256", modulusLength: 1024, publicExponent: bytes(3, (i) => (i === 1 ? 0 : 1)), ...o }, true, u);
    const checks = {
      jwkPrivate: () => jwk({}),
      jwkPublic: () => imp("jwk", pub, pkcs1, ["verify"]),
      jwkNoFactors: async () => hex(await S.sign(pkcs1, await imp("jwk", { ...pub, d }), bytes(3))),
      jwkRound: async () => hex(await S.exportKey("pkcs8", await jwk({}))) === hex(b64(keys.rsa.pkcs8)),
      jwkSomeFactors: () => imp("jwk", { ...pub, d, p, q }),
      jwkMissingN: () => jwk({ n: undefined }),
      jwkMissingE: () => jwk({ e: undefined }),
      jwkBadN: () => jwk({ n: "!" }),
      jwkBadD: () => jwk({ d: "!" }),
      jwkBadP: () => jwk({ p: "!" }),
      jwkKty: () => jwk({ kty: "EC" }),
      jwkAlg: () => jwk({ alg: "RS256" }),
      jwkAlgOther: () => jwk({ alg: "RS512" }),
      jwkAlgPss: () => jwk({ alg: "PS256" }, { name: "RSA-PSS", hash: "SHA-256" }),
      jwkAlgOaep: () => jwk({ alg: "RSA-OAEP" }, { name: "RSA-OAEP", hash: "SHA-1" }, ["decrypt"]),
      jwkAlgOaep256: () => jwk({ alg: "RSA-OAEP-256" }, { name: "RSA-OAEP", hash: "SHA-256" }, ["decrypt"]),
      jwkAlgOaepOther: () => jwk({ alg: "RSA-OAEP-256" }, { name: "RSA-OAEP", hash: "SHA-1" }, ["decrypt"]),
      jwkAlgLower: () => jwk({ alg: "RS256" }, { name: "rsassa-pkcs1-v1_5", hash: "SHA-256" }),
      jwkUse: () => jwk({ use: "sig" }),
      jwkUseEnc: () => jwk({ use: "enc" }),
      jwkUseOaep: () => jwk({ use: "sig" }, { name: "RSA-OAEP", hash: "SHA-256" }, ["decrypt"]),
      jwkOps: () => jwk({ key_ops: ["sign"] }),
      jwkOpsOther: () => jwk({ key_ops: ["verify"] }),
      jwkOpsTwice: () => jwk({ key_ops: ["sign", "sign"] }),
      jwkOpsUse: () => jwk({ key_ops: ["sign", "encrypt"], use: "sig" }),
      jwkOpsUseGood: () => jwk({ key_ops: ["sign", "verify"], use: "sig" }),
      jwkExt: () => jwk({ ext: false }),
      jwkExtGood: () => jwk({ ext: false }, pkcs1, ["sign"], false),
      jwkOth: () => jwk({ oth: [{ r: "AA", d: "AA", t: "AA" }] }),
      jwkUsage: () => jwk({}, pkcs1, ["verify"]),
      jwkPublicUsage: () => imp("jwk", pub, pkcs1, ["sign"]),
      jwkNoUsage: () => jwk({}, pkcs1, []),
      jwkPublicNoUsage: () => imp("jwk", pub, pkcs1, []),
      pkcs1Der: () => imp("pkcs8", b64(keys.rsa.pkcs1)),
      pssOid: () => imp("spki", b64(keys.rsaPss.spki), { name: "RSA-PSS", hash: "SHA-256" }, ["verify"]),
      notRsa: () => imp("pkcs8", b64(keys.P256.pkcs8)),
      notRsaSpki: () => imp("spki", b64(keys.P256.spki), pkcs1, ["verify"]),
      garbage: () => imp("pkcs8", bytes(20)),
      garbageSpki: () => imp("spki", bytes(20), pkcs1, ["verify"]),
      empty: () => imp("spki", bytes(0), pkcs1, ["verify"]),
      trailing: () => imp("spki", Uint8Array.from([...b64(keys.rsa.spki), 1, 2]), pkcs1, ["verify"]),
      trailing8: () => imp("pkcs8", Uint8Array.from([...b64(keys.rsa.pkcs8), 1]), pkcs1),
      truncated: () => imp("spki", b64(keys.rsa.spki).slice(0, -3), pkcs1, ["verify"]),
      raw: () => imp("raw", bytes(20)),
      usage: () => imp("pkcs8", b64(keys.rsa.pkcs8), pkcs1, ["verify"]),
      usageSpki: () => imp("spki", b64(keys.rsa.spki), pkcs1, ["sign"]),
      usageOther: () => imp("spki", b64(keys.rsa.spki), pkcs1, ["encrypt"]),
      noUsage: () => imp("pkcs8", b64(keys.rsa.pkcs8), pkcs1, []),
      noHash: () => imp("pkcs8", b64(keys.rsa.pkcs8), "RSA-PSS"),
      badHash: () => imp("pkcs8", b64(keys.rsa.pkcs8), { name: "RSA-PSS", hash: "SHA" }),
      exp3: () => imp("spki", b64(keys.rsa512.spki), pkcs1, ["verify"]),
      exp17: () => imp("spki", b64(keys.rsaE17.spki), pkcs1, ["verify"]),
      exp257: () => imp("spki", b64(keys.rsaE257.spki), pkcs1, ["verify"]),
      exportRaw: () => S.exportKey("raw", b),
      exportSpkiOfPrivate: () => S.exportKey("spki", a),
      exportPkcs8OfPublic: () => S.exportKey("pkcs8", b),
      exportFoo: () => S.exportKey("foo", b),
      exportSealed: async () => S.exportKey("pkcs8", await imp("pkcs8", b64(keys.rsa.pkcs8), pkcs1, ["sign"], false)),
      genNoExponent: () => gen({ publicExponent: undefined }),
      genNoHash: () => gen({ hash: undefined }),
      genNoLength: () => gen({ modulusLength: undefined }),
      genZero: () => gen({ modulusLength: 0 }),
      genNegative: () => gen({ modulusLength: -1 }),
      genOdd: () => gen({ modulusLength: 1030 }),
      genEight: () => gen({ modulusLength: 1032 }),
      genSmall: () => gen({ modulusLength: 128 }),
      genHuge: () => gen({ modulusLength: 16512 }),
      genExp5: () => gen({ publicExponent: bytes(1, () => 5) }),
      genExpEmpty: () => gen({ publicExponent: bytes(0) }),
      genExpLong: () => gen({ publicExponent: bytes(6, () => 1) }),
      
      genHash: () => gen({ hash: "foo" }),
      genUsage: () => gen({}, ["encrypt"]),
      genNoPrivate: () => gen({}, ["verify"]),
      genNoUsage: () => gen({}, []),
      genRaw: () => gen({}, ["sign"], "RSA-RAW"),
      gen: async () => { const k = await gen({ publicExponent: bytes(1, () => 3), hash: { name: "sha-512" } }, ["decrypt", "wrapKey"], "RSA-OAEP"); return [await probe(() => k.publicKey), await probe(() => k.privateKey), (await S.exportKey("jwk", k.publicKey)).e]; },
    };
    if (!pathname.startsWith("/checks/")) return Response.json(out);
    const part = Number(pathname.slice(8));
    return Response.json(await probeAll(Object.fromEntries(Object.entries(checks).slice(part * 20, part * 20 + 20))));
  },
};
