/** An embedded object store on a real database and a folder of its own, for one test file. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../server/storage/database.ts';
import { createS3Backend } from '../../server/s3/backend.ts';
import type { S3BackendSettings } from '../../server/storage/objects/backends.ts';
import { openObjectStorage, type ObjectStorage } from '../../server/storage/objects/open.ts';
import type {
  BucketRecord,
  FoundObject,
  ListOptions,
  ObjectStore,
  PutOptions,
} from '../../server/storage/objects/types.ts';
import { testLog } from './log.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

export interface TestObjects {
  readonly database: TestDatabase;
  readonly dataDir: string;
  readonly accountId: string;
  /** The storage that is open now. */
  readonly storage: ObjectStorage;
  /** A new bucket, and the store behind it. */
  bucket(name: string): Promise<{ readonly bucket: BucketRecord; readonly store: ObjectStore }>;
  /** Closes the storage and opens it again on the same folder. */
  reopen(): Promise<void>;
  /** Files with contents, as they lie on the disk. */
  files(): string[];
  close(): Promise<void>;
}

export async function createTestObjects(
  defaultQuotaBytes = Number.POSITIVE_INFINITY,
  platformBackend: S3BackendSettings | null = null,
  watched: { readonly dataDir?: string; watch?(database: Database): Database } = {},
): Promise<TestObjects> {
  const database = await createTestDatabase();
  const { account } = await database.store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash: null });
  const dataDir = watched.dataDir ?? mkdtempSync(join(tmpdir(), 'skep-objects-'));
  const open = () =>
    openObjectStorage({
      platformBackend,
      createBackend: createS3Backend,
      database: watched.watch?.(database.database) ?? database.database,
      masterKey: database.masterKey,
      dataDir,
      defaultQuotaBytes,
      log: testLog,
    });
  let storage = await open();
  return {
    database,
    dataDir,
    accountId: account.id,
    get storage() {
      return storage;
    },
    async bucket(name) {
      const bucket = await storage.createBucket({
        accountId: account.id,
        name,
        location: 'WEUR',
        storageClass: 'Standard',
      });
      if (typeof bucket === 'string') throw new Error(`The bucket ${name} is ${bucket}`);
      return { bucket, store: storage.storeOf(bucket) };
    },
    async reopen() {
      await storage.close();
      storage = await open();
    },
    files: () =>
      readdirSync(join(dataDir, 'objects', 'content'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.includes('/'),
      ),
    async close() {
      await storage.close();
      await database.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export const putOptions = (content: Uint8Array | string, more: Partial<PutOptions> = {}): PutOptions => ({
  size: Buffer.byteLength(content),
  checksums: {},
  onlyIf: undefined,
  httpMetadata: {},
  customMetadata: {},
  storageClass: undefined,
  ...more,
});

export const listOptions = (more: Partial<ListOptions> = {}): ListOptions => ({
  limit: 1000,
  prefix: '',
  delimiter: '',
  startAfter: undefined,
  cursor: undefined,
  include: { httpMetadata: false, customMetadata: false },
  ...more,
});

/** All of a body. */
export async function contentOf(found: FoundObject | null): Promise<Buffer> {
  const body = found?.body ?? null;
  if (body === null) throw new Error('There is no body');
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export const md5 = (content: Uint8Array | string): string => createHash('md5').update(content).digest('hex');
