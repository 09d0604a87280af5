/** Databases of workers on a PostgreSQL that is not ours, as an ordinary role that may create roles and databases, and as one that may not. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import type { Json } from '../support/api.ts';
import { openDataDir } from '../../server/storage/data-dir.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../server/storage/embedded/embedded.ts';
import { testLog } from '../support/log.ts';
import { urlOfConnection } from '../support/postgres.ts';
import { type Skep, startSkep, temporaryDirectory } from '../support/server.ts';
import { REFUSED, SQL_WORKER } from '../support/tenant-attacks.ts';

let postgres: EmbeddedPostgres;
let dataDir: Awaited<ReturnType<typeof openDataDir>>;
let skep: Skep;

async function asSuperuser(...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: urlOfConnection(postgres.connection, 'postgres') });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

before(async () => {
  dataDir = await openDataDir(join(temporaryDirectory(), 'foreign'));
  postgres = await startEmbeddedPostgres({ dataDir, log: testLog });
  await asSuperuser(
    "CREATE ROLE landlord LOGIN CREATEDB CREATEROLE PASSWORD 'landlord'",
    'CREATE DATABASE platform OWNER landlord',
  );
  const connection = { ...postgres.connection, user: 'landlord', password: 'landlord' };
  skep = await startSkep({ env: { DATABASE_URL: urlOfConnection(connection, 'platform') } });
});
after(async () => {
  await skep?.stop();
  await postgres?.stop();
  await dataDir?.close();
});

const DENIED = '42501';
const OTHER_ROLE = "(SELECT rolname FROM pg_roles WHERE rolname LIKE 'skep_w_%' AND rolname <> current_user LIMIT 1)";
/** What knowing the names of others might be good for. */
const WITH_NAMES: typeof REFUSED = [
  ['SET ROLE landlord', DENIED],
  ['GRANT landlord TO CURRENT_USER', DENIED],
  ['DROP DATABASE platform', DENIED],
  [`DO $$ BEGIN EXECUTE format('SET ROLE %I', ${OTHER_ROLE}); END $$`, DENIED],
  [`DO $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD ''mine''', ${OTHER_ROLE}); END $$`, DENIED],
  [`DO $$ BEGIN EXECUTE format('GRANT %I TO %I', ${OTHER_ROLE}, current_user); END $$`, DENIED],
  // Its database has the name of its role.
  [`DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO CURRENT_USER', ${OTHER_ROLE}); END $$`, DENIED],
  [`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 0', ${OTHER_ROLE}); END $$`, DENIED],
  [`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${OTHER_ROLE} AND pid IS NOT NULL`, DENIED],
];

async function tenant(name: string): Promise<void> {
  const made = await skep.api('POST', '/d1/database', { name });
  assert.equal(made.status, 200, made.text);
  const bindings = [{ type: 'd1', name: 'DB', id: made.json().result.uuid }];
  await skep.deploy(name, SQL_WORKER, { bindings, compatibility_date: '2026-01-01' });
}

async function ask(worker: string, question: Json): Promise<{ rows?: Json; code?: string; message?: string }> {
  const answer = await skep.request(worker, '/', { method: 'POST', body: JSON.stringify(question) });
  assert.equal(answer.status, 200, answer.text);
  return answer.json();
}

test('an ordinary role that may create roles and databases is enough, and no SQL leads out of a tenant’s own', async () => {
  await tenant('victim');
  await tenant('mallory');
  const filled = await ask('victim', {
    script: "CREATE TABLE secrets (text text); INSERT INTO secrets VALUES ('hidden'); SELECT lo_create(77)",
  });
  assert.equal(filled.code, undefined, filled.message);
  assert.deepEqual((await ask('victim', { sql: 'SELECT text FROM secrets' })).rows, [{ text: 'hidden' }]);
  await ask('mallory', { script: 'CREATE TABLE loot (line text)' });
  const through: string[] = [];
  for (const [sql, ...codes] of [...REFUSED, ...WITH_NAMES]) {
    const { code, message, rows } = await ask('mallory', { sql });
    if (code === undefined || !codes.includes(code)) through.push(`${sql}: ${code} ${message} ${JSON.stringify(rows)}`);
  }
  assert.deepEqual(through, []);
});

test('a role that may not create any is told so, with what to do about it, and what is there goes on', async () => {
  await asSuperuser('ALTER ROLE landlord NOCREATEROLE');
  const noRoles = await skep.api('POST', '/d1/database', { name: 'one-more' });
  await asSuperuser('ALTER ROLE landlord CREATEROLE NOCREATEDB');
  const noDatabases = await skep.api('POST', '/d1/database', { name: 'one-more' });
  await asSuperuser('ALTER ROLE landlord CREATEDB');
  for (const { status, text } of [noRoles, noDatabases]) {
    assert.equal(status, 503, text);
    assert.match(text, /may not create (roles|databases).*(CREATEROLE|CREATEDB)/);
  }
  assert.deepEqual((await ask('victim', { sql: 'SELECT text FROM secrets' })).rows, [{ text: 'hidden' }]);
  await tenant('one-more');
  // Also while its worker has connections to it.
  assert.equal((await ask('one-more', { sql: 'SELECT 1' })).code, undefined);
  const deleted = await skep.api('DELETE', '/d1/database/one-more');
  assert.equal(deleted.status, 200, deleted.text);
});
