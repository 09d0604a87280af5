/** SQL of a test's own in the embedded PostgreSQL of a Skep that runs. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

/** Connects to the PostgreSQL of this data directory as its superuser; `use` gets the open client. */
export async function withEmbedded<T>(
  dataDir: string,
  use: (client: pg.Client) => Promise<T>,
  database = 'postgres',
): Promise<T> {
  const note = join(dataDir, 'postgres.socket');
  const host = existsSync(note) ? readFileSync(note, 'utf8') : join(dataDir, 'postgres', 'socket');
  const password = readFileSync(join(dataDir, 'postgres', 'password'), 'utf8').trim();
  const client = new pg.Client({ host, port: 5432, user: 'postgres', password, database });
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Every row of every table of Skep's, one per line, sorted: two databases with the same text hold the same. */
export function tablesAsText(dataDir: string): Promise<string> {
  return withEmbedded(dataDir, async (client) => {
    const tables = await client.query<{ name: string }>(
      "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname LIKE 'skep%' ORDER BY 1",
    );
    const lines: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ line: string }>(
        `SELECT row_to_json(t)::text AS line FROM ${name} t ORDER BY 1`,
      );
      lines.push(...rows.map(({ line }) => `${name} ${line}`));
    }
    return lines.join('\n');
  });
}
