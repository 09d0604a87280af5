/**
 * What of a cache lies on the disk, and who goes when the room is used up: what was not used for longest, of the account that has most. So an
 * account that stores without end throws out its own responses, and not those of everybody else.
 */

/** A file's name begins with so many characters that stand for its account. */
export const ACCOUNT_CHARACTERS = 16;

interface Share {
  /** Bytes by file name, the one used last at the end. */
  readonly files: Map<string, number>;
  bytes: number;
}

export class CacheIndex {
  readonly #shares = new Map<string, Share>();
  #bytes = 0;
  #size = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#size;
  }

  has(name: string): boolean {
    return this.#shares.get(accountOf(name))?.files.has(name) === true;
  }

  /** Its bytes; it is the one used last. */
  set(name: string, bytes: number): void {
    this.delete(name);
    const account = accountOf(name);
    const share = this.#shares.get(account) ?? { files: new Map<string, number>(), bytes: 0 };
    this.#shares.set(account, share);
    share.files.set(name, bytes);
    share.bytes += bytes;
    this.#bytes += bytes;
    this.#size++;
  }

  touch(name: string): void {
    const files = this.#shares.get(accountOf(name))?.files;
    const bytes = files?.get(name);
    if (files === undefined || bytes === undefined) return;
    files.delete(name);
    files.set(name, bytes);
  }

  delete(name: string): void {
    const share = this.#shares.get(accountOf(name));
    const bytes = share?.files.get(name);
    if (share === undefined || bytes === undefined) return;
    share.files.delete(name);
    share.bytes -= bytes;
    if (share.files.size === 0) this.#shares.delete(accountOf(name));
    this.#bytes -= bytes;
    this.#size--;
  }

  /** Who goes next. `by`: what there is too much of. Undefined: there is nothing. */
  victim(by: 'bytes' | 'files'): string | undefined {
    let most: Share | undefined;
    for (const share of this.#shares.values()) {
      if (most === undefined || measure(share, by) > measure(most, by)) most = share;
    }
    const [oldest] = most?.files.keys() ?? [];
    return oldest;
  }

  /** All files, with their bytes; those of one account in the order they were used. */
  *entries(): Iterable<[name: string, bytes: number]> {
    for (const { files } of this.#shares.values()) yield* files;
  }
}

const accountOf = (name: string): string => name.slice(0, ACCOUNT_CHARACTERS);
const measure = ({ files, bytes }: Share, by: 'bytes' | 'files'): number => (by === 'bytes' ? bytes : files.size);
