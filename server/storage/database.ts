/**
 * The connection to PostgreSQL: a pool, transactions, and single clients for LISTEN. A connection that breaks is thrown
 * away, the pool makes new ones by itself, so an outage of the database needs no restart of Skep.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { DATABASE_LIMITS } from '../../shared/limits.ts';
import type { Logger } from '../log/types.ts';
import { LocalAnnouncements } from './announcements.ts';
import { DatabaseError, codeOf, isLockShortage, isPoolBusy, isUnavailable, maskUrl, mayRetry } from './errors.ts';
import { migrate } from './migrate.ts';
import { PoolClient } from './pool-client.ts';
import { StoreUnavailable } from './store.ts';

/** Where a PostgreSQL is. `host` may be the directory of a unix socket. */
export interface DatabaseConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface DatabaseOptions {
  readonly connection: DatabaseConnection | { readonly url: string };
  readonly log: Logger;
  /** How long an unreachable database is tried again before giving up. */
  readonly connectTimeoutMs?: number;
  /** No other node uses this database: what changes is announced within the process, and not over the server. */
  readonly isAlone?: boolean;
}

/** Runs SQL in the way of `pg`. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<pg.QueryResult<Row>>;
}

/** What runs in one transaction. */
export interface Transaction extends Queryable {
  /** Tells whoever listens to the channel, on all nodes, once this transaction is committed. */
  announce(channel: string, payload: string): Promise<void>;
}

/** A prepared statement: planned once for each connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** A connection that belongs to its owner alone. */
export interface Connection {
  /** Rows as arrays, in the order of the columns. */
  query<Row extends readonly unknown[]>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
  /** True until it is closed or breaks. */
  readonly isOpen: boolean;
  /** At once, whatever it is doing. */
  close(): void;
}

export interface ConnectionOptions {
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** SQL that is run once, such as settings of the planner. */
  readonly prelude: string;
}

export interface Database extends Queryable {
  /** No other node uses it: nobody else has to be told of a change. */
  readonly isAlone: boolean;
  /** Opens a connection beside the pool, for statements that must not wait for those of others. */
  connect(options: ConnectionOptions): Promise<Connection>;
  /** The same database over a pool of its own: who keeps all of its connections busy keeps nobody else waiting. Close it first. */
  withOwnPool(size: number): Database;
  /** Runs `work` in one transaction (READ COMMITTED); retried when PostgreSQL asks for it, so `work` must only query. */
  transaction<T>(work: (tx: Transaction) => Promise<T>, mode?: 'write' | 'snapshot'): Promise<T>;
  /** Opens a connection of its own that gets notifications of a channel. `onLost` is called once when it breaks. */
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    onLost: (error: Error | null) => void,
  ): Promise<{ close(): Promise<void> }>;
  close(): Promise<void>;
}

/** Oldest major version Skep is tested with. */
const OLDEST_MAJOR = 15;
const POOL_SIZE = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/**
 * How long a statement waits for a free connection of the pool. `pg` knows one time for that and for making a connection; but several hundred
 * that come at once, such as uploads that end together, stand in line for longer, and that a database is gone is heard otherwise (`liveness.ts`).
 */
const POOL_WAIT_MS = 20_000;
/** A 64 MiB upload over a slow network is the longest honest statement. */
const STATEMENT_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = 15_000;
const TRANSACTION_ATTEMPTS = 5;

/**
 * Connects, checks the server and brings its schema up to date.
 * @throws DatabaseError with one printable sentence when the database is unreachable, too old or too new.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const config = clientConfig(options.connection);
  const shown = 'url' in options.connection ? maskUrl(options.connection.url) : 'the embedded PostgreSQL';
  await untilReachable(options, shown, () => prepare(config, migrationsFolder(), shown));
  const local = options.isAlone === true ? new LocalAnnouncements() : null;
  return new PoolDatabase(config, POOL_SIZE, options.log, local);
}

/** In the sources and in the build the migrations lie next to the file that holds this function. */
function migrationsFolder(): string {
  return fileURLToPath(new URL('./migrations/', import.meta.url));
}

function clientConfig(connection: DatabaseOptions['connection']): pg.ClientConfig {
  const where = 'url' in connection ? { connectionString: connection.url } : { ...connection };
  return {
    ...where,
    application_name: 'skep',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    // The server's own timeout cannot reach us through a dead network; this one is ours.
    query_timeout: STATEMENT_TIMEOUT_MS + 10_000,
  };
}

