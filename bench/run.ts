/**
 * `npm run bench`: the same workers on Skep, through its whole front door, and on bare `workerd serve`, in one run.
 *
 *   npm run bench                      all; about ten minutes
 *   npm run bench -- --quick           short runs, to see that everything works; the numbers are rough
 *   npm run bench -- --only json       one part: json, echo, body, stream, services, rpc, chain, kv, postgres, cell, cold, walls, memory,
 *                                      neighbours (may be repeated)
 *   npm run bench -- --only neighbours --family cpu
 *                                      what one worker notices of another that misbehaves; only this family (may be repeated)
 *   npm run bench -- --json FILE       also writes all numbers, every single run included
 *
 * Measured numbers are only comparable within one run: the platforms are loaded in turn (skep, workerd, skep, …) so that
 * whatever else the machine does hits both. A row with a single error (status, socket or time-out) is INVALID and
 * makes the exit code 1. An aim that is missed does not.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cellShare } from './cell.ts';
import { cellMemory, type ColdStart, skepColdStart, totalMemory, workerdColdStart } from './cold.ts';
import { FAMILIES } from './families.ts';
import { type KvRow, runKv } from './kv.ts';
import { type NeighbourPlan, runNeighbours } from './neighbours.ts';
import { type Measured, measure, toSide } from './measure.ts';
import { runPostgres } from './postgres.ts';
import { type Platform, ROOT, type Skep, startSkep, startWorkerd } from './platforms.ts';
import { allValid, formatResults, type Machine, machineLine, type Memory, type Results, type Row } from './report.ts';
import { SCENARIOS, type Scenario, WORKERS } from './workers.ts';
import { load, requireWrk, type Target } from './wrk.ts';

interface Plan {
  readonly parts: ReadonlySet<string>;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly runs: number;
  readonly cold: { readonly workers: number; readonly rounds: number };
  readonly idleCells: number;
  readonly neighbours: NeighbourPlan;
  readonly jsonFile: string | null;
}

const PARTS = [
  ...SCENARIOS.map((scenario) => scenario.name),
  'kv',
  'cell',
  'cold',
  'walls',
  'memory',
  'postgres',
  'neighbours',
];
const FULL = { seconds: 8, warmUpSeconds: 2, runs: 5, cold: { workers: 20, rounds: 5 }, idleCells: 20 };
const QUICK = { seconds: 2, warmUpSeconds: 1, runs: 1, cold: { workers: 5, rounds: 1 }, idleCells: 5 };

function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      family: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const unknown = values.only.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there is no such part. Allowed: ${PARTS.join(', ')}`);
  const known = FAMILIES.map(({ name }) => name);
  const strange = values.family.find((name) => !known.includes(name));
  if (strange !== undefined) throw new Error(`--family ${strange}: there is no such. Allowed: ${known.join(', ')}`);
  const parts = new Set(values.only.length > 0 ? values.only : PARTS);
  const sizes = values.quick ? QUICK : FULL;
  return {
    ...sizes,
    parts,
    neighbours: { seconds: sizes.seconds, families: values.family },
    jsonFile: values.json ?? null,
  };
}

function versionOf(packageName: string): string {
  try {
    return (createRequire(import.meta.url)(`${packageName}/package.json`) as { version: string }).version;
  } catch {
    return 'unknown';
  }
}

function readMachine(wrk: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.versions.node,
    workerd: versionOf('workerd'),
    deno: versionOf('@deno/linux-x64-glibc'),
    wrk,
    loadAverage: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

/** One request, whole: load on a platform that answers wrongly would measure nothing. */
function ask(scenario: Scenario, target: Target): Promise<string> {
  return new Promise((done, reject) => {
    const headers = { host: target.host, 'content-type': 'application/json' };
    const call = request(target.url, { method: scenario.method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) done(text);
        else reject(new Error(`status ${response.statusCode ?? 0}: ${text.slice(0, 200)}`));
      });
    });
    call.on('error', reject);
    call.end(scenario.requestBody ?? undefined);
  });
}

async function checkAnswers(platforms: readonly Platform[], scenarios: readonly Scenario[]): Promise<void> {
  for (const platform of platforms) {
    for (const scenario of scenarios) {
      try {
        scenario.check(await ask(scenario, platform.target(scenario.worker)));
      } catch (error) {
        throw new Error(`${platform.name} does not answer "${scenario.title}" rightly`, { cause: error });
      }
    }
  }
}

const COUNTED_REQUESTS = 20;
const SETTLE_MS = 200;

async function runScenario(
  scenario: Scenario,
  platforms: readonly [Skep, Platform],
  plan: Plan,
  folder: string,
): Promise<Row> {
  const measured: [Measured[], Measured[]] = [[], []];
  for (const platform of platforms) await load(scenario, platform.target(scenario.worker), plan.warmUpSeconds, folder);
  for (let run = 0; run < plan.runs; run += 1) {
    for (const [index, platform] of platforms.entries()) {
      measured[index]?.push(await measure(platform, scenario, plan.seconds, folder));
    }
  }
  const { name, title, aimRatio, calls = null } = scenario;
  const roundTrips = await countRoundTrips(scenario, platforms[0]);
  const [skep, workerd] = [toSide(measured[0]), toSide(measured[1])];
  return { scenario: name, title, aimRatio, calls, roundTrips, skep, workerd };
}

