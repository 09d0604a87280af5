/** A Skep to judge: one that runs already, or one of this checkout's build, started for the run. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiAnswer, callApi, type ControlApi, deployWorker, uploadForm } from '../tools/lib/deploy.ts';
import { spawnSkep, whenReady } from '../tools/lib/skep-process.ts';
import type { CaseModuleType, CaseWorker } from './corpus.ts';

export interface Skep extends ControlApi {
  readonly gatewayPort: number;
  /** `dev.localhost` */
  readonly domain: string;
  stop(): Promise<void>;
}

/** The one that wrangler would be pointed at (`CLOUDFLARE_API_BASE_URL` …). Throws when a variable is missing. */
export function runningSkep(environment: NodeJS.ProcessEnv, gatewayPort: number, domain: string): Skep {
  const need = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === '')
      throw new Error(`${name} is not set: export what Skep printed at its start`);
    return value;
  };
  return {
    apiUrl: need('CLOUDFLARE_API_BASE_URL'),
    accountId: need('CLOUDFLARE_ACCOUNT_ID'),
    token: need('CLOUDFLARE_API_TOKEN'),
    gatewayPort,
    domain,
    stop: () => Promise.resolve(),
  };
}

/** A fresh one with a data directory of its own, gone after `stop()`. */
export async function startSkep(): Promise<Skep> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-conformance-'));
  const accountId = randomBytes(16).toString('hex');
  const token = randomBytes(32).toString('hex');
  const server = spawnSkep({
    dataDir: join(folder, 'data'),
    args: ['--idle-cell-seconds', '10'],
    env: {
      SKEP_ACCOUNT_ID: accountId,
      SKEP_ADMIN_TOKEN: token,
      // What is judged is behaviour; limits have tests of their own, and the reference has none.
      SKEP_LIMIT_CPU_MS: '1000',
    },
  });
  const { apiPort, gatewayPort } = await whenReady(server);
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const apiUrl = `http://127.0.0.1:${apiPort}/client/v4`;
  return { apiUrl, gatewayPort, accountId, token, domain: 'dev.localhost', stop };
}

const MEDIA_TYPES: Readonly<Record<CaseModuleType, string>> = {
  esm: 'application/javascript+module',
  commonjs: 'application/javascript',
  'service-worker': 'application/javascript',
  text: 'text/plain',
  data: 'application/octet-stream',
  wasm: 'application/wasm',
  json: 'application/json',
};

/** Makes a namespace, a bucket or a database, and resolves with what bindings call it. */
export async function createResource(skep: Skep, type: 'kv_namespace' | 'r2_bucket' | 'd1'): Promise<string> {
  const name = `conformance-${randomBytes(6).toString('hex')}`;
  const path = { kv_namespace: 'storage/kv/namespaces', r2_bucket: 'r2/buckets', d1: 'd1/database' }[type];
  const body = type === 'kv_namespace' ? { title: name } : { name };
  const { status, text } = await callApi(skep, 'POST', `/${path}`, body);
  if (status >= 300) throw new Error(`POST ${path} was answered ${status}: ${text.slice(0, 500)}`);
  const { result } = JSON.parse(text) as { result: { id?: string; uuid?: string } };
  return result.id ?? result.uuid ?? name;
}

/** Uploads as wrangler does and switches the workers.dev address on. Resolves with the reason of a refusal, or null. */
export async function deploy(skep: Skep, worker: CaseWorker): Promise<string | null> {
  const call = async (method: string, path: string, body: object): Promise<ApiAnswer> =>
    await callApi(skep, method, path, body);
  const { status, text } = await deployWorker(call, worker.scriptName, uploadOf(worker));
  return status === 200 ? null : `${status} ${text.slice(0, 2000)}`;
}

const uploadOf = (worker: CaseWorker): FormData =>
  uploadForm(
    {
      ...(worker.format === 'service-worker' ? { body_part: worker.main } : { main_module: worker.main }),
      compatibility_date: worker.compatibilityDate,
      compatibility_flags: worker.compatibilityFlags,
      bindings: worker.bindings,
    },
    worker.modules.map(({ name, type, path }) => ({
      name,
      content: readFileSync(path),
      mediaType: MEDIA_TYPES[type],
    })),
  );
