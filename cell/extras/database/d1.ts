/**
 * `env.DB`: D1's classes (https://developers.cloudflare.com/d1/worker-api/) over PostgreSQL, and beside them what PostgreSQL can do more:
 * `query`, `cursor`, `transaction`.
 */
import { dressClass } from '../../jsg.ts';
import {
  defineProperty,
  isArray,
  NativeError,
  NativePromise,
  NativeTypeError,
  nativeString,
  NativeUint8Array,
  promiseThen,
  readerRead,
  streamGetReader,
} from '../../primordials.ts';
import { illegalConstructor } from '../../webidl.ts';
import {
  ask,
  changesOf,
  countOf,
  databaseError,
  type Place,
  type Result,
  runScript,
  runStatements,
  type SentStatement,
  toObjects,
} from './ask.ts';
import { openCursor } from './cursor.ts';
import { rewritePlaceholders } from './placeholders.ts';
import { toParameter } from './values.ts';

const CREATE = {};
const D1_PREFIX = 'D1_ERROR: ';

type Row = Record<string, unknown>;
type Args = readonly unknown[];

interface D1Meta {
  readonly served_by: string;
  readonly duration: number;
  readonly changes: number;
  readonly last_row_id: number;
  readonly changed_db: boolean;
  readonly size_after: number;
  readonly rows_read: number;
  readonly rows_written: number;
}

interface D1Result {
  readonly success: true;
  readonly meta: D1Meta;
  readonly results: readonly Row[];
}

/** Where statements go, and in which order: those of one transaction one after the other. */
interface Target extends Place {
  inTurn<T>(work: () => Promise<T>): Promise<T>;
}

function toParameters(values: Args): (string | null)[] {
  const params: (string | null)[] = [];
  for (let index = 0; index < values.length; index++) params[index] = toParameter(values[index]);
  return params;
}

/** `sql` and `params` of `query` and `cursor`: PostgreSQL's own placeholders. */
function nativeStatement(sql: unknown, params: unknown): SentStatement {
  if (params !== undefined && !isArray(params)) {
    throw new NativeTypeError('Parameters are an array: query(sql, [first, second]).');
  }
  return { sql: `${sql as string}`, params: toParameters(params ?? []), grown: [] };
}

/** Rows as an array that knows more: `count`, `command` and `columns`, as the driver `postgres` has them. */
async function query(target: Target, sql: unknown, params: unknown): Promise<Row[]> {
  const statement = nativeStatement(sql, params);
  const [result] = (await target.inTurn(() => runStatements(target, [statement], ''))) as [Result];
  const rows = toObjects(result);
  const facts = { count: countOf(result.tag, rows.length), command: result.tag, columns: result.columns };
  hide(rows, 'count', facts.count);
  hide(rows, 'command', facts.command);
  hide(rows, 'columns', facts.columns);
  return rows;
}