/** How often the two workers of a scenario wait for one another, by the server's own count over some requests. */
async function countRoundTrips(scenario: Scenario, skep: Skep): Promise<Row['roundTrips']> {
  if (scenario.aimRoundTrips === undefined) return null;
  const before = await settledRoundTrips(skep);
  for (let request = 0; request < COUNTED_REQUESTS; request += 1) await ask(scenario, skep.target(scenario.worker));
  return { counted: ((await settledRoundTrips(skep)) - before) / COUNTED_REQUESTS, aim: scenario.aimRoundTrips };
}

/** A session is counted when it is over, which may be after its answer: until none ends any more. */
async function settledRoundTrips(skep: Skep): Promise<number> {
  for (let last = -1; ; ) {
    const now = await skep.counted('skep_rpc_round_trips_total');
    if (now === last) return now;
    last = now;
    await sleep(SETTLE_MS);
  }
}

async function runLoad(plan: Plan, folder: string): Promise<{ rows: Row[]; memory: Memory | null }> {
  const scenarios = SCENARIOS.filter((scenario) => plan.parts.has(scenario.name));
  if (scenarios.length === 0) return { rows: [], memory: null };
  const skep = await startSkep();
  let workerd: Platform | undefined;
  try {
    for (const worker of WORKERS) await skep.deploy(worker);
    workerd = await startWorkerd(WORKERS);
    await checkAnswers([skep, workerd], SCENARIOS);
    const [skepIdle, workerdIdle] = [totalMemory(skep), totalMemory(workerd)];
    const rows: Row[] = [];
    for (const scenario of scenarios) {
      console.error(`bench: ${scenario.title} …`);
      rows.push(await runScenario(scenario, [skep, workerd], plan, folder));
    }
    const memory = {
      kind: skepIdle.kind,
      skepIdleBytes: skepIdle.bytes,
      workerdIdleBytes: workerdIdle.bytes,
      skepAfterBytes: totalMemory(skep).bytes,
      workerdAfterBytes: totalMemory(workerd).bytes,
    };
    return { rows, memory };
  } finally {
    await workerd?.stop();
    await skep.stop();
  }
}

async function runColdStarts(plan: Plan): Promise<Results['coldStarts']> {
  if (!plan.parts.has('cold')) return [];
  console.error('bench: cold starts …');
  return [
    await skepColdStart(0, plan.cold),
    await skepColdStart(2, plan.cold),
    await workerdColdStart(plan.cold.workers),
  ];
}

/** What each wrapper around a cell costs a visitor who finds no cell. One that this machine does not offer is left out. */
async function runWalls(plan: Plan): Promise<Results['coldStarts']> {
  if (!plan.parts.has('walls')) return [];
  const found: ColdStart[] = [];
  for (const wrapper of ['none', 'unshare', 'bubblewrap']) {
    console.error(`bench: cold starts with SKEP_SANDBOX=${wrapper} …`);
    try {
      found.push(await skepColdStart(0, plan.cold, wrapper));
    } catch (error) {
      console.error(`bench: left out: ${(error as Error).message}`);
    }
  }
  return found;
}

async function main(): Promise<void> {
  const plan = readPlan();
  const machine = readMachine(requireWrk());
  const build = spawnSync(process.execPath, [join(ROOT, 'tools/build.mjs')], { stdio: 'inherit' });
  if (build.status !== 0) throw new Error('The build failed, so there is nothing to measure.');
  console.error(machineLine(machine));
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-wrk-'));
  try {
    const startedAt = new Date().toISOString();
    const { rows, memory } = await runLoad(plan, folder);
    const kv: KvRow[] = plan.parts.has('kv') ? await runKv(plan, folder) : [];
    const neighbours = plan.parts.has('neighbours') ? await runNeighbours(plan.neighbours) : [];
    const coldStarts = [...(await runColdStarts(plan)), ...(await runWalls(plan))];
    const cell = plan.parts.has('cell') ? await cellShare(plan) : null;
    const postgres = plan.parts.has('postgres') ? await runPostgres(plan, folder) : [];
    const perCell = plan.parts.has('memory') ? await cellMemory(plan.idleCells) : null;
    const results: Results = {
      startedAt,
      machine,
      seconds: plan.seconds,
      runs: plan.runs,
      rows,
      kv,
      neighbours,
      coldStarts,
      cell,
      postgres,
      cellMemory: perCell,
      memory,
    };
    console.log(formatResults(results));
    if (plan.jsonFile !== null) writeFileSync(plan.jsonFile, `${JSON.stringify(results, null, 2)}\n`);
    process.exitCode = allValid(results) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}${cause}`);
  process.exitCode = 1;
}
