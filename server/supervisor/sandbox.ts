/**
 * Which walls this machine offers around a cell. Found out by trying, once at start: each candidate really starts the Deno binary. What the
 * harness puts on itself (system-call filter, limits, user id) comes on top of whatever is chosen here.
 */
import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { EXTRAS_FILE } from '../../shared/protocol.ts';

const run = promisify(execFile);
const PROBE_TIMEOUT_MS = 10_000;

/** The libraries the Deno binary is linked against; all of the file system a cell has, beside itself. */
const LIBRARIES = ['libc.so.6', 'libm.so.6', 'libgcc_s.so.1', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1'];
const LIBRARY_FOLDERS = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
];
const LOADER = '/lib64/ld-linux-x86-64.so.2';

export type Wrapper = 'bubblewrap' | 'unshare' | 'none';

/** What the operator asks for: the strongest there is, all or nothing, or one wrapper by name. */
export type SandboxMode = 'auto' | 'require-strong' | Wrapper;

const STRONGEST_FIRST: readonly Wrapper[] = ['bubblewrap', 'unshare', 'none'];

export interface SandboxLayer {
  readonly name: string;
  readonly active: boolean;
  /** In plain words: what it does, or why it is missing and what to do. */
  readonly detail: string;
}

export interface Sandbox {
  readonly wrapper: Wrapper;
  /** True when namespaces and an empty root hold as well as the system-call filter. */
  readonly strong: boolean;
  readonly root: boolean;
  readonly libcPath: string;
  readonly layers: readonly SandboxLayer[];
  /** The program and arguments that start `command` inside the chosen walls. */
  wrap(command: readonly string[], cell: { directory: string; infoFd: number | null }): readonly string[];
  /** Where the cell sees its own directory. */
  pathInside(directory: string): string;
}

/** This machine cannot run cells at all; the message says why and what to do. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
}

export interface SandboxInput {
  readonly denoPath: string;
  readonly harnessPath: string;
  readonly sandbox: SandboxMode;
}

/** Tries the walls, strongest first. Throws SandboxError when not even the weakest works. */
export async function detectSandbox(input: SandboxInput): Promise<Sandbox> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SandboxError(
      `Cells cannot run on ${process.platform}/${process.arch}: their system-call filter is written for Linux on x64. Use such a machine.`,
    );
  }
  const root = process.getuid?.() === 0;
  const libcPath = findLibrary('libc.so.6');
  if (libcPath === undefined) {
    throw new SandboxError(`Cells need glibc: libc.so.6 was not found in ${LIBRARY_FOLDERS.join(', ')}.`);
  }
  const failures: string[] = [];
  for (const wrapper of candidates(input.sandbox)) {
    const sandbox = build(wrapper, root, libcPath, input, failures);
    const failure = await probe(sandbox, input);
    if (failure === undefined) return sandbox;
    failures.push(`${wrapper}: ${failure}`);
  }
  if (isWrapper(input.sandbox)) {
    throw new SandboxError(`SKEP_SANDBOX asks for what this machine does not have. ${failures.join(' ')}`);
  }
  throw new SandboxError(`The Deno binary does not start on this machine. ${failures.join(' ')}`);
}

const isWrapper = (mode: SandboxMode): mode is Wrapper => (STRONGEST_FIRST as readonly string[]).includes(mode);

const candidates = (mode: SandboxMode): readonly Wrapper[] => (isWrapper(mode) ? [mode] : STRONGEST_FIRST);

function build(
  wrapper: Wrapper,
  root: boolean,
  libcPath: string,
  input: SandboxInput,
  failures: readonly string[],
): Sandbox {
  const inside = wrapper === 'bubblewrap';
  return {
    wrapper,
    strong: wrapper === 'bubblewrap',
    root,
    libcPath: inside ? '/lib/libc.so.6' : libcPath,
    layers: describe(wrapper, root, failures),
    pathInside: (directory) => (inside ? '/cell' : directory),
    wrap: (command, cell) => {
      if (wrapper === 'bubblewrap') return bubblewrap(command, cell, root, input);
      if (wrapper === 'unshare') return unshare(command, root);
      return command;
    },
  };
}

