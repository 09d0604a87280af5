/**
 * `env.DB`: D1's classes (https://developers.cloudflare.com/d1/worker-api/) over PostgreSQL, and beside them what PostgreSQL can do more:
 * `query`, `cursor`, `transaction`.
 */
import { workerNow } from '../../clock.ts';
import { compatFlag } from '../../compat.ts';
import { dressClass } from '../../jsg.ts';
import {
  defineProperty,
  isArray,
  NativePromise,
  NativeTypeError,
  nativeString,
  NativeUint8Array,
  promiseThen,
  readerRead,
  streamGetReader,
  stringSlice,
  stringTrim,
  symbolToStringTag,
} from '../../primordials.ts';
import { refuseClonesOf } from '../../scope-functions.ts';
import { illegalConstructor } from '../../webidl.ts';
import {
  ask,
  countOf,
  type Place,
  type Result,
  runScript,
  runStatements,
  type SentStatement,
  toObjects,
} from './ask.ts';
import { openCursor } from './cursor.ts';
import { databaseError, errorWithCause } from './errors.ts';
import { batch, type D1PreparedStatement, type D1Result, prepare, type Target, toParameters } from './statement.ts';

const CREATE = {};

type Row = Record<string, unknown>;

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

async function exec(target: Target, sql: unknown): Promise<{ count: number; duration: number }> {
  if (typeof sql !== 'string') throw new NativeTypeError(`exec() takes SQL as text, not ${nativeString(sql)}.`);
  const results = await target.inTurn(() => runScript(target, sql));
  let duration = 0;
  for (let index = 0; index < results.length; index++) duration += results[index]?.ms as number;
  return { count: results.length, duration };
}

const atOnce = <T>(work: () => Promise<T>): Promise<T> => work();

/** A transaction, for as long as the function runs that was given it. */
class DatabaseTransaction {
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

const FIRST_PRIMARY = 'first-primary';
const FIRST_UNCONSTRAINED = 'first-unconstrained';

/**
 * One PostgreSQL has the last word about everything: every session sees what was written before it. So any bookmark is good, and those
 * given out only have to grow, as D1's do.
 */
class D1DatabaseSession {
  readonly #target: Target;
  #bookmark: string | null;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    const bookmark = args[2] as string;
    this.#bookmark = bookmark === FIRST_PRIMARY || bookmark === FIRST_UNCONSTRAINED ? null : bookmark;
    const onAnswer = (): void => {
      this.#bookmark = nextBookmark();
    };
    this.#target = { ...(args[1] as Target), onAnswer };
  }

  prepare(sql: unknown): D1PreparedStatement {
    return prepare(this.#target, sql);
  }

  async batch(statements: unknown): Promise<D1Result[]> {
    return await batch(this.#target, statements);
  }

  getBookmark(): string | null {
    return this.#bookmark;
  }
}

let bookmarks = 0;

/** The time of the last answer, and how many there were: in the shape of D1's, and growing as text, too. */
function nextBookmark(): string {
  const time = stringSlice(`0000000000000000${workerNow()}`, -16);
  const count = stringSlice(`00000000${++bookmarks}`, -8);
  return `${stringSlice(time, 0, 8)}-${stringSlice(time, 8)}-${count}-00000000000000000000000000000000`;
}

/** What `withSession` was given, without the spaces around it. @throws TypeError for what is no text */
function constraintOf(given: unknown): string {
  if (given === undefined || given === null) return FIRST_UNCONSTRAINED;
  if (typeof given !== 'string') {
    throw new NativeTypeError(
      `withSession() takes '${FIRST_PRIMARY}', '${FIRST_UNCONSTRAINED}' or a bookmark, not ${nativeString(given)}.`,
    );
  }
  return stringTrim(given) || FIRST_UNCONSTRAINED;
}

export class D1Database {
  readonly #target: Target;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#target = args[1] as Target;
  }

  static create(binding: string): D1Database {
    return new D1Database(CREATE, { binding, transaction: null, inTurn: atOnce });
  }

  prepare(sql: unknown): D1PreparedStatement {
    return prepare(this.#target, sql);
  }

  async batch(statements: unknown): Promise<D1Result[]> {
    return await batch(this.#target, statements);
  }

  async exec(sql: unknown): Promise<{ count: number; duration: number }> {
    return await exec(this.#target, sql);
  }

  withSession(constraintOrBookmark: unknown): D1DatabaseSession {
    return new D1DatabaseSession(CREATE, this.#target, constraintOf(constraintOrBookmark));
  }

  async dump(): Promise<never> {
    throw errorWithCause(
      'D1_DUMP_ERROR: ',
      'dump() is not supported: the database is a PostgreSQL. Use pg_dump, or read tables with cursor().',
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
defineProperty(D1Database, 'name', { value: 'D1Database', configurable: true });
// D1 is JavaScript in workerd, too, and its classes look like that: on one of theirs it is the base class that has a tag.
if (compatFlag('set_tostring_tag')) {
  defineProperty(D1Database.prototype, symbolToStringTag, { value: 'WrappedBinding', configurable: true });
}
refuseClonesOf(
  D1Database,
  'Could not serialize object of type "WrappedBinding". This type does not support serialization.',
);

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