function hide(target: object, key: string, value: unknown): void {
  defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

function toD1Result(result: Result): D1Result {
  const results = toObjects(result);
  const changes = changesOf(result.tag);
  return {
    success: true,
    meta: {
      served_by: 'skep',
      duration: result.ms,
      changes,
      // PostgreSQL has no such thing: INSERT … RETURNING tells.
      last_row_id: 0,
      changed_db: changes > 0,
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
  readonly #sql: string;
  readonly #params: Args;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#target = args[1] as Target;
    this.#sql = args[2] as string;
    this.#params = args[3] as Args;
  }

  static {
    sentOf = (statement) => {
      if (typeof statement !== 'object' || statement === null || !(#sql in statement)) {
        throw new NativeTypeError('A batch is an array of statements that prepare() made.');
      }
      const { sql, count, grown } = rewritePlaceholders(statement.#sql);
      const given = statement.#params.length;
      if (count !== undefined && count !== given) {
        throw new NativeError(`D1_ERROR: Wrong number of parameter bindings for SQL query: ${given} for ${count}.`);
      }
      return { sql, params: statement.#params as (string | null)[], grown };
    };
  }

  bind(...values: unknown[]): D1PreparedStatement {
    return new D1PreparedStatement(CREATE, this.#target, this.#sql, toParameters(values));
  }

  async first(...args: unknown[]): Promise<unknown> {
    const result = await this.#run();
    const [row] = toObjects(result);
    if (row === undefined) return null;
    const column = args[0];
    if (column === undefined) return row;
    for (let index = 0; index < result.columns.length; index++) {
      if (result.columns[index]?.name === column) return row[column as string];
    }
    throw new NativeError(`D1_COLUMN_NOTFOUND: Column not found (${nativeString(column)})`);
  }

  async all(): Promise<D1Result> {
    return toD1Result(await this.#run());
  }

  async run(): Promise<D1Result> {
    return toD1Result(await this.#run());
  }

  async raw(...args: unknown[]): Promise<unknown[]> {
    const { columnNames } = (args[0] ?? {}) as { columnNames?: unknown };
    const { columns, rows } = await this.#run();
    const raw: unknown[] = [];
    if (columnNames === true) {
      const names: string[] = [];
      for (let index = 0; index < columns.length; index++) names[index] = columns[index]?.name as string;
      raw[0] = names;
    }
    for (let index = 0; index < rows.length; index++) raw[raw.length] = rows[index];
    return raw;
  }

  async #run(): Promise<Result> {
    const statement = sentOf(this);
    const [result] = (await this.#target.inTurn(() => runStatements(this.#target, [statement], D1_PREFIX))) as [Result];
    return result;
  }
}
dressClass(D1PreparedStatement, 'D1PreparedStatement');

const prepare = (target: Target, sql: unknown): D1PreparedStatement =>
  new D1PreparedStatement(CREATE, target, `${sql as string}`, []);

async function batch(target: Target, statements: unknown): Promise<D1Result[]> {
  if (!isArray(statements)) throw new NativeTypeError('batch() takes an array of statements that prepare() made.');
  const sent: SentStatement[] = [];
  for (let index = 0; index < statements.length; index++) sent[index] = sentOf(statements[index]);
  if (sent.length === 0) throw new NativeError('D1_ERROR: No SQL statements detected.');
  const results = await target.inTurn(() => runStatements(target, sent, D1_PREFIX));
  const d1Results: D1Result[] = [];
  for (let index = 0; index < results.length; index++) d1Results[index] = toD1Result(results[index] as Result);
  return d1Results;
}

async function exec(target: Target, sql: unknown): Promise<{ count: number; duration: number }> {
  const results = await target.inTurn(() => runScript(target, `${sql as string}`, D1_PREFIX));
  let duration = 0;
  for (let index = 0; index < results.length; index++) duration += results[index]?.ms as number;
  return { count: results.length, duration };
}

const atOnce = <T>(work: () => Promise<T>): Promise<T> => work();

/** A transaction, for as long as the function runs that was given it. */
export class DatabaseTransaction {
  readonly #target: Target;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#target = args[1] as Target;
  }

  query(...args: unknown[]): Promise<Row[]> {
    return query(this.#target, args[0], args[1]);
  }

  prepare(...args: unknown[]): D1PreparedStatement {
    return prepare(this.#target, args[0]);
  }

  batch(...args: unknown[]): Promise<D1Result[]> {
    return batch(this.#target, args[0]);
  }

  exec(...args: unknown[]): Promise<{ count: number; duration: number }> {
    return exec(this.#target, args[0]);
  }
}
dressClass(DatabaseTransaction, 'DatabaseTransaction');

/** One PostgreSQL has the last word about everything: every session sees what was written before, and has no use for bookmarks. */
export class D1DatabaseSession {
  readonly #target: Target;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#target = args[1] as Target;
  }

  prepare(...args: unknown[]): D1PreparedStatement {
    return prepare(this.#target, args[0]);
  }

  batch(...args: unknown[]): Promise<D1Result[]> {
    return batch(this.#target, args[0]);
  }

  getBookmark(): null {
    return null;
  }
}
dressClass(D1DatabaseSession, 'D1DatabaseSession');

export class D1Database {
  readonly #target: Target;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#target = args[1] as Target;
  }

  static create(binding: string): D1Database {
    return new D1Database(CREATE, { binding, transaction: null, inTurn: atOnce });
  }

  prepare(...args: unknown[]): D1PreparedStatement {
    return prepare(this.#target, args[0]);
  }

  batch(...args: unknown[]): Promise<D1Result[]> {
    return batch(this.#target, args[0]);
  }

  exec(...args: unknown[]): Promise<{ count: number; duration: number }> {
    return exec(this.#target, args[0]);
  }

  withSession(): D1DatabaseSession {
    return new D1DatabaseSession(CREATE, this.#target);
  }

  async dump(): Promise<never> {
    throw new NativeError(
      'D1_ERROR: dump() is not supported: the database is a PostgreSQL. Use pg_dump, or read tables with cursor().',
    );
  }

  query(...args: unknown[]): Promise<Row[]> {
    return query(this.#target, args[0], args[1]);
  }

  cursor(...args: unknown[]): ReadableStream<Row> {
    return openCursor(this.#target, nativeStatement(args[0], args[1]));
  }

  /** @throws what the function throws, after ROLLBACK; an error when the time of a transaction is up */
  async transaction(...args: unknown[]): Promise<unknown> {
    const [work, options] = args;
    if (typeof work !== 'function') throw new NativeTypeError('transaction() takes a function: async (tx) => { … }.');
    const { binding } = this.#target;
    const { result, body } = await ask(binding, 'begin', beginOptions(options), '');
    const { transaction } = result as { transaction: string };
    const target: Target = { binding, transaction, inTurn: createQueue() };
    // A call of a native promise's `then` through user code's hands could be anything: the settled value is read once, here.
    const settled = (async () => {
      try {
        return {
          value: (await (work as (tx: unknown) => unknown)(new DatabaseTransaction(CREATE, target))) as unknown,
        };
      } catch (error) {
        return { error };
      }
    })();
    const outcome = await firstOf(settled, whenOver(body));
    if ('error' in outcome) {
      if (!('isOver' in outcome)) await target.inTurn(() => end(target, 'rollback'));
      throw outcome.error;
    }
    await target.inTurn(() => ask(binding, 'commit', { transaction }, ''));
    return outcome.value;
  }
}
dressClass(D1Database, 'D1Database');

/** A transaction that the server has ended already needs no end. */
async function end({ binding, transaction }: Place, how: 'rollback'): Promise<void> {
  try {
    await ask(binding, how, { transaction }, '');
  } catch {
    // What made it fail is what the worker hears.
  }
}

function beginOptions(options: unknown): Record<string, unknown> {
  const { isolation, readOnly } = (options ?? {}) as { isolation?: unknown; readOnly?: unknown };
  return { isolation, readOnly };
}

type Outcome = { readonly value: unknown } | { readonly error: unknown; readonly isOver?: true };

/** Never while the transaction is open: the server fails the call that began it when its time is up. */
async function whenOver(body: Uint8Array | ReadableStream<Uint8Array>): Promise<Outcome> {
  if (!(body instanceof NativeUint8Array)) {
    try {
      await readerRead(streamGetReader(body));
    } catch (error) {
      return { error: databaseError(error, '', []), isOver: true };
    }
  }
  return await new NativePromise<never>(() => undefined);
}

function firstOf(one: Promise<Outcome>, other: Promise<Outcome>): Promise<Outcome> {
  return new NativePromise((resolve) => {
    void promiseThen(one, resolve);
    void promiseThen(other, resolve);
  });
}

/** One after the other, whatever becomes of the one before. */
function createQueue(): Target['inTurn'] {
  let last: Promise<unknown> = new NativePromise<void>((resolve) => resolve());
  return <T>(work: () => Promise<T>): Promise<T> => {
    const next = promiseThen(last, work, work) as Promise<T>;
    last = next;
    // Whoever asked hears of it; the queue itself is no reason for an unhandled rejection.
    void promiseThen(next, undefined, () => undefined);
    return next;
  };
}
