/** The reference runtime: a fresh `workerd serve` with the workers of one case. It is a devDependency. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CaseBinding, CaseModuleType, CaseWorker } from './corpus.ts';

const START_TIMEOUT_MS = 30_000;
const MAX_LOG_BYTES = 64 * 1024;
const CONTROL_FD = 3;
/** workerd has no cache of its own; this one follows Cloudflare's documentation. */
const CACHE_SIMULATOR = join(dirname(fileURLToPath(import.meta.url)), 'tools/cache-sim.js');
/** No case may reach the internet. */
const NO_INTERNET = "export default { fetch() { return new Response('no internet in this corpus', { status: 599 }) } }";

export interface RunningWorkerd {
  readonly port: number;
  log(): string;
  stop(): Promise<void>;
}

export interface RefusedStart {
  readonly port: null;
  log(): string;
}

/** Starts workerd with these workers; the last one answers. `port` null: it refuses to start. */
export async function startWorkerd(workers: readonly CaseWorker[]): Promise<RunningWorkerd | RefusedStart> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-oracle-'));
  writeConfiguration(folder, workers);
  const child = spawn(workerdBinary(), ['serve', 'config.capnp', `--control-fd=${CONTROL_FD}`], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const log = collectLog(child);
  const ended = new Promise<null>((resolve) => {
    child.once('close', () => {
      rmSync(folder, { recursive: true, force: true });
      resolve(null);
    });
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  const port = await Promise.race([listeningPort(child), ended]);
  clearTimeout(timer);
  if (port === null) return { port, log };
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { port, log, stop };
}

/** The binary itself: the npm package's own launcher would be one process more. */
export function workerdBinary(): string {
  const require = createRequire(import.meta.url);
  const platform = require.resolve(`@cloudflare/workerd-linux-64/package.json`, {
    paths: [dirname(require.resolve('workerd/package.json'))],
  });
  return join(dirname(platform), 'bin/workerd');
}

function collectLog(child: ChildProcess): () => string {
  let log = '';
  const collect = (data: Buffer): void => {
    if (log.length < MAX_LOG_BYTES) log += data.toString('utf8');
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return () => log;
}

/** workerd says on its control descriptor where it listens. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    let text = '';
    child.stdio[CONTROL_FD]?.on('data', (data: Buffer) => {
      text += data.toString('utf8');
      const port = /"event":"listen".*?"port":(\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
}

/** A text in Cap'n Proto's syntax: bytes that are not ASCII as hexadecimal escapes. */
const quote = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte))).join('')}"`;

const MODULE_FIELDS: Readonly<Record<CaseModuleType, string>> = {
  esm: 'esModule',
  commonjs: 'commonJsModule',
  text: 'text',
  data: 'data',
  wasm: 'wasm',
  json: 'json',
  'service-worker': 'serviceWorkerScript',
};

function writeConfiguration(folder: string, workers: readonly CaseWorker[]): void {
  const services = workers.map((worker, index) => {
    for (const module of worker.modules) {
      const copy = join(folder, `w${index}`, module.name);
      mkdirSync(dirname(copy), { recursive: true });
      copyFileSync(module.path, copy);
    }
    return serviceConfiguration(worker, `w${index}`);
  });
  services.push(
    `(name = "no-internet", worker = (modules = [(name = "x.js", esModule = ${quote(NO_INTERNET)})], compatibilityDate = "2024-01-01"))`,
    `(name = "cache-sim", worker = (modules = [(name = "cache-sim.js", esModule = ${quote(readFileSync(CACHE_SIMULATOR, 'utf8'))})], compatibilityDate = "2024-01-01"))`,
  );
  const main = workers.at(-1)?.scriptName ?? '';
  writeFileSync(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.join(',\n')}],
  sockets = [(name = "main", address = "127.0.0.1:0", http = (), service = ${quote(main)})]
);
`,
  );
}

function serviceConfiguration(worker: CaseWorker, folder: string): string {
  const embedded = (name: string): string => `embed ${quote(`${folder}/${name}`)}`;
  const code =
    worker.format === 'service-worker'
      ? `serviceWorkerScript = ${embedded(worker.main)}`
      : `modules = [${worker.modules.map(({ name, type }) => `(name = ${quote(name)}, ${MODULE_FIELDS[type]} = ${embedded(name)})`).join(', ')}]`;
  return `(name = ${quote(worker.scriptName)}, worker = (${code},
    compatibilityDate = ${quote(worker.compatibilityDate)},
    compatibilityFlags = [${worker.compatibilityFlags.map(quote).join(', ')}],
    bindings = [${worker.bindings.map(bindingConfiguration).join(', ')}],
    globalOutbound = "no-internet", cacheApiOutbound = "cache-sim"))`;
}

function bindingConfiguration(binding: CaseBinding): string {
  const name = `name = ${quote(binding.name)}`;
  if (binding.type === 'json') return `(${name}, json = ${quote(JSON.stringify(binding['json']))})`;
  if (binding.type !== 'service') return `(${name}, text = ${quote(String(binding['text']))})`;
  const entrypoint = binding['entrypoint'];
  const parts = [
    `name = ${quote(String(binding['service']))}`,
    ...(typeof entrypoint === 'string' ? [`entrypoint = ${quote(entrypoint)}`] : []),
    ...(binding['props'] === undefined ? [] : [`props = (json = ${quote(JSON.stringify(binding['props']))})`]),
  ];
  return `(${name}, service = (${parts.join(', ')}))`;
}
