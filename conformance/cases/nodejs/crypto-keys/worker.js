import crypto, { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, generateKeyPair, KeyObject } from "node:crypto";
import { b64, bytes, hex, keys, probe, probeAll } from "./keys.js";
const pem = (l, b) => `-----BEGIN ${l}-----\n${b.match(/.{1,64}/g).join("\n")}\n-----END ${l}-----\n`;
const der = (k, type) => ({ key: Buffer.from(keys[k][type], "base64"), format: "der", type });
const show = (k) => [k.type, k.asymmetricKeyType, k.symmetricKeySize, k.asymmetricKeyDetails && JSON.parse(JSON.stringify(k.asymmetricKeyDetails, (_, v) => (typeof v === "bigint" ? `${v}n` : v))), k.constructor.name, Object.prototype.toString.call(k)];
export default {
  async fetch(request) {
    const out = {};
    const part = new URL(request.url).pathname.slice(1);
    for (const n of keys[part] ? [part] : []) {
      out[n] = await probeAll({
        pkcs8: () => show(createPrivateKey(der(n, "pkcs8"))),
        spki: () => show(createPublicKey(der(n, "spki"))),
        pem: () => createPrivateKey(pem("PRIVATE KEY", keys[n].pkcs8)).export({ type: "pkcs8", format: "pem" }) === pem("PRIVATE KEY", keys[n].pkcs8),
        pemPublic: () => createPublicKey(pem("PUBLIC KEY", keys[n].spki)).export({ type: "spki", format: "pem" }) === pem("PUBLIC KEY", keys[n].spki),
        publicOfPrivate: () => createPublicKey(createPrivateKey(der(n, "pkcs8"))).export({ type: "spki", format: "der" }).toString("base64") === keys[n].spki,
        publicOfPrivatePem: () => createPublicKey(pem("PRIVATE KEY", keys[n].pkcs8)).type,
        jwk: () => createPrivateKey(der(n, "pkcs8")).export({ format: "jwk" }),
        jwkPublic: () => createPublicKey(der(n, "spki")).export({ format: "jwk" }),
        fromJwk: () => createPrivateKey({ key: keys[n].jwk, format: "jwk" }).export({ type: "pkcs8", format: "der" }).toString("base64") === keys[n].pkcs8,
        sec1: () => createPrivateKey(der(n, "pkcs8")).export({ type: "sec1", format: "pem" }).split("\n")[0],
        pkcs1: () => createPrivateKey(der(n, "pkcs8")).export({ type: "pkcs1", format: "pem" }).split("\n")[0],
        pkcs1Public: () => createPublicKey(der(n, "spki")).export({ type: "pkcs1", format: "der" }).length,
        equals: () => { const a = createPrivateKey(der(n, "pkcs8")); return [a.equals(createPrivateKey(der(n, "pkcs8"))), a.equals(createPublicKey(der(n, "spki"))), a.equals(createSecretKey(bytes(3)))]; },
      });
    }
    if (part !== "checks") return Response.json(out);
    const rsa = createPrivateKey(der("rsa", "pkcs8")), pub = createPublicKey(der("rsa", "spki")), sec = createSecretKey(bytes(5));
    out.checks = await probeAll({
      secret: () => [show(sec), sec.export().toString("hex"), sec.export({ format: "jwk" }), sec.equals(createSecretKey(bytes(5)))],
      secretText: () => createSecretKey("abc").export().toString("utf8"),
      secretHex: () => createSecretKey("0102", "hex").export().toString("hex"),
      secretEmpty: () => createSecretKey(""),
      exportNoType: () => rsa.export(),
      exportBadFormat: () => rsa.export({ type: "pkcs8", format: "foo" }),
      exportBadType: () => rsa.export({ type: "spki", format: "pem" }),
      encrypted: () => { const e = rsa.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }); return [e.split("\n")[0], createPrivateKey({ key: e, passphrase: "x" }).equals(rsa)]; },
      encryptedNoPass: () => createPrivateKey(rsa.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })),
      encryptedWrong: () => createPrivateKey({ key: rsa.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }), passphrase: "y" }),
      garbage: () => createPrivateKey("nope"),
      garbagePublic: () => createPublicKey("nope"),
      garbageDer: () => createPrivateKey({ key: Buffer.from("nope"), format: "der", type: "pkcs8" }),
      privateFromPublic: () => createPrivateKey(pem("PUBLIC KEY", keys.rsa.spki)),
      instance: () => [rsa instanceof KeyObject, rsa instanceof crypto.PrivateKeyObject, pub instanceof crypto.PublicKeyObject, sec instanceof crypto.SecretKeyObject],
      from: async () => show(KeyObject.from(await crypto.subtle.importKey("raw", bytes(7), { name: "HMAC", hash: "SHA-1" }, true, ["sign"]))),
      fromEc: async () => { const k = KeyObject.from(await crypto.subtle.importKey("pkcs8", b64(keys.P256.pkcs8), { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"])); return [show(k), k.export({ type: "pkcs8", format: "der" }).toString("base64") === keys.P256.pkcs8]; },
      fromSealed: async () => show(KeyObject.from(await crypto.subtle.importKey("raw", bytes(7), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]))),
      fromBad: () => KeyObject.from({}),
      toCryptoKey: () => sec.toCryptoKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]),
      toCryptoKeyRsa: () => rsa.toCryptoKey({ name: "RSA-PSS", hash: "SHA-256" }, true, ["sign"]),
      toCryptoKeyEc: () => createPublicKey(der("P256", "spki")).toCryptoKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]),
      toCryptoKeyBad: () => sec.toCryptoKey("AES-GCM", true, ["encrypt"]),
      gen: () => ["ed25519", "x25519"].map((t) => { const k = generateKeyPairSync(t); return [show(k.publicKey), show(k.privateKey)]; }),
      genEc: () => ["P-256", "prime256v1", "secp384r1", "P-521"].map((namedCurve) => { const k = generateKeyPairSync("ec", { namedCurve }); return [show(k.publicKey), show(k.privateKey)]; }),
      genEncoding: () => { const k = generateKeyPairSync("ec", { namedCurve: "P-256", publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "der" } }); return [typeof k.publicKey, k.privateKey.length]; },
      genJwk: () => { const k = generateKeyPairSync("ed25519", { publicKeyEncoding: { format: "jwk" }, privateKeyEncoding: { format: "jwk" } }); return [Object.keys(k.publicKey), Object.keys(k.privateKey)]; },
      genCb: async () => new Promise((ok) => generateKeyPair("ed25519", {}, (e, a, b) => ok([e ?? "none", show(a), show(b)]))),
      genRsa: () => { const k = generateKeyPairSync("rsa", { modulusLength: 512, publicExponent: 3 }); return show(k.publicKey); },
      genRsaNoLength: () => generateKeyPairSync("rsa", {}),
      genUnknown: () => generateKeyPairSync("foo"),
      genCurve: () => generateKeyPairSync("ec", { namedCurve: "nope" }),
      genNoCurve: () => generateKeyPairSync("ec", {}),
      genDsa: () => generateKeyPairSync("dsa", { modulusLength: 1024 }),
    });
    return Response.json(out);
  },
};
