/**
 * The whole platform for end-to-end tests: the real dist/server/main.js as a process of its own, on free ports, in a
 * temporary data directory. Whatever a test does, its servers end with it: by `stop()`, by the file's `after`, or, when the test
 * process is killed, by the kernel (parent-death signal).
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type Dispatcher, request as undiciRequest } from 'undici';
import type { Json } from './api.ts';
import { ESM, MULTIPART_TYPE, multipartBody } from './multipart.ts';
import { descendantsOf, mentioning, type ProcessRef, stillRunning } from './processes.ts';

export const MAIN = resolve('dist/server/main.js');
/** Far above what a start needs, for machines that are busy with something else. */
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 40_000;

export interface SkepOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a fresh one, removed at the end. One that is given stays. */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  /** The user to run as; default: that of the tests. */
  readonly uid?: number;
  readonly gid?: number;
  /** Default: `/`, so that no skep.toml is found by accident. */
  readonly cwd?: string;
  /** A command in front of node, such as `unshare --mount …`. */
  readonly wrapper?: readonly string[];
  /** The program; default: that of this checkout. */
  readonly main?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started process, ready or not. */
export interface SkepProcess {
  readonly pid: number;
  readonly dataDir: string;
  /** Resolves when it is gone and its output read. */
  readonly exited: Promise<Exit>;
  /** Lines of standard output so far. */
  readonly lines: string[];
  stdout(): string;
  stderr(): string;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  /** Throws when the body is no JSON. */
  json(): Json;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Dispatcher.DispatchOptions['body'];
  readonly timeoutMs?: number;
  /** Its own connection for this request. */
  readonly newConnection?: boolean;
}

export interface Skep extends SkepProcess {
  readonly gatewayPort: number;
  readonly apiPort: number;
  /** `http://127.0.0.1:<port>/client/v4` */
  readonly apiUrl: string;
  readonly token: string;
  readonly accountId: string;
  /** From spawn to the line "Ready", in milliseconds. */
  readonly startMs: number;
  /** The three variables of the banner. */
  readonly wranglerEnv: Record<string, string>;
  /** Ends it as a power cut would, then asserts that nothing of it is left within 2 s. */
  kill9(): Promise<void>;
  /** `<worker>.dev.localhost`, through the gateway. */
  request(worker: string, path?: string, options?: RequestOptions): Promise<HttpAnswer>;
  /** `path` is below the account. A body that is no bytes is sent as JSON. */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<HttpAnswer>;
  /** Uploads one module and switches its workers.dev address on. Resolves with the answer to the upload. */
  upload(worker: string, code: string, metadata?: Record<string, unknown>): Promise<HttpAnswer>;
  /** Like `upload`, and must succeed. */
  deploy(worker: string, code: string, metadata?: Record<string, unknown>): Promise<void>;
}

const servers = new Set<{ child: ChildProcess; family: () => ProcessRef[] }>();
const directories = new Set<string>();

// Registered while this file is loaded, so it runs after all tests of the test file.
after(async () => {
  await Promise.all([...servers].map(endNow));
  for (const directory of directories)
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});
process.on('exit', () => {
  for (const { child } of servers) child.kill('SIGKILL');
});

async function endNow(server: { child: ChildProcess; family: () => ProcessRef[] }): Promise<void> {
  const family = server.family();
  server.child.kill('SIGKILL');
  const deadline = Date.now() + 5_000;
  while (stillRunning(family).length > 0 && Date.now() < deadline) await sleep(20);
  // Left behind by a defect: the test that looks for it reports it; nothing may stay here in any case.
  for (const { pid } of stillRunning(family)) process.kill(pid, 'SIGKILL');
}

/** A temporary directory that other users can pass through (PostgreSQL is one when the tests run as root). */
export function temporaryDirectory(mode = 0o711): string {
  const directory = mkdtempSync(join(tmpdir(), 'skep-e2e-'));
  chmodSync(directory, mode);
  directories.add(directory);
  return directory;
}

