/** Single cells without a supervisor around them, for tests of the cell's own states and of what a hostile process can do. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CELL_LIMITS } from '../../shared/limits.ts';
import { CellGroups } from '../../server/supervisor/cgroup.ts';
import { Cell } from '../../server/supervisor/cell.ts';
import { detectSandbox } from '../../server/supervisor/sandbox.ts';
import { type Timings, TIMINGS } from '../../server/supervisor/timings.ts';
import type { BindingCall, BindingSession, WorkerEvent } from '../../server/supervisor/types.ts';
import { Spawner } from '../../server/supervisor/spawner.ts';
import { CellUserIds } from '../../server/supervisor/user-ids.ts';
import { Watchdog } from '../../server/supervisor/watchdog.ts';
import { testLog } from './log.ts';
import { buildOnce, DENO_PATH, HARNESS_PATH, SPAWNER_PATH, WATCHDOG_PATH } from './supervisor.ts';

export interface CellHostOptions {
  readonly harnessPath?: string;
  readonly timings?: Partial<Timings>;
  readonly memoryMiB?: number;
  /** Answers the cells' calls; without it every call fails. */
  readonly onCall?: (call: BindingCall) => void;
}

export interface CellHost {
  /** Throws LoadError when the cell does not get as far as `warm`. */
  start(): Promise<Cell>;
  readonly events: WorkerEvent[];
  readonly directory: string;
  /** Ends all cells. Fails when one of them left its directory behind. */
  close(): Promise<void>;
}

export async function createCellHost(options: CellHostOptions = {}): Promise<CellHost> {
  buildOnce();
  const harnessPath = options.harnessPath ?? HARNESS_PATH;
  const directory = mkdtempSync(join(tmpdir(), 'skep-c-'));
  const sandbox = await detectSandbox({ denoPath: DENO_PATH, harnessPath, sandbox: 'auto' });
  const memoryMiB = options.memoryMiB ?? CELL_LIMITS.memoryMiB;
  const watchdog = new Watchdog(WATCHDOG_PATH, TIMINGS.hangMs, (error) => {
    throw error;
  });
  const groups = CellGroups.detect();
  const spawner = new Spawner(SPAWNER_PATH, testLog);
  const userIds = new CellUserIds();
  const events: WorkerEvent[] = [];
  const cells: Cell[] = [];
  const context = {
    program: { spawner, denoPath: DENO_PATH, harnessPath, sandbox, heapMiB: memoryMiB },
    watchdog,
    groups,
    broker: {
      call: options.onCall ?? ((call: BindingCall) => call.fail({ name: 'Error', message: 'No binding in this test' })),
      openSession: (session: BindingSession) => session.fail({ name: 'Error', message: 'No binding in this test' }),
    },
    log: testLog,
    memoryMiB,
    timings: { ...TIMINGS, ...options.timings },
    onEvent: (event: WorkerEvent) => events.push(event),
    onCellEvent: () => undefined,
  };
  let count = 0;
  return {
    events,
    directory,
    start: async () => {
      const id = `c${++count}`;
      const cell = await Cell.start(id, join(directory, id), sandbox.root ? userIds.take() : 0, context, {
        givesWay: false,
      });
      cells.push(cell);
      return cell;
    },
    close: async () => {
      for (const cell of cells) cell.kill('the test is over');
      await Promise.all(cells.map((cell) => cell.exited));
      await spawner.close();
      await watchdog.close();
      groups.close();
      const left = cells.filter((cell) => existsSync(cell.directory));
      rmSync(directory, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`Directories left behind: ${left.map((cell) => cell.id).join()}`);
    },
  };
}
