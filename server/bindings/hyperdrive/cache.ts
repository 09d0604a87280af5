/** Answers of reading statements, byte by byte as the server gave them: of all configurations of a node, the least used go first. */
import { createHash } from 'node:crypto';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { HyperdriveCaching } from '../../storage/hyperdrive/hyperdrive.ts';

interface Entry {
  readonly answer: Buffer;
  readonly storedMs: number;
  /** Somebody is fetching a new one. */
  isStale: boolean;
}

/** What an entry takes beside its answer. */
const OVERHEAD_BYTES = 256;

export class AnswerCache {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** `question`: all messages of a cycle. `scope`: the configuration, another one after every change. */
  keyOf(scope: string, question: readonly Buffer[]): string {
    const hash = createHash('sha256').update(scope);
    for (const frame of question) hash.update(frame);
    return hash.digest('base64');
  }

  /** Undefined: ask the database, and `put` what it says. Of those who find an answer that is too old, one is told to ask. */
  get(key: string, { maxAgeS, staleWhileRevalidateS }: HyperdriveCaching): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const ageS = (performance.now() - entry.storedMs) / 1000;
    if (ageS >= maxAgeS + staleWhileRevalidateS) {
      this.#remove(key);
      return undefined;
    }
    if (ageS >= maxAgeS && !entry.isStale) {
      entry.isStale = true;
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.answer;
  }

  put(key: string, answer: Buffer): void {
    this.#remove(key);
    this.#entries.set(key, { answer, storedMs: performance.now(), isStale: false });
    this.#bytes += answer.length + OVERHEAD_BYTES;
    for (const [oldest] of this.#entries) {
      if (this.#bytes <= DATABASE_LIMITS.maxCacheBytes) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.answer.length + OVERHEAD_BYTES;
  }
}
