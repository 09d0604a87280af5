/** Starts PostgreSQL's programs so that they never outlive us. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from './identity.ts';

/** A child whose output can be read. The fourth stream, if any, is the lifeline: its other end is in the child. */
export type Child = ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };

/**
 * For machines whose setpriv cannot do it: a reader of the lifeline, which ends when our process does, sends the signal.
 * `$$` is the shell's pid, and by then PostgreSQL's. The check keeps a late reader from hitting a reused pid.
 */
const LIFELINE_SCRIPT = `signal=$1; shift
( read _ <&3; [ "$(readlink "/proc/$$/exe")" = "$(readlink -f "$1")" ] && kill "-$signal" $$ ) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-`;

let setprivWorks: boolean | undefined;

/** setpriv (util-linux) asks the kernel to signal the child when the thread that made it ends. */
function hasParentDeathSignal(): boolean {
  setprivWorks ??= spawnSync('setpriv', ['--pdeathsig', 'INT', 'true'], { stdio: 'ignore' }).status === 0;
  return setprivWorks;
}

/** Before everything else in the chain: what comes after it inherits the limit, and the pid stays the same. */
const LIMITED = ['/bin/sh', '-c', 'ulimit -d "$1" && shift && exec "$@"', 'sh'];

/** Whoever asks for the signal when we are gone already would wait for it for ever: it looks who its parent is, and ends. */
const UNLESS_ORPHANED = ['/bin/sh', '-c', '[ "$PPID" = "$1" ] && shift && exec "$@"', 'sh'];

export interface StartOptions {
  readonly identity: Identity;
  readonly libraryPath: string;
  /** What the child gets when we die: INT is PostgreSQL's fast and clean shutdown. */
  readonly deathSignal: 'INT' | 'KILL';
  /** What each process of it may allocate (RLIMIT_DATA), in bytes; shared memory is not counted. Default: no limit. */
  readonly maxDataBytes?: number;
  /** For tests: as if setpriv were missing. */
  readonly useLifeline?: boolean;
}

/** Starts a program under the identity. Runs in `/`, with an environment of its own. */
export function startProgram(program: string, args: readonly string[], options: StartOptions): Child {
  const useSetpriv = !(options.useLifeline ?? false) && hasParentDeathSignal();
  const lifeline = useSetpriv
    ? ['setpriv', '--pdeathsig', options.deathSignal, '--', ...UNLESS_ORPHANED, String(process.pid)]
    : ['/bin/sh', '-c', LIFELINE_SCRIPT, 'sh', options.deathSignal];
  const { maxDataBytes } = options;
  const limited = maxDataBytes === undefined ? [] : [...LIMITED, String(Math.floor(maxDataBytes / 1024))];
  const [command = '', ...rest] = [...limited, ...options.identity.prefix, ...lifeline, program, ...args];
  const { uid, gid } = options.identity;
  return spawn(command, rest, {
    cwd: '/',
    env: { LD_LIBRARY_PATH: options.libraryPath, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe', useSetpriv ? 'ignore' : 'pipe'],
    // Ctrl-C in a terminal goes to the whole process group; PostgreSQL is stopped by us, last.
    detached: true,
    ...(uid === undefined ? {} : { uid, gid }),
  }) as Child;
}

/** How long the output of a program that has ended may still be under way; a grandchild may hold the pipe for ever. */
const OUTPUT_GRACE_MS = 200;

/** Resolves when the child is gone and its output read, with how it ended in words. */
export async function whenDone(child: Child): Promise<string> {
  const closed = new Promise((resolve) => child.once('close', resolve));
  const end = await whenGone(child);
  await Promise.race([closed, sleep(OUTPUT_GRACE_MS, undefined, { ref: false })]);
  return end;
}

/** Resolves when the child is gone, with how it ended in words. */
export function whenGone(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null)
      return resolve(describe(child.exitCode, child.signalCode));
    child.once('exit', (code, signal) => resolve(describe(code, signal)));
    child.once('error', (error) => resolve(error.message));
  });
}

function describe(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
