/**
 * The whole platform for end-to-end tests: the real dist/server/main.js as a process of its own, on free ports, in a
 * temporary data directory. Whatever a test does, its servers end with it: by `stop()`, by the file's `after`, or, when the test
 * process is killed, by the kernel (parent-death signal).
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type Dispatcher, request as undiciRequest } from 'undici';
import {
  type Exit,
  SERVER_PROGRAM,
  type SkepProcess,
  spawnSkep as startProcess,
  type SpawnOptions,
  whenReady,
} from '../../tools/lib/skep-process.ts';
import { deployWorker } from '../../tools/lib/deploy.ts';
import type { Json } from './api.ts';
import { MULTIPART_TYPE, simpleUpload } from './multipart.ts';
import { descendantsOf, mentioning, type ProcessRef, stillRunning } from './processes.ts';

export const MAIN = SERVER_PROGRAM;

export interface SkepOptions extends Omit<SpawnOptions, 'dataDir'> {
  /** Default: a fresh one, removed at the end. One that is given stays. */
  readonly dataDir?: string;
}

export type { Exit, SkepProcess };
export { whenReady };

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
  /** Uploads one module and switches its workers.dev address on. Resolves with the answer to the upload, or to the switch when that is refused. */
  upload(worker: string, code: string, metadata?: Record<string, unknown>): Promise<HttpAnswer>;
  /** Like `upload`, and must succeed. */
  deploy(worker: string, code: string, metadata?: Record<string, unknown>): Promise<void>;
}

const servers = new Set<SkepProcess>();
const directories = new Set<string>();

// Registered while this file is loaded, so it runs after all tests of the test file.
after(async () => {
  await Promise.all([...servers].map(endNow));
  for (const directory of directories)
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});
async function endNow(server: SkepProcess): Promise<void> {
  const family = descendantsOf(server.pid);
  server.signal('SIGKILL');
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
export function spawnSkep({ dataDir = join(temporaryDirectory(), 'data'), ...options }: SkepOptions = {}): SkepProcess {
  const server = startProcess({ dataDir, ...options });
  servers.add(server);
  void server.exited.finally(() => servers.delete(server)).catch(() => undefined);
  return server;
}

const TEST_ACCOUNT_ID = '0123456789abcdef0123456789abcdef';

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
  const upload: Skep['upload'] = (worker, code, metadata) => {
    const call = async (method: string, path: string, body: object): Promise<HttpAnswer> =>
      await api(method, path, body, body instanceof Uint8Array ? { 'content-type': MULTIPART_TYPE } : {});
    return deployWorker(call, worker, simpleUpload(metadata, code));
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
    const { statusCode: status, headers } = response;
    return { status, headers, text, json: () => parsed(text, status) };
  } finally {
    if (dispatcher !== agent) await dispatcher.destroy();
  }
}

/** What was no JSON is told: `Unexpected token` says nothing of the error page that came. */
function parsed(text: string, status: number): Json {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The answer is no JSON: ${status} ${text.slice(0, 600)}`, { cause: error });
  }
}

/** A cell that is just being started has not heard of its parent's death: it ends when it finds nobody to say hello to. */
const GONE_WITHIN_MS = 10_000;

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
