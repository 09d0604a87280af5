/** The log of changes: what every node's catalog follows. */
import type { Database, Queryable, Transaction } from './database.ts';
import { CHANGES_LOCK } from './locks.ts';

/** The channel on which new sequence numbers are announced. */
export const CHANGES_CHANNEL = 'skep_changes';

export interface Change {
  readonly seq: bigint;
  readonly accountId: string;
  readonly workerName: string | null;
}

/**
 * Records a change and announces it; the announcement is delivered when the transaction commits. Must be the last
 * statement of a transaction: the lock it takes makes sequence numbers appear in order, and is held until the commit.
 */
export async function recordChange(tx: Transaction, accountId: string, workerName: string | null): Promise<bigint> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [CHANGES_LOCK]);
  const { rows } = await tx.query<{ seq: string }>(
    'INSERT INTO skep.changes (account_id, worker_name) VALUES ($1, $2) RETURNING seq',
    [accountId, workerName],
  );
  const seq = rows[0]?.seq as string;
  await tx.announce(CHANGES_CHANNEL, seq);
  return BigInt(seq);
}

/** The newest committed change; 0 when there is none. */
export async function currentChangeSeq(db: Queryable): Promise<bigint> {
  const { rows } = await db.query<{ seq: string }>('SELECT coalesce(max(seq), 0)::text AS seq FROM skep.changes');
  return BigInt(rows[0]?.seq as string);
}

/** Changes after `after`, oldest first. */
export async function listChanges(db: Database, after: bigint, limit: number): Promise<Change[]> {
  const { rows } = await db.query<{ seq: string; account_id: string; worker_name: string | null }>(
    'SELECT seq::text AS seq, account_id, worker_name FROM skep.changes WHERE seq > $1 ORDER BY seq LIMIT $2',
    [after.toString(), limit],
  );
  return rows.map((row) => ({ seq: BigInt(row.seq), accountId: row.account_id, workerName: row.worker_name }));
}
