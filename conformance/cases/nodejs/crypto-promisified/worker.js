import { promisify } from "node:util";
import * as crypto from "node:crypto";

const probe = async (run) => {
  try {
    return await run();
  } catch (error) {
    return { $error: error.name, $code: error.code, $message: error.message };
  }
};

export default {
  async fetch() {
    const hex = (bytes) => Buffer.from(bytes).toString("hex");
    return Response.json({
      names: ["pbkdf2", "hkdf", "scrypt", "generateKeyPair", "randomBytes", "randomInt"].map((name) => [
        crypto[name].name,
        crypto[name].length,
      ]),
      pbkdf2: await probe(async () => hex(await promisify(crypto.pbkdf2)("password", "salt", 10, 16, "sha256"))),
      hkdf: await probe(async () => hex(await promisify(crypto.hkdf)("sha256", "key", "salt", "info", 16))),
      scrypt: await probe(async () => hex(await promisify(crypto.scrypt)("password", "salt", 16, { N: 16 }))),
      randomBytes: await probe(async () => (await promisify(crypto.randomBytes)(7)).length),
      randomInt: await probe(async () => (await promisify(crypto.randomInt)(5)) < 5),
      generatePrime: await probe(async () => (await promisify(crypto.generatePrime)(64)).byteLength),
      checkPrime: await probe(async () => await promisify(crypto.checkPrime)(13n)),
      generateKey: await probe(async () => (await promisify(crypto.generateKey)("hmac", { length: 128 })).type),
      pair: await probe(async () => {
        const pair = await promisify(crypto.generateKeyPair)("ec", { namedCurve: "P-256" });
        return [Object.keys(pair), pair.publicKey?.type, pair.privateKey?.type];
      }),
      thrownEarly: await probe(() => promisify(crypto.pbkdf2)("password", "salt", -1, 16, "sha256")),
      unknownDigest: await probe(() => promisify(crypto.pbkdf2)("password", "salt", 1, 16, "nope")),
    });
  },
};
