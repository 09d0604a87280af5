/** Multipart uploads of the embedded store, in PostgreSQL. */
import { randomBytes } from 'node:crypto';
import { R2_LIMITS } from '../../../shared/limits.ts';
import type { HttpMetadata, StorageClass } from '../../../shared/r2.ts';
import type { Database, Queryable } from '../database.ts';
import { changeUsage } from './buckets.ts';
import type { StoredPart } from './rules.ts';
import { type BucketRecord, R2Error, type UploadKey, type UploadRecord } from './types.ts';

export interface UploadRow {
  readonly state: 'open' | 'completed' | 'aborted';
  readonly storage_class: StorageClass;
  readonly http_metadata: HttpMetadata;
  readonly custom_metadata: Readonly<Record<string, string>>;
  /** What the row takes. */
  readonly row_bytes: string;
}

/** What the row of a part takes. */
export const PART_ROW_BYTES = 256;

export interface FilePart extends StoredPart {
  readonly store: string;
  readonly hash: Buffer;
  readonly uploaded: Date;
}

/** The id of a new upload, and what its row takes. @throws R2Error invalidArgument when too many are open */
export async function insertUpload(
  db: Queryable,
  bucket: BucketRecord,
  key: string,
  attributes: Omit<UploadRow, 'state' | 'row_bytes'>,
): Promise<{ readonly id: string; readonly rowBytes: number }> {
  const id = randomBytes(96).toString('base64url');
  const { rows } = await db.query<{ row_bytes: string }>(
    `INSERT INTO skep.r2_uploads (id, bucket_id, key, storage_class, http_metadata, custom_metadata)
     SELECT $1, b.id, $3, $4, $5, $6 FROM skep.r2_buckets b WHERE b.id = $2 AND
       (SELECT count(*) FROM (SELECT 1 FROM skep.r2_uploads WHERE bucket_id = $2 AND state = 'open' LIMIT $7) o) < $7
     RETURNING skep.r2_row_bytes(key, http_metadata, custom_metadata, 0) AS row_bytes`,
    [
      id,
      bucket.id,
      Buffer.from(key),
      attributes.storage_class,
      JSON.stringify(attributes.http_metadata),
      JSON.stringify(attributes.custom_metadata),
      R2_LIMITS.maxOpenUploads,
    ],
  );
  if (rows[0] !== undefined) return { id, rowBytes: Number(rows[0].row_bytes) };
  throw new R2Error(
    'invalidArgument',
    `The bucket is gone or has ${R2_LIMITS.maxOpenUploads} unfinished multipart uploads. Complete or abort some.`,
  );
}

/** Locked until the end of the transaction. */
export async function lockUpload(
  tx: Queryable,
  bucket: BucketRecord,
  { uploadId, key }: UploadKey,
): Promise<UploadRow | undefined> {
  const { rows } = await tx.query<UploadRow>(
    `SELECT state, storage_class, http_metadata, custom_metadata,
            skep.r2_row_bytes(key, http_metadata, custom_metadata, 0) AS row_bytes FROM skep.r2_uploads
     WHERE id = $1 AND bucket_id = $2 AND key = $3 FOR UPDATE`,
    [uploadId, bucket.id, Buffer.from(key)],
  );
  return rows[0];
}

/** Whether parts may be added to it still. */
export async function isOpen(db: Queryable, bucket: BucketRecord, { uploadId, key }: UploadKey): Promise<boolean> {
  const { rows } = await db.query(
    `SELECT 1 FROM skep.r2_uploads WHERE id = $1 AND bucket_id = $2 AND key = $3 AND state = 'open'`,
    [uploadId, bucket.id, Buffer.from(key)],
  );
  return rows.length > 0;
}

/** Ends an upload; its parts are named by the object now, or by nothing, and what is left of it only says that it is over. Returns how much less its rows take: with `rowBytes` for its own, as `lockUpload` told. */
export async function closeUpload(
  tx: Queryable,
  uploadId: string,
  state: UploadRow['state'],
  rowBytes: number,
): Promise<number> {
  const { rows } = await tx.query<{ row_bytes: string }>(
    `UPDATE skep.r2_uploads SET state = $2, http_metadata = '{}', custom_metadata = '{}' WHERE id = $1
     RETURNING skep.r2_row_bytes(key, http_metadata, custom_metadata, 0) AS row_bytes`,
    [uploadId, state],
  );
  const { rowCount } = await tx.query('DELETE FROM skep.r2_parts WHERE upload_id = $1', [uploadId]);
  return rowBytes - Number(rows[0]?.row_bytes) + (rowCount ?? 0) * PART_ROW_BYTES;
}

