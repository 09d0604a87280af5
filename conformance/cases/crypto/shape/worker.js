const desc = (o) =>
  Object.fromEntries(
    Reflect.ownKeys(o)
      .filter((k) => !/cloudflare|kResource|hostObject/.test(String(k)))
      .map((k) => {
        const d = Object.getOwnPropertyDescriptor(o, k);
        const lazy = k === "DigestStream" || k === "subtle";
        const kind = typeof d.value === "function" ? `f${d.value.length}${d.value.name}` : typeof d.value === "string" ? d.value : typeof d.value;
        return [String(k), lazy ? d.enumerable : `${d.get ? "G" : ""}${d.set ? "S" : ""}${d.enumerable ? "e" : ""}${d.configurable ? "c" : ""}${d.writable ? "w" : ""} ${kind}`];
      }),
  );
const probe = async (f) => {
  try {
    return await f();
  } catch (e) {
    return { $error: e.name, $message: e.message, dom: e instanceof DOMException, code: e.code };
  }
};
const S = crypto.subtle;
export default {
  async fetch() {
    const k = await S.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]);
    const kp = await S.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
    const rsa = await S.generateKey({ name: "RSA-PSS", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"]);
    const ds = new crypto.DigestStream("SHA-1");
    const out = {
      crypto: desc(crypto),
      proto: desc(Crypto.prototype),
      subtle: desc(SubtleCrypto.prototype),
      subtleOwn: desc(S),
      key: desc(CryptoKey.prototype),
      keyOwn: desc(k),
      stream: desc(Object.getPrototypeOf(ds)),
      streamClass: desc(crypto.DigestStream),
      tags: [String(crypto), String(S), String(k), String(ds)],
      chain: [Object.getPrototypeOf(crypto) === Crypto.prototype, Object.getPrototypeOf(Object.getPrototypeOf(ds)) === WritableStream.prototype, Object.getPrototypeOf(crypto.DigestStream) === WritableStream],
      pair: [Object.keys(kp), Object.getPrototypeOf(kp) === Object.prototype, kp.publicKey.usages, kp.privateKey.usages, kp.publicKey.extractable],
      rsa: [rsa.publicKey.algorithm, Object.prototype.toString.call(rsa.publicKey.algorithm.publicExponent), rsa.publicKey.usages],
    };
    const checks = {
      receiver: () => S.digest.call({}, "SHA-1", new Uint8Array(1)),
      receiverSync: () => S.timingSafeEqual.call({}, new Uint8Array(1), new Uint8Array(1)),
      random: () => crypto.getRandomValues.call({}, new Uint8Array(1)),
      detached: () => (0, crypto.getRandomValues)(new Uint8Array(1)),
      uuid: () => (0, crypto.randomUUID)(),
      getter: () => Object.getOwnPropertyDescriptor(Crypto.prototype, "subtle").get.call({}),
      newSubtle: () => new SubtleCrypto(),
      newCrypto: () => new Crypto(),
      newKey: () => new CryptoKey(),
      clone: async () => (await probe(() => structuredClone(k))).$error,
      setExtractable: () => {
        k.extractable = false;
      },
      sameSubtle: () => crypto.subtle === crypto.subtle,
      sameAlgorithm: () => [k.algorithm === k.algorithm, k.usages === k.usages, Object.isFrozen(k.algorithm)],
      json: () => JSON.stringify(k),
      mutated: async () => {
        k.algorithm.name = "HMAC";
        k.usages.push("sign");
        return [(await S.encrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, k, new Uint8Array(1))).byteLength, await probe(() => S.sign("HMAC", k, new Uint8Array(1)))];
      },
      notView: () => crypto.getRandomValues("x"),
      none: () => crypto.getRandomValues(),
      float: () => crypto.getRandomValues(new Float64Array(1)),
      half: () => crypto.getRandomValues(new Float16Array(1)),
      view: () => crypto.getRandomValues(new DataView(new ArrayBuffer(4))),
      buffer: () => crypto.getRandomValues(new ArrayBuffer(4)),
      big: () => crypto.getRandomValues(new Uint8Array(65537)),
      most: () => crypto.getRandomValues(new Uint8Array(65536)).length,
      bigWords: () => crypto.getRandomValues(new Uint32Array(16385)),
      same: () => {
        const a = new BigInt64Array(2);
        return crypto.getRandomValues(a) === a && a[0] !== 0n;
      },
      part: () => {
        const a = new Uint8Array(64);
        crypto.getRandomValues(a.subarray(16, 48));
        return [a.slice(0, 16).some(Boolean), a.slice(16, 48).some(Boolean), a.slice(48).some(Boolean)];
      },
      clamped: () => crypto.getRandomValues(new Uint8ClampedArray(2)).length,
      empty: () => crypto.getRandomValues(new Uint8Array(0)).length,
      uuidForm: () => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
      uuidTwice: () => crypto.randomUUID() === crypto.randomUUID(),
      equal: () => S.timingSafeEqual(new ArrayBuffer(1), new Uint8Array(1)),
      equalOne: () => S.timingSafeEqual(new Uint8Array(1)),
      equalText: () => S.timingSafeEqual("a", new Uint8Array(1)),
      equalLength: () => S.timingSafeEqual(new Uint8Array(2), new Uint8Array(1)),
    };
    for (const [name, f] of Object.entries(checks)) out[name] = await probe(f);
    return Response.json(out);
  },
};
