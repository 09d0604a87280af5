import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
const data = new TextEncoder().encode(keys.message);
const unb64u = (s) => b64(s.replace(/-/g, "+").replace(/_/g, "/"));
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const out = {};
    for (const [c, k] of [["P-256", "P256"], ["P-384", "P384"], ["P-521", "P521"]]) {
      if (!pathname.startsWith(`/${c}`)) continue;
      const j = keys[k].jwk, { d, ...pj } = j, other = keys[k + "b"].jwk;
      const A = { name: "ECDSA", namedCurve: c }, E = { name: "ECDH", namedCurve: c };
      const x = unb64u(j.x), y = unb64u(j.y);
      const point = Uint8Array.from([4, ...x, ...y]), compressed = Uint8Array.from([2 + (y[y.length - 1] & 1), ...x]), wrongSign = Uint8Array.from([3 - (y[y.length - 1] & 1), ...x]);
      const spki = b64(keys[k].spki), pkcs8 = b64(keys[k].pkcs8);
      const imp = (f, v, a = A, u = ["verify"], e = true) => S.importKey(f, v, a, e, u);
      const jwk = (o, u = ["sign"], a = A, e = true) => imp("jwk", { ...j, ...o }, a, u, e);
      const pub = await imp("spki", spki), priv = await imp("pkcs8", pkcs8, A, ["sign"]);
      const checks = {
        priv: () => priv,
        pub: () => pub,
        spki: async () => hex(await S.exportKey("spki", pub)) === hex(spki),
        pkcs8: async () => hex(await S.exportKey("pkcs8", priv)) === hex(pkcs8),
        raw: async () => hex(await S.exportKey("raw", pub)) === hex(point),
        jwkOut: () => S.exportKey("jwk", priv),
        jwkPub: () => S.exportKey("jwk", pub),
        rawIn: async () => hex(await S.exportKey("spki", await imp("raw", point))) === hex(spki),
        rawPublic: () => imp("raw-public", point),
        compressed: async () => hex(await S.exportKey("spki", await imp("raw", compressed))) === hex(spki),
        wrongSign: async () => hex(await S.exportKey("raw", await imp("raw", wrongSign))),
        sec1: async () => hex(await S.exportKey("pkcs8", await imp("pkcs8", b64(keys[k].sec1), A, ["sign"]))) === hex(pkcs8),
        jwkIn: async () => hex(await S.exportKey("pkcs8", await jwk({}))) === hex(pkcs8),
        jwkPublic: () => imp("jwk", pj),
        known: async () => { const r = {}; for (const h of ["sha1", "sha256", "sha384", "sha512", "md5"]) r[h] = await probe(() => S.verify({ name: "ECDSA", hash: h === "md5" ? "MD5" : "SHA-" + h.slice(3) }, pub, b64(keys.sigs[k + "_" + h]), data)); return r; },
        own: async () => { const r = []; for (const hash of ["SHA-1", "SHA-256", "SHA-512"]) { const s = await S.sign({ name: "ECDSA", hash }, priv, data); r.push(s.byteLength, await S.verify({ name: "ECDSA", hash }, pub, s, data), await S.verify({ name: "ECDSA", hash }, pub, s, bytes(2))); } return r; },
        zeros: () => S.verify({ name: "ECDSA", hash: "SHA-256" }, pub, bytes(2 * x.length, () => 0), data),
        ones: () => S.verify({ name: "ECDSA", hash: "SHA-512" }, pub, bytes(2 * x.length, () => 255), data),
        lengths: async () => { const r = []; for (const n of [0, 1, 2 * x.length - 1, 2 * x.length + 1, 300]) r.push(await probe(() => S.verify({ name: "ECDSA", hash: "SHA-512" }, pub, bytes(n), data))); return r; },
        off: () => { const p = point.slice(); p[p.length - 1] ^= 1; return imp("raw", p); },
        form: () => { const p = point.slice(); p[0] = 5; return imp("raw", p); },
        hybrid: () => { const p = point.slice(); p[0] = 6 + (y[y.length - 1] & 1); return imp("raw", p); },
        infinity: () => imp("raw", Uint8Array.of(0)),
        empty: () => imp("raw", bytes(0)),
        short: () => imp("raw", point.slice(0, -1)),
        long: () => imp("raw", Uint8Array.from([...point, 1])),
        badX: () => imp("raw", Uint8Array.from([2, ...bytes(x.length, () => 255)])),
        noX: () => jwk({ x: undefined }),
        noY: () => jwk({ y: undefined }),
        badXText: () => jwk({ x: "!" }),
        badD: () => jwk({ d: "!" }),
        otherX: () => jwk({ x: other.x }),
        otherD: () => jwk({ d: other.d }),
        zeroD: () => jwk({ d: "AA" }),
        hugeD: () => jwk({ d: btoa(String.fromCharCode(...bytes(x.length, () => 255))).replace(/\//g, "_").replace(/=/g, "") }),
        shortCoordinates: () => imp("jwk", { ...pj, x: "AA", y: "AA" }),
        kty: () => jwk({ kty: "RSA" }),
        crv: () => jwk({ crv: "P-999" }),
        noCrv: () => jwk({ crv: undefined }),
        alg: () => jwk({ alg: "ES256" }),
        alg3: () => jwk({ alg: "ES384" }),
        algOther: () => jwk({ alg: "HS256" }),
        algEcdh: () => jwk({ alg: "anything" }, ["deriveBits"], E),
        use: () => jwk({ use: "enc" }),
        useEcdh: () => jwk({ use: "enc" }, ["deriveBits"], E),
        useEcdhSig: () => jwk({ use: "sig" }, ["deriveBits"], E),
        ops: () => jwk({ key_ops: ["deriveBits"], use: "enc" }, ["deriveBits"], E),
        ops2: () => jwk({ key_ops: ["deriveBits", "deriveKey"] }, ["deriveBits", "deriveKey"], E),
        ext: () => jwk({ ext: false }),
        curveCase: () => imp("spki", spki, { name: "ecdsa", namedCurve: c.toLowerCase() }),
        noCurve: () => imp("spki", spki, "ECDSA"),
        unknown: () => imp("spki", spki, { name: "ECDSA", namedCurve: "K-256" }),
        mismatch: () => imp("spki", spki, { name: "ECDSA", namedCurve: c === "P-256" ? "P-384" : "P-256" }),
        mismatchEcdh: () => imp("spki", spki, { name: "ECDH", namedCurve: c === "P-256" ? "P-384" : "P-256" }, []),
        rsa: () => imp("spki", b64(keys.rsa.spki)),
        rsaEcdh: () => imp("spki", b64(keys.rsa.spki), E, []),
        ed: () => imp("spki", b64(keys.ed.spki)),
        k1: () => imp("spki", b64(keys.k1.spki)),
        usagePriv: () => imp("pkcs8", pkcs8, A, ["verify"]),
        usagePub: () => imp("spki", spki, A, ["sign"]),
        usageRaw: () => imp("raw", point, A, ["sign"]),
        usageNone: () => imp("pkcs8", pkcs8, A, []),
        ecdhPub: () => imp("spki", spki, E, ["deriveBits"]),
        ecdhRaw: () => imp("raw", point, E, ["deriveBits"]),
        ecdhRawGood: () => imp("raw", point, E, []),
        ecdhJwk: () => imp("jwk", pj, E, ["deriveBits"]),
        ecdhJwkGood: () => imp("jwk", pj, E, []),
        ecdhSign: () => imp("pkcs8", pkcs8, E, ["sign"]),
        exportRawPrivate: () => S.exportKey("raw", priv),
        exportSpkiPrivate: () => S.exportKey("spki", priv),
        exportFoo: () => S.exportKey("foo", pub),
        exportRawPublic: () => S.exportKey("raw-public", pub),
        trailing: () => imp("spki", Uint8Array.from([...spki, 0])),
        noHash: () => S.sign("ECDSA", priv, data),
        badHash: () => S.sign({ name: "ECDSA", hash: "X" }, priv, data),
      };
      const part = Number(pathname.slice(7));
      out[c] = await probeAll(Object.fromEntries(Object.entries(checks).slice(part * 25, part * 25 + 25)));
    }
    if (pathname !== "/generate") return Response.json(out);
    const gen = async (a, u) => { const k = await S.generateKey(a, false, u); return [await probe(() => k.publicKey), await probe(() => k.privateKey)]; };
    out.gen = await probeAll({
      ecdsa: () => gen({ name: "ECDSA", namedCurve: "P-384" }, ["sign", "verify"]),
      ecdh: () => gen({ name: "ECDH", namedCurve: "p-521" }, ["deriveKey", "deriveBits"]),
      noCurve: () => gen({ name: "ECDSA" }, ["sign"]),
      badCurve: () => gen({ name: "ECDSA", namedCurve: "P-512" }, ["sign"]),
      onlyVerify: () => gen({ name: "ECDSA", namedCurve: "P-256" }, ["verify"]),
      usage: () => gen({ name: "ECDSA", namedCurve: "P-256" }, ["deriveBits"]),
      none: () => gen({ name: "ECDH", namedCurve: "P-256" }, []),
    });
    return Response.json(out);
  },
};
