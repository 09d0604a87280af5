/**
 * Fair shares of the processors between accounts. The kernel shares them between processes: an account with ten busy cells would get ten
 * times what one with a single cell gets. So each cell weighs the less, the more cells of its account are busy: its priority is lower. With
 * processors to spare that changes nothing. Nine steps are left below a cell that computes: up to seven times as many cells are made up for.
 */
import type { Cell } from './cell.ts';

/** How often weights follow what is busy. */
export const BALANCE_INTERVAL_MS = 250;
/** Less CPU time than this within an interval, and a cell is not busy however little there is for all. */
const LEAST_MS = 1;
/** Busy is who wants at least this part of what the most eager wants: a machine that is full gives nobody much. */
const EAGER = 0.2;

/** Looks at what each cell used lately, and gives `apply` the weight of each cell whose weight has changed. */
export class FairShare {
  /** CPU time of each cell at the last look, what it used in an interval lately, and its weight. */
  readonly #known = new WeakMap<Cell, { cpuMs: number; usedMs: number; weight: number }>();
  readonly #apply: (cell: Cell, weight: number) => void;

  constructor(apply: (cell: Cell, weight: number) => void) {
    this.#apply = apply;
  }

  balance(cells: Iterable<Cell>): void {
    const running: { cell: Cell; accountId: string; wish: number }[] = [];
    let mostWished = 0;
    for (const cell of cells) {
      const accountId = cell.version?.accountId;
      const known = this.#known.get(cell) ?? { cpuMs: 0, usedMs: 0, weight: 1 };
      const { cpuMs } = cell;
      // Half of it from before: on a full machine a cell may not run for a whole interval.
      const usedMs = (known.usedMs + cpuMs - known.cpuMs) / 2;
      // Whoever weighs a third gets a third of what he wants.
      const wish = usedMs / known.weight;
      this.#known.set(cell, { ...known, cpuMs, usedMs });
      if (accountId === undefined || usedMs < LEAST_MS) continue;
      running.push({ cell, accountId, wish });
      mostWished = Math.max(mostWished, wish);
    }
    const busy = running.filter(({ wish }) => wish >= mostWished * EAGER);
    const weights = weightsOf(busy.map(({ accountId }) => accountId));
    for (const { cell, accountId } of busy) this.#set(cell, weights.get(accountId) as number);
  }

  #set(cell: Cell, weight: number): void {
    const known = this.#known.get(cell) as { weight: number };
    if (known.weight === weight) return;
    known.weight = weight;
    this.#apply(cell, weight);
  }
}

/** The weight of each cell of an account, from the accounts of all busy cells: those of one account weigh one together. */
export function weightsOf(accounts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const account of accounts) counts.set(account, (counts.get(account) ?? 0) + 1);
  return new Map([...counts].map(([account, count]) => [account, counts.size === 1 ? 1 : 1 / count]));
}
