/**
 * Advisory lock of the database (two keys). A backup holds it shared from before it copies the database until it has copied the files; whoever removes
 * files that rows spoke of takes it exclusively for that, and comes again later when it cannot have it.
 */
import type { Queryable } from '../database.ts';

export const BACKUP_LOCK: readonly [number, number] = [0x736b6570, 1];

/** True: a backup is being made. False: none can begin before this transaction ends. */
export async function isBackedUp(tx: Queryable): Promise<boolean> {
  const { rows } = await tx.query<{ free: boolean }>('SELECT pg_try_advisory_xact_lock($1, $2) AS free', BACKUP_LOCK);
  return rows[0]?.free !== true;
}
