/**
 * `npm run soak -- --minutes 20`: one Skep under mixed load, good and hostile, and what it holds meanwhile.
 *
 *   npm run soak                       20 minutes
 *   npm run soak -- --minutes 3        shorter
 *   npm run soak -- --json FILE        also writes all samples
 *
 * Good workers are asked at a fixed rate all the time. Every ten seconds two ways to misbehave take their turn, then a pause in which only the
 * good ones are asked, a deployment, and a line of numbers. Ends with 1 when something grew over the second half (straight line
 * through the samples), when a good request failed, or when something was left behind.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startAttacker } from './attackers.ts';
import { FAMILIES, type Family, hostileWorker, NEIGHBOUR } from './families.ts';
import { METRICS, readSample, type Sample } from './holdings.ts';
import { ROOT, type Skep, startSkep } from './platforms.ts';
import { runFirst, steadyLoad, type SteadyResult } from './steady.ts';
import type { BenchWorker } from './workers.ts';

const PERIOD_MS = 10_000;
const ATTACK_MS = 6_000;
const AT_ONCE = 2;
const REQUESTS_PER_SECOND = 50;
const LONGEST_PERIOD_SECONDS = 120;
/** Left running it would hide what is not given back. */
const SETTINGS = { SKEP_EGRESS_ALLOW: '127.0.0.1', SKEP_IDLE_CELL_SECONDS: '1' };

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

interface Plan {
  readonly minutes: number;
  readonly jsonFile: string | null;
}

function readPlan(): Plan {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '20' }, json: { type: 'string' } } });
  const minutes = Number(values.minutes);
  if (!(minutes >= 1 && minutes <= 10_000)) {
    throw new Error(`--minutes ${values.minutes}: must be a number from 1 to 10000`);
  }
  return { minutes, jsonFile: values.json ?? null };
}

const churned = (round: number): BenchWorker => ({
  name: `churn-${round % 5}`,
  source: `export default { fetch() { return new Response('version ${round}'); } };`,
  services: [],
});

async function attackFor(skep: Skep, families: readonly Family[], priority: number): Promise<void> {
  const attacker = await startAttacker(priority);
  try {
    for (const family of families) {
      const worker = hostileWorker(family, attacker.origin);
      await skep.deploy(worker);
      attacker.attack({ target: skep.target(worker.name), visitors: family.visitors });
    }
    await sleep(ATTACK_MS);
  } finally {
    await attacker.stop();
  }
}

async function rounds(skep: Skep, minutes: number): Promise<{ samples: Sample[]; good: SteadyResult[] }> {
  const priority = getPriority();
  runFirst();
  const started = performance.now();
  const samples: Sample[] = [];
  const good: SteadyResult[] = [];
  const titles = METRICS.map(({ title }) => title);
  console.log(['second', ...titles, 'good p99 ms', 'worst', 'attacked by'].join('\t'));
  for (let round = 0; performance.now() - started < minutes * 60_000; round++) {
    const begun = performance.now();
    const families = Array.from({ length: AT_ONCE }, (_, n) => FAMILIES[(round * AT_ONCE + n) % FAMILIES.length]);
    const chosen = families.filter((family) => family !== undefined);
    const over = new AbortController();
    const load = { perSecond: REQUESTS_PER_SECOND, seconds: LONGEST_PERIOD_SECONDS, stop: over.signal };
    const steady = steadyLoad(skep.target(NEIGHBOUR.name), load);
    await attackFor(skep, chosen, priority);
    await skep.deploy(churned(round));
    await sleep(Math.max(0, PERIOD_MS - (performance.now() - begun)));
    over.abort();
    const answers = await steady;
    good.push(answers);
    const sample = await readSample(skep, (performance.now() - started) / 1000);
    samples.push(sample);
    const numbers = METRICS.map(({ name, show }) => show(sample[name]));
    const times = [answers.p99Ms.toFixed(1), answers.worstMs.toFixed(0)];
    console.log([sample.second.toFixed(0), ...numbers, ...times, chosen.map(({ name }) => name).join('+')].join('\t'));
  }
  return { samples, good };
}

/** By how much the straight line through the points rises from the first to the last. */
function rise(points: readonly (readonly [x: number, y: number])[]): number {
  const count = points.length;
  if (count < 2) return 0;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count;
  const across = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const along = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return (across / along) * ((points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0));
}

/** What grew over the second half of the samples, in words. */
function findGrowth(samples: readonly Sample[]): string[] {
  const half = samples.slice(Math.floor(samples.length / 2));
  return METRICS.flatMap(({ name, title, allowed, show }) => {
    const grown = rise(half.map((sample) => [sample.second, sample[name]] as const));
    const mean = half.reduce((sum, sample) => sum + sample[name], 0) / half.length;
    const limit = mean * 0.05 + allowed;
    return grown > limit ? [`${title} grew by ${show(grown)} in the second half; ${show(limit)} are noise`] : [];
  });
}

function goodProblems(good: readonly SteadyResult[]): string[] {
  const requests = good.reduce((sum, part) => sum + part.requests, 0);
  const errors = good.reduce((sum, part) => sum + part.errors, 0);
  console.log(`good requests: ${requests}, ${errors} failed`);
  const first = good.find((part) => part.errors > 0)?.errorText ?? '';
  return errors > 0 ? [`${errors} of ${requests} good requests failed, the first: ${first}`] : [];
}

async function main(): Promise<void> {
  const plan = readPlan();
  const build = spawnSync(process.execPath, [join(ROOT, 'tools/build.mjs')], { stdio: 'inherit' });
  if (build.status !== 0) throw new Error('The build failed, so there is nothing to run.');
  const skep = await startSkep(SETTINGS, { reportsMemory: true });
  let problems: string[] = [];
  try {
    await skep.deploy(NEIGHBOUR);
    const { samples, good } = await rounds(skep, plan.minutes);
    problems = [...goodProblems(good), ...findGrowth(samples)];
    if (plan.jsonFile !== null) writeFileSync(plan.jsonFile, `${JSON.stringify(samples, null, 2)}\n`);
  } finally {
    await skep.stop();
  }
  const left = skep.processes().map(({ pid, command }) => `process ${pid} was left: ${command.slice(0, 100)}`);
  problems.push(...left);
  for (const problem of problems) console.log(`FAIL ${problem}`);
  if (problems.length === 0) console.log('ok   nothing grew, nothing failed, nothing was left');
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (process.argv[1] === import.meta.filename) {
  try {
    await main();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    console.error(`soak: ${error instanceof Error ? error.message : String(error)}${cause}`);
    process.exitCode = 1;
  }
}
