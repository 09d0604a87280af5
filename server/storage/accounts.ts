/** Accounts and tokens. */
import { randomBytes } from 'node:crypto';
import { recordChange } from './changes.ts';
import type { Database, Queryable } from './database.ts';
import { DatabaseError, isUniqueViolation } from './errors.ts';
import { StoreConflict } from './store.ts';
import type { Account, Store, TokenIdentity } from './store.ts';
import { BOOTSTRAP_LOCK } from './locks.ts';

const FIRST_ACCOUNT_NAME = 'default';
const ADMIN_TOKEN_NAME = 'admin';
interface AccountRow {
  readonly id: string;
  readonly name: string;
  readonly subdomain: string;
  readonly created_at: Date;
}

const ACCOUNT_COLUMNS = 'id, name, subdomain, created_at';

/** See Store.bootstrap. */
export function bootstrap(db: Database, first: Parameters<Store['bootstrap']>[0]): ReturnType<Store['bootstrap']> {
  return db.transaction(async (tx) => {
    // Nodes that start together on an empty database must agree on one first account.
    await tx.query('SELECT pg_advisory_xact_lock($1)', [BOOTSTRAP_LOCK]);
    const existing = await tx.query<AccountRow>(`SELECT ${ACCOUNT_COLUMNS} FROM skep.accounts ORDER BY created_at, id`);
    const created = existing.rows.length === 0;
    const row = created ? await createAccount(tx, first) : chosenAccount(existing.rows, first.accountId);
    if (first.tokenHash !== null) await setAdminToken(tx, first.tokenHash);
    const admin = await tx.query('SELECT FROM skep.tokens WHERE account_id IS NULL LIMIT 1');
    if (created) await recordChange(tx, row.id, null);
    return { account: toAccount(row), created, hasAdminToken: admin.rowCount === 1 };
  });
}

async function createAccount(
  tx: Queryable,
  first: { accountId: string | null; subdomain: string },
): Promise<AccountRow> {
  const { rows } = await tx.query<AccountRow>(
    `INSERT INTO skep.accounts (id, name, subdomain) VALUES ($1, $2, $3) RETURNING ${ACCOUNT_COLUMNS}`,
    [first.accountId ?? randomBytes(16).toString('hex'), FIRST_ACCOUNT_NAME, first.subdomain],
  );
  return rows[0] as AccountRow;
}

function chosenAccount(rows: readonly AccountRow[], accountId: string | null): AccountRow {
  const row = accountId === null ? rows[0] : rows.find(({ id }) => id === accountId);
  if (row !== undefined) return row;
  throw new DatabaseError(
    `Cannot use the account id ${accountId}: this database has no such account, its first one is ${rows[0]?.id}. ` +
      'Leave SKEP_ACCOUNT_ID out, or set it to that id.',
  );
}

/** One configured administrator token at a time: setting another one revokes the old one. */
async function setAdminToken(tx: Queryable, hash: Uint8Array): Promise<void> {
  await tx.query('DELETE FROM skep.tokens WHERE account_id IS NULL AND name = $1 AND hash <> $2', [
    ADMIN_TOKEN_NAME,
    Buffer.from(hash),
  ]);
  await tx.query(
    'INSERT INTO skep.tokens (account_id, name, hash) VALUES (NULL, $1, $2) ON CONFLICT (hash) DO NOTHING',
    [ADMIN_TOKEN_NAME, Buffer.from(hash)],
  );
}

/** Oldest first. */
export async function listAccounts(db: Database): Promise<Account[]> {
  const { rows } = await db.query<AccountRow>(`SELECT ${ACCOUNT_COLUMNS} FROM skep.accounts ORDER BY created_at, id`);
  return rows.map(toAccount);
}

/** Null: there is none with this id, or the text is no id. */
export async function findAccount(db: Database, accountId: string): Promise<Account | null> {
  if (!/^[0-9a-f]{32}$/.test(accountId)) return null;
  const { rows } = await db.query<AccountRow>(`SELECT ${ACCOUNT_COLUMNS} FROM skep.accounts WHERE id = $1`, [
    accountId,
  ]);
  return rows[0] === undefined ? null : toAccount(rows[0]);
}

/** Throws StoreConflict when another account has the label, or this account does not exist. */
export async function setSubdomain(db: Database, accountId: string, subdomain: string): Promise<{ changeSeq: bigint }> {
  try {
    return await db.transaction(async (tx) => {
      const updated = await tx.query('UPDATE skep.accounts SET subdomain = $2 WHERE id = $1', [accountId, subdomain]);
      if (updated.rowCount !== 1) throw new StoreConflict(`The account ${accountId} does not exist.`);
      return { changeSeq: await recordChange(tx, accountId, null) };
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new StoreConflict(`The subdomain "${subdomain}" belongs to another account. Choose another one.`, {
      cause: error,
    });
  }
}

/** `hash`: SHA-256 of the token. */
export async function findToken(db: Database, hash: Uint8Array): Promise<TokenIdentity | null> {
  const { rows } = await db.query<{ id: string; name: string; account_id: string | null }>(
    'SELECT id, name, account_id FROM skep.tokens WHERE hash = $1',
    [Buffer.from(hash)],
  );
  const row = rows[0];
  return row === undefined ? null : { tokenId: row.id, name: row.name, accountId: row.account_id };
}

function toAccount(row: AccountRow): Account {
  return { id: row.id, name: row.name, subdomain: row.subdomain, createdAt: row.created_at };
}
