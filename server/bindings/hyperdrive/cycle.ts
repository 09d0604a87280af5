/**
 * A client's question while it has no connection: its messages up to the one that asks for an answer. They are held so long, so that a
 * question that was asked before need not reach the database.
 */
import { FRONTEND, namedByParse, namedStatement, sqlOf } from './messages.ts';
import { isCacheable } from './cacheable.ts';
import type { PreparedStatements } from './statements.ts';

export interface Message {
  readonly type: number;
  readonly frame: Buffer;
}

const EXTENDED: ReadonlySet<number> = new Set([
  FRONTEND.parse,
  FRONTEND.bind,
  FRONTEND.describe,
  FRONTEND.execute,
  FRONTEND.sync,
]);

/** True: nothing more has to come before the server answers. */
export const endsCycle = (type: number): boolean => !EXTENDED.has(type) || type === FRONTEND.sync;

/**
 * All that the answer depends on, statements prepared earlier included; undefined when the question may not be answered from memory.
 */
export function cacheableQuestion(
  messages: readonly Message[],
  statements: PreparedStatements,
): readonly Buffer[] | undefined {
  const question: Buffer[] = [];
  let executes = 0;
  let hasRead = false;
  for (const { type, frame } of messages) {
    question.push(frame);
    if (type === FRONTEND.query || type === FRONTEND.parse) {
      if (!isCacheable(sqlOf(type, frame))) return undefined;
      hasRead = true;
    } else if (type === FRONTEND.execute) executes++;
    else if (!EXTENDED.has(type)) return undefined;
    const name = namedStatement(type, frame);
    if (name === undefined || isParsedHere(messages, name)) continue;
    const parse = statements.find(name);
    if (parse === undefined || !isCacheable(sqlOf(FRONTEND.parse, parse))) return undefined;
    question.push(parse);
    hasRead = true;
  }
  const isSimple = messages[0]?.type === FRONTEND.query;
  return hasRead && (isSimple ? messages.length === 1 : executes === 1) ? question : undefined;
}

const isParsedHere = (messages: readonly Message[], name: string): boolean =>
  messages.some(({ type, frame }) => type === FRONTEND.parse && namedByParse(frame) === name);
