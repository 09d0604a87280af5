/** Buckets and what is in use of them, in PostgreSQL. */
import type { StorageClass } from '../../../shared/r2.ts';
import { R2_LIMITS } from '../../../shared/limits.ts';
import type { Database, Queryable } from '../database.ts';
import { codeOf } from '../errors.ts';
import type { SealedBackend } from './backends.ts';
import type { BucketChange, BucketRecord, BucketUsage, CorsRule } from './types.ts';

/** Rows over which a bucket's use is spread; see the migration. */
const USAGE_SHARDS = 8;

interface BucketRow {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly created_at: Date;
  readonly location: string;
  readonly storage_class: StorageClass;
  readonly quota_bytes: string | null;
  readonly backend: Omit<SealedBackend, 'secret'> | null;
  readonly backend_secret: Buffer | null;
  readonly cors: readonly CorsRule[] | null;
}

const COLUMNS = 'id, account_id, name, created_at, location, storage_class, quota_bytes, backend, backend_secret, cors';

const toBucket = (row: BucketRow): BucketRecord => ({
  id: row.id,
  accountId: row.account_id,
  name: row.name,
  createdAt: row.created_at,
  location: row.location,
  storageClass: row.storage_class,
  quotaBytes: row.quota_bytes === null ? null : Number(row.quota_bytes),
  backend: row.backend === null || row.backend_secret === null ? null : { ...row.backend, secret: row.backend_secret },
  cors: row.cors,
});

/** By name. */
export async function listBuckets(db: Queryable, accountId: string): Promise<BucketRecord[]> {
  const { rows } = await db.query<BucketRow>(
    `SELECT ${COLUMNS} FROM skep.r2_buckets WHERE account_id = $1 ORDER BY name`,
    [accountId],
  );
  return rows.map(toBucket);
}

/** Null: the account has none of this name. */
export async function findBucket(db: Queryable, accountId: string, name: string): Promise<BucketRecord | null> {
  const { rows } = await db.query<BucketRow>(
    `SELECT ${COLUMNS} FROM skep.r2_buckets WHERE account_id = $1 AND name = $2`,
    [accountId, name],
  );
  return rows[0] === undefined ? null : toBucket(rows[0]);
}

