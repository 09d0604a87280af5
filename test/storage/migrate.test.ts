import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openDatabase } from '../../server/storage/database.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { testLog } from '../support/log.ts';
import { createEmptyTestDatabase } from '../support/postgres.ts';

const SHIPPED = fileURLToPath(new URL('../../server/storage/migrations/', import.meta.url));

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skep-test-migrate-'));
});
after(() => rm(directory, { recursive: true }));

/** A copy of the shipped migrations that a test may spoil. */
async function copyOfMigrations(name: string): Promise<string> {
  const copy = join(directory, name);
  await cp(SHIPPED, copy, { recursive: true });
  return copy;
}

async function withDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const empty = await createEmptyTestDatabase();
  try {
    await work(empty.url);
  } finally {
    await empty.close();
  }
}

async function run(url: string, migrations: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await migrate(client, migrations)).applied;
  } finally {
    await client.end();
  }
}

describe('migrations', () => {
  test('twenty nodes that start at once on an empty database all succeed, and one of them does the work', () =>
    withDatabase(async (url) => {
      const applied = await Promise.all(Array.from({ length: 20 }, () => run(url, SHIPPED)));
      const all = (await readdir(SHIPPED)).length;
      assert.deepEqual(
        applied.toSorted((a, b) => b - a),
        [all, ...Array.from({ length: 19 }, () => 0)],
      );
    }));

  test('a released migration that was edited is refused by name', () =>
    withDatabase(async (url) => {
      const copy = await copyOfMigrations('edited');
      await run(url, copy);
      await writeFile(join(copy, '0001_workers.sql'), '-- nothing');
      await assert.rejects(run(url, copy), {
        name: 'DatabaseError',
        message: /migration 1 \(0001_workers\.sql\).*must not be edited/,
      });
    }));

  test('Windows line ends are no edit', () =>
    withDatabase(async (url) => {
      const copy = await copyOfMigrations('crlf');
      await run(url, SHIPPED);
      for (const name of await readdir(copy)) {
        const file = join(copy, name);
        await writeFile(file, (await readFile(file, 'utf8')).replaceAll('\n', '\r\n'));
      }
      assert.equal(await run(url, copy), 0);
    }));

  test('a database of a newer Skep is refused', () =>
    withDatabase(async (url) => {
      const copy = await copyOfMigrations('newer');
      const next = String((await readdir(copy)).length + 1).padStart(4, '0');
      await writeFile(join(copy, `${next}_future.sql`), 'SELECT 1');
      await run(url, copy);
      await assert.rejects(run(url, SHIPPED), {
        name: 'DatabaseError',
        message: /_future\.sql.*A newer Skep has used it/,
      });
    }));

  test('a migration that fails leaves nothing, and the next start does it', () =>
    withDatabase(async (url) => {
      const copy = await copyOfMigrations('failing');
      const count = (await readdir(copy)).length;
      const name = `${String(count + 1).padStart(4, '0')}_failing.sql`;
      await writeFile(join(copy, name), 'CREATE TABLE skep.half (a int); SELECT 1/0;');
      await assert.rejects(run(url, copy), /division by zero/);
      await writeFile(join(copy, name), 'CREATE TABLE skep.half (a int);');
      assert.equal(await run(url, copy), 1);
    }));

  test('a gap in the numbers is a mistake', () =>
    withDatabase(async (url) => {
      const copy = await copyOfMigrations('gap');
      await rename(join(copy, '0001_workers.sql'), join(copy, '0002_workers.sql'));
      await assert.rejects(run(url, copy), { name: 'DatabaseError', message: /is not number 1/ });
    }));
});

describe('opening a database', () => {
  const open = (url: string): Promise<unknown> =>
    openDatabase({ connection: { url }, log: testLog, connectTimeoutMs: 300 });

  test('one that is not there is one sentence without the password', async () => {
    await assert.rejects(open('postgresql://skep:hush@127.0.0.1:1/x?sslmode=disable'), (error: Error) => {
      assert.equal(error.name, 'DatabaseError');
      assert.match(
        error.message,
        /^Cannot reach the database postgresql:\/\/skep:\*\*\*@127\.0\.0\.1:1\/x: .*ECONNREFUSED/,
      );
      assert.doesNotMatch(error.message, /hush/);
      return true;
    });
  });

  test('a database name that does not exist says so', () =>
    withDatabase(async (url) => {
      const missing = url.replace(/skep_test_[0-9a-f]+/, 'skep_missing');
      await assert.rejects(open(missing), {
        name: 'DatabaseError',
        message: /"skep_missing" does not exist\. Create the database/,
      });
    }));

  test('a database in another encoding is refused', () =>
    withDatabase(async (url) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const name = `skep_test_ascii_${process.pid}`;
      await client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'`);
      try {
        await assert.rejects(open(url.replace(/skep_test_[0-9a-f]+/, name)), {
          name: 'DatabaseError',
          message: /encoding is SQL_ASCII/,
        });
      } finally {
        await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
        await client.end();
      }
    }));
});
