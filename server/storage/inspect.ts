/** A look at a database that changes nothing, for `skep doctor`. */
import pg from 'pg';
import { maskUrl } from './errors.ts';

const TIMEOUT_MS = 5_000;

export interface DatabaseFacts {
  /** Without its password. */
  readonly url: string;
  readonly version: string;
  readonly major: number;
  /** Migrations that have run; null: Skep has never used this database. */
  readonly schema: number | null;
  /** How far the database's clock is from this machine's, in milliseconds. */
  readonly clockOffsetMs: number;
}

/** Rejects with the driver's error when the database cannot be reached. */
export async function inspectDatabase(url: string): Promise<DatabaseFacts> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    application_name: 'skep doctor',
  });
  // A connection that breaks while it is closed again is not news.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string; number: string; now: Date; used: boolean }>(
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
              clock_timestamp() AS now, to_regclass('skep.schema_migrations') IS NOT NULL AS used`,
    );
    const facts = rows[0];
    if (facts === undefined) throw new Error('the database answered nothing');
    return {
      url: maskUrl(url),
      version: facts.version,
      major: Math.floor(Number(facts.number) / 10_000),
      schema: facts.used ? await appliedMigrations(client) : null,
      clockOffsetMs: facts.now.getTime() - Date.now(),
    };
  } finally {
    await client.end();
  }
}

async function appliedMigrations(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: string }>('SELECT count(*) AS count FROM skep.schema_migrations');
  return Number(rows[0]?.count ?? 0);
}
