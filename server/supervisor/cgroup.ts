/**
 * The kernel's own ceiling for each cell: a control group with a memory limit and a limit on tasks. The watchdog looks 100 times a
 * second; between two looks a cell could take gigabytes, and this is what stops it then. Cgroup v2 where the memory controller
 * is delegated to us, v1 where its hierarchy is writable, otherwise nothing (RLIMIT_DATA stands behind it).
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { SandboxLayer } from './sandbox.ts';

/** Threads and processes in one cell. Deno with a full blocking pool has about 50. */
const MAX_TASKS = 128;
const PROBE_BYTES = 1 << 30;
const NAME = /^skep-(\d+)-(\d+)$/;
/** Supervisors of this process so far: tests have several. */
let instances = 0;

/** Where groups are made: one parent per controller hierarchy. */
interface Hierarchy {
  readonly parent: string;
  readonly limits: (ceilingBytes: number) => readonly (readonly [file: string, value: string])[];
  /** The file that counts processes killed for memory, as `oom_kill <n>`. */
  readonly killsFile: string;
}

export class CellGroups {
  readonly layer: SandboxLayer;
  readonly #hierarchies: readonly Hierarchy[];
  /** Groups whose process was not quite gone when they were to be removed. */
  readonly #lingering = new Set<string>();

  private constructor(hierarchies: readonly Hierarchy[], detail: string) {
    this.#hierarchies = hierarchies;
    this.layer = { name: 'memory-cgroup', active: hierarchies.length > 0, detail };
  }

  /** Finds out by making a group. Never throws: without one the other limits hold. */
  static detect(): CellGroups {
    const found = memoryHierarchies();
    if (typeof found === 'string') return new CellGroups([], `Not available: ${found}`);
    try {
      for (const { parent } of found) {
        removeLeftovers(join(parent, '..'));
        mkdirSync(parent, { recursive: true });
      }
      const groups = new CellGroups(found, 'The kernel holds each cell to its memory.');
      for (const { parent, limits } of found) {
        mkdirSync(join(parent, 'probe'));
        for (const [file, value] of limits(PROBE_BYTES)) writeFileSync(join(parent, 'probe', file), value);
      }
      groups.remove('probe');
      return groups;
    } catch (error) {
      for (const { parent } of found) remove(parent);
      return new CellGroups([], `Not available: ${(error as Error).message}. ${ADVICE}`);
    }
  }

  /**
   * A group for the cell, with the process in it; what it starts from then on is in it, too. The kernel takes ten milliseconds and more
   * to move a process, so this is begun while the cell starts. Rejects when the process is gone.
   */
  async gather(id: string, pid: number): Promise<void> {
    for (const { parent } of this.#hierarchies) {
      await mkdir(join(parent, id));
      await writeFile(join(parent, id, 'cgroup.procs'), String(pid));
    }
  }

  /** Sets the ceiling, and sees to it that the process is below it: it may have been started before its parent was moved. */
  async confine(id: string, pid: number, ceilingBytes: number): Promise<void> {
    for (const { parent, limits } of this.#hierarchies) {
      const group = join(parent, id);
      for (const [file, value] of limits(ceilingBytes)) await writeFile(join(group, file), value);
      const members = await readFile(join(group, 'cgroup.procs'), 'latin1');
      if (!members.split('\n').includes(String(pid))) await writeFile(join(group, 'cgroup.procs'), String(pid));
    }
  }

  /** True when the kernel has killed something in this cell's group because of memory. */
  ranOutOfMemory(id: string): boolean {
    return this.#hierarchies.some(({ parent, killsFile }) => {
      try {
        const kills = /^oom_kill (\d+)$/m.exec(readFileSync(join(parent, id, killsFile), 'utf8'))?.[1];
        return Number(kills ?? 0) > 0;
      } catch {
        return false;
      }
    });
  }

  /** When the process is gone. The kernel may take a moment to notice: what it refuses is tried again with the next one. */
  remove(id: string): void {
    this.#lingering.add(id);
    for (const each of this.#lingering) {
      const isGone = this.#parents()
        .map((parent) => remove(join(parent, each)))
        .every(Boolean);
      if (isGone) this.#lingering.delete(each);
    }
  }

  /** After the last cell. */
  close(): void {
    for (const id of this.#lingering) this.remove(id);
    for (const parent of this.#parents()) remove(parent);
  }

  #parents(): string[] {
    return this.#hierarchies.map(({ parent }) => parent);
  }
}

const ADVICE =
  'Run Skep in a control group of its own that it may change, without npm or a shell in it (systemd: Delegate=memory pids, ExecStart=node …/bin/skep.js).';