async function untilReachable(options: DatabaseOptions, shown: string, attempt: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + (options.connectTimeoutMs ?? 10_000);
  for (let delayMs = 100; ; delayMs = Math.min(delayMs * 2, 1_000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isUnavailable(error)) throw asDatabaseError(error, shown);
      if (performance.now() + delayMs > deadline) {
        throw new DatabaseError(
          `Cannot reach the database ${shown}: ${reasonOf(error)}. Start it, or correct DATABASE_URL.`,
          { cause: error },
        );
      }
      options.log.debug('The database does not answer yet', { error });
      await sleep(delayMs);
    }
  }
}

/** Reasons that are the operator's to mend get a sentence; all else is a bug and keeps its stack. */
function asDatabaseError(error: unknown, shown: string): unknown {
  const hint = {
    '28P01': 'The password is wrong. Correct DATABASE_URL.',
    '28000': 'This user may not log in. Correct DATABASE_URL or the pg_hba.conf of the server.',
    '3D000': 'Create the database, or correct DATABASE_URL.',
    '42501': 'Let the user of DATABASE_URL create a schema in this database (GRANT CREATE ON DATABASE).',
  }[codeOf(error)];
  if (hint !== undefined)
    return new DatabaseError(`Cannot use the database ${shown}: ${reasonOf(error)}. ${hint}`, { cause: error });
  if (error instanceof Error && /SSL|certificate/i.test(error.message)) {
    return new DatabaseError(
      `Cannot use the database ${shown}: ${error.message}. Set sslmode in DATABASE_URL as the server needs it.`,
      { cause: error },
    );
  }
  return error;
}

function reasonOf(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  return inner instanceof Error ? inner.message.replace(/\.$/, '') : String(inner);
}

async function prepare(config: pg.ClientConfig, migrationsDir: string, shown: string): Promise<void> {
  const client = new pg.Client({ ...config, query_timeout: 0 });
  client.on('error', () => {});
  try {
    await client.connect();
    await checkServer(client, shown);
    await migrate(client, migrationsDir);
  } finally {
    await client.end().catch(() => {});
  }
}

