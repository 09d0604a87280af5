/** What the kernel says of a cell's process, and how its death is understood. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** V8 and the allocator end the process themselves when they run out: SIGTRAP, SIGABRT, also as bubblewrap's exit codes. */
export const isMemoryDeath = (reason: string): boolean =>
  /SIGTRAP|SIGABRT|exit code 13[34]|out of memory|memory allocation of/.test(reason);

/** What the harness says of its sandbox is checked against what the kernel says. */
export async function verifySandbox(pid: number, uid: number): Promise<void> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1');
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  if (field('Seccomp') !== '2') throw new Error('its system-call filter is not on');
  if (field('NoNewPrivs') !== '1') throw new Error('it could gain privileges');
  if (Number.parseInt(field('CapEff'), 16) !== 0) throw new Error('it kept capabilities');
  if (uid !== 0 && !field('Uid').startsWith(`${uid}\t`)) throw new Error('it did not take its own user id');
}

/** Resident pages that no file backs. */
export async function readPrivateBytes(pid: number): Promise<number> {
  const [, resident, shared] = (await readFile(`/proc/${pid}/statm`, 'latin1')).split(' ').map(Number) as [
    number,
    number,
    number,
  ];
  return (resident - shared) * 4096;
}

const CLOCK_TICK_MS = 10;

/**
 * CPU milliseconds of a process since it began: the larger of what its main thread used (exact) and what all threads used (in whole ticks).
 * @param schedstat content of `/proc/<pid>/task/<pid>/schedstat` @param stat content of `/proc/<pid>/stat`
 */
export function cpuMsFrom(schedstat: string, stat: string): number {
  const mainMs = Number(schedstat.split(' ', 1)[0]) / 1e6;
  // The second field is the program's name in brackets and may hold spaces: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const allMs = (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
  return Math.max(mainMs, allMs - CLOCK_TICK_MS);
}

/** See `cpuMsFrom`. 0 when the process is gone. */
export function readCpuMs(pid: number): number {
  try {
    return cpuMsFrom(
      readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'latin1'),
      readFileSync(`/proc/${pid}/stat`, 'latin1'),
    );
  } catch {
    return 0;
  }
}

/** The processes that a process has started and that are there still. None when it is gone itself. */
export function childrenOf(parent: number): number[] {
  try {
    const listed = readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1');
    return listed.split(' ').map(Number).filter(Boolean);
  } catch {
    return existsSync(`/proc/${parent}`) ? findChildrenOf(parent) : [];
  }
}

/** For kernels that do not list children (CONFIG_PROC_CHILDREN). */
function findChildrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}

/** NaN when it is gone. */
function parentOf(pid: string): number {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  } catch {
    return Number.NaN;
  }
}

/** Sends a signal to whoever is there still. */
export function signalQuietly(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone.
  }
}
