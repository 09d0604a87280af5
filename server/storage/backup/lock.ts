/** Removing files and making backups keep out of one another's way. */
import type { Queryable } from '../database.ts';
import { BACKUP_LOCK } from '../locks.ts';

/** True: a backup is being made. False: none can begin before this transaction ends. */
export async function isBackedUp(tx: Queryable): Promise<boolean> {
  const { rows } = await tx.query<{ free: boolean }>('SELECT pg_try_advisory_xact_lock($1, $2) AS free', BACKUP_LOCK);
  return rows[0]?.free !== true;
}
