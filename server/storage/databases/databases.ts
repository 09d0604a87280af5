/** Databases of workers: made, deleted, and entered. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { Logger } from '../../log/types.ts';
import type { Database, DatabaseConnection } from '../database.ts';
import { type DiskRoom, ENOUGH_ROOM } from '../disk-room.ts';
import { Liveness } from '../liveness.ts';
import { PoolClient } from '../pool-client.ts';
import type { BackendTarget } from '../wire/backend.ts';
import type { BackendPool } from '../wire/pool.ts';
import { BackendPools } from '../wire/pools.ts';
import { guardLocks, type LockGuard } from './lock-guard.ts';
import {
  type DatabaseRecord,
  type DatabaseSecrets,
  findDatabase,
  insertDatabase,
  listDatabases,
  listUnfinished,
  removeDatabase,
  setDatabaseState,
} from './records.ts';
import {
  checkRights,
  dropDatabase,
  makeDatabase,
  mendRole,
  ROLE_SETTINGS,
  type RoleSetting,
  type RunAsPlatform,
  sessionSettings,
  type SessionTimes,
} from './server.ts';
import { SessionPriorities } from './session-priority.ts';
import { type DatabaseSizes, watchSizes } from './sizes.ts';

export type { DatabaseRecord } from './records.ts';

export interface WorkerDatabasesOptions {
  readonly database: Database;
  readonly masterKey: Uint8Array;
  /** Where databases of workers are made: as somebody who may make roles and databases. */
  readonly server: DatabaseConnection | { readonly url: string };
  readonly maxDatabaseMiB: number;
  /** On the disk of the databases. Default: of a server that is not ours nobody knows. */
  readonly room?: DiskRoom;
  readonly times: SessionTimes;
  readonly log: Logger;
}

/** A database as an operation finds it. */
export interface EnteredDatabase {
  readonly pool: BackendPool;
  /** Larger than allowed: only what makes it smaller may run. */
  readonly isOverSize: boolean;
  /** Watches its size until the returned function is called; `onExceeded`: what runs has to end. */
  use(onExceeded: () => void): () => void;
  /** What its role has set for itself; sessions of that role cannot see it. */
  roleSettings(): Promise<RoleSetting[]>;
}

export interface DatabaseUsage {
  readonly sizeBytes: number | null;
  readonly maxSizeBytes: number;
  /** Of this node. */
  readonly connections: number;
  readonly waiting: number;
}

/** Every method may reject with StoreUnavailable. */
export interface WorkerDatabases {
  /** The limits that whoever runs statements has to keep: SQL can change those of its own session. */
  readonly times: SessionTimes;
  /** Whether the server that the databases are on still answers: by it statements are watched. */
  readonly liveness: Liveness;
  /** Throws StoreConflict when the account has one of that name, RangeError when it has too many, CannotMakeDatabases. */
  create(accountId: string, name: string): Promise<DatabaseRecord>;
  list(accountId: string): Promise<DatabaseRecord[]>;
  /** By id, with hyphens or without. */
  find(accountId: string, id: string): Promise<DatabaseRecord | null>;
  findByName(accountId: string, name: string): Promise<DatabaseRecord | null>;
  /** With everything in it, whoever is using it. False: there is none. */
  delete(accountId: string, id: string): Promise<boolean>;
  usage(accountId: string, id: string): Promise<DatabaseUsage | null>;
  /** Null: there is no such database. */
  enter(accountId: string, id: string): Promise<EnteredDatabase | null>;
  close(): Promise<void>;
}

/** How long what was read about a database is taken for granted. */
const KNOWN_MS = 10_000;
/** Somebody who makes a database for longer than this has died. */
const UNFINISHED_S = 600;

const PROBE_TIMEOUT_MS = 1_000;

interface Known {
  readonly found: Promise<DatabaseSecrets | null>;
  readonly sinceMs: number;
}

export function createWorkerDatabases(options: WorkerDatabasesOptions): WorkerDatabases {
  return new Databases(options);
}

class Databases implements WorkerDatabases {
  readonly liveness: Liveness;
  readonly #options: WorkerDatabasesOptions;
  readonly #config: pg.ClientConfig;
  /** For the few questions that the platform asks while workers are at work. */
  readonly #admin: pg.Pool;
  /** One connection that stays, to ask whether anybody is there. */
  readonly #probes: pg.Pool;
  readonly #pools = new BackendPools(DATABASE_LIMITS.connectionsPerNode, DATABASE_LIMITS.connectionsPerAccount);
  readonly #sizes: DatabaseSizes;
  readonly #locks: LockGuard;
  readonly #priorities: SessionPriorities;
  readonly #stopPriorities: () => void;
  readonly #known = new Map<string, Known>();
  readonly #mending = new Map<string, Promise<void>>();
  #version: Promise<number> | undefined;

