/** How much memory one cell may use: the watchdog's limit for its process, and above it the ceiling of its control group where there is one. */
import { readPrivateBytes } from './cell-facts.ts';
import type { CellGroups } from './cgroup.ts';
import { GarbagePrompt } from './garbage-prompt.ts';

const MiB = 1024 * 1024;
/** V8's own overhead and garbage not yet collected, on top of what a worker may use. */
const SLACK_MIB = 32;
/** The kernel's ceiling lies above the watchdog's limit: whoever gets there was faster than the watchdog looks. Half of it is for what the kernel counts beside the process's own pages. */
const CEILING_SLACK_MIB = 64;

export class CellMemory {
  readonly #groups: CellGroups;
  readonly #cellId: string;
  readonly #memoryMiB: number;
  readonly #gathered: Promise<void>;
  /** What the process had before it saw user code. */
  #baselineBytes = 0;
  #garbage: GarbagePrompt | undefined;

  /** @param pid of the first process, which goes into the cell's control group @param memoryMiB what a worker may use */
  constructor(groups: CellGroups, cellId: string, pid: Promise<number>, memoryMiB: number) {
    this.#groups = groups;
    this.#cellId = cellId;
    this.#memoryMiB = memoryMiB;
    this.#gathered = pid.then((first) => groups.gather(cellId, first));
    // Awaited by `confine`; a cell that dies before is told of by its death.
    this.#gathered.catch(() => undefined);
  }

  /** Takes what the process has now as what it starts from, and puts the ceiling on. Rejects when the process is gone. */
  async confine(pid: number): Promise<void> {
    this.#baselineBytes = await readPrivateBytes(pid);
    this.#garbage = new GarbagePrompt(this.#baselineBytes, this.#memoryMiB * MiB);
    await this.#gathered;
    const ceilingMiB = this.#memoryMiB + SLACK_MIB + CEILING_SLACK_MIB;
    await this.#groups.confine(this.#cellId, pid, this.#baselineBytes + ceilingMiB * MiB);
  }

  /** For the watchdog. */
  get limitBytes(): number {
    return this.#baselineBytes + (this.#memoryMiB + SLACK_MIB) * MiB;
  }

  /** True: the cell is to collect its garbage. @param privateBytes what its process has now @param isBusy requests are in flight */
  shouldCollect(privateBytes: number, isBusy: boolean): boolean {
    return this.#garbage?.isDue(privateBytes, isBusy) === true;
  }

  /** The process is gone. True: the kernel ended it because of its ceiling. Idempotent. */
  release(): boolean {
    const ranOut = this.#groups.ranOutOfMemory(this.#cellId);
    this.#groups.remove(this.#cellId);
    return ranOut;
  }
}
