/** Looks at processes through /proc, for tests that ask who is still there. */
import { readdirSync, readFileSync } from 'node:fs';

/** A process id is used again; with its start time it names one process. */
export interface ProcessRef {
  readonly pid: number;
  readonly started: string;
  readonly command: string;
}

interface Stat {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly started: string;
}

/** All descendants of a process, at this moment. */
export function descendantsOf(pid: number): ProcessRef[] {
  const stats = allStats();
  const family = new Set([pid]);
  // A child has a higher id only until the numbers wrap, so go over the list until nothing is added.
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const stat of stats) if (family.has(stat.parent)) family.add(stat.pid);
  }
  return stats
    .filter((stat) => stat.pid !== pid && family.has(stat.pid))
    .map((stat) => ({ pid: stat.pid, started: stat.started, command: commandOf(stat.pid) }));
}

/** Those of the processes that still run; a zombie does not. */
export function stillRunning(processes: readonly ProcessRef[]): ProcessRef[] {
  return processes.filter((process) => {
    const stat = readStat(process.pid);
    return stat !== undefined && stat.started === process.started && stat.state !== 'Z' && stat.state !== 'X';
  });
}

/** Processes whose command line names the folder: those of a data directory whose server is gone. */
export function mentioning(folder: string): ProcessRef[] {
  return allStats()
    .filter(({ pid, state }) => pid !== process.pid && state !== 'Z')
    .map(({ pid, started }) => ({ pid, started, command: commandOf(pid) }))
    .filter(({ command }) => command.includes(folder));
}

/** Resident memory of a process in bytes; 0 when it is gone. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`));
  return line === null ? 0 : Number(line[1]) * 1024;
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

function allStats(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
}

function readStat(pid: number): Stat | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === '') return undefined;
  // The command's name in parentheses may hold spaces and parentheses: the fields begin after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid, state: fields[0] ?? '', parent: Number(fields[1]), started: fields[19] ?? '' };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // Gone meanwhile.
  }
}
