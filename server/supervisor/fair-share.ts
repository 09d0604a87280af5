/**
 * Fair shares of the processors between accounts. The kernel shares them between processes: an account with ten busy cells would get ten
 * times what one with a single cell gets. So each cell weighs the less, the more cells of its account are busy. With processors to spare a
 * weight changes nothing.
 */
import type { Cell } from './cell.ts';

/** How often weights follow what is busy. */
export const BALANCE_INTERVAL_MS = 250;
/** CPU time within an interval that makes a cell a busy one. */
const BUSY_MS = BALANCE_INTERVAL_MS / 25;

export class FairShare {
  /** CPU time of each cell at the last look, and its weight. */
  readonly #known = new WeakMap<Cell, { cpuMs: number; weight: number }>();
  readonly #apply: (cell: Cell, weight: number) => void;

  constructor(apply: (cell: Cell, weight: number) => void) {
    this.#apply = apply;
  }

  balance(cells: Iterable<Cell>): void {
    const busy: { cell: Cell; accountId: string }[] = [];
    for (const cell of cells) {
      const accountId = cell.version?.accountId;
      const { cpuMs } = cell;
      const known = this.#known.get(cell);
      const used = cpuMs - (known?.cpuMs ?? 0);
      if (known === undefined) this.#known.set(cell, { cpuMs, weight: 1 });
      else known.cpuMs = cpuMs;
      if (accountId !== undefined && used >= BUSY_MS) busy.push({ cell, accountId });
    }
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
