/**
 * The PostgreSQL on which databases of workers are made: for each a role of its own and a database that only this role may enter. The role
 * owns nothing but what it makes there, and is a member of nothing, so whatever SQL it runs, other databases do not exist for it.
 */
import pg from 'pg';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { codeOf } from '../errors.ts';
import { PROVISION_LOCK } from '../locks.ts';
import { scramVerifier } from './scram.ts';

/** What of a server's catalogs would tell about other tenants. Taken away where we may (as superuser). */
const TELLING_VIEWS = [
  'pg_database',
  'pg_roles',
  'pg_user',
  'pg_group',
  'pg_auth_members',
  'pg_db_role_setting',
  'pg_shdepend',
  'pg_shdescription',
  'pg_shseclabel',
  'pg_locks',
  'pg_prepared_xacts',
  'pg_stat_activity',
  'pg_stat_database',
  'pg_stat_database_conflicts',
  'pg_stat_replication',
  'pg_stat_ssl',
  'pg_stat_gssapi',
  'pg_replication_slots',
  'pg_replication_origin_status',
  'pg_subscription',
];
/** By name, all of them: what the views above read, and what writes to the log of all databases without a table. */
const TELLING_FUNCTIONS = [
  'pg_stat_get_activity',
  'pg_lock_status',
  'pg_prepared_xact',
  'pg_logical_emit_message',
  'pg_stat_get_backend_idset',
  'pg_stat_get_backend_activity',
  'pg_stat_get_backend_dbid',
  'pg_stat_get_backend_userid',
  'pg_stat_get_wal_senders',
  'pg_get_replication_slots',
];

/** Databases cannot be made on this server until its operator changes something. `message` may be shown to everybody. */
export class CannotMakeDatabases extends Error {
  override readonly name = 'CannotMakeDatabases';
}

/** Runs statements as the platform in one of the server's databases. */
export type RunAsPlatform = <T>(database: string | null, work: (client: pg.Client) => Promise<T>) => Promise<T>;

/** Whether databases can be made at all, before anything is. @throws CannotMakeDatabases */
export async function checkRights(run: RunAsPlatform): Promise<void> {
  const { rows } = await run(null, (client) =>
    client.query<{ roles: boolean; databases: boolean }>(
      `SELECT rolcreaterole OR rolsuper AS roles, rolcreatedb OR rolsuper AS databases FROM pg_roles WHERE rolname = current_user`,
    ),
  );
  const missing = [
    ...(rows[0]?.roles === true ? [] : ['create roles (CREATEROLE)']),
    ...(rows[0]?.databases === true ? [] : ['create databases (CREATEDB)']),
  ];
  if (missing.length === 0) return;
  throw new CannotMakeDatabases(
    `this platform may not ${missing.join(' and may not ')} on the PostgreSQL of its workers. Its operator has to grant that with ` +
      'ALTER ROLE, or to set SKEP_WORKER_DATABASE_URL to a PostgreSQL where it may',
  );
}

/** Makes role and database. Safe to be called again after it failed half way. `isOurs`: the server is the embedded one. */
export async function makeDatabase(
  run: RunAsPlatform,
  name: string,
  password: string,
  { isOurs }: { readonly isOurs: boolean },
): Promise<void> {
  const isSuperuser = await alone(run, async (client) => {
    const facts = await readFacts(client);
    // On a server of our own nobody else has business in these; on another one that is not for us to say.
    if (isOurs) await client.query('REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC');
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await dropRole(client, name);
    await client.query(
      `CREATE ROLE ${name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS ` +
        `CONNECTION LIMIT ${DATABASE_LIMITS.connectionsPerRole} PASSWORD ${pg.escapeLiteral(scramVerifier(password))}`,
    );
    if (facts.isSuperuser) {
      await client.query(`ALTER ROLE ${name} SET temp_file_limit = '${DATABASE_LIMITS.tempFilesMiB}MB'`);
    }
    await client.query(`CREATE DATABASE ${name} ENCODING 'UTF8' TEMPLATE template0 ${localeOf(facts.version)}`);
    await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    await grantDatabase(client, name);
    // Who is no superuser may end sessions of roles he is a member of only.
    if (!facts.isSuperuser) await client.query(`GRANT ${name} TO CURRENT_USER`);
    return facts.isSuperuser;
  });
  await run(name, async (client) => {
    await client.query(`GRANT ALL ON SCHEMA public TO ${name}`);
    if (!isSuperuser) return;
    await client.query(`ALTER SCHEMA public OWNER TO ${name}`);
    await hideCatalogs(client);
  });
}