/** Starts the server and waits for nothing. */
export function spawnSkep(options: SkepOptions = {}): SkepProcess {
  const dataDir = options.dataDir ?? join(temporaryDirectory(), 'data');
  const [command = '', ...args] = [
    ...deathSignal(),
    ...(options.wrapper ?? []),
    process.execPath,
    options.main ?? MAIN,
    ...(options.args ?? []),
  ];
  const child = spawn(command, args, {
    cwd: options.cwd ?? '/',
    env: {
      PATH: process.env['PATH'] ?? '',
      TMPDIR: tmpdir(),
      SKEP_DATA_DIR: dataDir,
      SKEP_GATEWAY_PORT: '0',
      SKEP_API_PORT: '0',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
  });
  const entry = { child, family: () => (child.pid === undefined ? [] : descendantsOf(child.pid)) };
  servers.add(entry);
  const lines: string[] = [];
  const stdout = collect(child.stdout, lines);
  const stderr = collect(child.stderr, []);
  const exited = new Promise<Exit>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => {
      servers.delete(entry);
      done({ code, signal });
    });
  });
  exited.catch(() => {});
  const pid = child.pid;
  assert.ok(pid !== undefined, `cannot start ${command}`);
  return {
    pid,
    dataDir,
    exited,
    lines,
    stdout,
    stderr,
    signal: (signal) => void child.kill(signal),
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return await within(
        exited,
        STOP_TIMEOUT_MS,
        () => `the server did not end after ${signal}: ${stdout()}${stderr()}`,
      );
    },
  };
}

let setpriv: boolean | undefined;

function deathSignal(): string[] {
  setpriv ??= spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
  return setpriv ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
}

function collect(stream: NodeJS.ReadableStream, lines: string[]): () => string {
  let all = '';
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    all += chunk;
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return () => all;
}

