import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
const data = new TextEncoder().encode(keys.message);
const unb64u = (s) => b64(s.replace(/-/g, "+").replace(/_/g, "/"));
export default {
  async fetch() {
    const out = {};
    for (const [name, k, privUse, pubUse] of [["Ed25519", "ed", ["sign"], ["verify"]], ["NODE-ED25519", "ed", ["sign"], ["verify"]], ["X25519", "x1", ["deriveBits"], []]]) {
      const alg = name === "NODE-ED25519" ? { name, namedCurve: name } : { name };
      const j = keys[k].jwk, { d, ...pj } = j;
      const spki = b64(keys[k].spki), pkcs8 = b64(keys[k].pkcs8), raw = unb64u(j.x);
      const imp = (f, v, u = pubUse, e = true, a = alg) => S.importKey(f, v, a, e, u);
      const jwk = (o, u = privUse, e = true) => imp("jwk", { ...j, ...o }, u, e);
      const pub = await imp("spki", spki), priv = await imp("pkcs8", pkcs8, privUse);
      out[name] = await probeAll({
        priv: () => priv,
        pub: () => pub,
        spki: async () => hex(await S.exportKey("spki", pub)) === hex(spki),
        pkcs8: async () => hex(await S.exportKey("pkcs8", priv)) === hex(pkcs8),
        raw: async () => hex(await S.exportKey("raw", pub)) === hex(raw),
        rawIn: async () => hex(await S.exportKey("spki", await imp("raw", raw))) === hex(spki),
        rawPublic: () => imp("raw-public", raw),
        jwkOut: () => S.exportKey("jwk", priv),
        jwkPub: () => S.exportKey("jwk", pub),
        jwkIn: async () => hex(await S.exportKey("pkcs8", await jwk({}))) === hex(pkcs8),
        jwkPublic: () => imp("jwk", pj),
        jwkOtherX: async () => (await S.exportKey("jwk", await jwk({ x: keys.x2.jwk.x }))).x === j.x,
        sign: () => S.sign(alg, priv, data),
        verify: async () => S.verify(alg, pub, await S.sign(alg, priv, data), data),
        verifyOther: async () => S.verify(alg, pub, await S.sign(alg, priv, data), bytes(1)),
        verifyShort: () => S.verify(alg, pub, bytes(63), data),
        verifyZero: () => S.verify(alg, pub, bytes(64, () => 0), data),
        verifyFF: () => S.verify(alg, pub, bytes(64, () => 255), data),
        signWithPublic: () => S.sign(alg, pub, data),
        verifyWithPrivate: () => S.verify(alg, priv, bytes(64), data),
        rawShort: () => imp("raw", bytes(31)),
        rawLong: () => imp("raw", bytes(33)),
        rawUsage: () => imp("raw", raw, privUse),
        kty: () => jwk({ kty: "EC" }),
        crv: () => jwk({ crv: "Ed448" }),
        noCrv: () => jwk({ crv: undefined }),
        crvSwap: () => jwk({ crv: name === "X25519" ? "Ed25519" : "X25519" }),
        alg: () => jwk({ alg: "EdDSA" }),
        algOther: () => jwk({ alg: "ES256" }),
        noX: () => jwk({ x: undefined }),
        badX: () => jwk({ x: "!" }),
        shortX: () => jwk({ x: "AAAA" }),
        badD: () => jwk({ d: "!" }),
        shortD: () => jwk({ d: "AAAA" }),
        use: () => jwk({ use: "sig" }),
        useEnc: () => jwk({ use: "enc" }),
        ops: () => jwk({ key_ops: privUse }),
        opsOther: () => jwk({ key_ops: ["encrypt"] }),
        ext: () => jwk({ ext: false }),
        extGood: () => jwk({ ext: false }, privUse, false),
        usagePriv: () => imp("pkcs8", pkcs8, ["encrypt"]),
        usageNone: () => imp("pkcs8", pkcs8, []),
        usagePub: () => imp("spki", spki, privUse),
        garbage: () => imp("spki", bytes(10)),
        trailing: () => imp("spki", Uint8Array.from([...spki, 0])),
        exportRawPrivate: () => S.exportKey("raw", priv),
        exportSpkiPrivate: () => S.exportKey("spki", priv),
        exportFoo: () => S.exportKey("foo", pub),
        exportRawPublic: () => S.exportKey("raw-public", pub),
        lower: () => imp("spki", spki, pubUse, true, name === "NODE-ED25519" ? { name: "node-ed25519", namedCurve: "NODE-ED25519" } : name.toLowerCase()),
        gen: async () => { const g = await S.generateKey(alg, true, [...privUse, ...pubUse]); return [await probe(() => g.publicKey), await probe(() => g.privateKey), (await S.exportKey("pkcs8", g.privateKey)).byteLength]; },
        genNone: () => S.generateKey(alg, true, []),
        genUsage: () => S.generateKey(alg, true, ["encrypt"]),
      });
    }
    out.checks = await probeAll({
      legacyNoCurve: () => S.generateKey("NODE-ED25519", true, ["sign"]),
      legacyCurve: () => S.generateKey({ name: "NODE-ED25519", namedCurve: "Ed25519" }, true, ["sign"]),
      legacyImport: () => S.importKey("spki", b64(keys.ed.spki), "NODE-ED25519", true, ["verify"]),
      ed448: () => S.generateKey("Ed448", true, ["sign"]),
      x448: () => S.generateKey("X448", true, ["deriveBits"]),
    });
    return Response.json(out);
  },
};
