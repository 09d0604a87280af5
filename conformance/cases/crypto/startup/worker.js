import { b64, bytes, keys, probe } from "./keys.js";
const S = crypto.subtle;
const shape = (v) => (v instanceof ArrayBuffer ? "bytes" : v && v.publicKey ? "pair" : Object.prototype.toString.call(v));
const hm = await S.importKey("raw", bytes(4), { name: "HMAC", hash: "SHA-1" }, true, ["sign"]);
const out = {};
for (const [n, f] of Object.entries({
  digest: () => S.digest("SHA-1", bytes(1)),
  sign: () => S.sign("HMAC", hm, bytes(1)),
  aes: () => S.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]),
  hmac: () => S.generateKey({ name: "HMAC", hash: "SHA-1" }, true, ["sign"]),
  badAes: () => S.generateKey({ name: "AES-GCM", length: 1 }, true, ["encrypt"]),
  ec: () => S.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]),
  ed: () => S.generateKey("Ed25519", true, ["sign"]),
  rsa: () => S.generateKey({ name: "RSA-PSS", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign"]),
  ecdsaSign: async () => S.sign({ name: "ECDSA", hash: "SHA-256" }, await S.importKey("pkcs8", b64(keys.P256.pkcs8), { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]), bytes(1)),
  random: () => crypto.getRandomValues(bytes(1)),
  badRandom: () => crypto.getRandomValues("x"),
  uuid: () => crypto.randomUUID(),
  math: () => typeof Math.random(),
  stream: async () => { const d = new crypto.DigestStream("SHA-1"); await d.close(); return d.digest; },
}))
  out[n] = await probe(async () => shape(await f()));
export default {
  fetch: () => Response.json(out),
};
