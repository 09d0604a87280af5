/** Cold starts: the time a visitor waits when no cell of the worker runs, and what an idle cell costs in memory. */
import { Agent, request } from 'node:http';
import { type Platform, type Skep, startSkep, startWorkerd } from './platforms.ts';
import { memoryOf } from './processes.ts';
import type { BenchWorker } from './workers.ts';
import type { Target } from './wrk.ts';

/** Between two cold requests, so that each is one visitor and not a burst. */
const PAUSE_MS = 250;
const IDLE_TIMEOUT_MS = 60_000;

export interface ColdStart {
  readonly title: string;
  readonly samples: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  readonly error: string | null;
}

export interface CellMemory {
  readonly cells: number;
  readonly bytesPerCell: number;
  readonly privateBytesPerCell: number;
  readonly kind: 'pss' | 'rss';
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function coldWorkers(count: number): BenchWorker[] {
  // Each program differs, so that nothing can be shared between them by content.
  return Array.from({ length: count }, (_, index) => ({
    name: `cold-${index}`,
    source: `export default { fetch() { return Response.json({ worker: ${index} }); } };`,
    services: [],
  }));
}

/** Milliseconds until the whole answer is there; throws when it is not 200. `agent` keeps the connection open. */
function timeRequest(target: Target, agent: Agent): Promise<number> {
  return new Promise((done, reject) => {
    const started = performance.now();
    const call = request(target.url, { agent, headers: { host: target.host } }, (response) => {
      response.resume();
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) done(performance.now() - started);
        else reject(new Error(`${target.host} answered ${response.statusCode ?? 0}`));
      });
    });
    call.on('error', reject);
    call.end();
  });
}

/** Waits until only the pre-started cells are left: all workers' own cells have been stopped as idle. */
async function waitUntilIdle(skep: Skep, prestarted: number): Promise<void> {
  const deadline = performance.now() + IDLE_TIMEOUT_MS;
  while (skep.cells().length > prestarted) {
    if (performance.now() > deadline) {
      throw new Error(
        `after ${IDLE_TIMEOUT_MS / 1000} s there are still ${skep.cells().length} cells, wanted ${prestarted}`,
      );
    }
    await sleep(100);
  }
  // The pool may be filling up again.
  await sleep(500);
}

function summarise(title: string, times: readonly number[], error: unknown): ColdStart {
  return {
    title,
    samples: times.length,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    worstMs: Math.max(...times),
    error: error === undefined ? null : error instanceof Error ? error.message : 'unknown error',
  };
}

async function skepSamples(skep: Skep, prestarted: number, plan: { workers: number; rounds: number }, times: number[]) {
  const workers = coldWorkers(plan.workers);
  for (const worker of workers) await skep.deploy(worker);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for (let round = 0; round < plan.rounds; round += 1) {
      await waitUntilIdle(skep, prestarted);
      for (const worker of workers) {
        times.push(await timeRequest(skep.target(worker.name), agent));
        await sleep(PAUSE_MS);
      }
    }
  } finally {
    agent.destroy();
  }
}

/** A Skep whose cells stop after one idle second; every request is the first one of a stopped worker. */
export async function skepColdStart(
  prestarted: number,
  plan: { workers: number; rounds: number },
  wrapper: string | null = null,
): Promise<ColdStart> {
  const cells = prestarted === 0 ? 'skep, no cell running at all' : `skep, ${prestarted} empty cells kept ready`;
  const title = wrapper === null ? cells : `${cells}, SKEP_SANDBOX=${wrapper}`;
  const times: number[] = [];
  let failure: unknown;
  const skep = await startSkep({
    SKEP_IDLE_CELL_SECONDS: '1',
    SKEP_PRESTARTED_CELLS: String(prestarted),
    ...(wrapper !== null && { SKEP_SANDBOX: wrapper }),
  });
  try {
    await skepSamples(skep, prestarted, plan, times);
  } catch (error) {
    failure = error;
  } finally {
    await skep.stop();
  }
  return summarise(title, times, failure);
}

/** workerd has no cells to start: its cold start is that of its process. */
export async function workerdColdStart(samples: number): Promise<ColdStart> {
  const times: number[] = [];
  let failure: unknown;
  const workers = coldWorkers(1);
  for (let i = 0; i < samples && failure === undefined; i += 1) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const started = performance.now();
    const workerd = await startWorkerd(workers);
    try {
      await timeRequest(workerd.target('cold-0'), agent);
      times.push(performance.now() - started);
    } catch (error) {
      failure = error;
    } finally {
      agent.destroy();
      await workerd.stop();
    }
  }
  return summarise('workerd, process start to first answer', times, failure);
}

/** Deploys `count` small workers, asks each once, and divides what the additional cells hold by their number. */
export async function cellMemory(count: number): Promise<CellMemory> {
  const skep = await startSkep({ SKEP_PRESTARTED_CELLS: '0' });
  try {
    const workers = coldWorkers(count);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const worker of workers) {
      await skep.deploy(worker);
      await timeRequest(skep.target(worker.name), agent);
    }
    agent.destroy();
    await sleep(1000);
    const memory = skep.cells().map((cell) => memoryOf(cell.pid));
    return {
      cells: count,
      bytesPerCell: memory.reduce((sum, { bytes }) => sum + bytes, 0) / count,
      privateBytesPerCell: memory.reduce((sum, { privateBytes }) => sum + privateBytes, 0) / count,
      kind: memory[0]?.kind ?? 'rss',
    };
  } finally {
    await skep.stop();
  }
}

/** All processes of a platform together. */
export function totalMemory(platform: Platform): { bytes: number; kind: 'pss' | 'rss' } {
  const all = platform.processes().map((process) => memoryOf(process.pid));
  return { bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), kind: all[0]?.kind ?? 'rss' };
}