/** Runs on the server's own database, while nobody else does so: PostgreSQL refuses grants on one object that meet. */
const alone = <T>(run: RunAsPlatform, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  run(null, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [PROVISION_LOCK]);
    try {
      return await work(client);
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [PROVISION_LOCK]);
    }
  });

async function grantDatabase(client: pg.Client, name: string): Promise<void> {
  await client.query(`GRANT CONNECT, TEMPORARY, CREATE ON DATABASE ${name} TO ${name}`);
}

/** Bytes decide the order of text, as in D1; upper and lower case know all of Unicode where the server can. */
const localeOf = (version: number): string =>
  version >= 170_000 ? `LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'` : `LOCALE 'C'`;

async function readFacts(client: pg.Client): Promise<{ isSuperuser: boolean; version: number }> {
  const { rows } = await client.query<{ super: boolean; version: number }>(
    `SELECT rolsuper AS super, current_setting('server_version_num')::int AS version FROM pg_roles WHERE rolname = current_user`,
  );
  const [{ super: isSuperuser, version }] = rows as [{ super: boolean; version: number }];
  return { isSuperuser, version };
}

async function hideCatalogs(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('REVOKE ALL ON pg_catalog.%I FROM PUBLIC', relname) AS statement
       FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relname = ANY($1)
     UNION ALL
     SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
       FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY($2)`,
    [TELLING_VIEWS, TELLING_FUNCTIONS],
  );
  for (const { statement } of rows) await client.query(statement);
}

/** Drops the database and its role, whoever is connected. Nothing happens when they are gone already. */
export async function dropDatabase(run: RunAsPlatform, name: string): Promise<void> {
  await run(null, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await dropRole(client, name);
  });
}

const DEPENDENT_OBJECTS = '2BP01';

async function dropRole(client: pg.Client, name: string): Promise<void> {
  try {
    await client.query(`DROP ROLE IF EXISTS ${name}`);
  } catch (error) {
    if (codeOf(error) !== DEPENDENT_OBJECTS) throw error;
    throw new Error(`The role of a deleted database still owns something: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** A role may change its own password and its own defaults, and give up what it was granted. Takes that back. */
export async function mendRole(run: RunAsPlatform, name: string, password: string): Promise<void> {
  await run(null, async (client) => {
    await client.query(`ALTER ROLE ${name} PASSWORD ${pg.escapeLiteral(scramVerifier(password))}`);
    await grantDatabase(client, name);
    await client.query(`ALTER ROLE ${name} RESET ALL`);
    const { isSuperuser } = await readFacts(client);
    if (isSuperuser) {
      await client.query(`ALTER ROLE ${name} SET temp_file_limit = '${DATABASE_LIMITS.tempFilesMiB}MB'`);
    }
  });
}

/** A default that sessions of a role start with. */
export interface RoleSetting {
  readonly name: string;
  readonly value: string;
}

/** What a role has set for itself, anywhere or in its database. What the platform has set for it is not among them. */
export const ROLE_SETTINGS = `SELECT DISTINCT ON (name) split_part(item, '=', 1) AS name, substr(item, strpos(item, '=') + 1) AS value
  FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS item
  WHERE r.rolname = $1 AND (s.setdatabase = 0 OR d.datname = $1) AND item NOT LIKE 'temp_file_limit=%' ORDER BY name, s.setdatabase DESC`;

/** How long a worker may keep a database at work, in ms. */
export interface SessionTimes {
  readonly statementMs: number;
  readonly transactionMs: number;
}

/** Settings that a session of a worker starts with, and comes back to. Where the server knows them. */
export function sessionSettings(serverVersion: number, times: SessionTimes): Record<string, string> {
  const { statementMs, transactionMs } = times;
  const { idleInTransactionMs, workMemMiB } = DATABASE_LIMITS;
  return {
    statement_timeout: String(statementMs),
    idle_in_transaction_session_timeout: String(Math.min(idleInTransactionMs, transactionMs)),
    ...(serverVersion >= 170_000 ? { transaction_timeout: String(transactionMs) } : {}),
    work_mem: `${workMemMiB}MB`,
    client_encoding: 'UTF8',
    timezone: 'UTC',
    datestyle: 'ISO',
    intervalstyle: 'iso_8601',
    bytea_output: 'hex',
    extra_float_digits: '1',
    client_connection_check_interval: '1s',
  };
}
