/** Starting the two platforms as real processes, and putting the same workers on both. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createRequire } from 'node:module';
import { type ApiAnswer, callApi, deployWorker, uploadForm } from '../tools/lib/deploy.ts';
import { spawnSkep, whenReady } from '../tools/lib/skep-process.ts';
import { processTree, type ProcessInfo } from './processes.ts';
import type { Target } from './wrk.ts';
import { type BenchWorker, COMPATIBILITY_DATE } from './workers.ts';

export const ROOT = resolve(import.meta.dirname, '..');
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
/** Of what a process prints; the end of it is for the message when it dies. */
const MAX_OUTPUT = 4000;

export interface Platform {
  readonly name: 'skep' | 'workerd';
  target(worker: string): Target;
  processes(): ProcessInfo[];
  stop(): Promise<void>;
}

export interface Skep extends Platform {
  /** Uploads a worker, or throws with the API's answer. */
  deploy(worker: BenchWorker): Promise<void>;
  /** One call of the control API, below the account. Throws when it is refused; resolves with `result`. */
  api(method: string, path: string, body: object): Promise<unknown>;
  /** Processes that run a worker or wait to run one. */
  cells(): ProcessInfo[];
  /** The server's own process. */
  readonly pid: number;
  /** What the server's heap holds after a garbage collection. Only when started with `reportsMemory`. */
  memory(): Promise<HeapReport>;
  /** The value of a series without labels in `/metrics`. */
  counted(series: string): Promise<number>;
  /** Directories of cells, left ones included. */
  cellDirectories(): number;
  /** Where they are. */
  readonly runDirectory: string;
  /** What lies in its folder for temporary files. */
  temporaryFiles(): number;
}

export interface HeapReport {
  readonly heapUsed: number;
  readonly external: number;
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((done, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Keeps the end of what a process prints, for the message when it dies. */
export function collectOutput(child: ChildProcess): () => string {
  let output = '';
  const add = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-MAX_OUTPUT);
  };
  child.stdout?.on('data', add);
  child.stderr?.on('data', add);
  return () => output;
}

/** In a session of its own a child does not hear of Ctrl-C. */
export function stopWithUs(child: ChildProcess): void {
  const kill = (): void => void child.kill('SIGTERM');
  const end = (): void => process.exit(130);
  process.once('exit', kill);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  child.once('exit', () => {
    process.off('exit', kill);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, end);
  });
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((done) => child.once('exit', done));
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(deadline);
}

export async function answers(url: string, headers: Record<string, string>): Promise<boolean> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(5000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Polls until `ready`; throws when the process ends before, or when it takes too long. */
export async function waitFor(ready: () => Promise<boolean>, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await ready())) {
    const ended = child.exitCode ?? child.signalCode;
    if (ended !== null) throw new Error(`${child.spawnfile} ended (${ended}) before it was ready:\n${output()}`);
    if (performance.now() > deadline) throw new Error(`${child.spawnfile} is not ready after 60 s:\n${output()}`);
    await sleep(2);
  }
}

// ---- Skep ----

const uploadOf = (worker: BenchWorker): FormData =>
  uploadForm(
    {
      main_module: 'worker.js',
      compatibility_date: worker.compatibilityDate ?? COMPATIBILITY_DATE,
      bindings: [
        ...worker.services.map((service) => ({ type: 'service', name: service, service })),
        ...(worker.bindings ?? []),
      ],
    },
    [{ name: 'worker.js', content: worker.source, mediaType: 'application/javascript+module' }],
  );

/** `--import tsx` and the like in this process must not reach the measured one. */
export function bareEnvironment(extra: Record<string, string>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SKEP_|DATABASE_URL|NATS_URL|NODE_OPTIONS|npm_)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}

/** Asks the preloaded `report-memory.mjs`. */
function askMemory(child: ChildProcess): Promise<HeapReport> {
  return new Promise((done, reject) => {
    if (!child.connected) {
      reject(new Error('The server has ended, or was started without `reportsMemory`'));
      return;
    }
    child.once('message', (report) => done(report as HeapReport));
    child.send('memory?');
  });
}

function countEntries(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0; // Before the first cell.
  }
}

/**
 * Starts Skep from dist/ on a fresh data directory, with its defaults but for `settings` (environment variables). `reportsMemory`: it can be
 * asked for its heap.
 */
