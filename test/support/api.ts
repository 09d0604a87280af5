/**
 * The control API on a real socket over a real store. What a start-up run answers is told by the test (`startup`): outcomes
 * such as "no cell can be had" cannot be brought about at will. Runs in real cells are in startup.test.ts.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../server/log/types.ts';
import { createApi, type Api } from '../../server/api/api.ts';
import { createHyperdrive } from '../../server/storage/hyperdrive/hyperdrive.ts';
import { createWorkerDatabases, type WorkerDatabases } from '../../server/storage/databases/databases.ts';
import { createKvStore } from '../../server/storage/kv/kv-store.ts';
import { createS3Backend } from '../../server/s3/backend.ts';
import { openObjectStorage } from '../../server/storage/objects/open.ts';
import type { Account, Store } from '../../server/storage/store.ts';
import type { StartupChecker, StartupResult, VersionHealthSource } from '../../server/supervisor/types.ts';
import { testLog } from './log.ts';
import { MULTIPART_TYPE } from './multipart.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

export const TOKEN = 'test-token-of-the-administrator';
export const STARTED: Extract<StartupResult, { readonly ok: true }> = {
  ok: true,
  startupMs: 3,
  handlers: ['fetch'],
  entrypoints: [],
};

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
export type Json = any;

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly success: boolean;
    readonly errors: readonly { readonly code: number; readonly message: string }[];
    readonly messages: readonly { readonly message: string }[];
    readonly result: Json;
    readonly result_info?: Record<string, number>;
  };
}

export interface TestApi {
  /** `http://127.0.0.1:<port>/client/v4` */
  readonly url: string;
  readonly origin: string;
  readonly api: Api;
  readonly account: Account;
  readonly database: TestDatabase;
  readonly databases: WorkerDatabases;
  /** Sequence numbers that the API waited for. */
  readonly waitedFor: bigint[];
  /** What the next start-up runs answer; the version and modules they were asked about. */
  startup: StartupResult | ((...asked: Parameters<StartupChecker['checkStartup']>) => Promise<StartupResult>);
  readonly started: Parameters<StartupChecker['checkStartup']>[];
  /** JSON in, envelope out; `path` is below the account. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  /** Sends a multipart body. */
  upload(method: string, path: string, body: Uint8Array, headers?: Record<string, string>): Promise<ApiAnswer>;
  /** Requests under way may finish for `graceMs`; the database goes last. */
  close(graceMs?: number): Promise<void>;
}

export interface TestApiOptions {
  /** Wraps the real store, to make it fail at a chosen moment. */
  readonly store?: (store: Store) => Store;
  readonly log?: Logger;
  /** Answers start-up runs instead of the scripted ones. */
  readonly checker?: StartupChecker;
  readonly health?: VersionHealthSource;
  readonly requestTimeoutMs?: number;
}

export async function createTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const tokenHash = createHash('sha256').update(TOKEN).digest();
  const { account } = await database.store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash });
  const dataDir = await mkdtemp(join(tmpdir(), 'skep-api-'));
  const objects = await openObjectStorage({
    database: database.database,
    masterKey: database.masterKey,
    platformBackend: null,
    createBackend: createS3Backend,
    dataDir,
    defaultQuotaBytes: Number.POSITIVE_INFINITY,
    log: options.log ?? testLog,
  });
  const started: Parameters<StartupChecker['checkStartup']>[] = [];
  const waitedFor: bigint[] = [];
  const scripted: StartupChecker = {
    checkStartup: async (...asked) => {
      started.push(asked);
      const { startup } = testApi;
      return typeof startup === 'function' ? await startup(...asked) : startup;
    },
  };
  const databases = createWorkerDatabases({
    database: database.database,
    masterKey: database.masterKey,
    server: { url: database.url },
    maxDatabaseMiB: 64,
    times: { statementMs: 10_000, transactionMs: 10_000 },
    log: testLog,
  });
  const kv = createKvStore({ database: database.database, masterKey: database.masterKey, log: testLog });
  const hyperdrive = createHyperdrive({
    database: database.database,
    masterKey: database.masterKey,
    resolve: async (host) => host,
  });
  const api = createApi({
    databases,
    hyperdrive,
    store: options.store === undefined ? database.store : options.store(database.store),
    kv,
    catalog: {
      waitForChange: async (seq) => {
        waitedFor.push(seq);
      },
    },
    objects,
    startup: options.checker ?? scripted,
    health: options.health ?? { healthOf: () => ({ state: 'healthy', reason: null, since: null, retryAt: null }) },
    log: options.log ?? testLog,
    maxLimits: { cpuMs: 100, subrequests: 50 },
    publicUrl: (worker, subdomain) => `http://${worker}.${subdomain}.localhost:8787`,
    ...(options.requestTimeoutMs !== undefined && { requestTimeoutMs: options.requestTimeoutMs }),
    readiness: async () => ({ ready: true, parts: { database: { ok: true } }, sandbox: { layers: [] } }),
  });
  const server = await api.listen('127.0.0.1', 0);
  const origin = `http://127.0.0.1:${server.port}`;
  const url = `${origin}/client/v4`;
  const send = async (method: string, path: string, init: RequestInit): Promise<ApiAnswer> => {
    const target = path.startsWith('http') ? path : `${url}/accounts/${account.id}${path}`;
    const headers = { authorization: `Bearer ${TOKEN}`, ...(init.headers as Record<string, string>) };
    const response = await fetch(target, { ...init, method, headers });
    return { status: response.status, headers: response.headers, body: (await response.json()) as ApiAnswer['body'] };
  };
  const testApi: TestApi = {
    url,
    origin,
    api,
    account,
    database,
    databases,
    waitedFor,
    started,
    startup: STARTED,
    call: (method, path, body, headers = {}) =>
      // Without a content type of ours: wrangler sends text/plain, and so does fetch here.
      send(method, path, { headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }),
    upload: (method, path, body, headers = {}) =>
      send(method, path, { headers: { 'content-type': MULTIPART_TYPE, ...headers }, body }),
    close: async (graceMs = 0) => {
      await server.close(graceMs);
      await databases.close();
      hyperdrive.close();
      await kv.close();
      await objects.close();
      await rm(dataDir, { recursive: true, force: true });
      await database.close();
    },
  };
  return testApi;
}