  constructor(options: WorkerDatabasesOptions) {
    this.#options = options;
    const { server, log } = options;
    this.#config = {
      ...('url' in server ? { connectionString: server.url } : { ...server }),
      application_name: 'skep-databases',
      connectionTimeoutMillis: DATABASE_LIMITS.connectTimeoutMs,
    };
    const pooled = { ...this.#config, Client: PoolClient };
    this.#admin = new pg.Pool({ ...pooled, max: 2, idleTimeoutMillis: 30_000, query_timeout: 10_000 });
    this.#admin.on('error', (error) => log.debug('An idle connection to the server of databases was lost', { error }));
    this.#probes = new pg.Pool({ ...pooled, max: 1, idleTimeoutMillis: 0, query_timeout: PROBE_TIMEOUT_MS });
    this.#probes.on('error', () => undefined);
    this.liveness = new Liveness(() => this.#probes.query('SELECT 1'));
    this.#sizes = watchSizes(this.#maxBytes, options.room ?? ENOUGH_ROOM, (name) => this.#readSize(name), log);
    this.#locks = guardLocks({
      query: (sql, values) => this.#admin.query(sql, values),
      inUse: () => [...this.#pools.counts()].filter(({ connections }) => connections > 0).map(({ key }) => key),
      end: (name, because) => this.#pools.find(name)?.endAll(because),
      log,
    });
    this.#priorities = new SessionPriorities(() => this.#pools.processes());
    this.#stopPriorities = this.#isOurs ? this.#priorities.start() : () => undefined;
  }

  /** The embedded PostgreSQL: its processes are on this machine. */
  get #isOurs(): boolean {
    return !('url' in this.#options.server);
  }

  get times(): SessionTimes {
    return this.#options.times;
  }

