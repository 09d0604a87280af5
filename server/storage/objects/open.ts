/** Opens the object storage: buckets, and the store behind each. */
import { join } from 'node:path';
import type { Logger } from '../../log/types.ts';
import type { Database } from '../database.ts';
import { type DiskRoom, ENOUGH_ROOM } from '../disk-room.ts';
import {
  createBucket,
  deleteBucket,
  findBucket,
  listBuckets,
  readUsage,
  readUsages,
  updateBucket,
  setBackend,
} from './buckets.ts';
import { openBackend, type S3BackendSettings, sealBackend } from './backends.ts';
import { EmbeddedStore } from './embedded.ts';
import { ObjectFiles } from './files.ts';
import { createKey, deleteKey, type KeyRecord, listKeys, type OpenedKey, openKey } from './keys.ts';
import { Sweeper } from './sweeper.ts';
import { type BucketChange, type BucketRecord, type BucketUsage, type ObjectStore, R2Error } from './types.ts';

/** How long buckets and keys are remembered. What another node has deleted is missed that late; writes to a bucket fail at once. */
const REMEMBER_MS = 1_000;
/** As many are in use at a time; more are looked up each time. */
const REMEMBERED = 10_000;

export interface ObjectStorageOptions {
  readonly database: Database;
  /** 32 bytes; seals the secrets of keys. */
  readonly masterKey: Uint8Array;
  /** `objects` is made below it. */
  readonly dataDir: string;
  /** Of a bucket that has no quota of its own; infinite: no limit. */
  readonly defaultQuotaBytes: number;
  /** On the disk of `dataDir`. Default: there is enough. */
  readonly room?: DiskRoom;
  /** Where the objects of all buckets lie that have no backend of their own; null: in the embedded store. */
  readonly platformBackend: S3BackendSettings | null;
  readonly createBackend: (settings: S3BackendSettings) => ClosableStore;
  readonly log: Logger;
}

type ClosableStore = ObjectStore & { close(): void };

/** Buckets by their names, and the stores of their objects. */
export interface ObjectStorage {
  listBuckets(accountId: string): Promise<BucketRecord[]>;
  findBucket(accountId: string, name: string): Promise<BucketRecord | null>;
  createBucket(
    bucket: Pick<BucketRecord, 'accountId' | 'name' | 'location' | 'storageClass'>,
  ): Promise<BucketRecord | 'taken' | 'too many'>;
  updateBucket(bucket: BucketRecord, change: BucketChange): Promise<BucketRecord | null>;
  deleteBucket(bucket: BucketRecord): Promise<'deleted' | 'not empty' | 'not found'>;
  readUsage(bucket: BucketRecord): Promise<BucketUsage>;
  /** By the ids of the buckets. */
  readUsages(accountId: string): Promise<Map<string, BucketUsage>>;
  /** As `findBucket`, out of memory for a second. @throws R2Error noSuchBucket */
  requireBucket(accountId: string, name: string): Promise<BucketRecord>;
  storeOf(bucket: BucketRecord): ObjectStore;
  /** Null: the bucket has as many keys as it may have. */
  createKey(
    bucket: BucketRecord,
    key: Pick<KeyRecord, 'name' | 'canWrite'>,
  ): Promise<(KeyRecord & { readonly secret: string }) | null>;
  listKeys(bucket: BucketRecord): Promise<KeyRecord[]>;
  /** False: there is no such key. */
  deleteKey(bucket: BucketRecord, id: string): Promise<boolean>;
  /** Out of memory for a second. */
  findKey(id: string): Promise<OpenedKey | null>;
  /** Only while the bucket is empty: objects do not move. Null: the platform's store. */
  setBackend(bucket: BucketRecord, settings: S3BackendSettings | null): Promise<'set' | 'not empty'>;
  /** Removes now what nothing refers to; resolves with the number of files. */
  sweep(): Promise<number>;
  close(): Promise<void>;
}

