/** A database as a text of SQL that makes it again, read in one snapshot and as the database's own role: what that may not see is not in it. */
import pg from 'pg';
import type { EnteredDatabase, WorkerDatabases } from './databases.ts';
import { AFTER_ROWS, AT_THE_END, BEFORE_ROWS, DEFAULT_PRIVILEGES } from './dump-attachments.ts';
import { DEPENDENCIES, OBJECTS } from './dump-objects.ts';
import { type DumpObject, type OrderedObjects, orderObjects } from './dump-order.ts';
import { FIND_TABLE, LARGE_OBJECT_QUERIES, ROW_QUERIES, SEQUENCE_STATES } from './dump-rows.ts';
import type { RoleSetting } from './server.ts';
import { type ResultSink, rowToJson, Session, SessionEnded } from '../wire/session.ts';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';

export interface DumpOptions {
  /** With or without their schema; empty: everything. */
  readonly tables: readonly string[];
  readonly schema: boolean;
  readonly rows: boolean;
}

/** A table that was asked for is not there. */
export class NoSuchTable extends Error {
  override readonly name = 'NoSuchTable';
}

const HEADER = `-- A PostgreSQL database of Skep. To make it again: wrangler d1 execute <database> --remote --file <this file>, or psql.
-- Not in here: privileges of other roles, publications, and rows of tables that extensions made.
SET check_function_bodies = off;
`;
/** A file that does not end so was cut off. */
const FOOTER = '-- The end of the export.\n';

const ROWS_AT_ONCE = { first: 64, most: 4096 };
/** More rows are asked for at once until an answer has about as much. */
const AIM_CHARACTERS = 256 * 1024;

/**
 * Pieces of the text. It has the time of a transaction. Null: there is no such database.
 * @throws NoSuchTable, ServerError, SessionEnded, SessionLost, NoConnection
 */
export async function* dumpDatabase(
  databases: WorkerDatabases,
  entered: Pick<EnteredDatabase, 'pool' | 'roleSettings'>,
  options: DumpOptions,
): AsyncGenerator<string, void> {
  const session = await Session.open(entered.pool);
  const { transactionMs } = databases.times;
  const tooLong = `The export took longer than a transaction may, ${transactionMs / 1000} s. Export tables one by one (--table).`;
  const timer = setTimeout(() => session.end(new SessionEnded(tooLong)), transactionMs);
  try {
    yield* new Dump(session, entered, options).text();
  } finally {
    clearTimeout(timer);
    session.release();
  }
}

class Dump {
  readonly #session: Session;
  readonly #entered: Pick<EnteredDatabase, 'roleSettings'>;
  readonly #options: DumpOptions;

  constructor(session: Session, entered: Pick<EnteredDatabase, 'roleSettings'>, options: DumpOptions) {
    this.#session = session;
    this.#entered = entered;
    this.#options = options;
  }

  async *text(): AsyncGenerator<string, void> {
    const { tables, schema, rows } = this.#options;
    await this.#ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // Policies that hide rows make it fail, rather than make a file without them.
    await this.#ask(`SELECT set_config('search_path', '', true), set_config('row_security', 'off', true)`);
    const oids = tables.length === 0 ? null : `{${(await this.#findTables()).join(',')}}`;
    const part = oids === null ? 'whole' : 'ofTables';
    yield HEADER;
    const objects = schema ? await this.#objects(part, oids) : undefined;
    for (const statement of objects?.beforeRows ?? []) yield `${statement}\n`;
    if (schema) for (const query of BEFORE_ROWS) yield* this.#statements(query, [oids]);
    if (rows) yield* this.#contents(oids);
    if (schema) for (const query of AFTER_ROWS) yield* this.#statements(query, [oids]);
    for (const statement of objects?.afterRows ?? []) yield `${statement}\n`;
    if (schema) for (const query of AT_THE_END) yield* this.#statements(query, [oids]);
    if (schema && oids === null) {
      yield* this.#statements(DEFAULT_PRIVILEGES);
      for (const setting of await this.#entered.roleSettings()) yield `${settingStatement(setting)}\n`;
    }
    await this.#ask('COMMIT');
    yield FOOTER;
  }

  async #findTables(): Promise<string[]> {
    const oids: string[] = [];
    for (const name of this.#options.tables) {
      const [oid] = await this.#ask(FIND_TABLE, [name]);
      if (oid === undefined) throw new NoSuchTable(`The database has no table '${name.slice(0, 100)}'.`);
      oids.push(oid);
    }
    return oids;
  }

