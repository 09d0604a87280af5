/**
 * A Skep of this checkout's build as a process of its own, for tests, benchmarks and the conformance runner. It sees nothing of the
 * caller's environment, and ends with the caller, whatever happens to that.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What `npm start` starts. */
export const SERVER_PROGRAM = resolve(import.meta.dirname, '../../dist/server/main.js');
/** Far above what a start needs, for machines that are busy with something else. */
const READY_TIMEOUT_MS = 60_000;
/** It gives its workers 30 s. */
const STOP_TIMEOUT_MS = 40_000;

export interface SpawnOptions {
  /** Whoever gives it removes it. */
  readonly dataDir: string;
  /** Beside the data directory, and any free ports. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly args?: readonly string[] | undefined;
  readonly nodeFlags?: readonly string[] | undefined;
  /** The user to run as; default: that of the caller. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Default: `/`, so that no skep.toml is found by accident. */
  readonly cwd?: string | undefined;
  /** A command in front of node, such as `unshare --mount …`. */
  readonly wrapper?: readonly string[] | undefined;
  /** Default: `SERVER_PROGRAM`. */
  readonly program?: string | undefined;
  /** In a session of its own, as a service has; it then hears nothing of Ctrl-C. */
  readonly detached?: boolean | undefined;
  /** With a channel for messages. */
  readonly ipc?: boolean | undefined;
  /** How many characters of its output are kept, the last ones; default: all. */
  readonly maxOutput?: number | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started process, ready or not. */
export interface SkepProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly dataDir: string;
  /** Resolves when it is gone and its output read. */
  readonly exited: Promise<Exit>;
  /** Lines of standard output so far. */
  readonly lines: string[];
  stdout(): string;
  stderr(): string;
  /** Sends the signal and waits for the end; rejects when there is none within 40 s. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts the server and waits for nothing. Throws when there is no such program. */
export function spawnSkep(options: SpawnOptions): SkepProcess {
  const { dataDir, maxOutput = Number.POSITIVE_INFINITY } = options;
  const child = start(options);
  running.add(child);
  const lines: string[] = [];
  const stdout = collect(child.stdout, lines, maxOutput);
  const stderr = collect(child.stderr, [], maxOutput);
  const exited = new Promise<Exit>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => {
      running.delete(child);
      done({ code, signal });
    });
  });
  exited.catch(() => {});
  const { pid } = child;
  if (pid === undefined) throw new Error(`Cannot start ${child.spawnfile}`);
  return {
    child,
    pid,
    dataDir,
    exited,
    lines,
    stdout,
    stderr,
    signal: (signal) => void child.kill(signal),
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      const late = (): string => `the server did not end after ${signal}: ${stdout()}${stderr()}`;
      return await within(exited, STOP_TIMEOUT_MS, late);
    },
  };
}

function start(options: SpawnOptions): ChildProcess {
  const { dataDir, env, uid, gid = uid, ipc = false } = options;
  const [command = '', ...args] = [
    ...deathSignal(),
    ...(options.wrapper ?? []),
    process.execPath,
    ...(options.nodeFlags ?? []),
    options.program ?? SERVER_PROGRAM,
    ...(options.args ?? []),
  ];
  return spawn(command, args, {
    cwd: options.cwd ?? '/',
    detached: options.detached ?? false,
    env: {
      PATH: process.env['PATH'] ?? '',
      TMPDIR: tmpdir(),
      SKEP_DATA_DIR: dataDir,
      SKEP_GATEWAY_PORT: '0',
      SKEP_API_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', ipc ? 'ipc' : 'ignore'],
    ...(uid !== undefined && { uid, gid }),
  });
}

let setpriv: boolean | undefined;

/** The kernel ends it when the caller is gone. */
function deathSignal(): string[] {
  setpriv ??= spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
  return setpriv ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
}

function collect(stream: NodeJS.ReadableStream | null, lines: string[], maxLength: number): () => string {
  let all = '';
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    all += chunk;
    if (all.length > maxLength) all = all.slice(-maxLength);
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    if (maxLength < Number.POSITIVE_INFINITY) lines.splice(0, lines.length - MAX_LINES);
  });
  return () => all;
}

/** Where the output is bounded. */
const MAX_LINES = 100;

async function within<T>(promise: Promise<T>, timeoutMs: number, what: () => string): Promise<T> {
  const timeout = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: timeout.signal }).then(() => {
    throw new Error(`Not within ${timeoutMs} ms: ${what()}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timeout.abort();
  }
}

export interface ReadyFacts {
  readonly gatewayPort: number;
  readonly apiPort: number;
  readonly accountId: string;
}

/** What the line "Ready" says. Rejects when the server ends before. */
export async function whenReady(server: SkepProcess): Promise<ReadyFacts> {
  let exit: Exit | undefined;
  void server.exited.then((end) => (exit = end));
  for (const deadline = Date.now() + READY_TIMEOUT_MS; ; ) {
    const line = server.lines.find((text) => text.includes('"message":"Ready"'));
    if (line !== undefined) {
      const { gateway, api, accountId } = JSON.parse(line) as { gateway: string; api: string; accountId: string };
      return { gatewayPort: Number(new URL(gateway).port), apiPort: Number(new URL(api).port), accountId };
    }
    const output = (): string => server.stdout() + server.stderr();
    if (exit !== undefined)
      throw new Error(`The server ended before it was ready (${exit.code ?? exit.signal}): ${output()}`);
    if (Date.now() > deadline) throw new Error(`The server is not ready after ${READY_TIMEOUT_MS} ms: ${output()}`);
    await sleep(5);
  }
}
