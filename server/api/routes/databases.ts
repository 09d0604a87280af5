/** Databases for workers, under Cloudflare's paths of D1; what is made is a PostgreSQL. */
import { z } from 'zod';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { DatabaseRecord } from '../../storage/databases/databases.ts';
import { CannotMakeDatabases } from '../../storage/databases/server.ts';
import { runSql, type StatementResult } from '../database-results.ts';
import type { DatabaseExports } from '../database-exports.ts';
import type { DatabaseImports } from '../database-imports.ts';
import { fail, isStoreConflict, unavailable } from '../errors.ts';
import { printableName } from '../json.ts';
import { paginate } from '../pages.ts';
import { accountBodyRoute, accountRoute, type AccountRequest, type ApiResult, type Route } from '../router.ts';

const databaseName = printableName.refine(
  (name) => Buffer.byteLength(name) <= DATABASE_LIMITS.maxNameBytes,
  `has more than ${DATABASE_LIMITS.maxNameBytes} bytes`,
);
const sqlBody = z.object({
  sql: z
    .string()
    .min(1)
    .max(DATABASE_LIMITS.maxSqlBytes)
    .refine((sql) => !sql.includes('\0'), 'holds the character U+0000'),
  params: z.array(z.unknown()).max(DATABASE_LIMITS.maxParameters).optional(),
});

const importBody = z.discriminatedUnion('action', [
  z.object({ action: z.literal('init'), etag: z.string().regex(/^[0-9a-f]{32}$/i) }),
  z.object({ action: z.literal('ingest'), filename: z.string().max(200), etag: z.string().max(64) }),
  z.object({ action: z.literal('poll'), current_bookmark: z.string().max(200) }),
]);

const exportBody = z.looseObject({
  dump_options: z
    .looseObject({
      no_schema: z.boolean().optional(),
      no_data: z.boolean().optional(),
      tables: z.array(printableName).max(DATABASE_LIMITS.maxStatements).optional(),
    })
    .optional(),
});

/** Below `/client/v4`: files are sent there, and fetched from there, without a token. */
export const IMPORT_PATH = '/skep/database-imports';
export const EXPORT_PATH = '/skep/database-exports';

export const databaseRoutes = (imports: DatabaseImports, exports: DatabaseExports): readonly Route[] => [
  accountBodyRoute('POST', '/d1/database', {
    summary: 'Make a database: a PostgreSQL of its own, for the Workers that are bound to it',
    body: z.looseObject({
      name: databaseName,
      jurisdiction: z.undefined('is not supported: this platform keeps all databases in one place').optional(),
    }),
    handle: async (request) => ({ result: present(await create(request, request.body.name)) }),
  }),
  accountRoute('GET', '/d1/database', {
    summary: 'The databases of the account; `name` looks for one',
    handle: async ({ options, account, query }) => {
      const name = query.get('name');
      const records = await options.databases.list(account.id);
      return paginate(records.filter((record) => name === null || record.name === name).map(present), query);
    },
  }),
  accountRoute('GET', '/d1/database/:database', {
    summary: 'A database by id or name, with its size and this node’s connections',
    handle: async (request) => {
      const record = await requireDatabase(request);
      return { result: { ...present(record), ...(await usageOf(request, record)) } };
    },
  }),
  accountRoute('DELETE', '/d1/database/:database', {
    summary: 'Delete a database and all that is in it',
    handle: async (request) => {
      const { id } = await requireDatabase(request);
      await request.options.databases.delete(request.account.id, id);
      return { result: null };
    },
  }),
  accountBodyRoute('POST', '/d1/database/:database/query', {
    summary: 'Run SQL: several statements, or one with parameters ($1 …)',
    body: sqlBody,
    handle: async (request) => ({ result: (await run(request)).map(presentObjects) }),
  }),
  accountBodyRoute('POST', '/d1/database/:database/raw', {
    summary: 'The same with rows as arrays',
    body: sqlBody,
    handle: async (request) => ({ result: (await run(request)).map(presentArrays) }),
  }),
  accountBodyRoute('POST', '/d1/database/:database/import', {
    summary: 'Run an SQL file: `init` says where to send it, `ingest` runs it',
    body: importBody,
    handle: (request) => importFile(request, imports),
  }),
  accountBodyRoute('POST', '/d1/database/:database/export', {
    summary:
      'A link, good for an hour, to the database as SQL that makes it again: whole, or `tables`, `no_schema`, `no_data`',
    body: exportBody,
    handle: (request) => exportDatabase(request, exports),
  }),
];

