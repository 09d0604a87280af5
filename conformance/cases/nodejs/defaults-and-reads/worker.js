import zlib from "node:zlib"; import * as named from "node:zlib"; import path from "node:path"; import process from "node:process"; import web from "node:stream/web"; import stream, { Readable, Transform } from "node:stream"; import { Console } from "node:console"; import globalConsole from "node:console";
const tag = (x) => Object.prototype.toString.call(x);
const show = (v, depth = 0) => {
  if (depth > 6) return "…";
  if (v === undefined) return "undefined";
  if (typeof v === "bigint") return `${v}n`;
  if (typeof v === "symbol" || typeof v === "function") return typeof v;
  if (typeof v === "number" && !Number.isFinite(v)) return String(v);
  if (v === null || typeof v !== "object") return Object.is(v, -0) ? "-0" : v;
  if (v instanceof Error) return { error: v.name, message: v.message, ...(v.code === undefined ? {} : { code: v.code }) };
  if (v instanceof Map || v instanceof Set) return [tag(v), ...[...v].map((x) => show(x, depth + 1))];
  if (ArrayBuffer.isView(v)) return [tag(v), ...[...new Uint8Array(v.buffer, v.byteOffset, Math.min(v.byteLength, 64))]];
  if (v instanceof ArrayBuffer) return ["ArrayBuffer", ...new Uint8Array(v.slice(0, 64))];
  if (v instanceof Date || v instanceof RegExp || v instanceof URL) return [tag(v), String(v)];
  if (Array.isArray(v)) return v.map((x) => show(x, depth + 1));
  return Object.fromEntries(Object.keys(v).map((k) => [k, show(v[k], depth + 1)]));
};
const probe = async (f) => {
  try {
    return show(await Promise.race([f(), scheduler.wait(15000).then(() => "hangs")]));
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e), ...(e?.code === undefined || typeof e.code === "object" ? {} : { code: e.code }) };
  }
};
const runAll = async (tries) => {
  const out = {};
  for (const [k, f] of Object.entries(tries)) out[k] = await probe(f);
  return Response.json(out);
};
export default { async fetch() { return runAll({
  zlibDefault: () => Object.keys(zlib).filter((k) => !(k in named)).map((k) => k + "=" + zlib[k]).sort(), constants: () => [Object.keys(zlib.constants).filter((k) => !(k in zlib)), Object.isFrozen(zlib.constants)],
  path: () => { process.chdir("/tmp"); const out = [process.cwd(), path.resolve("a"), path.resolve(), path.resolve("./b", "../c"), path.relative("a", "b/c"), path.relative("", "/x"), path.win32.resolve("a"), path.win32.resolve("C:\\x", "y"), path.win32.resolve("\\\\h\\s", "y")]; process.chdir("/bundle"); return out; },
  web: () => Object.keys(web).filter((k) => web[k] !== globalThis[k]), toWeb: () => [Readable.toWeb(Readable.from([])) instanceof ReadableStream, new web.ReadableStream() instanceof ReadableStream],
  readsAll: () => { const r = new Readable({ read() {} }); r.push("ab"); r.push("cd"); r.unshift("x"); return [String(r.read()), r.read(), r.readableHighWaterMark]; },
  readsSome: () => { const r = new Readable({ read() {} }); r.push("abcd"); return [String(r.read(1)), String(r.read(2)), r.read(9), String(r.read())]; },
  readsObjects: () => { const r = new Readable({ objectMode: true, read() {} }); r.push(1); r.push(2); return [r.read(), r.read(), r.read()]; },
  readsText: () => { const r = new Readable({ read() {} }); r.setEncoding("utf8"); r.push("é"); r.push("ü"); return r.read(); },
  endsAfterOneRead: () => new Promise((done) => { const r = new Readable({ read() {} }); const out = []; r.on("readable", () => out.push(String(r.read()))); r.on("end", () => done([...out, "end"])); r.push("one"); r.push("two"); r.push(null); }),
  flows: () => new Promise((done) => { const r = new Readable({ read() {} }); const out = []; r.on("data", (c) => out.push(String(c))); r.on("end", () => done(out)); r.push("one"); r.push("two"); r.push(null); }),
  large: async () => { const r = new Readable({ highWaterMark: 4, read() { this.push(this.n === 5 ? null : "x".repeat(10)); this.n = (this.n ?? 0) + 1; } }); let n = 0; for await (const c of r) n += c.length; return [n, r.readableHighWaterMark]; },
  transform: async () => { const t = new Transform({ transform(c, e, cb) { cb(null, String(c).toUpperCase()); }, flush(cb) { this.push("!"); cb(); } }); t.end("ab"); return (await t.toArray()).map(String); },
  consoleOf: () => { const out = []; const to = (n) => new stream.Writable({ write(x, e, cb) { out.push(n + String(x)); cb(); } }); const c = new Console({ stdout: to("o:"), stderr: to("e:") }); c.log("a %d", 1, { b: 2 }); c.error("e"); c.group("g"); c.warn("in"); c.log("x\ny"); c.groupEnd(); c.table([{ a: 1 }, { a: 2, b: 3 }]); c.table(5); c.dir({ a: { b: { c: { d: 1 } } } }); c.assert(false, "asr"); c.assert(false); c.assert(true, "no"); c.assert(false, { a: 1 }); c.count(); c.count("x"); c.count("x"); c.countReset(); c.count(); c.groupCollapsed(); c.log("gc"); const { log } = c; log("bound"); return out; },
  consoleArguments: () => [() => new Console(), () => new Console({}), () => Console.name, () => globalConsole.Console === Console, () => globalConsole === console].map((f) => { try { return f(); } catch (e) { return [e.name, e.code]; } }),
}); } };
