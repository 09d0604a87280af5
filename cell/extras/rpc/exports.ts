/** What one side of a session has given to the other to be called there, by number. */
import { RPC_LIMITS } from '../../../shared/limits.ts';
import { NativeError } from '../../primordials.ts';
import { malformed } from './bytes.ts';
import { Table } from './table.ts';
import type { CallTarget } from './targets.ts';

interface Export {
  readonly target: CallTarget;
  references: number;
}

export class Exports {
  readonly #entries = new Table<Export>();
  #count = 0;
  #next = 1;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** How many were given so far; tells whether a message gave any. */
  get given(): number {
    return this.#next - 1;
  }

  /** Gives the target a number. Throws when there are too many. */
  add(target: CallTarget): number {
    if (this.#count >= RPC_LIMITS.maxExports) {
      throw new NativeError(`An RPC session may have ${RPC_LIMITS.maxExports} stubs at once.`);
    }
    const id = this.#next++;
    this.#entries.set(id, { target, references: 1 });
    this.#count++;
    return id;
  }

  find(id: number): CallTarget | undefined {
    return this.#entries.get(id)?.target;
  }

  /** The other side lets go of so many references. Returns the target when these were the last: it is to be disposed of. Throws for what was never given. */
  release(id: number, count: number): CallTarget | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || count > entry.references) throw malformed('a release of something that was never given');
    entry.references -= count;
    if (entry.references > 0) return undefined;
    this.#forget(id);
    return entry.target;
  }

  /** The message that gave it could not be sent. */
  takeBack(id: number): void {
    const target = this.find(id);
    if (target === undefined) return;
    this.#forget(id);
    target.dispose();
  }

  forEach(visit: (target: CallTarget) => void): void {
    this.#entries.forEach(({ target }) => visit(target));
  }

  #forget(id: number): void {
    this.#entries.delete(id);
    this.#count--;
  }
}
