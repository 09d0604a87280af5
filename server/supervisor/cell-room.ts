/**
 * Room for cells on a node: how many there may be, how many of one account, and who is next when there is none. Accounts take turns, so
 * that one that wants a hundred cells does not keep out another one that wants its first.
 */
import { addTo } from '../../shared/counts.ts';
import { LoadError } from './load-error.ts';

export interface CellRoomOptions {
  readonly maxCells: number;
  readonly maxPerAccount: number;
  /** How long somebody waits. */
  readonly patienceMs: number;
  /** A cell can be had without starting a process, or there is room for one more, besides those `granted` that are not begun. */
  readonly hasRoom: (granted: number) => boolean;
  /** Ends a cell that serves nobody: of this account, or, when null, of whom it hurts least. False: all are busy. */
  readonly stopIdle: (accountId: string | null) => boolean;
}

/** The right of an account to one cell. */
export interface CellPlace {
  /** The cell is being taken: from now on `hasRoom` sees it. Idempotent. */
  readonly begin: () => void;
  /** Idempotent. */
  readonly free: () => void;
}

interface Waiting {
  readonly accountId: string;
  readonly deadlineMs: number;
  readonly resolve: (place: CellPlace) => void;
  readonly reject: (error: LoadError) => void;
}

const LOOK_INTERVAL_MS = 20;

export class CellRoom {
  readonly #options: CellRoomOptions;
  readonly #cells = new Map<string, number>();
  /** By account, in the order of their turns. */
  readonly #lines = new Map<string, Waiting[]>();
  #granted = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CellRoomOptions) {
    this.#options = options;
  }

  /** Cells of an account that are there or being started. */
  cellsOf(accountId: string): number {
    return this.#cells.get(accountId) ?? 0;
  }

  /** Waits for room. Throws LoadError('no-cell') when there was none in time. */
  enter(accountId: string): Promise<CellPlace> {
    const place = this.#lines.size === 0 ? this.#tryEnter(accountId) : undefined;
    if (place !== undefined) return Promise.resolve(place);
    return new Promise((resolve, reject) => {
      const deadlineMs = performance.now() + this.#options.patienceMs;
      const waiting: Waiting = { accountId, deadlineMs, resolve, reject };
      const line = this.#lines.get(accountId);
      if (line === undefined) this.#lines.set(accountId, [waiting]);
      else line.push(waiting);
      this.#timer ??= setInterval(() => this.#serve(), LOOK_INTERVAL_MS);
    });
  }

  /** Nobody gets a place any more. */
  close(): void {
    clearInterval(this.#timer);
    for (const line of this.#lines.values()) {
      for (const { reject } of line) reject(new LoadError('no-cell', 'The node is stopping.'));
    }
    this.#lines.clear();
  }

  #tryEnter(accountId: string): CellPlace | undefined {
    const { maxPerAccount, hasRoom, stopIdle } = this.#options;
    const own = this.cellsOf(accountId);
    if (own >= maxPerAccount) {
      stopIdle(accountId);
      return undefined;
    }
    if (!hasRoom(this.#granted)) {
      stopIdle(null);
      return undefined;
    }
    addTo(this.#cells, accountId, 1);
    this.#granted++;
    const begin = once(() => this.#granted--);
    const free = once(() => {
      begin();
      this.#leave(accountId);
    });
    return { begin, free };
  }

  #leave(accountId: string): void {
    addTo(this.#cells, accountId, -1);
  }

  /** One round: each account that waits is asked once, and goes to the end when it got a place. */
  #serve(): void {
    const now = performance.now();
    for (const [accountId, line] of [...this.#lines]) {
      while (line[0] !== undefined && line[0].deadlineMs < now) this.#refuse(line.shift() as Waiting);
      const place = line.length === 0 ? undefined : this.#tryEnter(accountId);
      if (place === undefined && line.length > 0) continue;
      this.#lines.delete(accountId);
      if (place !== undefined) line.shift()?.resolve(place);
      if (line.length > 0) this.#lines.set(accountId, line);
    }
    if (this.#lines.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #refuse({ accountId, reject }: Waiting): void {
    const { maxCells, maxPerAccount } = this.#options;
    const isOwnLimit = this.cellsOf(accountId) >= maxPerAccount && maxPerAccount < maxCells;
    const message = isOwnLimit
      ? `All ${maxPerAccount} cells of this account are busy (SKEP_LIMIT_CELLS_PER_ACCOUNT).`
      : `All ${maxCells} cells of this node are busy (SKEP_LIMIT_CELLS).`;
    reject(new LoadError('no-cell', message));
  }
}

function once(work: () => unknown): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
