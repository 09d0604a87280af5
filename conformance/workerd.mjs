// Starting workerd for a set of workers: writes a Cap'n Proto config into a scratch folder and
// runs `workerd serve`. Used by oracle.mjs and front-workerd.mjs; run.mjs does not need it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { ROOT } from './lib.mjs';

export const WORKERD = process.env.WORKERD ?? 'workerd';
const q = (s) =>
  JSON.stringify(String(s)).replace(/\\u([0-9a-f]{4})/gi, (_, h) =>
    [...Buffer.from(String.fromCharCode(parseInt(h, 16)))].map((b) => '\\x' + b.toString(16).padStart(2, '0')).join(''),
  );
const FIELD = { esm: 'esModule', commonjs: 'commonJsModule', text: 'text', data: 'data', wasm: 'wasm', json: 'json' };

function binding(b) {
  switch (b.type) {
    case 'plain_text':
    case 'secret_text':
      return `(name = ${q(b.name)}, text = ${q(b.text)})`;
    case 'json':
      return `(name = ${q(b.name)}, json = ${q(JSON.stringify(b.json))})`;
    case 'service': {
      const parts = [`name = ${q(b.service)}`];
      if (b.entrypoint) parts.push(`entrypoint = ${q(b.entrypoint)}`);
      if (b.props) parts.push(`props = (json = ${q(JSON.stringify(b.props))})`);
      return `(name = ${q(b.name)}, service = (${parts.join(', ')}))`;
    }
    default:
      throw new Error(`binding type ${b.type}`);
  }
}

// workers: [{scriptName, main, format, modules: [{name, type, path|content}], ...}]; the last one is served
export function writeConfig(dir, workers) {
  const services = [];
  workers.forEach((w, i) => {
    const wd = path.join(dir, `w${i}`);
    for (const m of w.modules) {
      const f = path.join(wd, m.name);
      fs.mkdirSync(path.dirname(f), { recursive: true });
      if (m.content !== undefined) fs.writeFileSync(f, m.content);
      else fs.copyFileSync(m.path, f);
    }
    const code =
      w.format === 'service-worker'
        ? `serviceWorkerScript = embed ${q(`w${i}/${w.main}`)}`
        : `modules = [${w.modules.map((m) => `(name = ${q(m.name)}, ${FIELD[m.type]} = embed ${q(`w${i}/${m.name}`)})`).join(', ')}]`;
    services.push(`(name = ${q(w.scriptName)}, worker = (${code},
      compatibilityDate = ${q(w.compatibility_date)}, compatibilityFlags = [${w.compatibility_flags.map(q).join(', ')}],
      bindings = [${w.bindings.map(binding).join(', ')}],
      globalOutbound = "no-internet", cacheApiOutbound = "cache-sim"))`);
  });
  // No case may reach the internet; and workerd has no cache of its own, so one is supplied.
  services.push(
    `(name = "no-internet", worker = (modules = [(name = "x.js", esModule = "export default { fetch() { return new Response('no internet in this corpus', {status: 599}) } }")], compatibilityDate = "2024-01-01"))`,
  );
  fs.copyFileSync(path.join(ROOT, 'tools/cache-sim.js'), path.join(dir, 'cache-sim.js'));
  services.push(
    `(name = "cache-sim", worker = (modules = [(name = "cache-sim.js", esModule = embed "cache-sim.js")], compatibilityDate = "2024-01-01"))`,
  );
  const main = workers[workers.length - 1].scriptName;
  fs.writeFileSync(
    path.join(dir, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.join(',\n')}],
  sockets = [(name = "main", address = "127.0.0.1:0", http = (), service = ${q(main)})]
);
`,
  );
}

// Resolves to {port, stop(), stderr()} or {error, stderr()}
export async function startWorkerd(workers, { timeout = 20000 } = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wcase-'));
  let err = '';
  const cleanup = () => fs.rmSync(dir, { recursive: true, force: true });
  try {
    writeConfig(dir, workers);
  } catch (e) {
    cleanup();
    return { error: String(e), stderr: () => String(e) };
  }
  const p = spawn(WORKERD, ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  p.stderr.on('data', (d) => {
    if (err.length < 65536) err += d;
  });
  p.stdout.on('data', (d) => {
    if (err.length < 65536) err += d;
  });
  const exited = new Promise((r) => p.on('exit', (code, sig) => r({ exit: code ?? sig })));
  p.on('exit', cleanup);
  const port = new Promise((r) => {
    let buf = '';
    p.stdio[3].on('data', (d) => {
      buf += d;
      for (const l of buf.split('\n')) {
        try {
          const j = JSON.parse(l);
          if (j.event === 'listen') r({ port: j.port });
        } catch {}
      }
    });
  });
  let tm;
  const first = await Promise.race([
    port,
    exited,
    new Promise((r) => {
      tm = setTimeout(() => r({ exit: 'timeout' }), timeout);
    }),
  ]);
  clearTimeout(tm);
  if (first.port)
    return {
      port: first.port,
      stderr: () => err,
      stop: async () => {
        p.kill('SIGTERM');
        const t = setTimeout(() => p.kill('SIGKILL'), 3000);
        await exited;
        clearTimeout(t);
      },
    };
  p.kill('SIGKILL');
  return { error: `workerd did not start (${first.exit})`, stderr: () => err };
}
