/**
 * A real PostgreSQL for tests. With DATABASE_URL set, databases are made in that server; otherwise the embedded PostgreSQL is
 * started once per test process (on the first call), in a temporary directory, and stopped after the file's last test.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import pg from 'pg';
import { Resources } from '../../shared/resources.ts';
import { openDataDir } from '../../server/storage/data-dir.ts';
import type { Database, DatabaseConnection } from '../../server/storage/database.ts';
import { startEmbeddedPostgres } from '../../server/storage/embedded/embedded.ts';
import { openStore } from '../../server/storage/open-store.ts';
import type { Store } from '../../server/storage/store.ts';
import { testLog } from './log.ts';

export interface TestDatabase {
  /** `postgresql://…`; with the embedded server the host is a socket directory (percent-encoded). */
  readonly url: string;
  /** Migrated and empty. */
  readonly store: Store;
  /** For `createBus`, or SQL of the test's own. */
  readonly database: Database;
  readonly masterKey: Uint8Array;
  /** Closes the store and drops the database. */
  close(): Promise<void>;
}

interface TestServer {
  readonly urlOf: (database: string) => string;
  /** A migrated database to clone; none in a server that other test processes use, too. */
  readonly template: string | null;
}

/** A database that its test forgot to close must not keep the test process alive for ever. */
const FORGOTTEN_MS = 10_000;

const resources = new Resources();
let server: Promise<TestServer> | undefined;
let openDatabases = 0;
let fileIsOver = false;

// Registered while this file is loaded, so it belongs to the whole test file, not to the test that comes first. For the same
// reason it runs before the test file's own `after`, which may still need the database: then the last close() stops the server.
after(async () => {
  fileIsOver = true;
  if (openDatabases === 0) return await resources.close();
  const forgotten = setTimeout(() => {
    process.exitCode = 1;
    console.error(`${openDatabases} test databases were not closed`);
    void resources.close();
  }, FORGOTTEN_MS);
  resources.use('timer', forgotten, clearTimeout);
});

async function released(): Promise<void> {
  openDatabases -= 1;
  if (fileIsOver && openDatabases === 0) await resources.close();
}

/** A fresh database with the schema in it. Call `close()` when done. */
export async function createTestDatabase(): Promise<TestDatabase> {
  server ??= startServer();
  const { urlOf, template } = await server;
  const name = `skep_test_${randomBytes(6).toString('hex')}`;
  await admin(urlOf, `CREATE DATABASE ${name}${template === null ? '' : ` TEMPLATE ${template}`}`);
  const masterKey = randomBytes(32);
  const opened = await openStore({ connection: { url: urlOf(name) }, masterKey, log: testLog });
  openDatabases += 1;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await opened.close();
    await admin(urlOf, `DROP DATABASE ${name} WITH (FORCE)`);
    await released();
  };
  return {
    url: urlOf(name),
    store: opened.store,
    database: opened.database,
    masterKey,
    close: () => (closing ??= close()),
  };
}

/** A database without a schema: for tests of migrations and of connecting. */
export async function createEmptyTestDatabase(): Promise<{ readonly url: string; close(): Promise<void> }> {
  server ??= startServer();
  const { urlOf } = await server;
  const name = `skep_test_${randomBytes(6).toString('hex')}`;
  await admin(urlOf, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  openDatabases += 1;
  const close = async (): Promise<void> => {
    await admin(urlOf, `DROP DATABASE ${name} WITH (FORCE)`);
    await released();
  };
  return { url: urlOf(name), close };
}

/** The URL of a connection, for `pg` and for DATABASE_URL. */
export function urlOfConnection(connection: DatabaseConnection, database: string): string {
  const { user, password, host } = connection;
  return `postgresql://${user}:${encodeURIComponent(password)}@${encodeURIComponent(host)}/${database}`;
}

async function startServer(): Promise<TestServer> {
  const given = process.env['DATABASE_URL'];
  if (given !== undefined && given !== '')
    return { urlOf: (database) => withDatabase(given, database), template: null };
  const directory = await mkdtemp(join(tmpdir(), 'skep-test-pg-'));
  resources.use('directory', directory, (path) => rm(path, { recursive: true, force: true }));
  // As root PostgreSQL is another user, and must get through.
  await chmod(directory, 0o711);
  const dataDir = resources.use('data directory', await openDataDir(join(directory, 'data')), (opened) =>
    opened.close(),
  );
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
  const postgres = resources.use(
    'PostgreSQL',
    await startEmbeddedPostgres({ dataDir, log: testLog, settings }),
    (embedded) => embedded.stop(),
  );
  const urlOf = (database: string): string => urlOfConnection(postgres.connection, database);
  return { urlOf, template: await makeTemplate(urlOf) };
}

async function makeTemplate(urlOf: (database: string) => string): Promise<string> {
  await admin(urlOf, 'CREATE DATABASE skep_template');
  const opened = await openStore({
    connection: { url: urlOf('skep_template') },
    masterKey: randomBytes(32),
    log: testLog,
  });
  // Every test database gets a master key of its own.
  await opened.database.query('DELETE FROM skep.platform');
  await opened.close();
  return 'skep_template';
}

function withDatabase(url: string, database: string): string {
  return url.replace(/^(postgres(?:ql)?:\/\/[^/]*)(?:\/[^?]*)?/, `$1/${database}`);
}

async function admin(urlOf: (database: string) => string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf('postgres') });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