export async function startSkep(
  settings: Record<string, string> = {},
  { reportsMemory = false }: { readonly reportsMemory?: boolean } = {},
): Promise<Skep> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  mkdirSync(join(folder, 'tmp'));
  const token = randomBytes(24).toString('hex');
  const accountId = randomBytes(16).toString('hex');
  const reporter = ['--expose-gc', `--import=${join(import.meta.dirname, 'report-memory.mjs')}`];
  const server = spawnSkep({
    dataDir: join(folder, 'data'),
    cwd: folder,
    nodeFlags: reportsMemory ? reporter : [],
    // The kernel shares processors between sessions first (autogroups).
    detached: true,
    ipc: reportsMemory,
    maxOutput: MAX_OUTPUT,
    env: {
      TMPDIR: join(folder, 'tmp'),
      SKEP_ADMIN_TOKEN: token,
      SKEP_ACCOUNT_ID: accountId,
      ...settings,
    },
  });
  const { child } = server;
  stopWithUs(child);
  const stop = async (): Promise<void> => {
    await stopProcess(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const { gatewayPort, apiPort } = await whenReady(server).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const access = { apiUrl: `http://127.0.0.1:${apiPort}/client/v4`, accountId, token };
  const call = async (method: string, path: string, body: object): Promise<ApiAnswer> => {
    const answer = await callApi(access, method, path, body);
    if (answer.status < 300) return answer;
    throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text.slice(0, 500)}`);
  };
  const processes = (): ProcessInfo[] => processTree(child.pid ?? -1, folder);
  return {
    name: 'skep',
    api: async (method, path, body) =>
      (JSON.parse((await call(method, path, body)).text) as { result: unknown }).result,
    target: (worker) => ({ url: `http://127.0.0.1:${gatewayPort}/`, host: `${worker}.dev.localhost:${gatewayPort}` }),
    processes,
    cells: () => processes().filter(isCell),
    pid: child.pid ?? -1,
    memory: () => askMemory(child),
    counted: async (series) => {
      const text = await (await fetch(`http://127.0.0.1:${apiPort}/metrics`)).text();
      const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
      if (line === undefined) throw new Error(`/metrics has no series "${series}" without labels`);
      return Number(line.slice(series.length));
    },
    temporaryFiles: () => countEntries(join(folder, 'tmp')),
    cellDirectories: () => countEntries(join(folder, 'data/run')),
    runDirectory: join(folder, 'data/run'),
    stop,
    deploy: async (worker) => {
      await deployWorker(call, worker.name, uploadOf(worker));
    },
  };
}

const executable = (process: ProcessInfo): string => process.command.split(' ', 1)[0]?.split('/').at(-1) ?? '';
export const isCell = (process: ProcessInfo): boolean => executable(process).startsWith('deno');
export const isDatabase = (process: ProcessInfo): boolean => executable(process).startsWith('postgres');

// ---- workerd ----

/** The native program, not the package's JavaScript wrapper: a wrapper in between would be measured too. */
function workerdBinary(): string {
  return (createRequire(import.meta.url)('workerd') as { default: string }).default;
}

const quote = (text: string): string => JSON.stringify(text);

function capnpConfig(workers: readonly BenchWorker[], ports: ReadonlyMap<string, number>): string {
  const services = workers.map((worker) => {
    const bindings = worker.services.map((service) => `(name = ${quote(service)}, service = ${quote(service)})`);
    return `(name = ${quote(worker.name)}, worker = (
      modules = [(name = "worker.js", esModule = embed ${quote(`${worker.name}/worker.js`)})],
      compatibilityDate = ${quote(worker.compatibilityDate ?? COMPATIBILITY_DATE)}, bindings = [${bindings.join(', ')}]))`;
  });
  const sockets = workers.map(
    ({ name }) =>
      `(name = ${quote(name)}, address = "127.0.0.1:${ports.get(name) ?? 0}", http = (), service = ${quote(name)})`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${services.join(',\n')}], sockets = [${sockets.join(',\n')}]);
`;
}

/** One bare `workerd serve` with all workers, each on a port of its own. */
export async function startWorkerd(workers: readonly BenchWorker[]): Promise<Platform> {
  const folder = mkdtempSync(join(tmpdir(), 'workerd-bench-'));
  const ports = new Map<string, number>();
  for (const worker of workers) {
    ports.set(worker.name, await freePort());
    mkdirSync(join(folder, worker.name));
    writeFileSync(join(folder, worker.name, 'worker.js'), worker.source);
  }
  writeFileSync(join(folder, 'config.capnp'), capnpConfig(workers, ports));
  const child = spawn(workerdBinary(), ['serve', 'config.capnp'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = collectOutput(child);
  const stop = async (): Promise<void> => {
    await stopProcess(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const port = (worker: string): number => ports.get(worker) ?? 0;
  try {
    const first = workers[0]?.name ?? '';
    await waitFor(() => accepts(port(first)), child, output);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: 'workerd',
    target: (worker) => ({ url: `http://127.0.0.1:${port(worker)}/`, host: `127.0.0.1:${port(worker)}` }),
    processes: () => processTree(child.pid ?? -1, folder),
    stop,
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });
}
