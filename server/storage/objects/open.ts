/** Opens the object storage: buckets, and the store behind each. */
import { join } from 'node:path';
import type { StorageClass } from '../../../shared/r2.ts';
import type { Logger } from '../../log/types.ts';
import type { Database } from '../database.ts';
import { createBucket, deleteBucket, findBucket, listBuckets, readUsage, readUsages, updateBucket } from './buckets.ts';
import { EmbeddedStore } from './embedded.ts';
import { ObjectFiles } from './files.ts';
import { Sweeper } from './sweeper.ts';
import { type BucketRecord, type BucketUsage, type ObjectStore, R2Error } from './types.ts';

/** How long a bucket is remembered. One that another node has deleted is missed that late; writes to it fail at once. */
const REMEMBER_MS = 1_000;
/** Names that workers and keys use at a time; more are looked up each time. */
const REMEMBERED_BUCKETS = 10_000;

export interface ObjectStorageOptions {
  readonly database: Database;
  /** `objects` is made below it. */
  readonly dataDir: string;
  /** Of a bucket that has no quota of its own; infinite: no limit. */
  readonly defaultQuotaBytes: number;
  readonly log: Logger;
}

/** Buckets by their names, and the stores of their objects. */
export interface ObjectStorage {
  listBuckets(accountId: string): Promise<BucketRecord[]>;
  findBucket(accountId: string, name: string): Promise<BucketRecord | null>;
  createBucket(
    bucket: Pick<BucketRecord, 'accountId' | 'name' | 'location' | 'storageClass'>,
  ): Promise<BucketRecord | 'taken' | 'too many'>;
  updateBucket(
    bucket: BucketRecord,
    change: { readonly storageClass?: StorageClass | undefined; readonly quotaBytes?: number | null | undefined },
  ): Promise<BucketRecord | null>;
  deleteBucket(bucket: BucketRecord): Promise<'deleted' | 'not empty' | 'not found'>;
  readUsage(bucket: BucketRecord): Promise<BucketUsage>;
  /** By the ids of the buckets. */
  readUsages(accountId: string): Promise<Map<string, BucketUsage>>;
  /** As `findBucket`, out of memory for a second. @throws R2Error noSuchBucket */
  requireBucket(accountId: string, name: string): Promise<BucketRecord>;
  storeOf(bucket: BucketRecord): ObjectStore;
  /** Removes now what nothing refers to; resolves with the number of files. */
  sweep(): Promise<number>;
  close(): Promise<void>;
}

/** Opens the embedded store and starts sweeping it. */
export async function openObjectStorage(options: ObjectStorageOptions): Promise<ObjectStorage> {
  const { database, defaultQuotaBytes, log } = options;
  const files = await ObjectFiles.open(join(options.dataDir, 'objects'));
  const store = new EmbeddedStore({ database, files, defaultQuotaBytes, onRelease: () => sweeper.wake() });
  const sweeper: Sweeper = new Sweeper({ database, files, store, log });
  sweeper.start();
  const known = new BucketMemory();
  return {
    listBuckets: (accountId) => listBuckets(database, accountId),
    findBucket: (accountId, name) => findBucket(database, accountId, name),
    createBucket: (bucket) => createBucket(database, bucket),
    updateBucket: async (bucket, change) => {
      const updated = await updateBucket(database, bucket.id, change);
      known.forget(bucket);
      return updated;
    },
    deleteBucket: async (bucket) => {
      const outcome = await deleteBucket(database, bucket.id);
      known.forget(bucket);
      sweeper.wake();
      return outcome;
    },
    readUsage: (bucket) => readUsage(database, bucket.id),
    readUsages: (accountId) => readUsages(database, accountId),
    requireBucket: async (accountId, name) => {
      const remembered = known.get(accountId, name);
      if (remembered !== undefined) return remembered;
      const bucket = await findBucket(database, accountId, name);
      if (bucket === null) throw new R2Error('noSuchBucket');
      known.add(bucket);
      return bucket;
    },
    storeOf: () => store,
    sweep: () => sweeper.sweep(),
    close: async () => {
      await sweeper.close();
      await files.close();
    },
  };
}

class BucketMemory {
  readonly #buckets = new Map<string, { readonly bucket: BucketRecord; readonly untilMs: number }>();

  get(accountId: string, name: string): BucketRecord | undefined {
    const entry = this.#buckets.get(`${accountId}/${name}`);
    return entry === undefined || entry.untilMs < performance.now() ? undefined : entry.bucket;
  }

  add(bucket: BucketRecord): void {
    if (this.#buckets.size >= REMEMBERED_BUCKETS) this.#buckets.clear();
    this.#buckets.set(`${bucket.accountId}/${bucket.name}`, { bucket, untilMs: performance.now() + REMEMBER_MS });
  }

  forget({ accountId, name }: BucketRecord): void {
    this.#buckets.delete(`${accountId}/${name}`);
  }
}
