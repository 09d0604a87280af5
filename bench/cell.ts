/**
 * What the harness costs: a Worker's JSON answer on its cell's own socket, without gateway and supervisor, against bare `Deno.serve` with the
 * same answer and the same engine flags. Both are asked in turn over a unix socket by this process, which is the slower end: so
 * what is compared is how many requests each answers with a second of its own CPU time.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { percentile } from './cold.ts';
import { startSkep } from './platforms.ts';
import { cpuMs } from './processes.ts';

/** The harness keeps at least this share of bare `Deno.serve`. */
export const AIM_CELL_RATIO = 0.6;
const CONNECTIONS = 16;
const ANSWER = "Response.json({ message: 'hello', values: [1, 2, 3] })";
const WORKER = { name: 'cell', source: `export default { fetch() { return ${ANSWER}; } };`, services: [] };

export interface CellShare {
  /** Requests answered for each second of CPU time of the process, in thousands. */
  readonly cellPerCpuSecond: number;
  readonly bareDenoPerCpuSecond: number;
  readonly ratio: number;
}

interface Subject {
  readonly pid: number;
  readonly socket: string;
  /** The next request to send. */
  readonly request: () => string;
  stop(): Promise<void>;
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** A cell of a Skep, spoken to on its own socket as the supervisor would. */
async function startCell(): Promise<Subject> {
  // The supervisor knows nothing of these requests, and ends cells that compute for nobody.
  const unlimited = { SKEP_LIMIT_CPU_MS: '300000', SKEP_LIMIT_CPU_MAX_MS: '300000' };
  const skep = await startSkep({ SKEP_PRESTARTED_CELLS: '0', ...unlimited });
  await skep.deploy(WORKER);
  const answer = await fetch(skep.target('cell').url, { headers: { host: skep.target('cell').host } });
  await answer.arrayBuffer();
  const [cell] = skep.cells();
  if (cell === undefined) throw new Error('The cell is not there');
  const [id] = readdirSync(skep.runDirectory);
  let invocation = 1_000_000;
  return {
    pid: cell.pid,
    socket: join(skep.runDirectory, id ?? '', 'in.sock'),
    request: () => `GET / HTTP/1.1\r\nhost: cell\r\nx-skep-invocation: ${++invocation};${Date.now()}\r\n\r\n`,
    stop: () => skep.stop(),
  };
}

async function startBareDeno(): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-deno-'));
  const socket = join(folder, 'in.sock');
  const program = join(folder, 'serve.js');
  writeFileSync(program, `Deno.serve({ path: ${JSON.stringify(socket)}, onListen() {} }, () => ${ANSWER});`);
  const deno = join(dirname(createRequire(import.meta.url).resolve('@deno/linux-x64-glibc/package.json')), 'deno');
  const permissions = [`--allow-read=${socket}`, `--allow-write=${socket}`, `--allow-net=unix:${socket}`];
  const flags = ['--no-config', '--no-lock', '--v8-flags=--max-heap-size=128', ...permissions];
  const child = spawn(deno, ['run', ...flags, program], { stdio: 'ignore', env: { DENO_DIR: join(folder, 'deno') } });
  while (!readdirSync(folder).includes('in.sock')) await sleep(10);
  return {
    pid: child.pid ?? -1,
    socket,
    request: () => 'GET / HTTP/1.1\r\nhost: cell\r\n\r\n',
    stop: async () => {
      child.kill('SIGKILL');
      await new Promise((done) => child.once('close', done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One request after the other on one connection; answers all have the length of the first. */
class Asker {
  answers = 0;
  #isStopped = false;
  readonly #socket: Socket;

  constructor(subject: Subject) {
    let length = 0;
    let received = 0;
    this.#socket = connect(subject.socket);
    this.#socket.on('data', (data: Buffer) => {
      if (length === 0) length = wholeLength(data);
      received += data.length;
      if (received < length) return;
      received = 0;
      this.answers++;
      if (!this.#isStopped) this.#socket.write(subject.request());
    });
    this.#socket.write(subject.request());
  }

  stop(): void {
    this.#isStopped = true;
    this.#socket.destroy();
  }
}

function wholeLength(first: Buffer): number {
  const text = first.toString('latin1');
  const head = text.indexOf('\r\n\r\n') + 4;
  const body = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1];
  if (!text.startsWith('HTTP/1.1 200') || body === undefined) throw new Error(`Not the answer expected: ${text}`);
  return head + Number(body);
}

/** Requests answered per second of the subject's CPU time. */
async function measure(subject: Subject, seconds: number): Promise<number> {
  const askers = Array.from({ length: CONNECTIONS }, () => new Asker(subject));
  await sleep(200);
  const count = (): number => askers.reduce((sum, { answers }) => sum + answers, 0);
  const before = { answers: count(), cpu: cpuMs(subject.pid) };
  await sleep(seconds * 1000);
  const answered = count() - before.answers;
  const usedMs = cpuMs(subject.pid) - before.cpu;
  for (const asker of askers) asker.stop();
  return (answered / usedMs) * 1000;
}

/** Measures both in turn, `runs` times. */
export async function cellShare(plan: { readonly seconds: number; readonly runs: number }): Promise<CellShare> {
  const [cell, deno] = [await startCell(), await startBareDeno()];
  try {
    const [ofCell, ofDeno]: [number[], number[]] = [[], []];
    for (const subject of [cell, deno]) await measure(subject, 1);
    for (let run = 0; run < plan.runs; run++) {
      ofCell.push(await measure(cell, plan.seconds));
      ofDeno.push(await measure(deno, plan.seconds));
    }
    const [cellPerCpuSecond, bareDenoPerCpuSecond] = [percentile(ofCell, 0.5), percentile(ofDeno, 0.5)];
    return { cellPerCpuSecond, bareDenoPerCpuSecond, ratio: cellPerCpuSecond / bareDenoPerCpuSecond };
  } finally {
    await deno.stop();
    await cell.stop();
  }
}
