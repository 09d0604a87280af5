/** What a running Skep holds: memory, descriptors, processes, sockets, files, control groups. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isCell, type Skep } from './platforms.ts';

export interface Sample {
  readonly second: number;
  /** Resident memory of the server process. */
  readonly rss: number;
  /** Its JavaScript heap and what lies outside of it, after a garbage collection. */
  readonly heap: number;
  readonly external: number;
  readonly descriptors: number;
  readonly sockets: number;
  readonly processes: number;
  readonly cells: number;
  /** Entries of its folder for temporary files. */
  readonly tmp: number;
  /** Directories of cells. */
  readonly directories: number;
  readonly cgroups: number;
}

interface Metric {
  readonly name: Exclude<keyof Sample, 'second'>;
  readonly title: string;
  /** What may come and go without being growth, beside 5 % of the mean: the two attacks of a period leave a few cells behind for a second. */
  readonly allowed: number;
  readonly show: (value: number) => string;
}

const MIB = 1024 * 1024;
const mib = (value: number): string => (value / MIB).toFixed(1);
const whole = (value: number): string => value.toFixed(0);

export const METRICS: readonly Metric[] = [
  { name: 'rss', title: 'RSS MiB', allowed: 16 * MIB, show: mib },
  { name: 'heap', title: 'heap MiB', allowed: 2 * MIB, show: mib },
  { name: 'external', title: 'external MiB', allowed: 4 * MIB, show: mib },
  { name: 'descriptors', title: 'descriptors', allowed: 10, show: whole },
  { name: 'sockets', title: 'sockets', allowed: 10, show: whole },
  { name: 'processes', title: 'processes', allowed: 15, show: whole },
  { name: 'cells', title: 'cells', allowed: 5, show: whole },
  { name: 'tmp', title: 'tmp', allowed: 1, show: whole },
  { name: 'directories', title: 'cell dirs', allowed: 5, show: whole },
  { name: 'cgroups', title: 'cgroups', allowed: 10, show: whole },
];

const count = (folder: string, wanted: (name: string) => boolean = () => true): number => {
  try {
    return readdirSync(folder).filter(wanted).length;
  } catch {
    return 0; // Not there, or gone meanwhile.
  }
};

function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? 0) * 1024;
}

function socketsOf(pid: number): number {
  return count(`/proc/${pid}/fd`, (fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  });
}

/** Groups of this server's cells, in all hierarchies. */
function groupsOf(pid: number): number {
  let found = 0;
  const look = (folder: string, depth: number): void => {
    let names: string[] = [];
    try {
      names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [entry.name] : [],
      );
    } catch {
      return; // Gone meanwhile.
    }
    for (const name of names) {
      if (name.startsWith(`skep-${pid}-`)) found += count(`${folder}/${name}`, (entry) => !/[._]/.test(entry));
      else if (depth > 0) look(`${folder}/${name}`, depth - 1);
    }
  };
  look('/sys/fs/cgroup', 3);
  return found;
}

/** Everything at one moment. The server must have been started with `reportsMemory`. */
export async function readSample(skep: Skep, second: number): Promise<Sample> {
  const { heapUsed, external } = await skep.memory();
  const { pid } = skep;
  return {
    second,
    rss: residentBytes(pid),
    heap: heapUsed,
    external,
    descriptors: count(`/proc/${pid}/fd`),
    sockets: socketsOf(pid),
    processes: skep.processes().length,
    cells: skep.processes().filter(isCell).length,
    tmp: skep.temporaryFiles(),
    directories: skep.cellDirectories(),
    cgroups: groupsOf(pid),
  };
}