/** The file is one transaction, and has the time of one statement. */
async function importFile(
  request: AccountRequest<z.infer<typeof importBody>>,
  imports: DatabaseImports,
): Promise<ApiResult> {
  const { id } = await requireDatabase(request);
  const { body, options, account } = request;
  const bookmark = `skep-${id}`;
  if (body.action === 'init') {
    const token = imports.begin(id, body.etag.toLowerCase());
    if (token === undefined) throw unavailable('too many files wait to be imported', 10);
    const uploadUrl = `${request.origin}/client/v4${IMPORT_PATH}/${token}`;
    return { result: { success: true, filename: token, upload_url: uploadUrl, at_bookmark: bookmark, messages: [] } };
  }
  if (body.action === 'poll') {
    return { result: { success: true, status: 'complete', at_bookmark: bookmark, messages: [] } };
  }
  const sql = imports.take(body.filename, id);
  if (sql === undefined)
    throw fail('databaseQueryFailed', { reason: 'The file to be run has not arrived on this server.' });
  const results = await runSql(options.databases, account.id, id, { sql, params: [] });
  const duration = results.reduce((total, { ms }) => total + ms, 0);
  const changes = results.reduce((total, one) => total + one.changes, 0);
  const usage = await options.databases.usage(account.id, id);
  const meta = { duration, changes, rows_read: 0, rows_written: changes, size_after: usage?.sizeBytes ?? 0 };
  const result = { num_queries: results.length, final_bookmark: bookmark, meta };
  return { result: { success: true, status: 'complete', at_bookmark: bookmark, messages: [], result } };
}

async function exportDatabase(
  request: AccountRequest<z.infer<typeof exportBody>>,
  exports: DatabaseExports,
): Promise<ApiResult> {
  const { id, name } = await requireDatabase(request);
  const { no_schema: noSchema = false, no_data: noData = false, tables = [] } = request.body.dump_options ?? {};
  const token = await exports.begin(request.options.databases, request.account.id, id, {
    tables,
    schema: !noSchema,
    rows: !noData,
  });
  const result = { filename: `${name}.sql`, signed_url: `${request.origin}/client/v4${EXPORT_PATH}/${token}` };
  return { result: { success: true, status: 'complete', at_bookmark: `skep-${id}`, messages: [], result } };
}

async function create({ options, account }: AccountRequest<unknown>, name: string): Promise<DatabaseRecord> {
  try {
    return await options.databases.create(account.id, name);
  } catch (error) {
    if (isStoreConflict(error)) throw fail('databaseExists', { name });
    if (error instanceof CannotMakeDatabases) throw unavailable(error.message, 60, error);
    if (!(error instanceof RangeError)) throw error;
    const limit = DATABASE_LIMITS.databasesPerAccount;
    throw fail('tooManyDatabases', { count: (await options.databases.list(account.id)).length, limit });
  }
}

/** By id, or by name as wrangler asks for it. Throws ApiError 7404. */
async function requireDatabase(request: AccountRequest<unknown>): Promise<DatabaseRecord> {
  const {
    account,
    options: { databases },
  } = request;
  const text = request.param('database');
  const found = (await databases.find(account.id, text)) ?? (await databases.findByName(account.id, text));
  if (found === null) throw fail('databaseNotFound', { database: text.slice(0, 100) });
  return found;
}

async function run(request: AccountRequest<z.infer<typeof sqlBody>>): Promise<StatementResult[]> {
  const { id } = await requireDatabase(request);
  const { sql, params = [] } = request.body;
  return await runSql(request.options.databases, request.account.id, id, { sql: asPostgres(sql), params });
}

/** The table in which wrangler keeps which migrations have run; it is written in SQLite's words. */
const MIGRATIONS_TABLE =
  /^(\s*CREATE TABLE IF NOT EXISTS "?\w+"?\s*\(\s*"?id"?\s+)INTEGER PRIMARY KEY AUTOINCREMENT(\s*,\s*name\s+TEXT UNIQUE\s*,)/i;

const asPostgres = (sql: string): string =>
  sql.replace(MIGRATIONS_TABLE, '$1integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY$2');

const present = ({ id, name, createdAt }: DatabaseRecord): Record<string, unknown> => ({
  uuid: id,
  name,
  version: 'production',
  created_at: createdAt.toISOString(),
});

async function usageOf({ options, account }: AccountRequest<unknown>, { id }: DatabaseRecord) {
  const usage = await options.databases.usage(account.id, id);
  return {
    file_size: usage?.sizeBytes ?? null,
    max_size: usage?.maxSizeBytes ?? null,
    connections: usage?.connections ?? 0,
    waiting_operations: usage?.waiting ?? 0,
  };
}

const presentObjects = (result: StatementResult): Record<string, unknown> => ({
  results: result.rows.map((row) => Object.fromEntries(result.columns.map((name, index) => [name, row[index]]))),
  success: true,
  meta: metaOf(result),
});

const presentArrays = (result: StatementResult): Record<string, unknown> => ({
  results: { columns: result.columns, rows: result.rows },
  success: true,
  meta: metaOf(result),
});

const metaOf = ({ changes, ms, rows }: StatementResult): Record<string, unknown> => ({
  served_by: 'skep',
  duration: ms,
  changes,
  last_row_id: 0,
  changed_db: changes > 0,
  size_after: 0,
  rows_read: rows.length,
  rows_written: changes,
});
