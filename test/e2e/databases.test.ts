/** Databases by unmodified wrangler: made, filled, bound, asked with pg, postgres and Kysely, and deleted. */
import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { withEmbedded } from '../support/embedded-sql.ts';
import { type Skep, startSkep } from '../support/server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { createProject, type Project, runWrangler } from '../support/wrangler.ts';

let skep: Skep;
let origin: TcpProxy;
let project: Project;

const WORKER = `import pg from 'pg';
import postgres from 'postgres';
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';

/** Kysely over a D1 binding of Skep: the statements are PostgreSQL's. */
const kyselyOver = (database) => new Kysely({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createDriver: () => new (class extends DummyDriver {
      async acquireConnection() {
        return {
          async executeQuery({ sql, parameters }) {
            const rows = await database.query(sql, [...parameters]);
            return { rows, numAffectedRows: BigInt(rows.count) };
          },
        };
      }
    })(),
  },
});

export default {
  async fetch(request, { DB, HYPERDRIVE }) {
    const { pathname } = new URL(request.url);
    if (pathname === '/d1') return Response.json((await DB.prepare('SELECT name FROM todos WHERE id > ? ORDER BY id').bind(0).all()).results);
    if (pathname === '/kysely') {
      const db = kyselyOver(DB);
      const added = await db.insertInto('todos').values({ name: 'by Kysely' }).returning(['id', 'name']).executeTakeFirstOrThrow();
      const changed = await db.updateTable('todos').set({ done: true }).where('id', '=', added.id).executeTakeFirst();
      const rows = await db.selectFrom('todos').select(['name', 'done']).where('done', '=', true).execute();
      return Response.json({ added: added.name, changed: Number(changed.numUpdatedRows), rows });
    }
    if (pathname === '/pg') {
      const client = new pg.Client({ connectionString: HYPERDRIVE.connectionString });
      await client.connect();
      const { rows } = await client.query('SELECT current_user AS name, $1::int + 1 AS n', [41]);
      await client.end();
      return Response.json(rows);
    }
    const sql = postgres(HYPERDRIVE.connectionString, { max: 1 });
    const rows = await sql\`SELECT current_user AS name, \${41}::int + 1 AS n\`;
    await sql.end();
    return Response.json(rows);
  },
};
`;

before(async () => {
  // Drivers and query builders at their first use are much code: on a machine that is full it takes more CPU than the default is.
  skep = await startSkep({ env: { SKEP_EGRESS_ALLOW: '127.0.0.1', SKEP_LIMIT_CPU_MS: '1000' } });
  origin = await startTcpProxy(join(skep.dataDir, 'postgres/socket/.s.PGSQL.5432'));
  await withEmbedded(skep.dataDir, async (client) => {
    await client.query("CREATE ROLE owner LOGIN PASSWORD 'p@ss/word'");
    await client.query('CREATE DATABASE theirs OWNER owner');
  });
  project = await createProject({
    'wrangler.jsonc': JSON.stringify({ name: 'todo' }),
    'src/index.js': WORKER,
    'migrations/0001_todos.sql':
      'CREATE TABLE todos (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, done boolean NOT NULL DEFAULT false);\n',
    'seed.sql': "INSERT INTO todos (name) VALUES ('from a file; with a semicolon'), ('another');\n",
  });
  await symlink(resolve('node_modules'), join(project.dir, 'node_modules'));
});

after(async () => {
  await origin?.close();
  await project?.remove();
});

/** Must succeed; gives back what it printed. */
async function wrangler(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runWrangler(args, { cwd: project.dir, env: skep.wranglerEnv });
  assert.equal(code, 0, `wrangler ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

test('wrangler makes, binds, migrates, fills and deletes databases; drivers and query builders work over them', async () => {
  const url = `postgres://owner:${encodeURIComponent('p@ss/word')}@127.0.0.1:${origin.port}/theirs`;
  const [d1, hyperdrive] = await Promise.all([
    wrangler('d1', 'create', 'todos'),
    wrangler('hyperdrive', 'create', 'theirs', '--connection-string', url),
  ]);
  const databaseId = /"database_id": "([0-9a-f-]{36})"/.exec(d1)?.[1];
  const configId = /"id": "([0-9a-f]{32})"/.exec(hyperdrive)?.[1];
  await project.write({
    'wrangler.jsonc': JSON.stringify({
      name: 'todo',
      main: 'src/index.js',
      compatibility_date: '2026-01-01',
      compatibility_flags: ['nodejs_compat'],
      workers_dev: true,
      d1_databases: [{ binding: 'DB', database_name: 'todos', database_id: databaseId }],
      hyperdrive: [{ binding: 'HYPERDRIVE', id: configId }],
    }),
  });
  const [migrated] = await Promise.all([
    wrangler('d1', 'migrations', 'apply', 'todos', '--remote'),
    wrangler('deploy'),
  ]);
  assert.match(migrated, /0001_todos.sql/);
  await wrangler('d1', 'execute', 'todos', '--remote', '--file', 'seed.sql', '-y');

  const ask = async (path: string) => (await skep.request('todo', path)).json();
  assert.deepEqual(await ask('/d1'), [{ name: 'from a file; with a semicolon' }, { name: 'another' }]);
  assert.deepEqual(await ask('/kysely'), { added: 'by Kysely', changed: 1, rows: [{ name: 'by Kysely', done: true }] });
  assert.deepEqual(await ask('/pg'), [{ name: 'owner', n: 42 }]);
  assert.deepEqual(await ask('/postgres'), [{ name: 'owner', n: 42 }]);

  const [listed, updated] = await Promise.all([
    wrangler('hyperdrive', 'list'),
    wrangler('hyperdrive', 'update', configId ?? '', '--caching-disabled', 'true'),
  ]);
  assert.match(listed, /theirs/);
  assert.match(updated, /"disabled": true/);
  assert.ok(!`${listed}${updated}`.includes('p@ss'));
  await Promise.all([wrangler('d1', 'delete', 'todos', '-y'), wrangler('hyperdrive', 'delete', configId ?? '')]);
  assert.match((await skep.request('todo', '/d1')).text, /error code: 1101/);
});
