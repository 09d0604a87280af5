// Ways to put one worker on the runtime under test. A hook is an async function
//   (worker, case) => {ok: true} | {ok: false, error}
// worker: { scriptName, main, format, compatibility_date, compatibility_flags,
//           bindings: [{type, name, ...}],          as in the Cloudflare API; `service` is a script name
//           modules: [{name, type, path}] }         type: esm commonjs text data wasm json service-worker
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { CONTENT_TYPE } from './lib.mjs';

const run = (cmd, argv, opts = {}) =>
  new Promise((resolve) => {
    const p = spawn(cmd, argv, { stdio: ['ignore', 'pipe', 'pipe'], ...opts });
    let out = '';
    p.stdout.on('data', (d) => (out += d));
    p.stderr.on('data', (d) => (out += d));
    p.on('error', (e) => resolve({ code: -1, out: String(e) }));
    p.on('exit', (code) => resolve({ code, out }));
  });

// ---- wrangler: writes a project with a wrangler.json into a scratch folder and deploys it.
// Environment variables are passed through (CLOUDFLARE_API_BASE_URL, CLOUDFLARE_ACCOUNT_ID,
// CLOUDFLARE_API_TOKEN, ...). WRANGLER names the command (default: npx wrangler).
export function writeWranglerProject(dir, w) {
  for (const m of w.modules) {
    const f = path.join(dir, m.name);
    fs.mkdirSync(path.dirname(f), { recursive: true });
    fs.copyFileSync(m.path, f);
  }
  const vars = {},
    secrets = {},
    services = [];
  for (const b of w.bindings) {
    if (b.type === 'plain_text') vars[b.name] = b.text;
    else if (b.type === 'secret_text') secrets[b.name] = b.text;
    else if (b.type === 'json') vars[b.name] = b.json;
    else if (b.type === 'service')
      services.push({
        binding: b.name,
        service: b.service,
        ...(b.entrypoint ? { entrypoint: b.entrypoint } : {}),
        ...(b.props ? { props: b.props } : {}),
      });
  }
  const globs = (t) => w.modules.filter((m) => m.type === t && m.name !== w.main).map((m) => m.name);
  const rule = { esm: 'ESModule', commonjs: 'CommonJS', text: 'Text', data: 'Data', wasm: 'CompiledWasm' };
  const rules = Object.entries(rule)
    .map(([t, type]) => ({ type, globs: globs(t), fallthrough: false }))
    .filter((r) => r.globs.length);
  // JSON is not a module type of wrangler's: it bundles JSON imports, so let it bundle such a worker.
  const bundle = w.modules.some((m) => m.type === 'json');
  const conf = {
    name: w.scriptName,
    main: w.main,
    compatibility_date: w.compatibility_date,
    compatibility_flags: w.compatibility_flags,
    no_bundle: !bundle,
    workers_dev: true,
    send_metrics: false,
    rules,
    services,
    // Secrets have no place in wrangler.json. A worker sees them as it sees vars.
    vars: { ...vars, ...secrets },
    ...(w.format === 'modules' && !bundle ? { find_additional_modules: rules.length > 0, base_dir: '.' } : {}),
  };
  fs.writeFileSync(path.join(dir, 'wrangler.json'), JSON.stringify(conf, null, 2));
}
function wranglerHook() {
  const [cmd, ...pre] = (process.env.WRANGLER ?? 'npx wrangler').split(' ');
  return async (w) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wproj-'));
    try {
      writeWranglerProject(dir, w);
      const r = await run(cmd, [...pre, 'deploy', '--config', 'wrangler.json'], {
        cwd: dir,
        env: { WRANGLER_SEND_METRICS: 'false', CI: '1', ...process.env },
      });
      return r.code === 0 ? { ok: true } : { ok: false, error: r.out.slice(-3000) };
    } finally {
      fs.rmSync(dir, { recursive: true, force: true });
    }
  };
}

// ---- api: the upload Cloudflare's API takes.
export function uploadForm(w) {
  const form = new FormData();
  const metadata = {
    ...(w.format === 'service-worker' ? { body_part: w.main } : { main_module: w.main }),
    compatibility_date: w.compatibility_date,
    compatibility_flags: w.compatibility_flags,
    bindings: w.bindings,
  };
  form.append('metadata', new Blob([JSON.stringify(metadata)], { type: 'application/json' }), 'metadata.json');
  for (const m of w.modules)
    form.append(m.name, new Blob([fs.readFileSync(m.path)], { type: CONTENT_TYPE[m.type] }), m.name);
  return form;
}
function apiHook({ apiBase, account, token }) {
  if (!apiBase) throw new Error('--deploy api needs --api-base (or CLOUDFLARE_API_BASE_URL)');
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const root = `${apiBase.replace(/\/$/, '')}/accounts/${account ?? 'account'}/workers/scripts`;
  return async (w) => {
    const put = await fetch(`${root}/${w.scriptName}`, { method: 'PUT', headers, body: uploadForm(w) });
    if (!put.ok) return { ok: false, error: `PUT ${put.status} ${(await put.text()).slice(0, 2000)}` };
    await put.arrayBuffer();
    const sub = await fetch(`${root}/${w.scriptName}/subdomain`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{"enabled":true}',
    });
    if (!sub.ok) return { ok: false, error: `POST subdomain ${sub.status} ${(await sub.text()).slice(0, 500)}` };
    await sub.arrayBuffer();
    return { ok: true };
  };
}

// ---- any command: run once per worker with CASE_DIR (the worker's folder), WORKER_NAME (the script
// name), CASE_NAME, CASE_FOLDER and WORKER_JSON (the whole description) in its environment.
function commandHook(command) {
  return async (w, cs) => {
    const r = await run('/bin/sh', ['-c', command], {
      env: {
        ...process.env,
        CASE_DIR: w.dir,
        WORKER_NAME: w.scriptName,
        CASE_NAME: cs.name,
        CASE_FOLDER: cs.dir,
        WORKER_JSON: JSON.stringify(w),
      },
    });
    return r.code === 0 ? { ok: true } : { ok: false, error: r.out.slice(-3000) };
  };
}

export async function loadHook(kind, options) {
  if (kind === 'none') return async () => ({ ok: true });
  if (kind === 'wrangler') return wranglerHook(options);
  if (kind === 'api') return apiHook(options);
  if (/\.m?js$/.test(kind) && fs.existsSync(kind)) {
    const m = await import(pathToFileURL(path.resolve(kind)));
    return m.create ? m.create(options) : m.default;
  }
  return commandHook(kind);
}