/** Where this process's memory controller makes groups, or why it cannot. */
function memoryHierarchies(): Hierarchy[] | string {
  let membership: string;
  let mounts: string;
  try {
    membership = readFileSync('/proc/self/cgroup', 'utf8');
    mounts = readFileSync('/proc/self/mounts', 'utf8');
  } catch (error) {
    return (error as Error).message;
  }
  const own = `skep-${process.pid}-${++instances}`;
  const second = secondVersion(membership, mounts, own);
  if (second !== null) return typeof second === 'string' ? second : [second];
  const memory = firstVersion(membership, mounts, 'memory');
  if (memory === null) return `no memory controller can be found. ${ADVICE}`;
  return [
    {
      parent: join(memory, own),
      // Not the tasks' hierarchy too: each move costs ten milliseconds, and RLIMIT_NPROC bounds threads as well.
      limits: (ceilingBytes) => [['memory.limit_in_bytes', String(ceilingBytes)]],
      killsFile: 'memory.oom_control',
    },
  ];
}

/**
 * Version 2, where a group for the cells can be made: in the group that Skep was started in, or, for whoever may, at the top, where no process
 * is in the way. A string says why not; null: version 2 does not count memory here.
 */
function secondVersion(membership: string, mounts: string, own: string): Hierarchy | string | null {
  const path = /^0::(.*)$/m.exec(membership)?.[1];
  const top = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
  if (path === undefined || top === undefined) return null;
  const now = join(top, path);
  const started = basename(now) === LEAF ? dirname(now) : now;
  if (!words(join(started, 'cgroup.controllers')).includes('memory')) return null;
  const problems: string[] = [];
  for (const folder of new Set([started, top])) {
    const problem = makeParent(folder, own, folder === started);
    if (problem === null) return secondHierarchy(join(folder, own));
    problems.push(problem);
  }
  return `${problems.join('; ')}. ${ADVICE}`;
}

const secondHierarchy = (parent: string): Hierarchy => ({
  parent,
  limits: (ceilingBytes) => [
    ['memory.max', String(ceilingBytes)],
    ['memory.swap.max', '0'],
    ['memory.oom.group', '1'],
    ['pids.max', String(MAX_TASKS)],
  ],
  killsFile: 'memory.events',
});

/** What cells are held to. */
const CONTROLLERS = ['memory', 'pids'];
const HAND_DOWN = CONTROLLERS.map((name) => `+${name}`).join(' ');
/** Where this process goes when its group may hold none. */
const LEAF = 'skep-server';

/** Makes the group `own` in a folder, which may limit the groups in it. Returns why it cannot. */
function makeParent(folder: string, own: string, mayMove: boolean): string | null {
  try {
    const handedDown = words(join(folder, 'cgroup.subtree_control'));
    if (!CONTROLLERS.every((name) => handedDown.includes(name))) {
      const problem = mayMove ? moveOut(folder) : `${folder} hands no memory controller down`;
      if (problem !== null) return problem;
      writeFileSync(join(folder, 'cgroup.subtree_control'), HAND_DOWN);
    }
    mkdirSync(join(folder, own), { recursive: true });
    writeFileSync(join(folder, own, 'cgroup.subtree_control'), HAND_DOWN);
    return null;
  } catch (error) {
    remove(join(folder, own));
    return (error as Error).message;
  }
}

/** A group that hands controllers down may hold no process itself. Nobody else is moved: they are not ours. */
function moveOut(folder: string): string | null {
  const others = words(join(folder, 'cgroup.procs')).filter((pid) => pid !== '' && Number(pid) !== process.pid);
  if (others.length > 0) {
    const named = others.slice(0, 3).map((pid) => `${nameOf(pid)} (${pid})`);
    const more = others.length > named.length ? ` and ${others.length - named.length} more` : '';
    return `${named.join(', ')}${more} lives in the same control group ${folder}`;
  }
  mkdirSync(join(folder, LEAF), { recursive: true });
  writeFileSync(join(folder, LEAF, 'cgroup.procs'), String(process.pid));
  return null;
}

const nameOf = (pid: string): string => words(`/proc/${pid}/comm`)[0] ?? 'a process';

function firstVersion(membership: string, mounts: string, controller: string): string | null {
  const path = membership
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, controllers]) => controllers?.split(',').includes(controller))?.[2];
  const mount = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes(controller))?.[1];
  return path === undefined || mount === undefined ? null : join(mount, path);
}

function words(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split(/\s+/);
  } catch {
    return [];
  }
}

/** Groups of a Skep that was killed: its process id is in the name. It may have been ours, too, since the kernel uses them again. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [, pid, instance] = NAME.exec(name) ?? [];
    if (pid === undefined) continue;
    const isOurs = Number(pid) === process.pid;
    if (isOurs ? Number(instance) < instances : isAlive(Number(pid))) continue;
    for (const child of groupsIn(join(folder, name))) remove(join(folder, name, child));
    if (!isOurs || Number(instance) > instances) remove(join(folder, name));
  }
}

/** None where another Skep, which starts at the same time, was quicker to remove it. */
function groupsIn(group: string): string[] {
  try {
    const entries = readdirSync(group, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A group is removed as an empty folder is, whatever files it shows. False: a process is still in it. */
function remove(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
