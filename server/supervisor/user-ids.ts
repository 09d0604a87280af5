/**
 * User ids for cells, when Skep runs as root. The kernel counts threads, pending signals and more per user id over the whole machine: two cells
 * with one id, also of two servers or two containers, could take them from one another.
 */
import { readFileSync } from 'node:fs';

export interface UserIdRange {
  readonly first: number;
  readonly count: number;
}

/** No distribution gives these to anybody: above the ids of containers, below those that some programs take for negative ones. */
const PREFERRED: UserIdRange = { first: 0x7000_0000, count: 0x1000_0000 };
/** What systemd keeps for services without a user of their own: a container often has no ids above 65,535. */
const FALLBACK: UserIdRange = { first: 61_184, count: 4_336 };
/** Of one server. Two that choose their blocks at random have the same one in one of 16,384 cases. */
const BLOCK = 16_384;

/** Hands out ids that no living cell of this server has, and that other servers on this machine hardly have. */
export class CellUserIds {
  readonly #range: UserIdRange;
  readonly #taken = new Set<number>();
  #next: number;

  /**
   * @param uidMap as `/proc/self/uid_map`: the ids that this process may give
   * @param random from 0 to below 1
   */
  constructor(uidMap: string = readFileSync('/proc/self/uid_map', 'latin1'), random: () => number = Math.random) {
    const isPreferred = isMapped(uidMap, PREFERRED);
    this.#range = isPreferred ? blockOf(PREFERRED, random) : FALLBACK;
    // Where there is one block for all, servers begin at different places of it.
    this.#next = isPreferred ? 0 : Math.floor(random() * FALLBACK.count);
  }

  /** Give it back when the cell is gone. Throws when all are taken. */
  take(): number {
    const { first, count } = this.#range;
    if (this.#taken.size >= count) throw new Error(`All ${count} user ids for cells are taken`);
    let uid = first + this.#next;
    while (this.#taken.has(uid)) uid = this.#step();
    this.#step();
    this.#taken.add(uid);
    return uid;
  }

  giveBack(uid: number): void {
    this.#taken.delete(uid);
  }

  #step(): number {
    this.#next = (this.#next + 1) % this.#range.count;
    return this.#range.first + this.#next;
  }
}

const blockOf = ({ first, count }: UserIdRange, random: () => number): UserIdRange => ({
  first: first + Math.floor(random() * (count / BLOCK)) * BLOCK,
  count: BLOCK,
});

/** Each line: first id inside, first id outside, how many. */
const isMapped = (uidMap: string, { first, count }: UserIdRange): boolean =>
  uidMap.split('\n').some((line) => {
    const [inside = Number.NaN, , mapped = 0] = line.trim().split(/\s+/).map(Number);
    return inside <= first && first + count <= inside + mapped;
  });