/** Null: the account has a bucket of this name, or as many as it may have. */
export async function createBucket(
  db: Database,
  bucket: Pick<BucketRecord, 'accountId' | 'name' | 'location' | 'storageClass'>,
): Promise<BucketRecord | 'taken' | 'too many'> {
  return db.transaction(async (tx) => {
    await tx.query('SELECT id FROM skep.accounts WHERE id = $1 FOR UPDATE', [bucket.accountId]);
    const { rows: counted } = await tx.query<{ count: string }>(
      'SELECT count(*) FROM skep.r2_buckets WHERE account_id = $1',
      [bucket.accountId],
    );
    if (Number(counted[0]?.count) >= R2_LIMITS.maxBuckets) return 'too many';
    const { rows } = await tx.query<BucketRow>(
      `INSERT INTO skep.r2_buckets (account_id, name, location, storage_class) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
      [bucket.accountId, bucket.name, bucket.location, bucket.storageClass],
    );
    if (rows[0] === undefined) return 'taken';
    await tx.query('INSERT INTO skep.r2_usage (bucket_id, shard) SELECT $1, generate_series(0, $2::int - 1)', [
      rows[0].id,
      USAGE_SHARDS,
    ]);
    return toBucket(rows[0]);
  });
}

/** Changes what is given. Null: the bucket is gone. */
export async function updateBucket(
  db: Queryable,
  bucketId: string,
  { storageClass, quotaBytes, cors }: BucketChange,
): Promise<BucketRecord | null> {
  const { rows } = await db.query<BucketRow>(
    `UPDATE skep.r2_buckets SET storage_class = coalesce($2, storage_class),
            quota_bytes = CASE WHEN $3 THEN $4 ELSE quota_bytes END, cors = CASE WHEN $5 THEN $6 ELSE cors END
     WHERE id = $1 RETURNING ${COLUMNS}`,
    [
      bucketId,
      storageClass ?? null,
      quotaBytes !== undefined,
      quotaBytes ?? null,
      cors !== undefined,
      cors === null || cors === undefined ? null : JSON.stringify(cors),
    ],
  );
  return rows[0] === undefined ? null : toBucket(rows[0]);
}

/** Where the objects of a bucket lie from now on; null: in the platform's store. Its objects do not move. */
export async function setBackend(db: Queryable, bucketId: string, backend: SealedBackend | null): Promise<void> {
  const { secret = null, ...rest } = backend ?? {};
  await db.query('UPDATE skep.r2_buckets SET backend = $2, backend_secret = $3 WHERE id = $1', [
    bucketId,
    backend === null ? null : JSON.stringify(rest),
    secret,
  ]);
}

/** Only an empty bucket can be deleted; what is left of its unfinished uploads goes with it. */
export async function deleteBucket(db: Database, bucketId: string): Promise<'deleted' | 'not empty' | 'not found'> {
  try {
    return await db.transaction(async (tx) => {
      // Nobody can complete an upload into it meanwhile: an object's row refers to the bucket's.
      const { rows } = await tx.query('SELECT id FROM skep.r2_buckets WHERE id = $1 FOR UPDATE', [bucketId]);
      if (rows[0] === undefined) return 'not found';
      const objects = await tx.query('SELECT 1 FROM skep.r2_objects WHERE bucket_id = $1 LIMIT 1', [bucketId]);
      if (objects.rows.length > 0) return 'not empty';
      await releaseUploads(tx, bucketId);
      await tx.query('DELETE FROM skep.r2_buckets WHERE id = $1', [bucketId]);
      return 'deleted';
    });
  } catch (error) {
    // foreign_key_violation: an object came in between.
    if (codeOf(error) === '23503') return 'not empty';
    throw error;
  }
}

async function releaseUploads(tx: Queryable, bucketId: string): Promise<void> {
  await tx.query(
    `UPDATE skep.r2_blobs b SET refs = b.refs - p.count
     FROM (SELECT p.store, p.hash, count(*) AS count FROM skep.r2_parts p JOIN skep.r2_uploads u ON u.id = p.upload_id
           WHERE u.bucket_id = $1 GROUP BY p.store, p.hash) p
     WHERE b.store = p.store AND b.hash = p.hash`,
    [bucketId],
  );
}

/** What the bucket holds; sums of rows that many transactions change at once. */
export async function readUsage(db: Queryable, bucketId: string): Promise<BucketUsage> {
  const { rows } = await db.query<{ objects: string; bytes: string; upload_bytes: string; row_bytes: string }>(
    `SELECT coalesce(sum(objects), 0) AS objects, coalesce(sum(bytes), 0) AS bytes,
            coalesce(sum(upload_bytes), 0) AS upload_bytes, coalesce(sum(row_bytes), 0) AS row_bytes
     FROM skep.r2_usage WHERE bucket_id = $1`,
    [bucketId],
  );
  const row = rows[0];
  return {
    objects: Number(row?.objects ?? 0),
    bytes: Number(row?.bytes ?? 0),
    uploadBytes: Number(row?.upload_bytes ?? 0),
    rowBytes: Number(row?.row_bytes ?? 0),
  };
}

/** Of all buckets of an account, by their ids. */
export async function readUsages(db: Queryable, accountId: string): Promise<Map<string, BucketUsage>> {
  const { rows } = await db.query<{
    bucket_id: string;
    objects: string;
    bytes: string;
    upload_bytes: string;
    row_bytes: string;
  }>(
    `SELECT u.bucket_id, sum(u.objects) AS objects, sum(u.bytes) AS bytes, sum(u.upload_bytes) AS upload_bytes, sum(u.row_bytes) AS row_bytes
     FROM skep.r2_usage u JOIN skep.r2_buckets b ON b.id = u.bucket_id WHERE b.account_id = $1 GROUP BY u.bucket_id`,
    [accountId],
  );
  return new Map(
    rows.map((row) => [
      row.bucket_id,
      {
        objects: Number(row.objects),
        bytes: Number(row.bytes),
        uploadBytes: Number(row.upload_bytes),
        rowBytes: Number(row.row_bytes),
      },
    ]),
  );
}

export type UsageChange = BucketUsage;

/** Any of a bucket's rows. */
export const usageShard = (): number => Math.floor(Math.random() * USAGE_SHARDS);

/**
 * The last statement of a transaction: whoever else writes to this shard waits from here to the commit. A transaction that changes the use twice does so
 * in one shard: two could wait for one another.
 */
export async function changeUsage(
  tx: Queryable,
  bucketId: string,
  { objects = 0, bytes = 0, uploadBytes = 0, rowBytes = 0 }: Partial<UsageChange>,
  shard: number = usageShard(),
): Promise<void> {
  if (objects === 0 && bytes === 0 && uploadBytes === 0 && rowBytes === 0) return;
  await tx.query(
    `UPDATE skep.r2_usage SET objects = objects + $3, bytes = bytes + $4, upload_bytes = upload_bytes + $5, row_bytes = row_bytes + $6
     WHERE bucket_id = $1 AND shard = $2`,
    [bucketId, shard, objects, bytes, uploadBytes, rowBytes],
  );
}
