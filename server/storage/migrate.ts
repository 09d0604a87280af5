/**
 * Numbered SQL files, run once each, in order, under a lock that all nodes of one database share. A file is never edited
 * once released: its SHA-256 is kept and compared.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { DatabaseError } from './errors.ts';
import { MIGRATION_LOCK } from './locks.ts';

/** How long a node waits for another one that is migrating. */
const LOCK_TIMEOUT_MS = 120_000;

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/**
 * Brings the database to the newest schema this program knows. Safe to call from many processes at once.
 * @param directory holds files such as `0001_workers.sql`, numbered from 1 without gaps.
 * @throws DatabaseError when the database is newer than the program or an old migration was edited.
 */
export async function migrate(client: pg.ClientBase, directory: string): Promise<{ readonly applied: number }> {
  const migrations = await readMigrations(directory);
  await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}; SET statement_timeout = 0`);
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    await client.query(
      `CREATE SCHEMA IF NOT EXISTS skep;
       CREATE TABLE IF NOT EXISTS skep.schema_migrations (
         number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
         applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
    );
    const rows = await client.query<{ number: number; name: string; sha256: string }>(
      'SELECT number, name, sha256 FROM skep.schema_migrations ORDER BY number',
    );
    checkApplied(rows.rows, migrations);
    const pending = migrations.slice(rows.rows.length);
    for (const migration of pending) await apply(client, migration);
    return { applied: pending.length };
  } finally {
    // When the connection is gone the server has let go of the lock already.
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => {});
  }
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).toSorted();
  const migrations = await Promise.all(
    names.map(async (name, index): Promise<Migration> => {
      const number = Number(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1] ?? Number.NaN);
      if (number !== index + 1) {
        throw new DatabaseError(
          `Cannot migrate: the file "${name}" is not number ${index + 1}. Migrations are named 0001_words.sql and have no gaps.`,
        );
      }
      // Checkouts with CRLF line ends must not look like edited files.
      const sql = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
      return { number, name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
  if (migrations.length === 0)
    throw new DatabaseError(`Cannot migrate: there are no .sql files in "${directory}". Build Skep again.`);
  return migrations;
}

function checkApplied(
  applied: readonly { number: number; name: string; sha256: string }[],
  known: readonly Migration[],
): void {
  for (const [index, row] of applied.entries()) {
    const migration = known[index];
    if (migration === undefined) {
      throw new DatabaseError(
        `Cannot use this database: it has migration ${row.number} (${row.name}), this Skep knows only ${known.length}. ` +
          'A newer Skep has used it: start that version or a later one.',
      );
    }
    if (row.number !== migration.number || row.sha256 !== migration.sha256) {
      throw new DatabaseError(
        `Cannot use this database: its migration ${row.number} (${row.name}) is not the one in this Skep (${migration.name}). ` +
          'Released migrations must not be edited: restore the file, or use the Skep that made the database.',
      );
    }
  }
}

async function apply(client: pg.ClientBase, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(migration.sql);
    await client.query('INSERT INTO skep.schema_migrations (number, name, sha256) VALUES ($1, $2, $3)', [
      migration.number,
      migration.name,
      migration.sha256,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
