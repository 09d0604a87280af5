/**
 * The advisory locks of Skep's database, in one list so that no two parts take the same one: any numbers, the same in every version for ever.
 * Objects have one for each key besides (`objects/rows.ts`), by a hash of 64 bits.
 */

/** Migrations run one node at a time. */
export const MIGRATION_LOCK = 5_360_175_001;
/** The order of changes that nodes follow is the order of commits. */
export const CHANGES_LOCK = 5_360_175_002;
/** The first account is made once. */
export const BOOTSTRAP_LOCK = 5_360_175_003;
/**
 * Who stores modules holds it shared, who deletes unused ones holds it alone, both to the end of their transaction. So bytes cannot go
 * away between the moment an upload finds them and the moment its version refers to them.
 */
export const MODULES_LOCK = 5_360_175_004;
/** Databases of workers are made one after the other: their grants change the same rows of PostgreSQL's catalogs. */
export const PROVISION_LOCK = 5_360_175_005;
/** One node at a time removes expired KV entries. */
export const KV_SWEEP_LOCK = 5_360_175_010;
/**
 * A backup holds it shared from before it copies the database until it has copied the files; whoever removes files that rows spoke of takes
 * it exclusively for that (`isBackedUp`), and comes again later when it cannot have it. A pair, which no single number collides with.
 */
export const BACKUP_LOCK: readonly [number, number] = [0x736b6570, 1];
