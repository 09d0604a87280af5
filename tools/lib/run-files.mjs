// Runs test files, each as a process of its own, as many at a time as there are places for, in the order given: node's own runner sorts them
// by name, which leaves the longest to run alone at the end, and does not say how long a file took from its start to its end.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = resolve(import.meta.dirname, '../..');
const REPORTER = join(ROOT, 'tools/lib/totals-reporter.mjs');
const WITNESS = join(ROOT, 'tools/lib/late-witness.mjs');
/** The closing lines of the reporter for people: the whole run has its own. */
const CLOSING_LINE = /^ℹ (?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+\n/gm;
/** What a file printed last may come this much after its end; a process that it left behind may hold its output open for ever. */
const OUTPUT_MS = 500;
/** For so long a file whose time is over is looked at before it is ended. */
const LATE_LOOK_MS = 1_000;

/**
 * @typedef {{ name: string, file: string | null }} Failure
 * @typedef {{ file: string, ms: number, counts: Record<string, number>, failures: Failure[] }} FileResult
 * @typedef {{ file: string, places: number }} Job
 */

/**
 * @param {readonly Job[]} jobs the first that fits into the free places is started next
 * @param {{ places: number, timeoutMs: number, environment: NodeJS.ProcessEnv, scratch: string, signal: AbortSignal }} options
 *   `timeoutMs` of one file, set-up and all; `scratch` is a folder for what the files report; once `signal` is aborted no file is begun
 * @returns {Promise<FileResult[]>}
 */
export async function runFiles(jobs, { places, signal, ...options }) {
  const waiting = [...jobs];
  const running = new Set();
  const results = [];
  let free = places;
  while (waiting.length > 0 || running.size > 0) {
    if (signal.aborted) {
      for (const { file } of waiting.splice(0)) results.push(notBegun(file));
    }
    const next = waiting.findIndex((job) => job.places <= free);
    if (next < 0) {
      if (running.size > 0) await Promise.race(running);
      continue;
    }
    const [job] = waiting.splice(next, 1);
    free -= job.places;
    const run = runFile(job.file, options).then((result) => {
      results.push(result);
      free += job.places;
      running.delete(run);
    });
    running.add(run);
  }
  return results;
}

/** @returns {FileResult} */
const notBegun = (file) => ({ file, ms: 0, counts: { fail: 1 }, failures: [{ name: 'not begun', file }] });

/** @returns {Promise<FileResult>} */
async function runFile(file, { timeoutMs, environment, scratch }) {
  const totalsFile = join(scratch, `totals-${file.replaceAll('/', '-')}.json`);
  const args = [
    '--import=tsx',
    `--import=${WITNESS}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${REPORTER}`,
    `--test-reporter-destination=${totalsFile}`,
    resolve(ROOT, file),
  ];
  const started = performance.now();
  const { end, isLate, output } = await execute(args, timeoutMs, environment);
  const result = { file, ms: performance.now() - started, ...readTotals(totalsFile) };
  const fail = (name) => {
    result.counts.fail = (result.counts.fail ?? 0) + 1;
    result.failures.push({ name, file });
  };
  if (isLate)
    fail(`not done after ${timeoutMs / 1000} s${result.isWhole ? ', although its tests are' : during(result)}`);
  // Its end is the last word: it also counts what has no event, such as an error after the last test.
  else if (end !== 0 && result.failures.length === 0) fail(`ended with ${end}${result.isWhole ? '' : during(result)}`);
  else if (!result.isWhole) fail(`ended with ${end} before its tests did${during(result)}`);
  process.stdout.write(output.replace(CLOSING_LINE, ''));
  if (isLate || end !== 0) process.stdout.write(`✖ ${file}: ${result.failures.map(({ name }) => name).join('; ')}\n`);
  return result;
}

const during = ({ open }) =>
  open.length === 0 ? '' : `, during ${open.map((name) => JSON.stringify(name)).join(', ')}`;

function execute(args, timeoutMs, environment) {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: environment });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    let isLate = false;
    const limit = setTimeout(async () => {
      isLate = true;
      chunks.push(Buffer.from(await lookAtLate(child)));
      child.kill('SIGKILL');
    }, timeoutMs);
    const finish = (end) => {
      clearTimeout(limit);
      child.stdout.destroy();
      child.stderr.destroy();
      done({ end, isLate, output: Buffer.concat(chunks).toString() });
    };
    child.on('error', (error) => finish(error.message));
    child.on('close', (code, signal) => finish(signal ?? code));
    child.on('exit', (code, signal) => setTimeout(() => finish(signal ?? code), OUTPUT_MS));
  });
}

/** Whether a file whose time is over computes, waits or stands still; what it waits for it says itself (`late-witness.mjs`). */
async function lookAtLate(child) {
  const before = cpuTicksOf(child.pid);
  child.kill('SIGUSR2');
  await sleep(LATE_LOOK_MS);
  const after = cpuTicksOf(child.pid);
  if (before === undefined || after === undefined) return 'late: its process has ended\n';
  const used = (after.ticks - before.ticks) / TICKS_PER_SECOND;
  return `late: its process was in state ${after.state} and used ${used.toFixed(2)} s of CPU in ${LATE_LOOK_MS / 1000} s\n`;
}

/** Of Linux's, whatever the machine. */
const TICKS_PER_SECOND = 100;

function cpuTicksOf(pid) {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], ticks: Number(fields[11]) + Number(fields[12]) };
}

/** What the reporter wrote: of a file that was cut off, what it had come to. */
function readTotals(totalsFile) {
  const totals = { counts: {}, failures: [], open: [], isWhole: false };
  if (!existsSync(totalsFile)) return totals;
  const open = new Map();
  for (const line of readFileSync(totalsFile, 'utf8').split('\n')) {
    const entry = parsed(line);
    if (entry === undefined) continue;
    if (entry.began !== undefined) open.set(`${entry.nesting} ${entry.began}`, entry.began);
    else if (entry.ended !== undefined) open.delete(`${entry.nesting} ${entry.ended}`);
    if (entry.failure !== undefined) totals.failures.push(entry.failure);
    if (entry.counts !== undefined) Object.assign(totals, { counts: entry.counts, isWhole: true });
  }
  rmSync(totalsFile);
  return { ...totals, open: [...open.values()] };
}

/** Undefined: nothing, or a line in whose middle the file was ended. */
function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
