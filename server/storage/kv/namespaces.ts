/** Namespaces: few, and changed by the API only. */
import { randomBytes } from 'node:crypto';
import { type Database, type Queryable } from '../database.ts';
import { isUniqueViolation } from '../errors.ts';
import { StoreConflict } from '../store.ts';
import type { KvAccountUsage, KvNamespace, KvNamespaceUsage } from './types.ts';
import { KV_CHANNEL } from './writing.ts';

interface NamespaceRow {
  readonly number: number;
  readonly id: string;
  readonly account_id: string;
  readonly title: string;
  readonly created_at: Date;
}

const COLUMNS = 'number, id, account_id, title, created_at';

const toNamespace = (row: NamespaceRow): KvNamespace => ({
  number: row.number,
  id: row.id,
  accountId: row.account_id,
  title: row.title,
  createdAt: row.created_at,
});

/** Null: the account has none with this id. */
export async function findNamespace(db: Queryable, accountId: string, id: string): Promise<KvNamespace | null> {
  const { rows } = await db.query<NamespaceRow>(
    `SELECT ${COLUMNS} FROM skep.kv_namespaces WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL`,
    [accountId, id],
  );
  return rows[0] === undefined ? null : toNamespace(rows[0]);
}

/** By title. */
export async function listNamespaces(db: Queryable, accountId: string): Promise<KvNamespace[]> {
  const { rows } = await db.query<NamespaceRow>(
    `SELECT ${COLUMNS} FROM skep.kv_namespaces WHERE account_id = $1 AND deleted_at IS NULL ORDER BY title`,
    [accountId],
  );
  return rows.map(toNamespace);
}

/** With the keys in each that have not expired and the bytes of their values, counted now: it reads all entries. */
export async function measureNamespaces(db: Queryable, accountId: string): Promise<KvNamespaceUsage[]> {
  const { rows } = await db.query<NamespaceRow & { keys: number; bytes: number }>(
    `SELECT ${COLUMNS}, coalesce(used.keys, 0) AS keys, coalesce(used.bytes, 0) AS bytes
     FROM skep.kv_namespaces n LEFT JOIN LATERAL (
       SELECT count(*)::float8 AS keys, sum(size)::float8 AS bytes FROM skep.kv_entries e
       WHERE e.namespace = n.number AND (e.expires_at IS NULL OR e.expires_at > extract(epoch FROM clock_timestamp()))
     ) used ON true
     WHERE account_id = $1 AND deleted_at IS NULL ORDER BY title`,
    [accountId],
  );
  return rows.map((row) => ({ ...toNamespace(row), keys: row.keys, bytes: row.bytes }));
}

/** What all entries of an account take, those of deleted namespaces too until they are swept. */
export async function measureAccount(db: Queryable, accountId: string, quotaBytes: number): Promise<KvAccountUsage> {
  const { rows } = await db.query<{ entries: number; bytes: number }>(
    `SELECT coalesce(sum(u.entries), 0)::float8 AS entries, coalesce(sum(u.bytes), 0)::float8 AS bytes
     FROM skep.kv_namespaces n JOIN skep.kv_usage u ON u.namespace = n.number WHERE n.account_id = $1`,
    [accountId],
  );
  const { entries = 0, bytes = 0 } = rows[0] ?? {};
  return { entries, bytes, quotaBytes };
}

/** The account of a namespace, also of a deleted one; null when it is swept. */
export async function findOwner(db: Queryable, namespace: number): Promise<string | null> {
  const { rows } = await db.query<{ account_id: string }>(
    'SELECT account_id FROM skep.kv_namespaces WHERE number = $1',
    [namespace],
  );
  return rows[0]?.account_id ?? null;
}

/** @throws {StoreConflict} when the title is taken */
export async function createNamespace(db: Database, accountId: string, title: string): Promise<KvNamespace> {
  const { rows } = await unlessTaken(title, () =>
    db.query<NamespaceRow>(
      `INSERT INTO skep.kv_namespaces (id, account_id, title) VALUES ($1, $2, $3) RETURNING ${COLUMNS}`,
      [randomBytes(16).toString('hex'), accountId, title],
    ),
  );
  return toNamespace(rows[0] as NamespaceRow);
}

/** @throws {StoreConflict} when the title is taken */
export async function renameNamespace(
  db: Database,
  accountId: string,
  id: string,
  title: string,
): Promise<KvNamespace | null> {
  const { rows } = await unlessTaken(title, () =>
    db.query<NamespaceRow>(
      `UPDATE skep.kv_namespaces SET title = $3 WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING ${COLUMNS}`,
      [accountId, id, title],
    ),
  );
  return rows[0] === undefined ? null : toNamespace(rows[0]);
}

async function unlessTaken<T>(title: string, query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (isUniqueViolation(error)) throw new StoreConflict(`A namespace is called "${title}" already`);
    throw error;
  }
}

/** What all nodes are told of a namespace that is deleted. */
export const DELETED = '* ';

/** From now on nobody finds it; `sweep` removes what was in it. Its number is not used again: what is cached of it, nobody asks for. */
export async function deleteNamespace(db: Database, accountId: string, id: string): Promise<boolean> {
  return await db.transaction(async (tx) => {
    const { rows } = await tx.query(
      `UPDATE skep.kv_namespaces SET deleted_at = clock_timestamp()
       WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING id`,
      [accountId, id],
    );
    if (rows.length === 1) await tx.announce(KV_CHANNEL, `${DELETED}${id}`);
    return rows.length === 1;
  });
}
