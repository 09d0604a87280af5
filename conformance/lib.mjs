// Shared code: reading case folders, running one request (HTTP or WebSocket),
// turning the answer into a canonical result, and comparing two results.
import fs from 'node:fs';
import path from 'node:path';
import http from 'node:http';
import https from 'node:https';
import crypto from 'node:crypto';
import zlib from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';

export const ROOT = path.dirname(fileURLToPath(import.meta.url));
export const DEFAULT_DATE = '2026-05-01';

// ---------------------------------------------------------------- reading cases

const TYPE_BY_EXT = {
  '.js': 'esm',
  '.mjs': 'esm',
  '.cjs': 'commonjs',
  '.txt': 'text',
  '.html': 'text',
  '.sql': 'text',
  '.md': 'text',
  '.css': 'text',
  '.bin': 'data',
  '.dat': 'data',
  '.wasm': 'wasm',
  '.json': 'json',
};
export const CONTENT_TYPE = {
  esm: 'application/javascript+module',
  commonjs: 'application/javascript',
  'service-worker': 'application/javascript',
  text: 'text/plain',
  data: 'application/octet-stream',
  wasm: 'application/wasm',
  json: 'application/json',
};

// Every file below `dir` is a module, except the files and folders named here.
const NOT_MODULES = new Set(['case.json', 'expected.json', 'workers', 'src']);

