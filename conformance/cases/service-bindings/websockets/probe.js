const tag = (x) => Object.prototype.toString.call(x);
const stackOf = (e) => typeof e.stack !== "string" ? typeof e.stack : [e.stack.split("\n")[0], /\n\s+at /.test(e.stack)];
const desc = (v, depth = 0, seen = []) => {
  if (depth > 7) return "…";
  if (v === undefined) return "undefined";
  if (typeof v === "bigint") return `${v}n`;
  if (typeof v === "symbol") return String(v);
  if (typeof v === "number" && (!Number.isFinite(v) || Object.is(v, -0))) return Object.is(v, -0) ? "-0" : String(v);
  if (v === null || (typeof v !== "object" && typeof v !== "function")) return v;
  if (seen.includes(v)) return `^${seen.length - seen.indexOf(v)}`;
  const s = [...seen, v];
  const go = (x) => desc(x, depth + 1, s);
  if (typeof v === "function") return [`function ${tag(v)}`, v.constructor?.name];
  const own = {};
  const builtin = v instanceof Error || v instanceof DOMException;
  for (const k of Reflect.ownKeys(v)) {
    if (k === "stack" && builtin) { own.stack = v instanceof DOMException ? stackOf(v)[0] : stackOf(v); continue; }
    if (typeof k === "symbol" && k !== Symbol.dispose && /Deno|\[\[|^Symbol\((message|name|code|nodejs.*)\)/.test(String(k))) continue;
    if (Array.isArray(v) && k === "length") continue;
    if (ArrayBuffer.isView(v) && /^\d+$/.test(String(k))) continue;
    const d = Object.getOwnPropertyDescriptor(v, k);
    const f = (d.enumerable ? "" : "!e") + (d.writable === false && !(v instanceof DOMException) ? "!w" : "") + (d.configurable ? "" : "!c") + (d.get ? "get" : "");
    own[String(k) + f] = d.get ? "accessor" : go(d.value);
  }
  const proto = Object.getPrototypeOf(v);
  const cls = proto === null ? "null-proto" : proto.constructor?.name ?? "?";
  if (Array.isArray(v) && proto === Array.prototype && Object.keys(own).every((k, i) => k === String(i)) && Object.keys(own).length === v.length) return v.map(go);
  if (proto === Object.prototype) return own;
  const out = [cls + (tag(v) === `[object ${cls}]` ? "" : " " + tag(v))];
  if (v instanceof Map) out.push([...v].map(go)); else if (v instanceof Set) out.push([...v].map(go));
  else if (ArrayBuffer.isView(v)) out.push([...new Uint8Array(v.buffer, v.byteOffset, Math.min(v.byteLength, 64))].join(","), v.byteOffset, v.buffer.byteLength);
  else if (v instanceof ArrayBuffer) out.push([...new Uint8Array(v.slice(0, 64))].join(","));
  else if (v instanceof Date) out.push(v.getTime() !== v.getTime() ? "NaN" : v.getTime());
  else if (v instanceof RegExp) out.push(String(v));
  else if (v instanceof DOMException) out.push([v.name, v.message, v.code]);
  else if (v instanceof Error) out.push(v.name, v.message);
  else if (v instanceof Headers) out.push([...v]);
  else if (v instanceof Request) out.push([v.method, v.url, v.redirect, [...v.headers], v.bodyUsed, v.body === null ? "no body" : "body", JSON.stringify(v.cf ?? null), v.signal?.aborted]);
  else if (v instanceof Response) out.push([v.status, v.statusText, v.url, v.redirected, v.type, [...v.headers], v.bodyUsed, v.body === null ? "no body" : "body", JSON.stringify(v.cf ?? null)]);
  else if (v instanceof Number || v instanceof String || v instanceof Boolean) out.push(v.valueOf());
  if (Object.keys(own).length) out.push(own);
  return out;
};
const probe = async (f) => {
  let t; const late = new Promise((r) => { t = setTimeout(r, 15000, "hangs"); });
  try { const v = await Promise.race([(async () => f())(), late]); return desc(v); }
  catch (e) { return { throws: typeof e === "object" && e !== null && (e instanceof Error || e instanceof DOMException) ? desc(e) : ["non-error", desc(e)] }; }
  finally { clearTimeout(t); }
};
const runAll = async (tries) => { const out = {}; for (const [k, f] of Object.entries(tries)) out[k] = await probe(f); return Response.json(out); };
export { tag, desc, probe, runAll, stackOf };
