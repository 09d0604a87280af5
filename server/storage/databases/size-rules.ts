/** What may run in a database that is larger than allowed: reading, and what makes it smaller. Whoever runs SQL of others keeps to it. */
import { ServerError } from '../wire/frames.ts';
import { NO_RESULT, type Session, SessionEnded } from '../wire/session.ts';
import type { EnteredDatabase } from './databases.ts';

export type SizeRule = 'shrinks' | 'read-only' | 'refused';

/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY_TRANSACTION = '25006';

const SHRINKS = new Set(['delete', 'truncate', 'drop', 'vacuum']);
/** They would leave the read-only transaction that the statement is put into. */
const TRANSACTION_CONTROL = new Set([
  'abort',
  'begin',
  'call',
  'commit',
  'end',
  'prepare',
  'release',
  'rollback',
  'savepoint',
  'set',
  'reset',
  'start',
  'discard',
]);

/** What a worker or an operator hears. */
export const overSize = (): SessionEnded =>
  new SessionEnded(
    'The database is larger than allowed, or the disk that it is on is nearly full: until that has changed it can only be read, and DELETE, TRUNCATE, DROP and VACUUM be run.',
  );

/**
 * What has to be kept of these statements, each of which is one; null: the database is not too large. `statements` null: a script, of which
 * nobody knows what it does. Throws SessionEnded when they may not run at all.
 */
export function sizeRuleFor(
  { isOverSize }: EnteredDatabase,
  statements: readonly { readonly sql: string }[] | null,
): Exclude<SizeRule, 'refused'> | null {
  if (!isOverSize) return null;
  const rules = new Set(statements?.map(({ sql }) => sizeRuleOf(sql)));
  if (statements === null || rules.has('refused') || rules.size > 1) throw overSize();
  return rules.has('shrinks') ? 'shrinks' : 'read-only';
}

/** For statements of a read-only transaction that is under way: throws SessionEnded for what could end it or make it writable. */
export function refuseToLeaveReadOnly(statements: readonly { readonly sql: string }[] | null): void {
  if (statements === null || statements.some(({ sql }) => sizeRuleOf(sql) === 'refused')) throw overSize();
}

/**
 * Does `work` in a session, under the rule that `sizeRuleFor` gave, and ends the session when the database becomes too large meanwhile.
 * `answered` waits for a statement of ours as the caller waits for its own.
 */
export async function runUnderSizeRule(
  rule: 'shrinks' | 'read-only' | null,
  database: EnteredDatabase,
  session: Session,
  work: () => Promise<void>,
  answered: (statement: Promise<void>) => Promise<void> = (statement) => statement,
): Promise<void> {
  const unuse = rule === 'shrinks' ? () => undefined : database.use(() => session.end(overSize()));
  try {
    if (rule === 'read-only') await answered(session.runScript('BEGIN READ ONLY', NO_RESULT));
    await work();
  } catch (error) {
    throw rule === 'read-only' ? asOverSize(error) : error;
  } finally {
    unuse();
  }
}

/** What a statement that writes fails with in a transaction that is read-only for its database's size: said as what it is. */
export const asOverSize = (error: unknown): unknown =>
  error instanceof ServerError && error.code === READ_ONLY_TRANSACTION ? overSize() : error;

/** By its first word. */
export function sizeRuleOf(sql: string): SizeRule {
  const word = firstWord(sql);
  if (SHRINKS.has(word)) return 'shrinks';
  return TRANSACTION_CONTROL.has(word) ? 'refused' : 'read-only';
}

/** Behind white space and comments, in lower case. */
function firstWord(sql: string): string {
  let at = 0;
  for (;;) {
    const rest = sql.slice(at);
    const blank = /^\s+/.exec(rest)?.[0].length ?? 0;
    if (blank > 0) at += blank;
    else if (rest.startsWith('--')) at += rest.indexOf('\n') + 1 || rest.length;
    else if (rest.startsWith('/*')) at += blockComment(rest);
    else return /^[a-z]+/i.exec(rest)?.[0].toLowerCase() ?? '';
  }
}

/** Its length: block comments nest in PostgreSQL. */
function blockComment(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const pair = text.slice(at, at + 2);
    if (pair === '/*') depth++;
    else if (pair === '*/') depth--;
    else continue;
    at++;
    if (depth === 0) return at + 1;
  }
  return text.length;
}
