import crypto, { createCipheriv, createDecipheriv } from "node:crypto";
import { bytes, probe, probeAll } from "./keys.js";
const run = (name, key, iv, options, text = "some plain text that is longer than a block") => {
  const c = createCipheriv(name, key, iv, options);
  const sealed = c.update(text, "utf8", "hex") + c.final("hex");
  const tag = /gcm|poly|ccm|ocb/i.test(name) ? c.getAuthTag() : undefined;
  const d = createDecipheriv(name, key, iv, options);
  if (tag) d.setAuthTag(tag);
  return [sealed, tag?.toString("hex"), d.update(sealed, "hex", "utf8") + d.final("utf8") === text];
};
export default {
  async fetch() {
    const out = { modes: {} };
    for (const [n, k, i] of [["aes-128-cbc", 16, 16], ["aes-192-cbc", 24, 16], ["aes-256-cbc", 32, 16], ["AES-256-CBC", 32, 16], ["aes-128-ctr", 16, 16], ["aes-192-ctr", 24, 16], ["aes-256-ctr", 32, 16], ["aes-128-ecb", 16, 0], ["aes-192-ecb", 24, 0], ["aes-256-ecb", 32, 0], ["aes-128-gcm", 16, 12], ["aes-192-gcm", 24, 12], ["aes-256-gcm", 32, 12], ["aes-256-gcm", 32, 16], ["aes-128-gcm", 16, 1], ["aes-128-ofb", 16, 16], ["aes-256-ofb", 32, 16], ["des-ede3-cbc", 24, 8], ["des-cbc", 8, 8], ["rc4", 16, 0], ["chacha20-poly1305", 32, 12], ["aes256", 32, 16], ["id-aes256-gcm", 32, 12], ["aes-128-cfb", 16, 16], ["nope", 16, 16]])
      out.modes[`${n} ${i}`] = await probe(() => run(n, bytes(k), i === 0 ? null : bytes(i)));
    const key = bytes(16), iv = bytes(16), nonce = bytes(12);
    const gcm = (tagLength) => { const c = createCipheriv("aes-128-gcm", key, nonce, tagLength && { authTagLength: tagLength }); c.setAAD(Buffer.from("aad")); const s = Buffer.concat([c.update(Buffer.from("text")), c.final()]); return [s, c.getAuthTag()]; };
    const [s, t] = gcm();
    out.checks = await probeAll({
      gcm: () => [s.toString("hex"), t.toString("hex")],
      gcmOpen: () => { const d = createDecipheriv("aes-128-gcm", key, nonce); d.setAAD(Buffer.from("aad")); d.setAuthTag(t); return d.update(s, undefined, "utf8") + d.final("utf8"); },
      gcmNoAad: () => { const d = createDecipheriv("aes-128-gcm", key, nonce); d.setAuthTag(t); d.update(s); return d.final(); },
      gcmWrongTag: () => { const d = createDecipheriv("aes-128-gcm", key, nonce); d.setAAD(Buffer.from("aad")); d.setAuthTag(Buffer.alloc(16)); d.update(s); return d.final(); },
      gcmNoTag: () => { const d = createDecipheriv("aes-128-gcm", key, nonce); d.setAAD(Buffer.from("aad")); d.update(s); return d.final(); },
      gcmTagEarly: () => createCipheriv("aes-128-gcm", key, nonce).getAuthTag(),
      gcmTagSize: () => createDecipheriv("aes-128-gcm", key, nonce).setAuthTag(Buffer.alloc(3)),
      gcmTagLength: () => gcm(12)[1].toString("hex"),
      gcmTagLengthBad: () => gcm(5),
      cbcTag: () => createCipheriv("aes-128-cbc", key, iv).getAuthTag(),
      cbcAad: () => createCipheriv("aes-128-cbc", key, iv).setAAD(Buffer.from("x")),
      keySize: () => createCipheriv("aes-128-cbc", bytes(15), iv),
      ivSize: () => createCipheriv("aes-128-cbc", key, bytes(15)),
      ivNull: () => createCipheriv("aes-128-cbc", key, null),
      ivEmptyGcm: () => createCipheriv("aes-128-gcm", key, bytes(0)),
      ivEcb: () => createCipheriv("aes-128-ecb", key, bytes(16)),
      ivEcbEmpty: () => { const c = createCipheriv("aes-128-ecb", key, ""); return c.update("x", "utf8", "hex") + c.final("hex"); },
      textKey: () => { const c = createCipheriv("aes-128-cbc", "0123456789abcdef", "fedcba9876543210"); return c.update("x", "utf8", "base64") + c.final("base64"); },
      keyObject: () => { const c = createCipheriv("aes-128-cbc", crypto.createSecretKey(key), iv); return c.update("x", "utf8", "hex") + c.final("hex"); },
      noPadding: () => { const c = createCipheriv("aes-128-cbc", key, iv); c.setAutoPadding(false); return c.update(bytes(16), null, "hex") + c.final("hex"); },
      noPaddingPartial: () => { const c = createCipheriv("aes-128-cbc", key, iv); c.setAutoPadding(false); c.update(bytes(15)); return c.final("hex"); },
      noPaddingOpen: () => { const c = createDecipheriv("aes-128-cbc", key, iv); c.setAutoPadding(false); return c.update(bytes(16), null, "hex") + c.final("hex"); },
      badPadding: () => { const c = createDecipheriv("aes-128-cbc", key, iv); c.update(bytes(32)); return c.final(); },
      partialBlock: () => { const c = createDecipheriv("aes-128-cbc", key, iv); c.update(bytes(17)); return c.final(); },
      finalTwice: () => { const c = createCipheriv("aes-128-cbc", key, iv); c.final(); return c.final(); },
      updateAfter: () => { const c = createCipheriv("aes-128-cbc", key, iv); c.final(); return c.update("x"); },
      pieces: () => { const c = createCipheriv("aes-128-cbc", key, iv); return ["a", "b".repeat(20), "c"].map((x) => c.update(x, "utf8", "hex")).concat(c.final("hex")); },
      piecesOpen: () => { const c = createDecipheriv("aes-128-cbc", key, iv); const e = createCipheriv("aes-128-cbc", key, iv); const b = Buffer.concat([e.update("x".repeat(40)), e.final()]); return [b.subarray(0, 7), b.subarray(7, 32), b.subarray(32)].map((x) => c.update(x, undefined, "latin1")).concat(c.final("latin1")); },
      inputNumber: () => createCipheriv("aes-128-cbc", key, iv).update(5),
      noCipher: () => createCipheriv(),
      unknown: () => createCipheriv("aes-129-cbc", key, iv),
      old: () => crypto.createCipher("aes-128-cbc", "x"),
      stream: async () => { const c = createCipheriv("aes-128-ctr", key, iv); c.end("streamed"); const parts = []; for await (const x of c) parts.push(x); return Buffer.concat(parts).toString("hex"); },
      instance: () => [createCipheriv("aes-128-cbc", key, iv) instanceof crypto.Cipheriv, createDecipheriv("aes-128-cbc", key, iv).constructor.name],
    });
    return Response.json(out);
  },
};
