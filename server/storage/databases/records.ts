/** What the platform knows of the databases it made. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Database } from '../database.ts';
import { open, seal } from '../envelope.ts';
import { isUniqueViolation } from '../errors.ts';
import { StoreConflict } from '../store.ts';

export interface DatabaseRecord {
  /** A UUID. */
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly createdAt: Date;
}

/** With what is needed to enter it. Never leaves the storage. */
export interface DatabaseSecrets extends DatabaseRecord {
  /** Of the database and its role. */
  readonly internalName: string;
  readonly password: string;
}

interface Row {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly created_at: Date;
  readonly internal_name: string;
  readonly password: Buffer;
}

const COLUMNS = 'id, account_id, name, created_at, internal_name, password';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const placeOf = (accountId: string, id: string): string[] => [accountId, 'database', id];

/** In state `creating`. Throws StoreConflict when the account has one of that name. */
export async function insertDatabase(
  db: Database,
  masterKey: Uint8Array,
  accountId: string,
  name: string,
): Promise<DatabaseSecrets> {
  const id = randomUUID();
  const internalName = `skep_w_${randomBytes(10).toString('hex')}`;
  const password = randomBytes(24).toString('base64url');
  const sealed = seal(masterKey, placeOf(accountId, id), password);
  try {
    const { rows } = await db.query<{ created_at: Date }>(
      `INSERT INTO skep.databases (id, account_id, name, internal_name, password, state)
       VALUES ($1, $2, $3, $4, $5, 'creating') RETURNING created_at`,
      [id, accountId, name, internalName, sealed],
    );
    return { id, accountId, name, createdAt: rows[0]?.created_at as Date, internalName, password };
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new StoreConflict(`The account has a database "${name}" already.`, { cause: error });
  }
}

/** A database is `ready` when it can be used, `deleting` until nothing is left of it. */
export async function setDatabaseState(db: Database, id: string, state: 'ready' | 'deleting'): Promise<void> {
  await db.query('UPDATE skep.databases SET state = $2 WHERE id = $1', [id, state]);
}

/** Forgets the record; the database itself has to be gone. */
export async function removeDatabase(db: Database, id: string): Promise<void> {
  await db.query('DELETE FROM skep.databases WHERE id = $1', [id]);
}

/** Ready ones, by name. */
export async function listDatabases(db: Database, accountId: string): Promise<DatabaseRecord[]> {
  const { rows } = await db.query<Row>(
    `SELECT ${COLUMNS} FROM skep.databases WHERE account_id = $1 AND state = 'ready' ORDER BY name`,
    [accountId],
  );
  return rows.map(toRecord);
}

/** A ready one by id, with hyphens or without. */
export async function findDatabase(
  db: Database,
  masterKey: Uint8Array,
  accountId: string,
  id: string,
): Promise<DatabaseSecrets | null> {
  const hyphened = id.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  if (!UUID.test(hyphened)) return null;
  const { rows } = await db.query<Row>(
    `SELECT ${COLUMNS} FROM skep.databases WHERE account_id = $1 AND id = $2 AND state = 'ready'`,
    [accountId, hyphened],
  );
  return rows[0] === undefined ? null : withSecrets(rows[0], masterKey);
}

/** What a creator or deleter left that died: of no use to anybody, and in the way of its name. */
export async function listUnfinished(db: Database, olderThanS: number): Promise<DatabaseSecrets[]> {
  const { rows } = await db.query<Row>(
    `SELECT ${COLUMNS} FROM skep.databases
      WHERE state = 'deleting' OR (state = 'creating' AND created_at < clock_timestamp() - make_interval(secs => $1))`,
    [olderThanS],
  );
  return rows.map((row) => ({ ...toRecord(row), internalName: row.internal_name, password: '' }));
}

const toRecord = (row: Row): DatabaseRecord => ({
  id: row.id,
  accountId: row.account_id,
  name: row.name,
  createdAt: row.created_at,
});

const withSecrets = (row: Row, masterKey: Uint8Array): DatabaseSecrets => ({
  ...toRecord(row),
  internalName: row.internal_name,
  password: open(masterKey, placeOf(row.account_id, row.id), row.password),
});
