/** Configurations of Hyperdrive: where databases of the users' own are, and how they are entered. */
import { randomBytes } from 'node:crypto';
import type { Database } from '../database.ts';
import { open, seal } from '../envelope.ts';
import { isUniqueViolation } from '../errors.ts';
import { StoreConflict } from '../store.ts';

/** As libpq means them. `verify-full` checks the certificate's name, too. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface HyperdriveOrigin {
  readonly scheme: 'postgres' | 'postgresql';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly sslMode: SslMode;
}

export interface HyperdriveCaching {
  readonly disabled: boolean;
  /** Seconds an answer is good for. */
  readonly maxAgeS: number;
  /** Seconds beyond that in which it is still given, while a new one is fetched. */
  readonly staleWhileRevalidateS: number;
}

/** Without the password, which never leaves the storage. */
export interface HyperdriveConfig {
  /** 32 hex digits. */
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly origin: HyperdriveOrigin;
  readonly caching: HyperdriveCaching;
  /** Connections of one node to the origin. */
  readonly connectionLimit: number;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
}

export interface NewHyperdriveConfig {
  readonly name: string;
  readonly origin: HyperdriveOrigin;
  readonly password: string;
  readonly caching: HyperdriveCaching;
  readonly connectionLimit: number;
}

interface Row {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly origin: HyperdriveOrigin;
  readonly password: Buffer;
  readonly caching: HyperdriveCaching;
  readonly connection_limit: number;
  readonly created_at: Date;
  readonly modified_at: Date;
}

const COLUMNS = 'id, account_id, name, origin, password, caching, connection_limit, created_at, modified_at';
const ID = /^[0-9a-f]{32}$/;

const placeOf = (accountId: string, id: string): string[] => [accountId, 'hyperdrive', id];

/** Throws StoreConflict when the account has one of that name. */
export async function insertConfig(
  db: Database,
  masterKey: Uint8Array,
  accountId: string,
  given: NewHyperdriveConfig,
): Promise<HyperdriveConfig> {
  const id = randomBytes(16).toString('hex');
  return await named(given.name, async () => {
    const { rows } = await db.query<Row>(
      `INSERT INTO skep.hyperdrive_configs (id, account_id, name, origin, password, caching, connection_limit)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${COLUMNS}`,
      [id, accountId, ...columnsOf(masterKey, accountId, id, given)],
    );
    return toConfig(rows[0] as Row);
  });
}

/** Null: there is none. Throws StoreConflict as above. */
export async function updateConfig(
  db: Database,
  masterKey: Uint8Array,
  accountId: string,
  id: string,
  given: NewHyperdriveConfig,
): Promise<HyperdriveConfig | null> {
  if (!ID.test(id)) return null;
  return await named(given.name, async () => {
    const { rows } = await db.query<Row>(
      `UPDATE skep.hyperdrive_configs
          SET name = $3, origin = $4, password = $5, caching = $6, connection_limit = $7, modified_at = clock_timestamp()
        WHERE id = $1 AND account_id = $2 RETURNING ${COLUMNS}`,
      [id, accountId, ...columnsOf(masterKey, accountId, id, given)],
    );
    return rows[0] === undefined ? null : toConfig(rows[0]);
  });
}

async function named<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new StoreConflict(`The account has a Hyperdrive configuration "${name}" already.`, { cause: error });
  }
}

const columnsOf = (masterKey: Uint8Array, accountId: string, id: string, given: NewHyperdriveConfig): unknown[] => [
  given.name,
  JSON.stringify(given.origin),
  seal(masterKey, placeOf(accountId, id), given.password),
  JSON.stringify(given.caching),
  given.connectionLimit,
];

/** By name. */
export async function listConfigs(db: Database, accountId: string): Promise<HyperdriveConfig[]> {
  const { rows } = await db.query<Row>(
    `SELECT ${COLUMNS} FROM skep.hyperdrive_configs WHERE account_id = $1 ORDER BY name`,
    [accountId],
  );
  return rows.map(toConfig);
}

/** With the password. */
export async function findConfig(
  db: Database,
  masterKey: Uint8Array,
  accountId: string,
  id: string,
): Promise<{ readonly config: HyperdriveConfig; readonly password: string } | null> {
  if (!ID.test(id)) return null;
  const { rows } = await db.query<Row>(
    `SELECT ${COLUMNS} FROM skep.hyperdrive_configs WHERE account_id = $1 AND id = $2`,
    [accountId, id],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return { config: toConfig(row), password: open(masterKey, placeOf(row.account_id, row.id), row.password) };
}

/** False: there is none. */
export async function removeConfig(db: Database, accountId: string, id: string): Promise<boolean> {
  if (!ID.test(id)) return false;
  const { rowCount } = await db.query('DELETE FROM skep.hyperdrive_configs WHERE account_id = $1 AND id = $2', [
    accountId,
    id,
  ]);
  return rowCount === 1;
}

const toConfig = (row: Row): HyperdriveConfig => ({
  id: row.id,
  accountId: row.account_id,
  name: row.name,
  origin: row.origin,
  caching: row.caching,
  connectionLimit: row.connection_limit,
  createdAt: row.created_at,
  modifiedAt: row.modified_at,
});