function listModules(dir, types = {}) {
  const out = [];
  const walk = (d, prefix) => {
    for (const e of fs.readdirSync(d, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (prefix === '' && NOT_MODULES.has(e.name)) continue;
      const name = prefix + e.name;
      if (e.isDirectory()) walk(path.join(d, e.name), name + '/');
      else
        out.push({
          name,
          type: types[name] ?? TYPE_BY_EXT[path.extname(e.name)] ?? 'data',
          path: path.join(d, e.name),
        });
    }
  };
  walk(dir, '');
  return out;
}

function makeWorker(caseName, key, dir, spec) {
  const format = spec.format ?? 'modules';
  const modules = listModules(dir, spec.modules ?? {});
  const main = spec.main ?? 'worker.js';
  if (format === 'service-worker') for (const m of modules) if (m.name === main) m.type = 'service-worker';
  return {
    key,
    dir,
    main,
    format,
    scriptName: key ? `${caseName}-${key}` : caseName,
    compatibility_date: spec.compatibility_date ?? DEFAULT_DATE,
    compatibility_flags: spec.compatibility_flags ?? [],
    // a service binding names a worker of the same case: its key, or "self"
    bindings: (spec.bindings ?? []).map((b) => {
      if (b.type !== 'service') return b;
      const { worker, ...rest } = b;
      const target = worker === 'main' ? null : worker === 'self' ? key : worker;
      return { ...rest, service: target ? `${caseName}-${target}` : caseName };
    }),
    modules: modules.sort((a, b) => (b.name === main) - (a.name === main)),
  };
}

export function loadCase(dir) {
  const area = path.basename(path.dirname(dir));
  const base = path.basename(dir);
  const spec = JSON.parse(fs.readFileSync(path.join(dir, 'case.json'), 'utf8'));
  const name = `${area}-${base}`;
  if (!/^[a-z0-9][a-z0-9-]{0,50}$/.test(name)) throw new Error(`bad case name ${name}`);
  const helpers = Object.entries(spec.workers ?? {}).map(([k, s]) =>
    makeWorker(name, k, path.join(dir, 'workers', k), s),
  );
  const workers = []; // a worker comes after the workers it is bound to
  const add = (w, path = []) => {
    if (!w || workers.includes(w) || path.includes(w)) return;
    for (const b of w.bindings)
      if (b.type === 'service')
        add(
          helpers.find((h) => h.scriptName === b.service),
          [...path, w],
        );
    workers.push(w);
  };
  for (const h of helpers) add(h);
  workers.push(makeWorker(name, null, dir, spec)); // the main worker is deployed last
  const requests = (spec.requests ?? [{}]).map((r, i) => ({ id: `r${i + 1}`, method: 'GET', path: '/', ...r }));
  let expected = null;
  const ef = path.join(dir, 'expected.json');
  if (fs.existsSync(ef)) expected = JSON.parse(fs.readFileSync(ef, 'utf8'));
  return {
    id: `${area}/${base}`,
    name,
    area,
    base,
    dir,
    spec,
    title: spec.title ?? '',
    workers,
    requests,
    compare: spec.compare ?? {},
    expectStartupFailure: !!spec.startup_failure,
    expected,
  };
}

export function loadCases(root = path.join(ROOT, 'cases'), filter = {}) {
  const out = [];
  for (const area of fs.readdirSync(root).sort()) {
    if (!fs.statSync(path.join(root, area)).isDirectory()) continue;
    if (filter.areas && !filter.areas.includes(area)) continue;
    for (const base of fs.readdirSync(path.join(root, area)).sort()) {
      const dir = path.join(root, area, base);
      if (!fs.existsSync(path.join(dir, 'case.json'))) continue;
      if (filter.ids && !filter.ids.some((f) => `${area}/${base}`.includes(f))) continue;
      if (filter.only && !filter.only.has(`${area}/${base}`)) continue;
      out.push(loadCase(dir));
    }
  }
  return out;
}

// ---------------------------------------------------------------- one request

// target: { origin: the origin the worker sees, host: the Host header, connect: {host, port, tls} }
export function makeTarget(name, { baseUrlTemplate, publicOriginTemplate, connect }) {
  const u = new URL(baseUrlTemplate.replaceAll('{name}', name));
  const tls = u.protocol === 'https:';
  const port = u.port ? +u.port : tls ? 443 : 80;
  let at = { host: u.hostname, port, tls };
  if (connect) {
    const i = connect.lastIndexOf(':');
    at = { host: connect.slice(0, i), port: +connect.slice(i + 1), tls };
  } else if (u.hostname.endsWith('.localhost')) at.host = '127.0.0.1';
  const pub = publicOriginTemplate ? new URL(publicOriginTemplate.replaceAll('{name}', name)) : u;
  return {
    origin: pub.origin,
    host: u.host,
    publicHost: pub.host,
    publicHostname: pub.hostname,
    connect: at,
    servername: u.hostname,
    nonce: crypto.randomBytes(6).toString('hex'),
  };
}

const fill = (s, t) =>
  typeof s !== 'string'
    ? s
    : s
        .replaceAll('{{nonce}}', t.nonce)
        .replaceAll('{{origin}}', t.origin)
        .replaceAll('{{host}}', t.publicHost)
        .replaceAll('{{hostname}}', t.publicHostname);
const unfill = (s, t) =>
  s
    .replaceAll(t.nonce, '{{nonce}}')
    .replaceAll(t.origin, '{{origin}}')
    .replaceAll(t.publicHost, '{{host}}')
    .replaceAll(t.publicHostname, '{{hostname}}');

export function requestBody(req, t) {
  if (req.bodyJson !== undefined) return Buffer.from(fill(JSON.stringify(req.bodyJson), t));
  if (req.body !== undefined) return Buffer.from(fill(req.body, t));
  if (req.bodyBase64 !== undefined) return Buffer.from(req.bodyBase64, 'base64');
  if (req.bodyRepeat !== undefined) return Buffer.from(req.bodyRepeat[0].repeat(req.bodyRepeat[1]));
  return null;
}

function headerList(req, t) {
  const list = [['Host', t.host]];
  const given = Array.isArray(req.headers) ? req.headers : Object.entries(req.headers ?? {});
  for (const [k, v] of given) {
    if (k.toLowerCase() === 'host') list[0] = ['Host', fill(v, t)];
    else list.push([k, fill(v, t)]);
  }
  return list;
}

export function httpExec(req, t, { timeout = 15000 } = {}) {
  return new Promise((resolve) => {
    const headers = headerList(req, t);
    const has = (n) => headers.some(([k]) => k.toLowerCase() === n);
    const body = requestBody(req, t);
    if (req.bodyJson !== undefined && !has('content-type')) headers.push(['Content-Type', 'application/json']);
    if (req.bodyChunks) headers.push(['Transfer-Encoding', 'chunked']);
    else if (body) headers.push(['Content-Length', String(body.length)]);
    headers.push(['Connection', 'close']);
    const mod = t.connect.tls ? https : http;
    let done = false;
    // oxlint-disable-next-line prefer-const -- `finish` may run before it is assigned
    let timer;
    const finish = (r) => {
      if (!done) {
        done = true;
        clearTimeout(timer);
        resolve(r);
      }
    };
    const q = mod.request({
      host: t.connect.host,
      port: t.connect.port,
      method: req.method,
      path: fill(req.path, t),
      agent: false,
      setHost: false,
      headers: headers.flat(),
      servername: t.connect.tls ? t.servername : undefined,
      rejectUnauthorized: false,
      insecureHTTPParser: false,
    });
    timer = setTimeout(() => {
      finish({ failure: 'timeout' });
      q.destroy();
    }, req.timeoutMs ?? timeout);
    q.on('error', (e) => finish({ failure: `connection: ${e.code ?? e.message}` }));
    q.on('response', (res) => {
      const chunks = [];
      let first = 0,
        gap = 0;
      res.on('data', (c) => {
        chunks.push(c);
        if (!first) first = performance.now();
      });
      let ended = false;
      const fin = (truncated) => {
        if (ended) return;
        ended = true;
        gap = first ? performance.now() - first : 0;
        finish({
          status: res.statusCode,
          statusText: res.statusMessage,
          rawHeaders: res.rawHeaders,
          body: Buffer.concat(chunks),
          truncated,
          gap,
        });
      };
      res.on('end', () => fin(!res.complete));
      res.on('aborted', () => fin(true));
      res.on('error', () => fin(true));
      res.on('close', () => fin(!res.complete));
    });
    q.on('upgrade', (res, socket) => {
      socket.destroy();
      finish({ status: res.statusCode, rawHeaders: res.rawHeaders, body: Buffer.alloc(0), truncated: false, gap: 0 });
    });
    if (req.bodyChunks) {
      void (async () => {
        for (const c of req.bodyChunks) {
          if (typeof c === 'number') await new Promise((r) => setTimeout(r, c));
          else q.write(Buffer.from(c));
        }
        q.end();
      })();
    } else q.end(body ?? undefined);
  });
}

export function wsExec(req, t, { timeout = 15000 } = {}) {
  return new Promise((resolve) => {
    const headers = Object.fromEntries(headerList(req, t));
    const url = `${t.connect.tls ? 'wss' : 'ws'}://${t.connect.host}:${t.connect.port}${fill(req.path, t)}`;
    const messages = [];
    let closed = null,
      finished = false,
      wake = () => {};
    const ws = new WebSocket(url, req.wsProtocols ?? [], {
      headers,
      perMessageDeflate: false,
      servername: t.connect.tls ? t.servername : undefined,
      rejectUnauthorized: false,
    });
    const finish = (r) => {
      if (!finished) {
        finished = true;
        clearTimeout(timer);
        resolve(r);
        try {
          ws.terminate();
        } catch {}
      }
    };
    const timer = setTimeout(() => finish({ failure: 'timeout', messages }), req.timeoutMs ?? timeout);
    ws.on('unexpected-response', (_q, res) => {
      const chunks = [];
      res.on('data', (c) => chunks.push(c));
      res.on('end', () =>
        finish({
          status: res.statusCode,
          rawHeaders: res.rawHeaders,
          body: Buffer.concat(chunks),
          truncated: false,
          gap: 0,
        }),
      );
    });
    ws.on('error', (e) => {
      if (ws.readyState !== WebSocket.CLOSED || !closed) finish({ failure: `websocket: ${e.code ?? e.message}` });
    });
    ws.on('message', (data, isBinary) => {
      messages.push(
        isBinary ? { binary: Buffer.from(data).toString('base64') } : { text: Buffer.from(data).toString() },
      );
      wake();
    });
    ws.on('close', (code, reason) => {
      closed = { code, reason: reason.toString() };
      wake();
    });
    let up = null;
    ws.on('upgrade', (res) => {
      up = res;
    });
    ws.on('open', () => void play());
    const play = async () => {
      let want = 0;
      const until = (cond) =>
        new Promise((r) => {
          wake = () => {
            if (cond()) r();
          };
          wake();
        });
      for (const step of req.ws) {
        if (finished) return;
        if (step.send !== undefined) ws.send(step.send);
        else if (step.sendBase64 !== undefined) ws.send(Buffer.from(step.sendBase64, 'base64'));
        else if (step.recv) {
          want += step.recv;
          await until(() => messages.length >= want || closed);
        } else if (step.close) ws.close(...step.close);
        else if (step.terminate) ws.terminate();
        else if (step.waitClose) await until(() => closed);
        else if (step.sleep) await new Promise((r) => setTimeout(r, step.sleep));
      }
      finish({
        status: 101,
        rawHeaders: up.rawHeaders,
        ws: { messages, closed, protocol: ws.protocol },
        body: Buffer.alloc(0),
        truncated: false,
        gap: 0,
      });
    };
  });
}

// ---------------------------------------------------------------- canonical result

// Headers that belong to the connection or the server rather than to the worker.
const INFRA = new Set([
  'date',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'server',
  'via',
  'alt-svc',
  'cf-ray',
  'nel',
  'report-to',
  'upgrade',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'proxy-connection',
  'expect-ct',
]);

const NAMED = {
  uuid: ['[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'gi', '<uuid>'],
};

function headersOf(raw, t) {
  const out = {};
  for (let i = 0; i < raw.length; i += 2) {
    const k = raw[i].toLowerCase(),
      v = unfill(raw[i + 1], t);
    if (k === 'set-cookie') (out[k] ??= []).push(v);
    else out[k] = k in out ? out[k] + ', ' + v : v;
  }
  return out;
}

export function canonical(r, req, cs, t) {
  if (r.failure) return { id: req.id, failure: r.failure };
  const cmp = { ...cs.compare, ...req.compare };
  const res = { id: req.id, status: r.status };
  if (cmp.statusText) res.statusText = r.statusText;
  const all = headersOf(r.rawHeaders, t);
  const keep = {};
  for (const [k, v] of Object.entries(all)) if (!INFRA.has(k)) keep[k] = v;
  for (const k of cmp.headers ?? []) keep[k] = all[k] ?? null; // named headers: also check absence, and infra ones
  for (const k of cmp.ignoreHeaders ?? []) delete keep[k];
  res.headers = keep;
  if (r.ws) {
    res.ws = r.ws;
    return res;
  }
  if (r.truncated) res.truncated = true;
  if (cmp.streamed) res.streamed = r.gap >= cmp.streamed;
  let kind = cmp.body ?? 'auto';
  const ct = all['content-type'] ?? '';
  if (kind === 'auto')
    kind =
      req.method === 'HEAD'
        ? 'none'
        : /json/.test(ct)
          ? 'json'
          : /^text\/|javascript|xml|urlencoded/.test(ct)
            ? 'text'
            : 'bytes';
  if (kind === 'none') {
    res.body = { kind };
    return res;
  }
  if (cmp.decode) {
    // undo the response's Content-Encoding before comparing
    const ce = all['content-encoding'];
    try {
      if (ce === 'gzip') r.body = zlib.gunzipSync(r.body);
      else if (ce === 'br') r.body = zlib.brotliDecompressSync(r.body);
      else if (ce === 'deflate') r.body = zlib.inflateSync(r.body);
    } catch {
      res.undecodable = true;
    }
  }
  if (kind === 'bytes') {
    res.body = { kind, length: r.body.length, sha256: crypto.createHash('sha256').update(r.body).digest('hex') };
    if (r.body.length <= 256) res.body.base64 = r.body.toString('base64');
    return res;
  }
  let text = unfill(r.body.toString('utf8'), t);
  for (const n of cmp.normalise ?? []) {
    const [re, fl, to] = typeof n === 'string' ? NAMED[n] : n;
    text = text.replace(new RegExp(re, fl), to);
  }
  if (kind === 'json') {
    try {
      res.body = { kind, value: JSON.parse(text) };
    } catch {
      res.body = { kind: 'text', text };
    }
  } else if (text.length > 20000)
    res.body = {
      kind,
      length: text.length,
      sha256: crypto.createHash('sha256').update(text).digest('hex'),
      head: text.slice(0, 500),
    };
  else res.body = { kind, text };
  return res;
}

export async function execCase(cs, target, opts = {}) {
  const out = [];
  if (cs.spec.parallel)
    return Promise.all(
      cs.requests.map(async (req) => canonical(await (req.ws ? wsExec : httpExec)(req, target, opts), req, cs, target)),
    );
  for (const req of cs.requests) {
    if (req.delayMs) await new Promise((r) => setTimeout(r, req.delayMs));
    const raw = await (req.ws ? wsExec : httpExec)(req, target, opts);
    out.push(canonical(raw, req, cs, target));
  }
  return out;
}

// ---------------------------------------------------------------- comparison

// Workers report a caught error as {"$error": name, "$message": text}. The name is compared,
// the text is not, unless strict.
export function diffJson(exp, act, strict, at = '', out = []) {
  if (out.length > 20) return out;
  const isObj = (x) => x !== null && typeof x === 'object';
  if (!isObj(exp) || !isObj(act) || Array.isArray(exp) !== Array.isArray(act)) {
    if (!Object.is(exp, act)) out.push(`${at || '.'}: expected ${short(exp)}, got ${short(act)}`);
    return out;
  }
  const keys = new Set([...Object.keys(exp), ...Object.keys(act)]);
  for (const k of keys) {
    if (k === '$message' && !strict) continue;
    const p = Array.isArray(exp) ? `${at}[${k}]` : `${at}.${k}`;
    if (!(k in act)) out.push(`${p}: expected ${short(exp[k])}, got nothing`);
    else if (!(k in exp)) out.push(`${p}: expected nothing, got ${short(act[k])}`);
    else diffJson(exp[k], act[k], strict, p, out);
  }
  return out;
}
const short = (x) => {
  const s = JSON.stringify(x) ?? 'undefined';
  return s.length > 160 ? s.slice(0, 160) + '…' : s;
};

export function diffResult(exp, act, { strict = false } = {}) {
  const d = [];
  // Where workerd broke the connection off before or in the middle of an answer, a 5xx, a cut-off
  // body and a broken connection all say the same thing to a client.
  if (exp.failure?.startsWith('connection')) {
    if (!act.failure?.startsWith('connection') && !act.truncated && !(act.status >= 500))
      d.push(`expected a failed response, got ${act.failure ?? act.status}`);
    return d;
  }
  if (exp.failure || act.failure) {
    if (exp.failure !== act.failure)
      d.push(`expected ${exp.failure ?? 'a response ' + exp.status}, got ${act.failure ?? 'a response ' + act.status}`);
    return d;
  }
  if (exp.status !== act.status) d.push(`status: expected ${exp.status}, got ${act.status}`);
  if ('statusText' in exp && exp.statusText !== act.statusText)
    d.push(`statusText: expected ${exp.statusText}, got ${act.statusText}`);
  for (const [k, v] of Object.entries(exp.headers ?? {})) {
    const a = act.headers?.[k] ?? null;
    if (JSON.stringify(a) !== JSON.stringify(v)) d.push(`header ${k}: expected ${short(v)}, got ${short(a)}`);
  }
  if (!!exp.undecodable !== !!act.undecodable)
    d.push(`undecodable: expected ${!!exp.undecodable}, got ${!!act.undecodable}`);
  if (!!exp.truncated !== !!act.truncated) d.push(`truncated: expected ${!!exp.truncated}, got ${!!act.truncated}`);
  if ('streamed' in exp && exp.streamed !== act.streamed)
    d.push(`streamed: expected ${exp.streamed}, got ${act.streamed}`);
  if (exp.ws || act.ws) {
    d.push(...diffJson(exp.ws ?? null, act.ws ?? null, strict, 'ws'));
    return d;
  }
  const eb = exp.body ?? { kind: 'none' },
    ab = act.body ?? { kind: 'none' };
  if (eb.kind === 'none') return d;
  if (eb.kind === 'json' && ab.kind === 'json') d.push(...diffJson(eb.value, ab.value, strict, 'body'));
  else if (eb.kind !== ab.kind)
    d.push(
      `body: expected ${eb.kind} ${short(eb.value ?? eb.text ?? eb.base64)}, got ${ab.kind} ${short(ab.value ?? ab.text ?? ab.base64)}`,
    );
  else if (JSON.stringify(eb) !== JSON.stringify(ab))
    d.push(`body: expected ${short(eb.text ?? eb)}, got ${short(ab.text ?? ab)}`);
  return d;
}
