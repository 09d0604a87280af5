/**
 * Advisory lock of the database (two keys of `pg_advisory_lock`). A backup holds it shared from before it copies the database until it has copied
 * the files; whoever removes files that rows spoke of takes it exclusively for that (`pg_try_advisory_lock`), and comes
 * again later when it cannot have it.
 */
export const BACKUP_LOCK: readonly [number, number] = [0x736b6570, 1];
