/** `D1PreparedStatement` and `batch`: D1's words and shapes (https://developers.cloudflare.com/d1/worker-api/) for what PostgreSQL answers. */
import {
  defineProperty,
  isArray,
  NativeError,
  NativeTypeError,
  nativeString,
  stringCharCodeAt,
} from '../../primordials.ts';
import { illegalConstructor } from '../../webidl.ts';
import {
  changesOf,
  changesSchema,
  type Place,
  type Result,
  runStatements,
  type SentStatement,
  toObjects,
} from './ask.ts';
import { errorWithCause } from './errors.ts';
import { rewritePlaceholders } from './placeholders.ts';
import { toParameter } from './values.ts';

const CREATE = {};
const D1_PREFIX = 'D1_ERROR: ';

type Row = Record<string, unknown>;
type Args = readonly unknown[];

interface D1Meta {
  readonly served_by: string;
  readonly served_by_primary: true;
  readonly total_attempts: 1;
  readonly timings: { readonly sql_duration_ms: number };
  readonly duration: number;
  readonly changes: number;
  readonly last_row_id: number;
  readonly changed_db: boolean;
  readonly size_after: number;
  readonly rows_read: number;
  readonly rows_written: number;
}

export interface D1Result {
  readonly success: true;
  readonly meta: D1Meta;
  readonly results: readonly Row[];
}

/** Where statements go, and in which order: those of one transaction one after the other. */
export interface Target extends Place {
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** After statements of D1's methods were answered. */
  readonly onAnswer?: () => void;
}

export function toParameters(values: Args): (string | null)[] {
  const params: (string | null)[] = [];
  for (let index = 0; index < values.length; index++) params[index] = toParameter(values[index]);
  return params;
}

function toD1Result(result: Result): D1Result {
  const results = toObjects(result);
  const changes = changesOf(result.tag);
  return {
    success: true,
    meta: {
      served_by: 'skep',
      served_by_primary: true,
      total_attempts: 1,
      timings: { sql_duration_ms: result.ms },
      duration: result.ms,
      changes,
      // PostgreSQL has no such thing: INSERT … RETURNING tells.
      last_row_id: 0,
      changed_db: changes > 0 || changesSchema(result.tag),
      size_after: 0,
      rows_read: results.length,
      rows_written: changes,
    },
    results,
  };
}

let sentOf: (statement: unknown) => SentStatement;

export class D1PreparedStatement {
  readonly #target: Target;
  readonly #sql: unknown;
  readonly #params: Args;

  /** @param shown the parameters as they were given */
  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#target = args[1] as Target;
    this.#sql = args[2];
    this.#params = args[3] as Args;
    // Own and open to everybody, as on Workers; what is sent is not read from them.
    show(this, 'statement', args[2]);
    show(this, 'params', args[4]);
  }

  static {
    sentOf = (statement) => {
      if (typeof statement !== 'object' || statement === null || !(#sql in statement)) {
        throw errorWithCause(D1_PREFIX, 'A batch is an array of statements that prepare() made.');
      }
      const text = `${statement.#sql as string}`;
      const { sql, count, grown } = rewritePlaceholders(text);
      const given = statement.#params.length;
      if (count !== undefined && count !== given) {
        throw errorWithCause(D1_PREFIX, `Wrong number of parameter bindings for SQL query: ${given} for ${count}.`);
      }
      return { sql, params: statement.#params as (string | null)[], grown };
    };
  }

  bind(...values: unknown[]): D1PreparedStatement {
    return new D1PreparedStatement(CREATE, this.#target, this.#sql, toParameters(values), values);
  }

  async first(colName?: unknown): Promise<unknown> {
    const result = await this.#run();
    const [row] = toObjects(result);
    if (row === undefined) return null;
    if (colName === undefined) return row;
    for (let index = 0; index < result.columns.length; index++) {
      if (result.columns[index]?.name === colName) return row[colName as string];
    }
    const cause = new NativeError('Column not found');
    throw new NativeError(`D1_COLUMN_NOTFOUND: Column not found (${nativeString(colName)})`, { cause });
  }

  async run(): Promise<D1Result> {
    return toD1Result(await this.#run());
  }

  async all(): Promise<D1Result> {
    return toD1Result(await this.#run());
  }

  async raw(options?: unknown): Promise<unknown[]> {
    const { columnNames } = (options ?? {}) as { columnNames?: unknown };
    const { columns, rows } = await this.#run();
    const raw: unknown[] = [];
    if (columnNames) {
      const names: string[] = [];
      for (let index = 0; index < columns.length; index++) names[index] = columns[index]?.name as string;
      raw[0] = names;
    }
    for (let index = 0; index < rows.length; index++) raw[raw.length] = rows[index];
    return raw;
  }

  async #run(): Promise<Result> {
    return (await runAll(this.#target, [sentOf(this)]))[0] as Result;
  }
}

function show(statement: D1PreparedStatement, name: string, value: unknown): void {
  defineProperty(statement, name, { value, writable: true, enumerable: true, configurable: true });
}

// The bundler gives a class that speaks of itself another name.
defineProperty(D1PreparedStatement, 'name', { value: 'D1PreparedStatement', configurable: true });

/** @param sql text, or what becomes text when the statement is run */
export const prepare = (target: Target, sql: unknown): D1PreparedStatement =>
  new D1PreparedStatement(CREATE, target, sql, [], []);

/** Those of them that hold anything but white space and comments of lines: D1 overlooks the others. */
async function runAll(target: Target, statements: readonly SentStatement[]): Promise<Result[]> {
  const sent: SentStatement[] = [];
  for (let index = 0; index < statements.length; index++) {
    const statement = statements[index] as SentStatement;
    if (!isBlank(statement.sql)) sent[sent.length] = statement;
  }
  if (sent.length === 0) throw errorWithCause(D1_PREFIX, 'No SQL statements detected.');
  const results = await target.inTurn(() => runStatements(target, sent, D1_PREFIX));
  for (let index = 0; index < results.length; index++) {
    if (results[index]?.tag === '') throw errorWithCause(D1_PREFIX, 'SQL code did not contain a statement.');
  }
  target.onAnswer?.();
  return results;
}

const SPACE = 32;
const LINE_FEED = 10;
const HYPHEN = 45;

function isBlank(sql: string): boolean {
  for (let at = 0; at < sql.length; at++) {
    const code = stringCharCodeAt(sql, at);
    if (code === HYPHEN && stringCharCodeAt(sql, at + 1) === HYPHEN) {
      while (at < sql.length && stringCharCodeAt(sql, at) !== LINE_FEED) at++;
    } else if (code !== SPACE && (code < 9 || code > 13)) return false;
  }
  return true;
}

export async function batch(target: Target, statements: unknown): Promise<D1Result[]> {
  if (!isArray(statements)) throw new NativeTypeError('batch() takes an array of statements that prepare() made.');
  const sent: SentStatement[] = [];
  for (let index = 0; index < statements.length; index++) sent[index] = sentOf(statements[index]);
  const results = await runAll(target, sent);
  const d1Results: D1Result[] = [];
  for (let index = 0; index < results.length; index++) d1Results[index] = toD1Result(results[index] as Result);
  return d1Results;
}