function bubblewrap(
  command: readonly string[],
  cell: { directory: string; infoFd: number | null },
  root: boolean,
  input: SandboxInput,
): string[] {
  const args = ['bwrap', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'];
  // As root the harness takes a user id of its own per cell, so it keeps just the rights for that until it has.
  if (root)
    args.push(
      '--cap-drop',
      'ALL',
      '--cap-add',
      'CAP_SETUID',
      '--cap-add',
      'CAP_SETGID',
      '--cap-add',
      'CAP_DAC_OVERRIDE',
    );
  else args.push('--unshare-user', '--cap-drop', 'ALL');
  // Not --as-pid-1: bubblewrap, without rights by then, may not send its death signal to a cell of another user id, so the first
  // process in there must be bubblewrap itself. When that one dies the kernel ends the whole namespace, spinning or not.
  args.push('--die-with-parent', '--clearenv');
  for (const [name, value] of Object.entries({ ...CELL_ENVIRONMENT, LD_LIBRARY_PATH: '/lib' }))
    args.push('--setenv', name, value);
  args.push('--ro-bind', realpathSync(LOADER), LOADER);
  for (const library of LIBRARIES) {
    const path = findLibrary(library);
    if (path !== undefined) args.push('--ro-bind', path, `/lib/${library}`);
  }
  args.push('--ro-bind', input.denoPath, '/deno', '--ro-bind', input.harnessPath, '/harness.js');
  const extras = extrasPath(input.harnessPath);
  args.push('--ro-bind-try', extras, `/${EXTRAS_FILE}`);
  args.push('--bind', cell.directory, '/cell', '--proc', '/proc', '--dev', '/dev', '--chdir', '/');
  if (cell.infoFd !== null) args.push('--info-fd', String(cell.infoFd));
  const [program, ...rest] = command;
  args.push('--', program === input.denoPath ? '/deno' : (program as string));
  return [...args, ...rest.map((arg) => pathInside(arg, input.harnessPath, extras))];
}

/** The paths of a command as they are inside; a list of paths may end in that of the extras. */
function pathInside(arg: string, harnessPath: string, extras: string): string {
  if (arg === harnessPath) return '/harness.js';
  return arg.endsWith(extras) ? `${arg.slice(0, -extras.length)}/${EXTRAS_FILE}` : arg;
}

/** What the harness loads when it is first needed lies beside it. */
export const extrasPath = (harnessPath: string): string => `${dirname(harnessPath)}/${EXTRAS_FILE}`;

/** util-linux, on every distribution: no network, no view of other processes' IPC; the file system stays visible to the filter only. */
const unshare = (command: readonly string[], root: boolean): string[] => [
  'unshare',
  ...(root ? [] : ['--user']),
  '--net',
  '--ipc',
  '--uts',
  '--',
  ...command,
];

/** All of a cell's environment. */
export const CELL_ENVIRONMENT: Readonly<Record<string, string>> = {
  DENO_DIR: '/proc/skep',
  DENO_NO_UPDATE_CHECK: '1',
  NO_COLOR: '1',
};

function findLibrary(name: string): string | undefined {
  for (const folder of LIBRARY_FOLDERS) {
    const path = `${folder}/${name}`;
    if (existsSync(path)) return realpathSync(path);
  }
  return undefined;
}

async function probe(sandbox: Sandbox, input: SandboxInput): Promise<string | undefined> {
  const [program, ...args] = sandbox.wrap([input.denoPath, '--version'], { directory: '/tmp', infoFd: null });
  try {
    await run(program as string, args, {
      timeout: PROBE_TIMEOUT_MS,
      env: { ...CELL_ENVIRONMENT, PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
    });
    return undefined;
  } catch (error) {
    const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string };
    if (code === 'ENOENT') return `${program} is not installed.`;
    return (stderr?.trim() || message).split('\n')[0];
  }
}

/** Nothing failed when a weaker wrapper was asked for. */
const missing = (failures: readonly string[]): string =>
  failures.length === 0 ? 'Left out: SKEP_SANDBOX says so.' : `Not available. ${failures.join(' ')}`;

function describe(wrapper: Wrapper, root: boolean, failures: readonly string[]): SandboxLayer[] {
  const isolated = wrapper === 'bubblewrap';
  return [
    { name: 'deno-permissions', active: true, detail: 'No file, network, process or environment access is granted.' },
    {
      name: 'seccomp',
      active: true,
      detail:
        'System-call filter on all threads: no files, no new sockets, no programs. A cell without it never sees user code.',
    },
    { name: 'rlimits', active: true, detail: 'Mapped memory, open files and core dumps are limited.' },
    { name: 'no-new-privileges', active: true, detail: 'No program could gain rights.' },
    {
      name: 'own-user',
      active: root,
      detail: root
        ? 'Every cell runs under a user id of its own.'
        : 'Cells run as the user that runs Skep: start Skep as root to give each its own user id.',
    },
    {
      name: 'network-namespace',
      active: wrapper !== 'none',
      detail: wrapper === 'none' ? missing(failures) : 'The cell has no network at all.',
    },
    {
      name: 'empty-root',
      active: isolated,
      detail: isolated
        ? 'The cell sees a read-only root with the Deno binary and its libraries, and no other process.'
        : `${missing(failures)} Install bubblewrap for this wall.`,
    },
  ];
}
