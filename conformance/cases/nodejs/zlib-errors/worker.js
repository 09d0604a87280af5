import zlib from "node:zlib";
import { promisify } from "node:util";
const probe = async (f) => {
  try {
    const v = await f();
    return Buffer.isBuffer(v) ? v.toString() : v;
  } catch (e) {
    return { $error: e.name, $message: e.message, code: e.code, errno: e.errno, keys: Object.keys(e) };
  }
};
const gz = zlib.gzipSync("hello zlib ".repeat(20));
const br = zlib.brotliCompressSync("hello ".repeat(50));
const bad = Buffer.from("nope");
const sync = {
  gunzip: () => zlib.gunzipSync(bad),
  inflate: () => zlib.inflateSync(bad),
  raw: () => zlib.inflateRawSync(Buffer.from([255, 255])),
  unzip: () => zlib.unzipSync(bad),
  cut: () => zlib.gunzipSync(gz.subarray(0, 20)),
  empty: () => zlib.gunzipSync(Buffer.alloc(0)),
  garbageAfter: () => zlib.gunzipSync(Buffer.concat([zlib.gzipSync("a"), Buffer.from([1, 2, 3])])),
  tooLong: () => zlib.gunzipSync(gz, { maxOutputLength: 10 }),
  level: () => zlib.deflateSync("a", { level: 99 }),
  windowBits: () => zlib.deflateSync("a", { windowBits: 1 }),
  brotli: () => zlib.brotliDecompressSync(bad),
  brotliEmpty: () => zlib.brotliDecompressSync(Buffer.alloc(0)),
  brotliOfNothing: () => zlib.brotliDecompressSync(zlib.brotliCompressSync("")),
  brotliTooLong: () => zlib.brotliDecompressSync(br, { maxOutputLength: 10 }),
  brotliParameter: () => zlib.brotliCompressSync("a", { params: { 999: 1 } }),
};
const callback = {
  gunzip: () => promisify(zlib.gunzip)(bad),
  inflateCut: () => promisify(zlib.inflate)(zlib.deflateSync("abc").subarray(0, 4)),
  brotli: () => promisify(zlib.brotliDecompress)(bad),
  brotliEmpty: () => promisify(zlib.brotliDecompress)(Buffer.alloc(0)),
  level: () => promisify(zlib.gzip)("a", { level: 99 }),
  tooLong: () => promisify(zlib.gunzip)(gz, { maxOutputLength: 10 }),
  fine: () => promisify(zlib.gunzip)(zlib.gzipSync("fine")),
};
const all = async (probes) => {
  const out = {};
  for (const [name, f] of Object.entries(probes)) out[name] = await probe(f);
  return out;
};
export default {
  async fetch() {
    return Response.json({ sync: await all(sync), callback: await all(callback) });
  },
};
