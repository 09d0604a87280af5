/** Starting the process of a cell. The only place besides the PostgreSQL launcher where Skep starts a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import { BROKER_SOCKET, IN_SOCKET } from '../../shared/protocol.ts';
import { mayRaisePriority, PRIORITY_STEPS, setCellPriority } from './priority.ts';
import { CELL_ENVIRONMENT, extrasPath, type Sandbox } from './sandbox.ts';

export interface CellProgram {
  readonly denoPath: string;
  readonly harnessPath: string;
  readonly sandbox: Sandbox;
  /** V8's heap limit. */
  readonly heapMiB: number;
}

/** What an idle Deno maps privately (V8 reserves 512 MiB for code), measured; RLIMIT_DATA counts it. */
const BASE_DATA_MIB = 640;

/** Descriptor on which bubblewrap says which process is the cell. */
const INFO_FD = 3;

export interface CellProcess {
  /** The process whose end is the end of the cell: bubblewrap's first one in the namespace, or Deno itself. */
  readonly pid: Promise<number>;
  /** The process id of Deno itself, as this machine sees it. Only after its hello: before, it may not be there yet. */
  denoPid(): Promise<number>;
  /** What the cell wrote to its standard error, at most `maxStderrBytes`. */
  stderr(): string;
  /** Settles when it is gone, with how it ended. */
  readonly exited: Promise<string>;
  /** SIGKILL: the only signal a cell cannot swallow. Idempotent. */
  kill(): void;
}

/**
 * Starts a cell in `directory` (its own, existing). `uid` 0 keeps the user. `givesWay`: nobody waits for it, or those who do have cost enough; so
 * its start gives way to everything else, and the watchdog, told the same, keeps it there.
 */
export function spawnCell(program: CellProgram, directory: string, uid: number, givesWay: boolean): CellProcess {
  const { sandbox } = program;
  const inside = sandbox.pathInside(directory);
  const infoFd = sandbox.wrapper === 'bubblewrap' ? INFO_FD : null;
  const [file, ...args] = sandbox.wrap(denoCommand(program, inside, uid), { directory, infoFd });
  const child = spawn(file as string, args, {
    stdio: ['ignore', 'ignore', 'pipe', infoFd === null ? 'ignore' : 'pipe'],
    env: { ...CELL_ENVIRONMENT, PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
    cwd: '/',
    // A session of its own: no terminal to type into, and a share of the processors of its own where the kernel has autogroups.
    detached: true,
  });
  if (givesWay) letGiveWay(child.pid);
  const pid = infoFd === null ? pidOfChild(child) : pidFromInfo(child, child.stdio[INFO_FD] as Readable);
  // What bubblewrap has forked before it was lowered itself is not lowered.
  if (givesWay) void pid.then(letGiveWay, () => undefined);
  const { exited, isOver } = watchExit(child);
  return {
    pid,
    denoPid: async () => (infoFd === null ? await pid : await onlyChildOf(await pid)),
    stderr: collectStderr(child),
    exited,
    kill: () => {
      child.kill('SIGKILL');
      void pid.then(
        (inside) => {
          // The namespace outlives a killed bubblewrap by the moment its death signal takes.
          if (!isOver() && inside !== child.pid) killQuietly(inside);
        },
        () => undefined,
      );
    },
  };
}

function watchExit(child: ChildProcess): { exited: Promise<string>; isOver: () => boolean } {
  let over = false;
  const exited = new Promise<string>((resolve) => {
    const end = (how: string): void => {
      over = true;
      resolve(how);
    };
    child.once('close', (code, signal) => end(`exit code ${code}, signal ${signal}`));
    child.once('error', (error) => end(error.message));
  });
  return { exited, isOver: () => over };
}

/** Idempotent. */
function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone.
  }
}

function letGiveWay(pid: number | undefined): void {
  if (mayRaisePriority && pid !== undefined) setCellPriority(pid, PRIORITY_STEPS.givesWay);
}

function denoCommand(program: CellProgram, directory: string, uid: number): string[] {
  const broker = `${directory}/${BROKER_SOCKET}`;
  const incoming = `${directory}/${IN_SOCKET}`;
  const { libcPath } = program.sandbox;
  const extras = extrasPath(program.harnessPath);
  return [
    program.denoPath,
    'run',
    '--no-prompt',
    '--no-remote',
    '--no-npm',
    '--no-config',
    '--no-lock',
    '--cached-only',
    '--deny-import',
    '--no-code-cache',
    // Many npm packages read `__proto__`, which Deno takes away and Workers does not.
    '--unsafe-proto',
    // `request.signal` fires when the client goes away and not when the response is done.
    '--unstable-no-legacy-abort',
    `--v8-flags=--max-heap-size=${program.heapMiB},--disallow-code-generation-from-strings`,
    `--allow-read=${broker},${incoming},${extras}`,
    `--allow-write=${broker},${incoming}`,
    `--allow-net=unix:${broker},unix:${incoming}`,
    `--allow-ffi=${libcPath}`,
    program.harnessPath,
    broker,
    incoming,
    libcPath,
    String(BASE_DATA_MIB + program.heapMiB * 2),
    String(uid),
    extras,
  ];
}

const pidOfChild = (child: ChildProcess): Promise<number> =>
  child.pid === undefined ? new Promise((_resolve, reject) => child.once('error', reject)) : Promise.resolve(child.pid);

/** bubblewrap writes `{"child-pid": N, …}` once the namespaces are there. */
function pidFromInfo(child: ChildProcess, info: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    info.setEncoding('utf8');
    info.on('data', (chunk: string) => {
      text += chunk;
    });
    info.on('end', () => {
      const pid = /"child-pid":\s*(\d+)/.exec(text)?.[1];
      if (pid === undefined) reject(new Error('bubblewrap did not say which process is the cell'));
      else resolve(Number(pid));
    });
    info.on('error', reject);
    child.once('error', reject);
  });
}

/** The namespace's first process has started one program, and that one can start none. */
async function onlyChildOf(parent: number): Promise<number> {
  const listed = await readFile(`/proc/${parent}/task/${parent}/children`, 'latin1').catch(() => '');
  const pid = Number(listed.trim().split(' ')[0]) || (await findChildOf(parent));
  if (pid === undefined) throw new Error('its process is gone');
  return pid;
}

/** For kernels that do not list children (CONFIG_PROC_CHILDREN). */
async function findChildOf(parent: number): Promise<number | undefined> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(`/proc/${name}/status`, 'latin1').catch(() => '');
    if (new RegExp(`^PPid:\\s+${parent}$`, 'm').test(status)) return Number(name);
  }
  return undefined;
}

function collectStderr(child: ChildProcess): () => string {
  let text = '';
  const stderr = child.stderr as Readable;
  stderr.setEncoding('utf8');
  stderr.on('data', (chunk: string) => {
    if (text.length < CHANNEL_LIMITS.maxStderrBytes)
      text += chunk.slice(0, CHANNEL_LIMITS.maxStderrBytes - text.length);
    // The harness writes nothing here once it runs: whatever floods this pipe is not ours.
    else child.kill('SIGKILL');
  });
  stderr.on('error', () => undefined);
  return () => text.trim();
}
