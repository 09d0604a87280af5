/** What may run in a database that is larger than allowed: reading, and what makes it smaller. */

export type SizeRule = 'shrinks' | 'read-only' | 'refused';

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

export function sizeRuleOf(sql: string): SizeRule {
  const word = firstWord(sql);
  if (SHRINKS.has(word)) return 'shrinks';
  return TRANSACTION_CONTROL.has(word) ? 'refused' : 'read-only';
}

/** Behind white space and comments, in lower case. */
export function firstWord(sql: string): string {
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