/** Opens the embedded store and starts sweeping it. */
export async function openObjectStorage(options: ObjectStorageOptions): Promise<ObjectStorage> {
  const { database, masterKey, defaultQuotaBytes, room = ENOUGH_ROOM, log } = options;
  const files = await ObjectFiles.open(join(options.dataDir, 'objects'));
  const store = new EmbeddedStore({ database, files, defaultQuotaBytes, room, onRelease: () => sweeper.wake() });
  const sweeper: Sweeper = new Sweeper({ database, files, store, log });
  sweeper.start();
  const backends = new Backends(options);
  const storeOf = (bucket: BucketRecord): ObjectStore => backends.of(bucket) ?? store;
  const known = new Memory<BucketRecord>();
  const knownKeys = new Memory<OpenedKey>();
  return {
    listBuckets: (accountId) => listBuckets(database, accountId),
    findBucket: (accountId, name) => findBucket(database, accountId, name),
    createBucket: (bucket) => createBucket(database, bucket),
    updateBucket: async (bucket, change) => {
      const updated = await updateBucket(database, bucket.id, change);
      known.forget(nameOf(bucket));
      return updated;
    },
    deleteBucket: async (bucket) => {
      if (storeOf(bucket) !== store && !(await isEmpty(storeOf(bucket), bucket))) return 'not empty';
      const outcome = await deleteBucket(database, bucket.id);
      known.forget(nameOf(bucket));
      sweeper.wake();
      return outcome;
    },
    readUsage: (bucket) => readUsage(database, bucket.id),
    readUsages: (accountId) => readUsages(database, accountId),
    requireBucket: async (accountId, name) => {
      const remembered = known.get(nameOf({ accountId, name }));
      if (remembered !== undefined) return remembered;
      const bucket = await findBucket(database, accountId, name);
      if (bucket === null) throw new R2Error('noSuchBucket');
      known.add(nameOf(bucket), bucket);
      return bucket;
    },
    storeOf,
    setBackend: async (bucket, settings) => {
      if (!(await isEmpty(storeOf(bucket), bucket))) return 'not empty';
      await setBackend(database, bucket.id, settings === null ? null : sealBackend(masterKey, bucket.id, settings));
      known.forget(nameOf(bucket));
      return 'set';
    },
    createKey: (bucket, key) => createKey(database, masterKey, bucket, key),
    listKeys: (bucket) => listKeys(database, bucket),
    deleteKey: async (bucket, id) => {
      const isDeleted = await deleteKey(database, bucket, id);
      knownKeys.forget(id);
      return isDeleted;
    },
    findKey: async (id) => {
      const remembered = knownKeys.get(id);
      if (remembered !== undefined) return remembered;
      const key = await openKey(database, masterKey, id);
      if (key !== null) knownKeys.add(id, key);
      return key;
    },
    sweep: () => sweeper.sweep(),
    close: async () => {
      await sweeper.close();
      backends.close();
      await files.close();
    },
  };
}

/** The stores of buckets whose objects are not here. */
class Backends {
  readonly #options: ObjectStorageOptions;
  /** By bucket and sealed secret, which is another one for each setting. */
  readonly #stores = new Map<string, ClosableStore>();

  constructor(options: ObjectStorageOptions) {
    this.#options = options;
  }

  of({ id, backend }: BucketRecord): ObjectStore | undefined {
    const { platformBackend, masterKey, createBackend } = this.#options;
    if (backend === null && platformBackend === null) return undefined;
    const name = backend === null ? id : `${id}/${Buffer.from(backend.secret).toString('base64')}`;
    let found = this.#stores.get(name);
    if (found === undefined) {
      if (this.#stores.size >= REMEMBERED) this.close();
      // In the platform's bucket each of ours has a folder, by an id that no later one has again.
      const shared = platformBackend as S3BackendSettings;
      const settings =
        backend === null ? { ...shared, prefix: `${shared.prefix}${id}/` } : openBackend(masterKey, id, backend);
      found = createBackend(settings);
      this.#stores.set(name, found);
    }
    return found;
  }

  close(): void {
    for (const store of this.#stores.values()) store.close();
    this.#stores.clear();
  }
}

async function isEmpty(store: ObjectStore, bucket: BucketRecord): Promise<boolean> {
  const include = { httpMetadata: false, customMetadata: false };
  const first = { limit: 1, prefix: '', delimiter: '', startAfter: undefined, cursor: undefined, include };
  return (await store.list(bucket, first)).objects.length === 0;
}

const nameOf = ({ accountId, name }: Pick<BucketRecord, 'accountId' | 'name'>): string => `${accountId}/${name}`;

/** What was looked up a moment ago. */
class Memory<T> {
  readonly #entries = new Map<string, { readonly value: T; readonly untilMs: number }>();

  get(name: string): T | undefined {
    const entry = this.#entries.get(name);
    return entry === undefined || entry.untilMs < performance.now() ? undefined : entry.value;
  }

  add(name: string, value: T): void {
    if (this.#entries.size >= REMEMBERED) this.#entries.clear();
    this.#entries.set(name, { value, untilMs: performance.now() + REMEMBER_MS });
  }

  forget(name: string): void {
    this.#entries.delete(name);
  }
}
