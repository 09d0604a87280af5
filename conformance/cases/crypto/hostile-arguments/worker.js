import { b64, bytes, hex, keys, probeAll } from "./keys.js";
const S = crypto.subtle;
const { d, p, q, dp, dq, qi, ...pub } = keys.rsa.jwk;
const rsa = (o) => S.importKey("jwk", { ...pub, ...o }, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, true, ["verify"]);
const aes = () => S.importKey("raw", bytes(16), "AES-GCM", true, ["encrypt", "decrypt"]);
export default {
  async fetch() {
    return Response.json(
      await probeAll({
        smallN: () => rsa({ n: "AQAB" }),
        emptyN: () => rsa({ n: "" }),
        zeroE: () => rsa({ e: "AA" }),
        e1: () => rsa({ e: "AQ" }),
        bigE: () => rsa({ e: "AQAAAAAB" }),
        e33: () => rsa({ e: "AQAAAAE" }),
        ecdsaMd5: async () => S.sign({ name: "ECDSA", hash: "MD5" }, await S.importKey("pkcs8", b64(keys.P256.pkcs8), { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]), bytes(1)),
        modern: () => S.importKey("raw-public", 5, "x", true, []),
        notKey: () => S.encrypt("AES-GCM", crypto, bytes(1)),
        proxyKey: async () => S.encrypt("AES-GCM", new Proxy(await aes(), {}), bytes(1)),
        fakeKey: async () => S.encrypt("AES-GCM", { ...(await aes()), __proto__: CryptoKey.prototype }, bytes(1)),
        usagesGetter: () => S.generateKey({ name: "HMAC", hash: "SHA-1" }, true, Object.defineProperty(["sign"], 1, { get: () => { throw new Error("boo"); }, enumerable: true })),
        nameGetter: () => S.digest({ get name() { throw new RangeError("boo"); } }, bytes(1)),
        nameObject: () => S.digest({ name: { toString: () => "SHA-1" } }, bytes(1)),
        nameChanges: () => { let i = 0; return S.digest({ get name() { return ["SHA-256", "SHA-1"][i++]; } }, bytes(1)); },
        hashGetter: () => S.generateKey({ name: "HMAC", hash: { get name() { throw new RangeError("hash"); } } }, true, ["sign"]),
        valueOf: () => S.generateKey({ name: "AES-GCM", length: { valueOf: () => 128 } }, true, ["encrypt"]),
        valueOfThrows: () => S.generateKey({ name: "AES-GCM", length: { valueOf: () => { throw new SyntaxError("len"); } } }, true, ["encrypt"]),
        inherited: () => S.digest(Object.create({ name: "SHA-1" }), bytes(1)),
        classy: () => S.digest(new (class { get name() { return "SHA-1"; } })(), bytes(1)),
        stringObject: () => S.digest(new String("SHA-1"), bytes(1)),
        array: () => S.digest(["SHA-1"], bytes(1)),
        detach: async () => { const iv = bytes(12); return S.encrypt({ name: "AES-GCM", iv, get tagLength() { structuredClone(iv.buffer, { transfer: [iv.buffer] }); return 128; } }, await aes(), bytes(1)); },
        detachData: async () => { const data = bytes(12); structuredClone(data.buffer, { transfer: [data.buffer] }); return S.encrypt({ name: "AES-GCM", iv: bytes(12) }, await aes(), data); },
        changeIv: async () => { const iv = bytes(12); const c = S.encrypt({ name: "AES-GCM", iv }, await aes(), bytes(3)); iv.fill(9); return c; },
        changeData: async () => { const data = bytes(12); const c = S.digest("SHA-1", data); data.fill(9); return c; },
        patched: async () => {
          const saved = [Promise.prototype.then, Uint8Array.prototype.slice, Array.prototype.push, Array.prototype[Symbol.iterator], Uint8Array.prototype.subarray];
          Uint8Array.prototype.slice = Uint8Array.prototype.subarray = Array.prototype.push = () => { throw new Error("patched"); };
          try {
            const k = await S.importKey("raw", new Uint8Array(16), "AES-GCM", true, ["encrypt"]);
            const h = await S.digest("SHA-256", new Uint8Array(3));
            return [k.usages, h.byteLength, (await S.encrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, k, new Uint8Array(5))).byteLength];
          } finally {
            [Promise.prototype.then, Uint8Array.prototype.slice, Array.prototype.push, Array.prototype[Symbol.iterator], Uint8Array.prototype.subarray] = saved;
          }
        },
        jwkGetters: async () => {
          const seen = [];
          const jwk = new Proxy({ kty: "oct", k: "AAAA" }, { get(t, k) { seen.push(k); return t[k]; } });
          await S.importKey("jwk", jwk, { name: "HMAC", hash: "SHA-1" }, true, ["sign"]);
          return seen.join();
        },
        jwkFunction: () => S.importKey("jwk", Object.assign(() => 1, { kty: "oct", k: "AAAA" }), { name: "HMAC", hash: "SHA-1" }, true, ["sign"]),
        exportedMembers: async () => Object.keys(await S.exportKey("jwk", await aes())),
        big: async () => hex(await S.digest("SHA-256", new Uint8Array(3e6))),
      }),
    );
  },
};