async function within<T>(promise: Promise<T>, timeoutMs: number, what: () => string): Promise<T> {
  const timeout = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: timeout.signal }).then(() => {
    throw new Error(`Not within ${timeoutMs} ms: ${what()}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timeout.abort();
  }
}

export const TEST_ACCOUNT_ID = '0123456789abcdef0123456789abcdef';

/** Starts the server and waits until it is ready. Without `SKEP_ADMIN_TOKEN` in `env` it gets one made for the test. */
export async function startSkep(options: SkepOptions = {}): Promise<Skep> {
  const given =
    options.env?.['SKEP_ADMIN_TOKEN'] ?? (options.dataDir === undefined ? undefined : tokens.get(options.dataDir));
  const token = given ?? randomBytes(24).toString('hex');
  const started = performance.now();
  const server = spawnSkep({
    ...options,
    env: { SKEP_ADMIN_TOKEN: token, SKEP_ACCOUNT_ID: TEST_ACCOUNT_ID, ...options.env },
  });
  tokens.set(server.dataDir, token);
  const ready = await whenReady(server);
  return connected(server, { ...ready, token, startMs: performance.now() - started });
}

/** A second server on the same data directory takes the same token. */
const tokens = new Map<string, string>();

/** What the line "Ready" says. Rejects when the server ends before. */
export async function whenReady(
  server: SkepProcess,
): Promise<{ gatewayPort: number; apiPort: number; accountId: string }> {
  let exit: Exit | undefined;
  void server.exited.then((end) => (exit = end));
  for (const deadline = Date.now() + READY_TIMEOUT_MS; ; ) {
    const line = server.lines.find((text) => text.includes('"message":"Ready"'));
    if (line !== undefined) {
      const { gateway, api, accountId } = JSON.parse(line) as { gateway: string; api: string; accountId: string };
      return { gatewayPort: Number(new URL(gateway).port), apiPort: Number(new URL(api).port), accountId };
    }
    const output = (): string => server.stdout() + server.stderr();
    if (exit !== undefined)
      throw new Error(`The server ended before it was ready (${exit.code ?? exit.signal}): ${output()}`);
    if (Date.now() > deadline) throw new Error(`The server is not ready after ${READY_TIMEOUT_MS} ms: ${output()}`);
    await sleep(5);
  }
}

interface Facts {
  readonly gatewayPort: number;
  readonly apiPort: number;
  readonly accountId: string;
  readonly token: string;
  readonly startMs: number;
}

/** The handle of a server that is ready. */
export function connected(server: SkepProcess, facts: Facts): Skep {
  const apiUrl = `http://127.0.0.1:${facts.apiPort}/client/v4`;
  const agent = new Agent({ connections: 64, headersTimeout: 60_000, bodyTimeout: 60_000 });
  void server.exited.then(
    () => agent.destroy(),
    () => agent.destroy(),
  );
  const api: Skep['api'] = (method, path, body, headers = {}) => {
    const bytes = body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body);
    return send(agent, `${apiUrl}/accounts/${facts.accountId}${path}`, {
      method,
      headers: { authorization: `Bearer ${facts.token}`, ...headers },
      ...(bytes === undefined ? {} : { body: bytes }),
    });
  };
  const upload: Skep['upload'] = async (worker, code, metadata = {}) => {
    const answer = await api('PUT', `/workers/scripts/${worker}`, moduleUpload(code, metadata), {
      'content-type': MULTIPART_TYPE,
    });
    if (answer.status === 200) {
      const enabled = await api('POST', `/workers/scripts/${worker}/subdomain`, { enabled: true });
      assert.equal(enabled.status, 200, enabled.text);
    }
    return answer;
  };
  return {
    // The getters of the process stay live: it is the same object with more on it.
    ...server,
    ...facts,
    apiUrl,
    wranglerEnv: {
      CLOUDFLARE_API_BASE_URL: apiUrl,
      CLOUDFLARE_API_TOKEN: facts.token,
      CLOUDFLARE_ACCOUNT_ID: facts.accountId,
    },
    kill9: () => kill9(server),
    request: (worker, path = '/', options = {}) =>
      send(agent, `http://127.0.0.1:${facts.gatewayPort}${path}`, {
        ...options,
        headers: { host: `${worker}.dev.localhost:${facts.gatewayPort}`, ...options.headers },
      }),
    api,
    upload,
    deploy: async (worker, code, metadata) => {
      const answer = await upload(worker, code, metadata);
      assert.equal(answer.status, 200, answer.text);
    },
  };
}

/** A multipart body with one ES module. */
export function moduleUpload(code: string, metadata: Record<string, unknown> = {}): Buffer {
  const full = { main_module: 'index.js', compatibility_date: '2023-07-24', ...metadata };
  return multipartBody([
    { name: 'metadata', content: JSON.stringify(full) },
    { name: 'index.js', content: code, type: ESM },
  ]);
}

async function send(agent: Agent, url: string, options: RequestOptions): Promise<HttpAnswer> {
  const dispatcher = options.newConnection === true ? new Agent({ connections: 1 }) : agent;
  const signal = options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs);
  try {
    const response = await undiciRequest(url, {
      dispatcher,
      method: options.method ?? 'GET',
      headers: { ...options.headers },
      ...(options.body === undefined ? {} : { body: options.body }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, text, json: () => JSON.parse(text) };
  } finally {
    if (dispatcher !== agent) await dispatcher.destroy();
  }
}

const GONE_WITHIN_MS = 2_000;

async function kill9(server: SkepProcess): Promise<void> {
  const family = descendantsOf(server.pid);
  server.signal('SIGKILL');
  const killed = performance.now();
  await server.exited;
  const left = (): ProcessRef[] => [...stillRunning(family), ...mentioning(server.dataDir)];
  while (left().length > 0 && performance.now() - killed < GONE_WITHIN_MS) await sleep(10);
  const orphans = left();
  for (const { pid } of orphans) process.kill(pid, 'SIGKILL');
  assert.deepEqual(
    orphans.map(({ command }) => command),
    [],
    'processes that outlived the killed server',
  );
}
