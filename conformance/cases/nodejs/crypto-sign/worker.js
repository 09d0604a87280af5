import crypto, { createSign, createVerify, sign, verify, createPrivateKey, createPublicKey, publicEncrypt, privateDecrypt, privateEncrypt, publicDecrypt, createECDH, createDiffieHellman, getDiffieHellman, diffieHellman, ECDH, constants } from "node:crypto";
import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const priv = (n) => createPrivateKey({ key: Buffer.from(keys[n].pkcs8, "base64"), format: "der", type: "pkcs8" });
const pub = (n) => createPublicKey({ key: Buffer.from(keys[n].spki, "base64"), format: "der", type: "spki" });
const pem = (l, b) => `-----BEGIN ${l}-----\n${b.match(/.{1,64}/g).join("\n")}\n-----END ${l}-----\n`;
const privPem = (n) => pem("PRIVATE KEY", keys[n].pkcs8), pubPem = (n) => pem("PUBLIC KEY", keys[n].spki);
const data = Buffer.from(keys.message);
export default {
  async fetch(request) {
    const part = new URL(request.url).pathname.slice(1);
    const checks = {
      rsa: {
        known: () => ["sha1", "sha256", "sha384", "sha512", "md5"].map((h) => sign(h, data, priv("rsa")).toString("base64") === keys.sigs["rsa_" + h]),
        names: () => ["RSA-SHA256", "sha256", "SHA256", "sha-256", "RSA-SHA1"].map((h) => createVerify(h).update(data).verify(pub("rsa"), keys.sigs[/1$/.test(h) ? "rsa_sha1" : "rsa_sha256"], "base64")),
        unknown: () => createSign("nope"),
        noAlg: () => createSign(),
        signHex: () => createSign("sha256").update("a").update("b").sign(priv("rsa"), "hex").length,
        signPem: () => createSign("sha256").update(data).sign(pem("PRIVATE KEY", keys.rsa.pkcs8), "base64") === keys.sigs.rsa_sha256,
        signObject: () => createSign("sha256").update(data).sign({ key: pem("PRIVATE KEY", keys.rsa.pkcs8) }, "base64") === keys.sigs.rsa_sha256,
        signPublic: () => createSign("sha256").update(data).sign(pub("rsa")),
        verifyPrivate: () => verify("sha256", data, priv("rsa"), Buffer.from(keys.sigs.rsa_sha256, "base64")),
        verifyWrong: () => verify("sha256", Buffer.from("x"), pub("rsa"), Buffer.from(keys.sigs.rsa_sha256, "base64")),
        verifyShort: () => verify("sha256", data, pub("rsa"), Buffer.alloc(3)),
        oneShotNoAlg: () => sign(null, data, priv("rsa")).length,
        callback: () => new Promise((ok) => sign("sha256", data, priv("rsa"), (e, s) => ok([e ?? "none", s.toString("base64") === keys.sigs.rsa_sha256]))),
        noKey: () => sign("sha256", data),
        twice: () => { const s = createSign("sha256").update(data); s.sign(priv("rsa")); return s.sign(priv("rsa")); },
        stream: () => { const s = createSign("sha256"); s.write(data); s.end(); return s.sign(priv("rsa"), "base64") === keys.sigs.rsa_sha256; },
      },
      encrypt: {
        round: () => privateDecrypt(priv("rsa"), publicEncrypt(pub("rsa"), data)).toString(),
        pkcs1: () => privateDecrypt({ key: privPem("rsa"), padding: 1 }, publicEncrypt({ key: pubPem("rsa"), padding: 1 }, data)).toString(),
        privateEncrypt: () => publicDecrypt(pub("rsa"), privateEncrypt(priv("rsa"), data)).toString(),
        privateEncryptOut: () => privateEncrypt(priv("rsa"), Buffer.from("x")).length,
        tooLong: () => publicEncrypt(pub("rsa"), Buffer.alloc(300)),
        wrong: () => privateDecrypt(priv("rsa"), Buffer.alloc(256)),
        noPadding: () => publicEncrypt({ key: pubPem("rsa"), padding: 3 }, Buffer.alloc(256, 1)).length,
        text: () => privateDecrypt(priv("rsa"), publicEncrypt(pub("rsa"), "text")).toString(),
        ec: () => publicEncrypt(pub("P256"), data),
      },
      ec: {
        known: () => ["P256", "P384", "P521"].map((c) => (c === "P521" ? ["sha512"] : ["sha256", "sha384", "sha512"]).map((h) => verify(h, data, { key: pubPem(c), dsaEncoding: "ieee-p1363" }, Buffer.from(keys.sigs[`${c}_${h}`], "base64")))),
        der: () => verify("sha256", data, pub("P256"), sign("sha256", data, priv("P256"))),
        lengths: () => ["P256", "P384"].map((c) => sign("sha384", data, { key: privPem(c), dsaEncoding: "ieee-p1363" }).length),
        encoding: () => sign("sha256", data, { key: privPem("P256"), dsaEncoding: "foo" }),
        derType: () => { const s = createSign("sha256").update(data).sign(priv("P256")); return [s[0], createVerify("sha256").update(data).verify(pub("P256"), s)]; },
        badDer: () => verify("sha256", data, pub("P256"), Buffer.alloc(10)),
        jwkKey: () => verify("sha256", data, { key: { kty: keys.P256.jwk.kty, crv: "P-256", x: keys.P256.jwk.x, y: keys.P256.jwk.y }, format: "jwk" }, sign("sha256", data, { key: keys.P256.jwk, format: "jwk" })),
        ed: () => { const s = sign(null, data, priv("ed")); return [s.toString("hex"), verify(null, data, pub("ed"), s), verify(undefined, data, pub("ed"), Buffer.alloc(64))]; },
        edAlg: () => sign("sha256", data, priv("ed")),
        edShort: () => verify(null, data, pub("ed"), Buffer.alloc(3)),
        x25519: () => sign(null, data, priv("x1")),
      },
      dh: {
        ecdh: () => ["prime256v1", "secp384r1"].map((c) => { const a = createECDH(c), b = createECDH(c); a.generateKeys(); b.generateKeys(); return [a.getPublicKey().length, a.getPublicKey("hex", "compressed").length, a.getPrivateKey().length > 20, a.computeSecret(b.getPublicKey()).equals(b.computeSecret(a.getPublicKey()))]; }),
        ecdhCurve: () => createECDH("nope"),
        ecdhNist: () => createECDH("P-256"),
        ecdhNoKey: () => createECDH("prime256v1").getPublicKey(),
        convert: () => { const a = createECDH("prime256v1"); a.setPrivateKey(bytes(32, () => 7)); return ECDH.convertKey(a.getPublicKey(), "prime256v1", undefined, "hex", "compressed"); },
        dhGroup: () => getDiffieHellman("nope"),
        x: () => diffieHellman({ privateKey: priv("x1"), publicKey: pub("x2") }).equals(diffieHellman({ privateKey: priv("x2"), publicKey: pub("x1") })),
        ec: () => ["P256", "P384", "P521"].map((c) => diffieHellman({ privateKey: priv(c), publicKey: pub(c + "b") }).toString("hex")),
        mixed: () => diffieHellman({ privateKey: priv("P256"), publicKey: pub("P384") }),
        mixedTypes: () => diffieHellman({ privateKey: priv("P256"), publicKey: pub("x1") }),
        noOptions: () => diffieHellman(),
        noPrivate: () => diffieHellman({ publicKey: pub("x1") }),
        swapped: () => diffieHellman({ privateKey: pub("x1"), publicKey: priv("x1") }),
      },
    };
    return Response.json(await probeAll(checks[part]));
  },
};
