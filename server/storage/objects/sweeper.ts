/**
 * Takes the space back: files that nothing refers to, multipart uploads whose time is over, and, once after a start, files that a killed
 * process had linked without naming them.
 */
import { R2_LIMITS } from '../../../shared/limits.ts';
import type { Logger } from '../../log/types.ts';
import { isBackedUp } from '../backup/lock.ts';
import type { Database } from '../database.ts';
import type { EmbeddedStore } from './embedded.ts';
import type { ObjectFiles } from './files.ts';
import { adoptUnknown, forget, lockUnused, readUnused } from './references.ts';
import { R2Error } from './types.ts';
import { deleteUpload, readExpired } from './uploads.ts';

const BATCH = 500;
/** How soon after something was let go its space comes back. */
const DELAY_MS = 1_000;
/** For what nobody has told of: uploads that grow old, files that were being read. */
const INTERVAL_MS = 60_000;

export interface SweeperOptions {
  readonly database: Database;
  readonly files: ObjectFiles;
  readonly store: EmbeddedStore;
  readonly log: Logger;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  /** When it is going to run next. */
  #dueAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  /** Something was let go while it ran. */
  #isWoken = false;
  #isClosed = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Begins with a look at all files. */
  start(): void {
    this.#run(() => this.#adoptStrays().then(() => this.sweep()));
  }

  /** Something was let go. */
  readonly wake = (): void => {
    if (this.#running === undefined) this.#schedule(DELAY_MS);
    else this.#isWoken = true;
  };

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(delayMs: number): void {
    const dueAt = performance.now() + delayMs;
    // Never later than it was to be: where something is let go all the time it would never come to run.
    if (this.#isClosed || this.#running !== undefined || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.#run(() => this.sweep()), delayMs);
    this.#timer.unref();
  }

  #run(work: () => Promise<unknown>): void {
    this.#isWoken = false;
    this.#running = work()
      .then(() => undefined)
      .catch((error: unknown) => {
        if (!this.#isClosed) this.#options.log.warn('Unused objects could not be swept', { error });
      })
      .finally(() => {
        this.#running = undefined;
        this.#dueAt = Number.POSITIVE_INFINITY;
        this.#schedule(this.#isWoken ? DELAY_MS : INTERVAL_MS);
      });
  }

  /** Resolves with the number of files that were removed. */
  async sweep(): Promise<number> {
    await this.#expireUploads();
    await this.#endLateReaders();
    let removed = 0;
    for (;;) {
      const count = this.#isClosed ? 0 : await this.#sweepBatch();
      removed += count;
      if (count < BATCH) return removed;
    }
  }

  async #endLateReaders(): Promise<void> {
    const { database, files } = this.#options;
    const pinned = files.pinned();
    files.endLateReaders(
      pinned.length === 0 ? [] : await readUnused(database, files.id, pinned),
      R2_LIMITS.deletedReadMs,
    );
  }

  /** The rows stay locked until the files are gone: whoever refers to one meanwhile has brought a file of his own, and waits. */
  async #sweepBatch(): Promise<number> {
    const { database, files } = this.#options;
    return await database.transaction(async (tx) => {
      if (await isBackedUp(tx)) return 0;
      const removed: Buffer[] = [];
      // Without those that are read: a few hundred readers who stand still would be the whole of every batch.
      for (const hash of await lockUnused(tx, files.id, { limit: BATCH, pinned: files.pinned() }))
        if (await files.remove(hash)) removed.push(hash);
      if (removed.length > 0) await forget(tx, files.id, removed);
      return removed.length;
    });
  }

  async #expireUploads(): Promise<void> {
    const { database, store } = this.#options;
    const expired = await readExpired(database, BATCH);
    for (const { bucketId, upload, state } of expired) {
      if (state === 'open') {
        await store.abortUpload({ id: bucketId }, upload).catch((error: unknown) => {
          // Somebody else has ended it meanwhile.
          if (!(error instanceof R2Error)) throw error;
        });
      }
      await deleteUpload(database, upload.uploadId);
    }
  }

  async #adoptStrays(): Promise<void> {
    const { database, files, log } = this.#options;
    let found = 0;
    for await (const hashes of files.all()) {
      if (this.#isClosed) return;
      if (hashes.length > 0) found += await adoptUnknown(database, files.id, hashes);
    }
    if (found > 0) log.info('Found files of objects that were never completed', { files: found });
  }
}
