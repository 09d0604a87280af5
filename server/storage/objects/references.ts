/** Who refers to which file of the embedded store, counted in PostgreSQL. */
import type { Queryable } from '../database.ts';

/** A file, and how many more (or fewer) refer to it. */
export interface ReferenceChange {
  readonly hash: Uint8Array;
  readonly size: number;
  readonly by: number;
}

/**
 * Counts references. All rows are locked by one statement and in the order of their hashes, so that two transactions which exchange
 * contents cannot wait for one another. From here to the commit nobody can sweep the files.
 */
export async function changeReferences(
  tx: Queryable,
  store: string,
  changes: readonly ReferenceChange[],
): Promise<void> {
  const sums = new Map<string, { hash: Uint8Array; size: number; by: number }>();
  for (const { hash, size, by } of changes) {
    const name = Buffer.from(hash).toString('hex');
    const sum = sums.get(name);
    if (sum === undefined) sums.set(name, { hash, size, by });
    else sum.by += by;
  }
  const list = [...sums.values()];
  if (list.length === 0) return;
  await tx.query(
    `INSERT INTO skep.r2_blobs AS b (store, hash, size_bytes, refs)
     SELECT $1, c.hash, c.size, c.change FROM unnest($2::bytea[], $3::bigint[], $4::bigint[]) AS c (hash, size, change)
     ORDER BY c.hash
     ON CONFLICT (store, hash) DO UPDATE SET refs = b.refs + EXCLUDED.refs`,
    [store, list.map(({ hash }) => hash), list.map(({ size }) => size), list.map(({ by }) => by)],
  );
}

/** Locks files that nobody refers to, and hands out their hashes. What is being swept or written just now is left out, and `pinned`. */
export async function lockUnused(
  tx: Queryable,
  store: string,
  { limit, pinned }: { readonly limit: number; readonly pinned: readonly Uint8Array[] },
): Promise<Buffer[]> {
  const { rows } = await tx.query<{ hash: Buffer }>(
    `SELECT hash FROM skep.r2_blobs WHERE store = $1 AND refs <= 0 AND NOT hash = ANY ($3::bytea[]) LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [store, limit, pinned],
  );
  return rows.map(({ hash }) => hash);
}

/** Those of these files that nobody refers to. */
export async function readUnused(db: Queryable, store: string, hashes: readonly Uint8Array[]): Promise<Buffer[]> {
  const { rows } = await db.query<{ hash: Buffer }>(
    `SELECT hash FROM skep.r2_blobs WHERE store = $1 AND refs <= 0 AND hash = ANY ($2::bytea[])`,
    [store, hashes],
  );
  return rows.map(({ hash }) => hash);
}

/** The files are gone. */
export async function forget(tx: Queryable, store: string, hashes: readonly Uint8Array[]): Promise<void> {
  await tx.query('DELETE FROM skep.r2_blobs WHERE store = $1 AND hash = ANY ($2::bytea[])', [store, hashes]);
}

/** Files that were found on disk: those that nothing knows of are from now on known as unused. */
export async function adoptUnknown(db: Queryable, store: string, hashes: readonly Uint8Array[]): Promise<number> {
  const { rowCount } = await db.query(
    `INSERT INTO skep.r2_blobs (store, hash, size_bytes, refs)
     SELECT $1, h.hash, 0, 0 FROM unnest($2::bytea[]) AS h (hash) ORDER BY h.hash
     ON CONFLICT DO NOTHING`,
    [store, hashes],
  );
  return rowCount ?? 0;
}
