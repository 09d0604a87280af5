/**
 * Exports of databases (`wrangler d1 export`): the client asks for one, is told a link, and fetches it without its token. The text is made
 * while it is fetched, and nothing of it is kept.
 */
import { addTo } from '../../shared/counts.ts';
import { randomBytes } from 'node:crypto';
import { DATABASE_LIMITS } from '../../shared/limits.ts';
import type { WorkerDatabases } from '../storage/databases/databases.ts';
import { dumpDatabase, type DumpOptions } from '../storage/databases/dump.ts';
import { asApiError } from './database-results.ts';
import { fail, unavailable } from './errors.ts';

interface Link {
  readonly accountId: string;
  readonly databaseId: string;
  readonly options: DumpOptions;
  readonly expiresMs: number;
}

/** Of one process. */
export class DatabaseExports {
  readonly #links = new Map<string, Link>();
  /** How many are being read, by account. */
  readonly #running = new Map<string, number>();

  /** The secret part of a link. What would fail at once fails here: who fetches the link is told a status and no more. @throws as `open` does */
  async begin(
    databases: WorkerDatabases,
    accountId: string,
    databaseId: string,
    options: DumpOptions,
  ): Promise<string> {
    await (await this.#openDump(databases, { accountId, databaseId, options }, () => undefined)).cancel();
    const nowMs = Date.now();
    for (const [token, { expiresMs }] of this.#links) if (expiresMs < nowMs) this.#links.delete(token);
    const own = [...this.#links].filter(([, link]) => link.accountId === accountId);
    const [oldest] = own;
    if (oldest !== undefined && own.length >= DATABASE_LIMITS.exportLinksPerAccount) this.#links.delete(oldest[0]);
    const token = randomBytes(24).toString('hex');
    this.#links.set(token, { accountId, databaseId, options, expiresMs: nowMs + DATABASE_LIMITS.exportLinkMs });
    return token;
  }

  /** The text behind a link; `onBroken`: it ends here, incomplete, and whoever reads has to notice. @throws ApiError 7404 when the link or its database is gone, 7500, 503 */
  async open(
    databases: WorkerDatabases,
    token: string,
    onBroken: (error: Error) => void,
  ): Promise<ReadableStream<Uint8Array>> {
    const link = this.#links.get(token);
    if (link === undefined || link.expiresMs < Date.now()) {
      throw fail('databaseNotFound', { database: 'behind this link (it is good for an hour)' });
    }
    return await this.#openDump(databases, link, onBroken);
  }

  /** Begins the dump, so that what fails at once is an answer of its own and no file that was cut off. */
  async #openDump(
    databases: WorkerDatabases,
    { accountId, databaseId, options }: Omit<Link, 'expiresMs'>,
    onBroken: (error: Error) => void,
  ): Promise<ReadableStream<Uint8Array>> {
    const entered = await databases.enter(accountId, databaseId);
    if (entered === null) throw fail('databaseNotFound', { database: databaseId });
    const leave = this.#takePlace(accountId);
    const pieces = dumpDatabase(databases, entered, options);
    try {
      const first = pieces.next();
      await first;
      return streamOf(pieces, first, { maxMs: databases.times.transactionMs, leave, onBroken });
    } catch (error) {
      leave();
      throw asApiError(error);
    }
  }

  /** Returns what gives the place back, once. @throws ApiError 503 */
  #takePlace(accountId: string): () => void {
    const own = this.#running.get(accountId) ?? 0;
    const total = [...this.#running.values()].reduce((sum, count) => sum + count, 0);
    if (own >= DATABASE_LIMITS.exportsPerAccount || total >= DATABASE_LIMITS.exportsAtOnce) {
      throw unavailable('other exports are being read', 10);
    }
    addTo(this.#running, accountId, 1);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      addTo(this.#running, accountId, -1);
    };
  }
}

/** `leave` is called when the text is over, its reader has gone, or `maxMs` have passed, whether anybody reads or not. */
function streamOf(
  pieces: AsyncGenerator<string, void>,
  first: Promise<IteratorResult<string, void>>,
  {
    maxMs,
    leave,
    onBroken,
  }: { readonly maxMs: number; readonly leave: () => void; readonly onBroken: (error: Error) => void },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next = first;
  const finish = async (): Promise<void> => {
    clearTimeout(timer);
    leave();
    await next.catch(() => undefined);
    await pieces.return();
  };
  let timer: NodeJS.Timeout | undefined;
  return new ReadableStream<Uint8Array>({
    start() {
      timer = setTimeout(() => {
        onBroken(new Error(`The export was not read within ${maxMs / 1000} s.`));
        finish().catch(() => undefined);
      }, maxMs);
    },
    async pull(controller) {
      try {
        const { done, value } = await next;
        if (done !== true) {
          controller.enqueue(encoder.encode(value));
          next = pieces.next();
          // Whoever pulls next hears of it; until then it is no unhandled one.
          next.catch(() => undefined);
          return;
        }
      } catch (error) {
        onBroken(error as Error);
        await finish();
        return;
      }
      await finish();
      controller.close();
    },
    cancel: finish,
  });
}
