// Finds the processes a test run has left behind, from /proc alone. A process belongs to the run when it was seen as
// a descendant of this process, or its command line, working directory or environment names the run's own folder:
// a cell or a PostgreSQL whose parent has died is nobody's child any more, but its sockets lie in that folder.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** @typedef {{ pid: number, parent: number, started: string, state: string }} Stat */

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // Gone meanwhile, or somebody else's.
  }
}

/** @returns {Stat | undefined} */
function readStat(pid) {
  const text = read(`/proc/${pid}/stat`);
  if (text === '') return undefined;
  // The command's name in parentheses may hold spaces and parentheses: the fields begin after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid, state: fields[0], parent: Number(fields[1]), started: fields[19] };
}

function allStats() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
}

/** Process ids are used again; with the start time they name one process. */
const keyOf = (stat) => `${stat.pid}/${stat.started}`;

function workingDirectory(pid) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

function mentions(pid, folder) {
  return (
    read(`/proc/${pid}/cmdline`).includes(folder) ||
    workingDirectory(pid).startsWith(folder) ||
    read(`/proc/${pid}/environ`).includes(folder)
  );
}

/** Adds to `family` (process ids) all that descend from it. */
function withDescendants(stats, family) {
  // A child has a later id only until the numbers wrap, so go over the list until nothing is added.
  for (let size = -1; size !== family.size; ) {
    size = family.size;
    for (const stat of stats) if (family.has(stat.parent)) family.add(stat.pid);
  }
  return family;
}

export class ProcessWatch {
  #folder;
  #seen = new Set();
  #timer;

  /** @param {string} folder the run's own temporary folder */
  constructor(folder) {
    this.#folder = folder;
    this.#timer = setInterval(() => this.#look(), 250);
    this.#timer.unref();
  }

  #look() {
    const stats = allStats();
    const family = withDescendants(stats, new Set([process.pid]));
    for (const stat of stats) if (stat.pid !== process.pid && family.has(stat.pid)) this.#seen.add(keyOf(stat));
    return stats;
  }

  /** @returns {{ pid: number, command: string }[]} the run's processes that still live (zombies do not) */
  alive() {
    const stats = this.#look().filter((stat) => stat.pid !== process.pid && stat.state !== 'Z' && stat.state !== 'X');
    const ours = stats.filter((stat) => this.#seen.has(keyOf(stat)) || mentions(stat.pid, this.#folder));
    const family = withDescendants(stats, new Set(ours.map((stat) => stat.pid)));
    return [...family].map((pid) => ({ pid, command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() }));
  }

  stop() {
    clearInterval(this.#timer);
  }
}
