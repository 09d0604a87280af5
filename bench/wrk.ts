/** Load from `wrk`, which takes little of the machine's two cores; results come from its own Lua summary, not its text. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scenario } from './workers.ts';

export const CONNECTIONS = 32;
/** Longer than any answer should take; wrk's own default of 2 s would count slow answers as errors. */
const TIMEOUT_SECONDS = 10;

export interface Target {
  readonly url: string;
  readonly host: string;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
  /** Answers that were not 2xx or 3xx, and socket errors and time-outs. More than 0 makes a result invalid. */
  readonly errors: number;
  readonly errorText: string;
  readonly bytesPerRequest: number;
}

interface Summary {
  readonly requests: number;
  readonly duration: number;
  readonly bytes: number;
  readonly p50: number;
  readonly p99: number;
  readonly status: number;
  readonly connect: number;
  readonly read: number;
  readonly write: number;
  readonly timeout: number;
}

const SUMMARY_MARK = 'SKEP-BENCH ';
const DONE = `
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('${SUMMARY_MARK}{"requests":%d,"duration":%d,"bytes":%d,"p50":%d,"p99":%d,' ..
    '"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.status, e.connect, e.read, e.write, e.timeout))
end
`;

/** A level of long brackets that does not occur in the text, so that Lua takes it as it is. */
function luaString(text: string): string {
  let level = '=';
  while (text.includes(`]${level}]`)) level += '=';
  return `[${level}[${text}]${level}]`;
}

function luaScript(scenario: Scenario): string {
  const lines = [`wrk.method = ${luaString(scenario.method)}`];
  if (scenario.requestBody !== null) {
    lines.push(`wrk.body = ${luaString(scenario.requestBody)}`, `wrk.headers["content-type"] = "application/json"`);
  }
  return `${lines.join('\n')}\n${DONE}`;
}

/** Throws with what to do when wrk is not there. Gives its version. */
export function requireWrk(): string {
  const { error, stdout, stderr } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  if (error !== undefined) {
    throw new Error('The load comes from `wrk`, which is not installed here. Install it: apt-get install wrk');
  }
  return /wrk \S+/.exec(stdout + stderr)?.[0] ?? 'wrk';
}

function runWrk(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`wrk ended with code ${String(code)}: ${output.slice(0, 500)}`));
    });
  });
}

function parse(output: string): LoadResult {
  const line = output.split('\n').find((candidate) => candidate.startsWith(SUMMARY_MARK));
  if (line === undefined) throw new Error(`wrk gave no summary: ${output.slice(0, 500)}`);
  const summary = JSON.parse(line.slice(SUMMARY_MARK.length)) as Summary;
  const kinds = ['status', 'connect', 'read', 'write', 'timeout'] as const;
  const seen = kinds.filter((kind) => summary[kind] > 0);
  return {
    // wrk's times are microseconds.
    requestsPerSecond: summary.requests / (summary.duration / 1e6),
    p50Ms: summary.p50 / 1000,
    p99Ms: summary.p99 / 1000,
    requests: summary.requests,
    errors: kinds.reduce((sum, kind) => sum + summary[kind], 0),
    errorText: seen.map((kind) => `${summary[kind]} ${kind}`).join(', '),
    bytesPerRequest: summary.requests === 0 ? 0 : summary.bytes / summary.requests,
  };
}

/** Loads one worker for `seconds` with 32 connections of one thread. */
export async function load(scenario: Scenario, target: Target, seconds: number, folder: string): Promise<LoadResult> {
  const script = join(folder, `${scenario.name}.lua`);
  writeFileSync(script, luaScript(scenario));
  const output = await runWrk([
    '--latency',
    '--threads=1',
    `--connections=${CONNECTIONS}`,
    `--duration=${seconds}s`,
    `--timeout=${TIMEOUT_SECONDS}s`,
    `--header=Host: ${target.host}`,
    `--script=${script}`,
    target.url,
  ]);
  return parse(output);
}
