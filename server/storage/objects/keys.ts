/** Keys of S3 clients. Their secrets are sealed with the master key: signature version 4 needs them in clear on both sides. */
import { randomBytes, randomInt } from 'node:crypto';
import { R2_LIMITS } from '../../../shared/limits.ts';
import type { Database } from '../database.ts';
import { open, seal } from '../envelope.ts';
import type { BucketRecord } from './types.ts';

export interface KeyRecord {
  /** The access key id: public. */
  readonly id: string;
  readonly name: string;
  readonly canWrite: boolean;
  readonly createdAt: Date;
}

/** What a signature is checked with. */
export interface OpenedKey extends KeyRecord {
  readonly secret: string;
  readonly accountId: string;
  readonly bucketName: string;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const newId = (): string => `SKEP${Array.from({ length: 16 }, () => LETTERS[randomInt(32)]).join('')}`;
const placeOf = (id: string): string[] => ['r2-key', id];

interface KeyRow {
  readonly id: string;
  readonly name: string;
  readonly can_write: boolean;
  readonly created_at: Date;
}

const toKey = (row: KeyRow): KeyRecord => ({
  id: row.id,
  name: row.name,
  canWrite: row.can_write,
  createdAt: row.created_at,
});

/** The secret is given here and never again. Null: the bucket has as many keys as it may have. */
export async function createKey(
  db: Database,
  masterKey: Uint8Array,
  bucket: BucketRecord,
  { name, canWrite }: Pick<KeyRecord, 'name' | 'canWrite'>,
): Promise<(KeyRecord & { readonly secret: string }) | null> {
  const id = newId();
  const secret = randomBytes(30).toString('base64url');
  const { rows } = await db.query<KeyRow>(
    `INSERT INTO skep.r2_keys (id, bucket_id, name, can_write, secret)
     SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM skep.r2_keys WHERE bucket_id = $2) < $6
     RETURNING id, name, can_write, created_at`,
    [id, bucket.id, name, canWrite, seal(masterKey, placeOf(id), secret), R2_LIMITS.maxKeys],
  );
  return rows[0] === undefined ? null : { ...toKey(rows[0]), secret };
}

/** Oldest first, without their secrets. */
export async function listKeys(db: Database, bucket: BucketRecord): Promise<KeyRecord[]> {
  const { rows } = await db.query<KeyRow>(
    'SELECT id, name, can_write, created_at FROM skep.r2_keys WHERE bucket_id = $1 ORDER BY created_at, id',
    [bucket.id],
  );
  return rows.map(toKey);
}

/** False: the bucket has no such key. */
export async function deleteKey(db: Database, bucket: BucketRecord, id: string): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM skep.r2_keys WHERE bucket_id = $1 AND id = $2', [bucket.id, id]);
  return rowCount === 1;
}

/** The key with its secret, unsealed, and the bucket it opens. Null: no such key. */
export async function openKey(db: Database, masterKey: Uint8Array, id: string): Promise<OpenedKey | null> {
  const { rows } = await db.query<KeyRow & { account_id: string; bucket: string; secret: Buffer }>(
    `SELECT k.id, k.name, k.can_write, k.created_at, k.secret, b.account_id, b.name AS bucket
     FROM skep.r2_keys k JOIN skep.r2_buckets b ON b.id = k.bucket_id WHERE k.id = $1`,
    [id],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const secret = open(masterKey, placeOf(id), row.secret);
  return { ...toKey(row), secret, accountId: row.account_id, bucketName: row.bucket };
}
