import { bytes, hex, probe, probeAll } from "./keys.js";
const S = crypto.subtle;
const data = bytes(50, (i) => i * 7);
const key = (name, size) => S.importKey("raw", bytes(size), name, true, ["encrypt", "decrypt", "wrapKey", "unwrapKey"]);
export default {
  async fetch() {
    const out = {};
    for (const size of [16, 24, 32]) {
      const gcm = await key("AES-GCM", size), cbc = await key("AES-CBC", size), ctr = await key("AES-CTR", size);
      const r = (out[size] = {});
      for (const n of [1, 8, 12, 13, 16, 17, 60])
        r["iv" + n] = await probe(async () => {
          const a = { name: "AES-GCM", iv: bytes(n), additionalData: bytes(n) };
          const c = await S.encrypt(a, gcm, data);
          return [hex(c), hex(await S.decrypt(a, gcm, c)) === hex(data)];
        });
      for (const tagLength of [32, 64, 96, 104, 112, 120, 128, 0, 8, 129, 256, -32])
        r["tag" + tagLength] = await probe(async () => {
          const a = { name: "AES-GCM", iv: bytes(12), tagLength };
          const c = await S.encrypt(a, gcm, data);
          return [hex(c), hex(await S.decrypt(a, gcm, c)) === hex(data)];
        });
      r.sizes = [];
      for (const n of [0, 1, 15, 16, 17, 32]) {
        const a = { name: "AES-CBC", iv: bytes(16) };
        const c = await S.encrypt(a, cbc, bytes(n));
        const g = await S.encrypt({ name: "AES-GCM", iv: bytes(12) }, gcm, bytes(n));
        r.sizes.push([hex(c), hex(await S.decrypt(a, cbc, c)) === hex(bytes(n)), hex(g)]);
      }
      for (const length of [1, 2, 3, 7, 8, 9, 31, 32, 33, 64, 100, 127, 128, 0, 129, -1])
        r["ctr" + length] = await probe(async () => {
          const a = { name: "AES-CTR", counter: bytes(16, () => 255), length };
          const c = await S.encrypt(a, ctr, data.slice(0, 40));
          return [hex(c), hex(await S.decrypt(a, ctr, c)) === hex(data.slice(0, 40))];
        });
    }
    const gcm = await key("AES-GCM", 16), cbc = await key("AES-CBC", 16), ctr = await key("AES-CTR", 16), cbc24 = await key("AES-CBC", 24), gcm24 = await key("AES-GCM", 24);
    const G = { name: "AES-GCM", iv: bytes(12) }, C = { name: "AES-CBC", iv: bytes(16) };
    const flip = (b, i) => { const c = new Uint8Array(b); c[i] ^= 1; return c; };
    const sealed = await S.encrypt(G, gcm, data), sealed24 = await S.encrypt(G, gcm24, data);
    out.errors = await probeAll({
      emptyIv: () => S.encrypt({ name: "AES-GCM", iv: bytes(0) }, gcm, data),
      tampered: () => S.decrypt(G, gcm, flip(sealed, 3)),
      tamperedTag: () => S.decrypt(G, gcm, flip(sealed, 60)),
      tampered24: () => S.decrypt(G, gcm24, flip(sealed24, 60)),
      aad: () => S.decrypt({ ...G, additionalData: bytes(1) }, gcm, sealed),
      emptyAad: () => S.decrypt({ ...G, additionalData: bytes(0) }, gcm, sealed),
      short: () => S.decrypt(G, gcm, bytes(15)),
      onlyTag: () => S.decrypt(G, gcm, bytes(16)),
      empty: () => S.decrypt(G, gcm, bytes(0)),
      cbcIv: () => S.encrypt({ name: "AES-CBC", iv: bytes(12) }, cbc, data),
      cbcIvDecrypt: () => S.decrypt({ name: "AES-CBC", iv: bytes(12) }, cbc, data),
      cbcNoIv: () => S.encrypt("AES-CBC", cbc, data),
      cbcEmpty: () => S.decrypt(C, cbc, bytes(0)),
      cbcPartial: () => S.decrypt(C, cbc, bytes(17)),
      cbcShort: () => S.decrypt(C, cbc, bytes(5)),
      cbcPadding: () => S.decrypt(C, cbc, bytes(16)),
      cbcPadding2: () => S.decrypt(C, cbc, bytes(48)),
      cbcPadding24: () => S.decrypt(C, cbc24, bytes(48)),
      cbcPartial24: () => S.decrypt(C, cbc24, bytes(33)),
      ctrCounter: () => S.encrypt({ name: "AES-CTR", counter: bytes(15), length: 8 }, ctr, data),
      ctrNoCounter: () => S.encrypt({ name: "AES-CTR", length: 8 }, ctr, data),
      ctrNoLength: () => S.encrypt({ name: "AES-CTR", counter: bytes(16) }, ctr, data),
      ctrRepeat: () => S.encrypt({ name: "AES-CTR", counter: bytes(16), length: 1 }, ctr, data),
      ctrExact: () => S.encrypt({ name: "AES-CTR", counter: bytes(16), length: 1 }, ctr, bytes(32)),
      lower: () => S.encrypt({ name: "aes-gcm", iv: bytes(12) }, gcm, data),
      view: () => S.encrypt({ name: "AES-GCM", iv: new DataView(bytes(20).buffer, 4, 12) }, gcm, new Uint16Array([1, 2])),
    });
    return Response.json(out);
  },
};
