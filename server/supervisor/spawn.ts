/** Starting the process of a cell. The only place besides the PostgreSQL launcher where Skep starts a process. */
import { BROKER_SOCKET, IN_SOCKET } from '../../shared/protocol.ts';
import { childrenOf, signalQuietly } from './cell-facts.ts';
import { CELL_ENVIRONMENT, extrasPath, type Sandbox } from './sandbox.ts';
import type { Spawner } from './spawner.ts';

export interface CellProgram {
  readonly spawner: Spawner;
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
  /** Settles when it is gone: how it ended, and what it wrote to its standard error, at most `maxStderrBytes`. */
  readonly exited: Promise<{ readonly how: string; readonly stderr: string }>;
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
  const { pid, exited, isOver, kill } = program.spawner.start({
    file: file as string,
    args,
    environment: { ...CELL_ENVIRONMENT, PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
    infoFd,
    givesWay,
  });
  return {
    pid,
    denoPid: async () => (infoFd === null ? await pid : onlyChildOf(await pid)),
    exited,
    kill: () => {
      kill();
      void pid.then(
        (inside) => {
          // At once: the spawner may have to wait for its turn.
          if (!isOver()) signalQuietly(inside, 'SIGKILL');
        },
        () => undefined,
      );
    },
  };
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

/** The namespace's first process has started one program, and that one can start none. */
function onlyChildOf(parent: number): number {
  const [pid] = childrenOf(parent);
  if (pid === undefined) throw new Error('its process is gone');
  return pid;
}
