/** Rows of objects, and what they say. */
import type { Checksums, HttpMetadata, ObjectHead, StorageClass } from '../../../shared/r2.ts';
import type { Queryable } from '../database.ts';
import { codeOf } from '../errors.ts';
import { usageShard } from './buckets.ts';
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

/** What a worker sees of an object. */
export function toHead(row: HeadRow): ObjectHead {
  const { etag, checksums } = row;
  return {
    key: row.key.toString('utf8'),
    version: row.version,
    size: Number(row.size_bytes),
    etag,
    uploaded: row.uploaded_at.getTime(),
    storageClass: row.storage_class,
    checksums: shownChecksums(etag, checksums),
    httpMetadata: row.http_metadata ?? {},
    customMetadata: row.custom_metadata ?? {},
  };
}

/** An object in one piece has its MD5 as its etag. */
export const shownChecksums = (etag: string, checksums: Checksums): Checksums =>
  etag.includes('-') ? checksums : { ...checksums, md5: etag };

/** Without the content's parts. Undefined: no such object. */
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

export interface WriteConditions {
  /** The version that the key must have now; '' for none, null for any. */
  readonly expected: string | null;
  /** Infinite: none. */
  readonly quotaBytes: number;
  /** Of the rows that a bucket's use is spread over; default: any. */
  readonly shard?: number | undefined;
  /** What the multipart upload that it completes had. */
  readonly released: { readonly hashes: readonly Uint8Array[]; readonly bytes: number };
}

/** Names a content and keeps the books, as one step. @throws R2Error noSuchBucket; QuotaReached */
export async function writeObject(
  db: Queryable,
  bucketId: string,
  object: NewObject,
  { expected, quotaBytes, released, shard = usageShard() }: WriteConditions,
): Promise<'written' | 'changed'> {
  try {
    const { rows } = await db.query<{ outcome: 'written' | 'changed' }>(
      `SELECT skep.r2_write_object($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) AS outcome`,
      [
        bucketId,
        Buffer.from(object.key),
        expected,
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
        released.hashes,
        released.bytes,
        shard,
        Number.isFinite(quotaBytes) ? quotaBytes : null,
      ],
    );
    return rows[0]?.outcome ?? 'changed';
  } catch (error) {
    // foreign_key_violation: the bucket was deleted meanwhile.
    if (codeOf(error) === '23503') throw new R2Error('noSuchBucket');
    throw asQuotaReached(error);
  }
}

/** Behind the change of a bucket's use, last in its transaction. @throws QuotaReached */
export async function checkQuota(tx: Queryable, bucketId: string, size: number, quotaBytes: number): Promise<void> {
  try {
    await tx.query('SELECT skep.r2_check_quota($1, $2, $3)', [bucketId, size, quotaBytes]);
  } catch (error) {
    throw asQuotaReached(error);
  }
}

const asQuotaReached = (error: unknown): unknown =>
  codeOf(error) === 'SK001' ? new QuotaReached(Number((error as Error).message)) : error;

/** The bucket would hold this much. */
export class QuotaReached extends Error {
  override readonly name = 'QuotaReached';
  readonly bytes: number;

  constructor(bytes: number) {
    super(`The bucket would hold ${bytes} bytes`);
    this.bytes = bytes;
  }
}

/** The files of a row. */
export const partsOf = (row: ContentRow): { readonly hash: Buffer; readonly size: number }[] =>
  row.part_hashes.map((hash, index) => ({ hash, size: Number(row.part_sizes[index]) }));
