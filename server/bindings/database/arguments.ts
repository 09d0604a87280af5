/** What a worker asks of a database. Everything in it is the worker's own words. */
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { readBounded } from '../../storage/read-bounded.ts';
import type { Statement } from '../../storage/wire/session.ts';
import type { BindingCall } from '../../supervisor/types.ts';
import { OperationError } from '../data-binding.ts';

export interface RunArguments {
  readonly statements: readonly Statement[];
  /** The transaction that a call of `begin` opened; null: one of its own. */
  readonly transaction: string | null;
}

export interface ScriptArguments {
  readonly sql: string;
  readonly transaction: string | null;
}

const ISOLATION_LEVELS = ['read committed', 'repeatable read', 'serializable'] as const;

export interface BeginArguments {
  readonly isolation: (typeof ISOLATION_LEVELS)[number];
  readonly readOnly: boolean;
}

/** The arguments of an operation, from its head, or from its body when they did not fit there. */
export async function readArguments(call: BindingCall, args: unknown): Promise<Record<string, unknown>> {
  const value = args === null ? parse(await readBody(call)) : args;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new OperationError('The arguments of the operation are no object.', 'TypeError');
}

const readBody = ({ wholeBody, body }: BindingCall): Promise<Buffer> =>
  readBounded(wholeBody === null ? (body ?? []) : [wholeBody], DATABASE_LIMITS.maxOperationBytes, tooLarge);

const tooLarge = (): OperationError =>
  new OperationError(
    `The statements and parameters of one operation may have ${DATABASE_LIMITS.maxOperationBytes} bytes together. Send them in several batches.`,
  );

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new OperationError('The arguments of the operation are no JSON.', 'TypeError');
  }
}

/** One statement or a batch. @throws OperationError */
export function readRun(args: Record<string, unknown>): RunArguments {
  const { statements } = args;
  if (!Array.isArray(statements) || statements.length === 0 || statements.length > DATABASE_LIMITS.maxStatements) {
    const count = Array.isArray(statements) ? statements.length : 'none';
    throw new OperationError(
      `A batch has ${count} statements; allowed are 1 to ${DATABASE_LIMITS.maxStatements}.`,
      'TypeError',
    );
  }
  return { statements: statements.map(readStatement), transaction: readTransaction(args) };
}

/** A text of several statements. @throws OperationError */
export function readScript(args: Record<string, unknown>): ScriptArguments {
  return { sql: readSql(args['sql']), transaction: readTransaction(args) };
}

/** What a transaction is to be like. @throws OperationError */
export function readBegin(args: Record<string, unknown>): BeginArguments {
  const { isolation = 'read committed', readOnly = false } = args;
  const level = ISOLATION_LEVELS.find((known) => known === isolation);
  if (level === undefined || typeof readOnly !== 'boolean') {
    throw new OperationError(
      `A transaction takes {isolation, readOnly}: isolation is one of ${ISOLATION_LEVELS.join(', ')}, readOnly a boolean.`,
      'TypeError',
    );
  }
  return { isolation: level, readOnly };
}

/** The transaction an operation belongs to; null: none. */
export function readTransaction({ transaction }: Record<string, unknown>): string | null {
  return typeof transaction === 'string' ? transaction : null;
}

function readStatement(value: unknown): Statement {
  const { sql, params } = (value ?? {}) as { sql?: unknown; params?: unknown };
  if (!Array.isArray(params) || params.length > DATABASE_LIMITS.maxParameters) {
    throw new OperationError(`A statement takes at most ${DATABASE_LIMITS.maxParameters} parameters.`, 'TypeError');
  }
  for (const param of params) {
    if (param !== null && typeof param !== 'string') {
      throw new OperationError('A parameter is neither text nor null.', 'TypeError');
    }
    if (param !== null && param.includes('\0')) {
      throw new OperationError('A parameter holds the character U+0000, which PostgreSQL cannot keep.', 'TypeError');
    }
  }
  return { sql: readSql(sql), params: params as (string | null)[] };
}

function readSql(sql: unknown): string {
  if (typeof sql !== 'string') throw new OperationError('A statement is no text.', 'TypeError');
  const bytes = Buffer.byteLength(sql);
  if (bytes > DATABASE_LIMITS.maxSqlBytes) {
    throw new OperationError(
      `A statement has ${bytes} bytes; allowed are ${DATABASE_LIMITS.maxSqlBytes}. Give large values as parameters.`,
      'RangeError',
    );
  }
  // The wire ends a text with it: what follows would silently not run.
  if (sql.includes('\0')) throw new OperationError('A statement holds the character U+0000.', 'TypeError');
  return sql;
}
