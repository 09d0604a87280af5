/** Rows of objects, and what they say. */
import type { Checksums, HttpMetadata, ObjectHead, StorageClass } from '../../../shared/r2.ts';
import type { Queryable } from '../database.ts';
import { codeOf } from '../errors.ts';
import { R2Error } from './types.ts';

export interface HeadRow {
  readonly key: Buffer;
  readonly version: string;
  readonly size_bytes: string;
  readonly etag: string;
  readonly uploaded_at: Date;
  readonly storage_class: StorageClass;
  readonly checksums: Checksums;
  readonly http_metadata?: HttpMetadata;
  readonly custom_metadata?: Readonly<Record<string, string>>;
}

export interface ContentRow {
  readonly store: string;
  readonly part_hashes: readonly Buffer[];
  readonly part_sizes: readonly string[];
}

export interface ObjectRow extends HeadRow, ContentRow {}

export const HEAD_COLUMNS =
  'key, version, size_bytes, etag, uploaded_at, storage_class, checksums, http_metadata, custom_metadata';
const CONTENT_COLUMNS = 'store, part_hashes, part_sizes';

export function toHead(row: HeadRow): ObjectHead {
  const { etag, checksums } = row;
  return {
    key: row.key.toString('utf8'),
    version: row.version,
    size: Number(row.size_bytes),
    etag,
    uploaded: row.uploaded_at.getTime(),
    storageClass: row.storage_class,
    // An object in one piece has its MD5 as its etag.
    checksums: etag.includes('-') ? checksums : { ...checksums, md5: etag },
    httpMetadata: row.http_metadata ?? {},
    customMetadata: row.custom_metadata ?? {},
  };
}

export async function readHead(db: Queryable, bucketId: string, key: string): Promise<HeadRow | undefined> {
  const { rows } = await db.query<HeadRow>(
    `SELECT ${HEAD_COLUMNS} FROM skep.r2_objects WHERE bucket_id = $1 AND key = $2`,
    [bucketId, Buffer.from(key)],
  );
  return rows[0];
}

/** `lock`: until the end of the transaction nobody else changes it. */
export async function readObject(
  db: Queryable,
  bucketId: string,
  key: string,
  lock = false,
): Promise<ObjectRow | undefined> {
  const { rows } = await db.query<ObjectRow>(
    `SELECT ${HEAD_COLUMNS}, ${CONTENT_COLUMNS} FROM skep.r2_objects WHERE bucket_id = $1 AND key = $2
     ${lock ? 'FOR UPDATE' : ''}`,
    [bucketId, Buffer.from(key)],
  );
  return rows[0];
}

/** Two puts to one key follow one another, also when the key is new and has no row that could be locked. */
export async function lockKey(tx: Queryable, bucketId: string, key: string): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || encode($2, 'hex'), 0))`, [
    bucketId,
    Buffer.from(key),
  ]);
}

export interface NewObject extends Omit<ObjectHead, 'range'> {
  readonly store: string;
  readonly parts: readonly { readonly hash: Uint8Array; readonly size: number }[];
}

export async function writeObject(tx: Queryable, bucketId: string, object: NewObject): Promise<void> {
  try {
    await tx.query(
      `INSERT INTO skep.r2_objects (bucket_id, ${HEAD_COLUMNS}, ${CONTENT_COLUMNS})
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::bytea[], $13::bigint[])
       ON CONFLICT (bucket_id, key) DO UPDATE SET version = EXCLUDED.version, size_bytes = EXCLUDED.size_bytes,
         etag = EXCLUDED.etag, uploaded_at = EXCLUDED.uploaded_at, storage_class = EXCLUDED.storage_class,
         checksums = EXCLUDED.checksums, http_metadata = EXCLUDED.http_metadata,
         custom_metadata = EXCLUDED.custom_metadata, store = EXCLUDED.store, part_hashes = EXCLUDED.part_hashes,
         part_sizes = EXCLUDED.part_sizes`,
      [
        bucketId,
        Buffer.from(object.key),
        object.version,
        object.size,
        object.etag,
        new Date(object.uploaded),
        object.storageClass,
        JSON.stringify(object.checksums),
        JSON.stringify(object.httpMetadata),
        JSON.stringify(object.customMetadata),
        object.store,
        object.parts.map(({ hash }) => hash),
        object.parts.map(({ size }) => size),
      ],
    );
  } catch (error) {
    // foreign_key_violation: the bucket was deleted meanwhile.
    throw codeOf(error) === '23503' ? new R2Error('noSuchBucket') : error;
  }
}

/** The files of a row. */
export const partsOf = (row: ContentRow): { readonly hash: Buffer; readonly size: number }[] =>
  row.part_hashes.map((hash, index) => ({ hash, size: Number(row.part_sizes[index]) }));