  async #objects(part: keyof typeof OBJECTS, oids: string | null): Promise<OrderedObjects> {
    const objects: DumpObject[] = [];
    for (const query of OBJECTS[part]) {
      for (const [key = '', statement = '', place] of await this.#askRows(query, paramsOf(query, oids))) {
        objects.push({ key, statement, place: place as DumpObject['place'] });
      }
    }
    const needs = await this.#askRows(DEPENDENCIES);
    return orderObjects(
      objects,
      needs.map(([key = '', needed = '']) => [key, needed] as const),
    );
  }

  async *#contents(oids: string | null): AsyncGenerator<string, void> {
    for (const query of await this.#ask(ROW_QUERIES, [oids])) yield* this.#rows(query);
    for (const query of await this.#ask(SEQUENCE_STATES, [oids])) yield* this.#statements(query);
    if (oids === null) for (const query of await this.#ask(LARGE_OBJECT_QUERIES)) yield* this.#rows(query);
  }

  async *#statements(query: string, [oids = null]: readonly (string | null)[] = []): AsyncGenerator<string, void> {
    for (const statement of await this.#ask(query, paramsOf(query, oids))) yield `${statement}\n`;
  }

  async *#rows(query: string): AsyncGenerator<string, void> {
    await this.#ask(`DECLARE export_rows NO SCROLL CURSOR FOR ${query}`);
    let count = ROWS_AT_ONCE.first;
    for (;;) {
      const rows = await this.#ask(`FETCH ${count} FROM export_rows`);
      if (rows.length === 0) break;
      const text = rows.map((row) => `${row}\n`).join('');
      yield text;
      count = Math.max(1, Math.min(ROWS_AT_ONCE.most, Math.floor((rows.length * AIM_CHARACTERS) / text.length)));
    }
    await this.#ask('CLOSE export_rows');
  }

  /** The first column of all rows. */
  async #ask(sql: string, params: readonly (string | null)[] = []): Promise<string[]> {
    return (await this.#askRows(sql, params)).map(([first = '']) => first);
  }

  async #askRows(sql: string, params: readonly (string | null)[] = []): Promise<string[][]> {
    const found: string[][] = [];
    let size = 0;
    const sink: ResultSink = {
      columns: () => undefined,
      row: (frame) => {
        size += frame.length;
        if (size > DATABASE_LIMITS.maxExportPieceBytes) this.#session.end(new SessionEnded(TOO_LARGE));
        else found.push(JSON.parse(rowToJson(frame)) as string[]);
      },
      done: () => undefined,
    };
    await this.#session.run([{ sql, params }], sink);
    return found;
  }
}

/** Lists of names, which are kept as such: as one text each would be one name. */
const LISTS_OF_NAMES = new Set(['search_path', 'temp_tablespaces', 'local_preload_libraries']);

/** For the role in the database where it runs: whoever makes the database again may have others. */
function settingStatement({ name, value }: RoleSetting): string {
  const setting = LISTS_OF_NAMES.has(name) ? value : pg.escapeLiteral(value);
  const end = pg.escapeLiteral(` SET ${pg.escapeIdentifier(name)} TO ${setting}`);
  const body = `BEGIN EXECUTE 'ALTER ROLE CURRENT_USER IN DATABASE ' || quote_ident(current_database()) || ${end}; END`;
  return `DO ${pg.escapeLiteral(body)};`;
}

/** The tables that were asked for, for a query that knows of them. */
const paramsOf = (query: string, oids: string | null): (string | null)[] => (query.includes('$1') ? [oids] : []);

const TOO_LARGE = `Rows or definitions have more than ${DATABASE_LIMITS.maxExportPieceBytes / 1024 / 1024} MiB at once, which is too large to export.`;