  get #maxBytes(): number {
    return this.#options.maxDatabaseMiB * 1024 * 1024;
  }

  readonly #run: RunAsPlatform = async (database, work) => {
    const { connectionString, ...rest } = this.#config;
    const parsed = connectionString === undefined ? {} : parseUrl(connectionString);
    const client = new pg.Client({ ...parsed, ...rest, ...(database === null ? {} : { database }) });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  };

  async create(accountId: string, name: string): Promise<DatabaseRecord> {
    const { database: db, masterKey } = this.#options;
    await checkRights(this.#run);
    await this.#sweep();
    const existing = await listDatabases(db, accountId);
    if (existing.length >= DATABASE_LIMITS.databasesPerAccount) {
      throw new RangeError(
        `The account has ${existing.length} databases; ${DATABASE_LIMITS.databasesPerAccount} are allowed.`,
      );
    }
    const made = await insertDatabase(db, masterKey, accountId, name);
    try {
      await makeDatabase(this.#run, made.internalName, made.password, { isOurs: this.#isOurs });
      await setDatabaseState(db, made.id, 'ready');
    } catch (error) {
      await this.#remove(made).catch((reason: unknown) =>
        this.#options.log.warn('A database that could not be made could not be removed either', { reason }),
      );
      throw error;
    }
    return toRecord(made);
  }

  async #sweep(): Promise<void> {
    for (const left of await listUnfinished(this.#options.database, UNFINISHED_S)) await this.#remove(left);
  }

  async #remove({ id, internalName }: DatabaseSecrets): Promise<void> {
    await setDatabaseState(this.#options.database, id, 'deleting');
    await dropDatabase(this.#run, internalName);
    await removeDatabase(this.#options.database, id);
  }

  list(accountId: string): Promise<DatabaseRecord[]> {
    return listDatabases(this.#options.database, accountId);
  }

  async find(accountId: string, id: string): Promise<DatabaseRecord | null> {
    const found = await findDatabase(this.#options.database, this.#options.masterKey, accountId, id);
    return found === null ? null : toRecord(found);
  }

  async findByName(accountId: string, name: string): Promise<DatabaseRecord | null> {
    return (await this.list(accountId)).find((record) => record.name === name) ?? null;
  }

  async delete(accountId: string, id: string): Promise<boolean> {
    const found = await findDatabase(this.#options.database, this.#options.masterKey, accountId, id);
    if (found === null) return false;
    await setDatabaseState(this.#options.database, found.id, 'deleting');
    this.#known.delete(keyOf(accountId, id));
    this.#pools.drop(found.internalName, { isDraining: false });
    // Somebody may be connecting this very moment; PostgreSQL waits for nobody but a few seconds.
    await this.#remove(found).catch(async () => {
      await sleep(200);
      await this.#remove(found);
    });
    return true;
  }

  async usage(accountId: string, id: string): Promise<DatabaseUsage | null> {
    const found = await findDatabase(this.#options.database, this.#options.masterKey, accountId, id);
    if (found === null) return null;
    const count = [...this.#pools.counts()].find(({ key }) => key === found.internalName);
    return {
      sizeBytes: await this.#readSize(found.internalName).catch(() => null),
      maxSizeBytes: this.#maxBytes,
      connections: count?.connections ?? 0,
      waiting: count?.waiting ?? 0,
    };
  }

  async #readSize(name: string): Promise<number> {
    const { rows } = await this.#admin.query<{ bytes: string }>('SELECT pg_database_size($1::name) AS bytes', [name]);
    return Number(rows[0]?.bytes);
  }

  async enter(accountId: string, id: string): Promise<EnteredDatabase | null> {
    const found = await this.#findKnown(accountId, id);
    if (found === null) return null;
    const { internalName: name } = found;
    const pool = this.#pools.of(name, accountId, () => ({
      target: () => this.#targetOf(found),
      maxConnections: DATABASE_LIMITS.connectionsPerDatabase,
      terminate: async (processId) => {
        await this.#admin.query('SELECT pg_terminate_backend($1)', [processId]);
      },
      mend: (code) => this.#mend(found, code),
      ...(this.#isOurs && {
        onConnected: ({ processId }) => this.#priorities.connected({ accountId, processId }),
      }),
    }));
    return {
      pool,
      isOverSize: this.#sizes.isOver(name),
      use: (onExceeded) => this.#sizes.use(name, onExceeded),
      roleSettings: async () => (await this.#admin.query<RoleSetting>(ROLE_SETTINGS, [name])).rows,
    };
  }

  /** What is known is good for a while, and for longer when the platform's own database cannot be asked. */
  async #findKnown(accountId: string, id: string): Promise<DatabaseSecrets | null> {
    const key = keyOf(accountId, id);
    const known = this.#known.get(key);
    if (known !== undefined && performance.now() - known.sinceMs < KNOWN_MS) return known.found;
    const found = findDatabase(this.#options.database, this.#options.masterKey, accountId, id).catch(
      (error: unknown) => {
        if (known !== undefined) return known.found;
        this.#known.delete(key);
        throw error;
      },
    );
    // An id that leads nowhere is asked about anew each time: it may be made in a moment.
    this.#known.set(key, { found, sinceMs: performance.now() });
    const secrets = await found;
    if (secrets === null) this.#known.delete(key);
    return secrets;
  }

  async #targetOf({ internalName, password }: DatabaseSecrets): Promise<BackendTarget> {
    this.#locks.check(internalName);
    const { connectionString, ...rest } = this.#config;
    const { host, port, ssl } = new pg.Client({
      ...(connectionString === undefined ? {} : parseUrl(connectionString)),
      ...rest,
    }) as unknown as { host: string; port: number; ssl: BackendTarget['tls'] | true };
    return {
      host,
      port,
      user: internalName,
      password,
      database: internalName,
      tls: ssl === true ? {} : ssl,
      settings: sessionSettings(await this.#serverVersion(), this.times),
    };
  }

  #serverVersion(): Promise<number> {
    this.#version ??= this.#admin
      .query<{ version: number }>(`SELECT current_setting('server_version_num')::int AS version`)
      .then(({ rows }) => rows[0]?.version as number);
    this.#version.catch(() => (this.#version = undefined));
    return this.#version;
  }

  /** Wrong password, or not allowed to connect: the role did that to itself. */
  async #mend({ internalName, password, id, accountId }: DatabaseSecrets, code: string): Promise<boolean> {
    if (code !== '28P01' && code !== '42501') return false;
    if ((await findDatabase(this.#options.database, this.#options.masterKey, accountId, id)) === null) return false;
    // All connections that are being made fail together; two that mend one role would collide.
    let mending = this.#mending.get(internalName);
    if (mending === undefined) {
      mending = mendRole(this.#run, internalName, password).finally(() => this.#mending.delete(internalName));
      this.#mending.set(internalName, mending);
    }
    await mending;
    return true;
  }

  async close(): Promise<void> {
    this.#sizes.close();
    this.#locks.close();
    this.#stopPriorities();
    this.#pools.close();
    await this.#probes.end();
    await this.#admin.end();
  }
}

const keyOf = (accountId: string, id: string): string => `${accountId}/${id}`;

const toRecord = ({ id, accountId, name, createdAt }: DatabaseRecord): DatabaseRecord => ({
  id,
  accountId,
  name,
  createdAt,
});

/** Without the database's name, which is another one each time. */
function parseUrl(url: string): pg.ClientConfig {
  const { host, port, user, password, ssl, database } = new pg.Client({ connectionString: url }) as unknown as {
    host: string;
    port: number;
    user: string;
    password: string;
    ssl: pg.ClientConfig['ssl'];
    database: string;
  };
  return { host, port, user, password, ssl: ssl ?? false, database };
}