interface PartRow {
  readonly number: number;
  readonly md5: Buffer;
  readonly size_bytes: string;
  readonly uploaded_at: Date;
  readonly store: string;
  readonly hash: Buffer;
}

const toPart = (row: PartRow): FilePart => ({
  number: row.number,
  md5: row.md5,
  size: Number(row.size_bytes),
  uploaded: row.uploaded_at,
  store: row.store,
  hash: row.hash,
});

/** In the order of their numbers. */
export async function readParts(
  db: Queryable,
  uploadId: string,
  after = 0,
  limit: number = R2_LIMITS.maxParts,
): Promise<FilePart[]> {
  const { rows } = await db.query<PartRow>(
    `SELECT number, md5, size_bytes, uploaded_at, store, hash FROM skep.r2_parts
     WHERE upload_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
    [uploadId, after, limit],
  );
  return rows.map(toPart);
}

/** Returns the part that had the number before. */
export async function replacePart(tx: Queryable, uploadId: string, part: FilePart): Promise<FilePart | undefined> {
  const { rows } = await tx.query<PartRow>(
    `DELETE FROM skep.r2_parts WHERE upload_id = $1 AND number = $2
     RETURNING number, md5, size_bytes, uploaded_at, store, hash`,
    [uploadId, part.number],
  );
  await tx.query(
    `INSERT INTO skep.r2_parts (upload_id, number, md5, size_bytes, uploaded_at, store, hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [uploadId, part.number, part.md5, part.size, part.uploaded, part.store, part.hash],
  );
  return rows[0] === undefined ? undefined : toPart(rows[0]);
}

/** Open ones, by key. */
export async function readUploads(
  db: Queryable,
  bucketId: string,
  prefix: string,
  limit: number,
): Promise<UploadRecord[]> {
  const from = Buffer.from(prefix);
  const { rows } = await db.query<{ id: string; key: Buffer; created_at: Date }>(
    `SELECT id, key, created_at FROM skep.r2_uploads WHERE bucket_id = $1 AND key >= $2 AND key < $3 AND state = 'open'
     ORDER BY key, created_at LIMIT $4`,
    [bucketId, from, Buffer.concat([from, Buffer.of(0xff)]), limit],
  );
  return rows.map(({ id, key, created_at: initiated }) => ({ uploadId: id, key: key.toString('utf8'), initiated }));
}

/** Uploads whose time is over. `bucket` and `key` are what `lockUpload` needs. */
export async function readExpired(
  db: Queryable,
  limit: number,
): Promise<{ readonly bucketId: string; readonly upload: UploadKey; readonly state: UploadRow['state'] }[]> {
  const { rows } = await db.query<{ id: string; bucket_id: string; key: Buffer; state: UploadRow['state'] }>(
    `SELECT id, bucket_id, key, state FROM skep.r2_uploads
     WHERE created_at < clock_timestamp() - $1 * interval '1 millisecond' LIMIT $2`,
    [R2_LIMITS.uploadLifeMs, limit],
  );
  return rows.map(({ id, bucket_id: bucketId, key, state }) => ({
    bucketId,
    upload: { uploadId: id, key: key.toString('utf8') },
    state,
  }));
}

/** Forgets an upload that has ended. */
export async function deleteUpload(db: Database, uploadId: string): Promise<void> {
  await db.transaction(async (tx) => {
    const { rows } = await tx.query<{ bucket_id: string; row_bytes: string }>(
      `DELETE FROM skep.r2_uploads WHERE id = $1 AND state <> 'open'
       RETURNING bucket_id, skep.r2_row_bytes(key, http_metadata, custom_metadata, 0) AS row_bytes`,
      [uploadId],
    );
    for (const row of rows) await changeUsage(tx, row.bucket_id, { rowBytes: -Number(row.row_bytes) });
  });
}
