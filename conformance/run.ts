/**
 * Judges Skep by the answers of workerd, the reference runtime: deploys each case, sends its requests and compares.
 *
 *   npm run conformance                          all cases, on a Skep started for it from dist/
 *   npm run conformance -- --area streams,url    some areas
 *   npm run conformance -- --filter tee,byob     cases whose id contains one of these
 *   npm run conformance -- --strict              compare the texts of error messages, too
 *   npm run conformance -- --slow                also the cases tagged "slow", which take a minute or much memory
 *   npm run conformance -- --oracle              ask workerd now instead of reading expected.json, and show both
 *   npm run conformance -- --record              ask workerd twice and write expected.json (nothing runs on Skep)
 *   npm run conformance -- --running             use the Skep that CLOUDFLARE_API_BASE_URL … name
 *      --gateway-port 8787 --domain dev.localhost    where its workers answer
 *   npm run conformance -- --report FILE         write the verdicts as JSON
 *
 * Ends with status 1 on an unexpected failure or an unexpected pass. Known differences are in ledger.json, with reasons.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { CaseResult } from './compare.ts';
import { type ConformanceCase, type Expected, loadCases } from './corpus.ts';
import { comparesTexts, judge, readLedger, runOnSkep, runOnReference, type Verdict, verdictOf } from './judge.ts';
import { hasDataBindings, miniflareVersion } from './miniflare.ts';
import { runningSkep, type Skep, startSkep } from './skep.ts';
import { workerdBinary } from './workerd.ts';

/** Two cores are busy with this many; more would disturb cases that look at timing. */
const PARALLEL_CASES = 4;
const MAX_SHOWN_DIFFERENCES = 8;

