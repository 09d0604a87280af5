/** CPU time and memory of a platform's processes, read from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Kernel clock ticks per second: 100 on every Linux Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

export interface ProcessInfo {
  readonly pid: number;
  readonly command: string;
}

export interface Memory {
  /** Proportional set size: shared pages are split among those that map them. Resident size where PSS is unreadable. */
  readonly bytes: number;
  /** Pages that no file backs and nobody shares, roughly: resident minus shared. */
  readonly privateBytes: number;
  readonly kind: 'pss' | 'rss';
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // Ended meanwhile, or not ours to read.
  }
}

function statFields(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** `root` and all that descend from it, or whose command line names `folder` (children of a parent that has gone). */
export function processTree(root: number, folder: string): ProcessInfo[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      const pid = Number(name);
      const fields = statFields(pid);
      const command = (read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
      return { pid, command, parent: Number(fields?.[1] ?? -1), alive: fields !== undefined && fields[0] !== 'Z' };
    })
    .filter((process) => process.alive);
  const family = new Set([root, ...all.filter((process) => process.command.includes(folder)).map(({ pid }) => pid)]);
  family.delete(process.pid);
  for (let size = -1; size !== family.size; ) {
    size = family.size;
    for (const candidate of all) if (family.has(candidate.parent)) family.add(candidate.pid);
  }
  return all.filter((process) => family.has(process.pid));
}

/** User and system time of a process with all its threads, in milliseconds; 0 when it has ended. */
export function cpuMs(pid: number): number {
  const fields = statFields(pid);
  return fields === undefined ? 0 : ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

export function memoryOf(pid: number): Memory {
  const [, resident = 0, shared = 0] = (read(`/proc/${pid}/statm`) ?? '').split(' ').map(Number);
  const pss = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '');
  const privateBytes = (resident - shared) * PAGE_BYTES;
  if (pss === null) return { bytes: resident * PAGE_BYTES, privateBytes, kind: 'rss' };
  return { bytes: Number(pss[1]) * 1024, privateBytes, kind: 'pss' };
}