async function checkServer(client: pg.Client, shown: string): Promise<void> {
  const { rows } = await client.query<{ version: string; number: number; encoding: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
            current_setting('server_encoding') AS encoding`,
  );
  const { version, number, encoding } = rows[0] as { version: string; number: number; encoding: string };
  if (number < OLDEST_MAJOR * 10_000) {
    throw new DatabaseError(
      `Cannot use the database ${shown}: it is PostgreSQL ${version}. Skep needs ${OLDEST_MAJOR} or newer. Upgrade the server, ` +
        'or leave DATABASE_URL out to use the embedded PostgreSQL.',
    );
  }
  if (encoding !== 'UTF8') {
    throw new DatabaseError(
      `Cannot use the database ${shown}: its encoding is ${encoding}. Skep needs UTF8. Create it with ENCODING 'UTF8' TEMPLATE template0.`,
    );
  }
}

/** Is given the settings of its pool, of which one time is that of waiting in line. */
class ConnectingClient extends PoolClient {
  constructor(config?: pg.ClientConfig) {
    super(config, { connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  }
}

class PoolDatabase implements Database {
  readonly #pool: pg.Pool;
  readonly #config: pg.ClientConfig;
  readonly #log: Logger;
  /** Null: over the server, which tells all nodes. */
  readonly #local: LocalAnnouncements | null;
  #closed: Promise<void> | undefined;

  constructor(config: pg.ClientConfig, size: number, log: Logger, local: LocalAnnouncements | null) {
    this.#config = config;
    this.#log = log;
    this.#local = local;
    const waiting = { connectionTimeoutMillis: POOL_WAIT_MS, Client: ConnectingClient };
    this.#pool = new pg.Pool({ ...config, ...waiting, max: size, idleTimeoutMillis: 30_000 });
    // Without a listener an idle connection that the server closes would end the process.
    this.#pool.on('error', (error) => log.warn('An idle database connection was lost', { error }));
  }

  get isAlone(): boolean {
    return this.#local !== null;
  }

  withOwnPool(size: number): Database {
    return new PoolDatabase(this.#config, size, this.#log, this.#local);
  }

  async query<Row extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await outlastingLockShortage(() => this.#pool.query<Row>(sql, values as unknown[]));
    } catch (error) {
      throw translated(error);
    }
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>, mode: 'write' | 'snapshot' = 'write'): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await outlastingLockShortage(() => this.#attempt(work, mode));
      } catch (error) {
        if (!mayRetry(error) || attempt >= TRANSACTION_ATTEMPTS) throw translated(error);
        // Two that collided must not collide again in step.
        await sleep(Math.random() * 20 * 2 ** attempt);
      }
    }
  }

  async #attempt<T>(work: (tx: Transaction) => Promise<T>, mode: 'write' | 'snapshot'): Promise<T> {
    const client = await this.#pool.connect();
    let broken = true;
    try {
      await client.query(mode === 'write' ? 'BEGIN' : 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const toTell: (() => void)[] = [];
      const result = await work({
        query: (sql, values) => client.query(sql, values as unknown[]),
        announce: async (channel, payload) => {
          if (this.#local === null) await client.query('SELECT pg_notify($1, $2)', [channel, payload]);
          else toTell.push(() => this.#local?.tell(channel, payload));
        },
      });
      await client.query('COMMIT');
      broken = false;
      for (const tell of toTell) tell();
      return result;
    } catch (error) {
      // On a connection that is gone, ROLLBACK would only wait for its time-out.
      broken =
        isUnavailable(error) ||
        (await client.query('ROLLBACK').then(
          () => false,
          () => true,
        ));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async connect({ connectTimeoutMs, statementTimeoutMs, prelude }: ConnectionOptions): Promise<Connection> {
    const client = new pg.Client({
      ...this.#config,
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: statementTimeoutMs,
      lock_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + 1_000,
    });
    let isOpen = true;
    const close = (): void => {
      isOpen = false;
      client.end().catch(() => {});
    };
    client.on('error', close);
    client.on('end', close);
    try {
      await client.connect();
      await client.query(prelude);
    } catch (error) {
      close();
      throw translated(error);
    }
    return {
      get isOpen() {
        return isOpen;
      },
      close,
      query: async <Row extends readonly unknown[]>({ name, text }: Statement, values: readonly unknown[]) => {
        try {
          const { rows } = await outlastingLockShortage(() =>
            client.query<Row[]>({ name, text, values: values as unknown[], rowMode: 'array' }),
          );
          return rows as unknown as Row[];
        } catch (error) {
          throw translated(error);
        }
      },
    };
  }

  async listen(
    channel: string,
    onNotify: (payload: string) => void,
    onLost: (error: Error | null) => void,
  ): Promise<{ close(): Promise<void> }> {
    if (this.#local !== null) {
      const stop = this.#local.listen(channel, onNotify);
      return { close: async () => stop() };
    }
    const client = new pg.Client({ ...this.#config, statement_timeout: 0, query_timeout: CONNECT_TIMEOUT_MS });
    let state: 'opening' | 'open' | 'over' = 'opening';
    const lost = (error: Error | null): void => {
      if (state === 'open') onLost(error);
      state = 'over';
    };
    client.on('error', lost);
    client.on('end', () => lost(null));
    client.on('notification', (message) => onNotify(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      state = 'open';
    } catch (error) {
      await client.end().catch(() => {});
      throw translated(error);
    }
    return {
      close: async () => {
        state = 'over';
        await client.end().catch(() => {});
      },
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    return this.#closed;
  }
}

/** A tenant may have filled the server's table of locks; he loses it within a moment (`databases/lock-guard.ts`). */
async function outlastingLockShortage<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + DATABASE_LIMITS.lockShortageMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isLockShortage(error) || performance.now() > deadline) throw error;
      await sleep(LOCK_SHORTAGE_PAUSE_MS);
    }
  }
}

const LOCK_SHORTAGE_PAUSE_MS = 50;

/** What the rest of the server can tell apart: "not now" and everything else. */
function translated(error: unknown): unknown {
  if (error instanceof StoreUnavailable || (!isUnavailable(error) && !mayRetry(error))) return error;
  const what = isPoolBusy(error)
    ? `The database is busy: none of its connections was free for ${POOL_WAIT_MS / 1000} s`
    : `The database does not answer: ${reasonOf(error)}`;
  return new StoreUnavailable(what, { cause: error });
}