const { values: options } = parseArgs({
  options: {
    area: { type: 'string' },
    filter: { type: 'string' },
    strict: { type: 'boolean', default: false },
    slow: { type: 'boolean', default: false },
    oracle: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    running: { type: 'boolean', default: false },
    'gateway-port': { type: 'string', default: '8787' },
    domain: { type: 'string', default: 'dev.localhost' },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

interface Judged {
  readonly id: string;
  readonly area: string;
  readonly verdict: Verdict;
  readonly differences: readonly string[];
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function forEachCase(
  cases: readonly ConformanceCase[],
  visit: (one: ConformanceCase) => Promise<void>,
): Promise<void> {
  const queue = [...cases];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await visit(next);
  };
  await Promise.all(Array.from({ length: PARALLEL_CASES }, work));
}

async function judgeAll(cases: readonly ConformanceCase[], skep: Skep): Promise<Judged[]> {
  const ledger = readLedger();
  const judged: Judged[] = [];
  await forEachCase(cases, async (one) => {
    const expected = options.oracle ? await askReference(one) : one.expected;
    if (expected === undefined || !expected.stable) return;
    const run = await runOnSkep(one, skep);
    const found = judge(expected, run, options.strict || comparesTexts(one));
    const verdict = verdictOf(one.id, found, ledger);
    const result: Judged = { id: one.id, area: one.area, verdict, differences: found };
    judged.push(result);
    if (options.oracle) showBoth(one, expected, run.results);
    if (verdict === 'known difference') say(`KNOWN DIFFERENCE ${one.id}: ${ledger.get(one.id)}`);
    else if (verdict !== 'pass') sayVerdict(result);
  });
  return judged.sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function askReference(one: ConformanceCase): Promise<Expected> {
  const { refusal, results } = await runOnReference(one);
  if (refusal !== null) return { oracle: 'now', stable: true, startup: 'error', startup_message: refusal };
  return { oracle: 'now', stable: true, startup: 'ok', requests: results };
}

function showBoth(one: ConformanceCase, expected: Expected, results: readonly CaseResult[]): void {
  say(`== ${one.id}`);
  if (expected.startup === 'error') say(`  workerd refuses it: ${expected.startup_message}`);
  for (const [index, request] of one.requests.entries()) {
    say(`  ${request.method} ${request.path}`);
    say(`    workerd ${JSON.stringify(expected.requests?.[index])}`);
    say(`    skep    ${JSON.stringify(results[index])}`);
  }
}

/** Where the documentation says something else, that is expected, and what the simulator said stands beside it. */
function preferDocumentation(expected: Expected, { docs }: ConformanceCase): Expected {
  if (expected.requests === undefined) return expected;
  const requests = expected.requests.map((request) => {
    const said = docs[request.id];
    if (said === undefined) return request;
    return { ...request, oracle_said: request.body, docs: said.why, body: { kind: 'json', value: said.value } };
  });
  return { ...expected, requests: requests as CaseResult[] };
}

/** Writes what workerd answers, for new and changed cases. A case whose two runs differ is kept but never compared. */
async function record(cases: readonly ConformanceCase[]): Promise<boolean> {
  const workerd = spawnSync(workerdBinary(), ['--version'], { encoding: 'utf8' }).stdout.trim();
  let isFine = true;
  await forEachCase(cases, async (one) => {
    const oracle = hasDataBindings(one) ? miniflareVersion() : workerd;
    const [first, second] = [await runOnReference(one), await runOnReference(one)];
    const expected: Expected =
      first.refusal === null
        ? { oracle, stable: true, startup: 'ok', requests: first.results }
        : { oracle, stable: true, startup: 'error', startup_message: first.refusal };
    const unstable = judge(expected, second, true);
    writeFileSync(
      join(one.directory, 'expected.json'),
      `${JSON.stringify({ ...preferDocumentation(expected, one), stable: unstable.length === 0 }, null, 1)}\n`,
    );
    if (unstable.length > 0) say(`UNSTABLE ${one.id}\n    ${unstable.join('\n    ')}`);
    if ((first.refusal !== null) !== one.expectsStartupFailure) {
      say(
        `${first.refusal === null ? 'STARTED although marked startup_failure' : `DID NOT START: ${first.refusal}`}: ${one.id}`,
      );
    }
    isFine &&= unstable.length === 0 && (first.refusal !== null) === one.expectsStartupFailure;
  });
  say(`${cases.length} cases recorded`);
  return isFine;
}

function summarise(judged: readonly Judged[]): void {
  const line = (name: string, of: readonly Judged[]): void => {
    const passed = of.filter(({ verdict }) => verdict.endsWith('pass')).length;
    say(
      `${name.padEnd(20)} ${String(passed).padStart(4)} of ${String(of.length).padStart(4)}   ${((100 * passed) / of.length).toFixed(1).padStart(5)} %`,
    );
  };
  say('');
  for (const area of new Set(judged.map((one) => one.area)))
    line(
      area,
      judged.filter((one) => one.area === area),
    );
  line('all', judged);
  for (const verdict of ['known difference', 'unexpected failure', 'unexpected pass'] as const) {
    const of = judged.filter((one) => one.verdict === verdict);
    if (of.length > 0) say(`${verdict}: ${of.length}`);
  }
  // Once more at the end: whoever reads a log that was cut reads its end.
  for (const one of judged.filter(({ verdict }) => verdict.startsWith('unexpected'))) sayVerdict(one);
}

function sayVerdict({ id, verdict, differences: found }: Judged): void {
  say(`${verdict.toUpperCase()} ${id}`);
  if (verdict === 'unexpected failure') for (const line of found.slice(0, MAX_SHOWN_DIFFERENCES)) say(`    ${line}`);
}

async function main(): Promise<boolean> {
  const cases = loadCases({ areas: options.area?.split(','), names: options.filter?.split(',') }).filter(
    ({ tags }) => options.slow || !tags.includes('slow'),
  );
  if (cases.length === 0)
    throw new Error('No case matches --area and --filter; the cases are the folders of conformance/cases');
  if (options.record) return await record(cases);
  const skep = options.running
    ? runningSkep(process.env, Number(options['gateway-port']), options.domain)
    : await startSkep();
  try {
    const judged = await judgeAll(cases, skep);
    summarise(judged);
    if (options.report !== undefined) writeFileSync(options.report, `${JSON.stringify(judged, null, 1)}\n`);
    return judged.every(({ verdict }) => verdict === 'pass' || verdict === 'known difference');
  } finally {
    await skep.stop();
  }
}

if (options.help) {
  const source = readFileSync(fileURLToPath(import.meta.url), 'utf8');
  say(
    source
      .slice(4, source.indexOf('*/'))
      .replaceAll(/^ \* ?/gm, '')
      .trim(),
  );
} else {
  process.exitCode = (await main()) ? 0 : 1;
}
