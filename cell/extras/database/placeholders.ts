/**
 * `?` and `?1`, D1's placeholders, in the `$1` of PostgreSQL. A statement that has a `$1` of its own is left alone, so that operators with
 * a question mark can be written; in others `??` is a question mark.
 */
import { NativeError, stringCharCodeAt, stringIndexOf, stringSlice } from '../../primordials.ts';

export interface Rewritten {
  readonly sql: string;
  /** How many parameters it takes; undefined: not counted. */
  readonly count: number | undefined;
  /** Flat: where in `sql` the text has grown, and by how much. For the position of errors. */
  readonly grown: readonly number[];
}

const QUOTE = 39;
const DOUBLE_QUOTE = 34;
const DOLLAR = 36;
const QUESTION = 63;
const MINUS = 45;
const SLASH = 47;
const STAR = 42;
const NEWLINE = 10;
const BACKSLASH = 92;

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isWord = (code: number): boolean =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95 || code >= 128;

/** Where what begins at `at` and is no code (a text, a name in quotes, a comment) ends; `at` itself when it is code. */
function skip(sql: string, at: number): number {
  const code = stringCharCodeAt(sql, at);
  const next = stringCharCodeAt(sql, at + 1);
  if (code === QUOTE) return quoted(sql, at, QUOTE, hasEscapes(sql, at));
  if (code === DOUBLE_QUOTE) return quoted(sql, at, DOUBLE_QUOTE, false);
  if (code === DOLLAR) return dollarQuoted(sql, at);
  if (code === MINUS && next === MINUS) return lineComment(sql, at);
  if (code === SLASH && next === STAR) return blockComment(sql, at);
  return at;
}

/** `E'…'`: the letter is no part of a longer word. */
function hasEscapes(sql: string, at: number): boolean {
  const before = at > 0 ? stringCharCodeAt(sql, at - 1) : 0;
  return (before === 69 || before === 101) && !(at > 1 && isWord(stringCharCodeAt(sql, at - 2)));
}

function quoted(sql: string, start: number, quote: number, escapes: boolean): number {
  for (let at = start + 1; at < sql.length; at++) {
    const code = stringCharCodeAt(sql, at);
    if (escapes && code === BACKSLASH) at++;
    else if (code === quote) {
      if (stringCharCodeAt(sql, at + 1) !== quote) return at + 1;
      at++;
    }
  }
  return sql.length;
}

/** `$tag$ … $tag$`, or `at` when it is none: `$1`, or a dollar inside a name. */
function dollarQuoted(sql: string, start: number): number {
  if (start > 0 && isWord(stringCharCodeAt(sql, start - 1))) return start;
  let at = start + 1;
  if (isDigit(stringCharCodeAt(sql, at))) return start;
  while (isWord(stringCharCodeAt(sql, at))) at++;
  if (stringCharCodeAt(sql, at) !== DOLLAR) return start;
  const tag = stringSlice(sql, start, at + 1);
  const end = stringIndexOf(sql, tag, at + 1);
  return end < 0 ? sql.length : end + tag.length;
}

function lineComment(sql: string, start: number): number {
  for (let at = start; at < sql.length; at++) if (stringCharCodeAt(sql, at) === NEWLINE) return at + 1;
  return sql.length;
}

function blockComment(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    const code = stringCharCodeAt(sql, at);
    const next = stringCharCodeAt(sql, at + 1);
    if (code === SLASH && next === STAR) depth++;
    else if (code === STAR && next === SLASH) depth--;
    else continue;
    at++;
    if (depth === 0) return at + 1;
  }
  return sql.length;
}

/** True: it has placeholders of PostgreSQL's kind. */
function hasDollarPlaceholder(sql: string): boolean {
  for (let at = 0; at < sql.length; ) {
    const end = skip(sql, at);
    if (end > at) at = end;
    else {
      const isPlaceholder = stringCharCodeAt(sql, at) === DOLLAR && isDigit(stringCharCodeAt(sql, at + 1));
      if (isPlaceholder && !(at > 0 && isWord(stringCharCodeAt(sql, at - 1)))) return true;
      at++;
    }
  }
  return false;
}

/** @throws {Error} on `?0` */
export function rewritePlaceholders(sql: string): Rewritten {
  if (stringIndexOf(sql, '?') < 0 || hasDollarPlaceholder(sql)) return { sql, count: undefined, grown: [] };
  let text = '';
  let copied = 0;
  let count = 0;
  const grown: number[] = [];
  for (let at = 0; at < sql.length; ) {
    const end = skip(sql, at);
    if (end > at || stringCharCodeAt(sql, at) !== QUESTION) {
      at = end > at ? end : at + 1;
      continue;
    }
    const placeholder = readPlaceholder(sql, at, count);
    text += stringSlice(sql, copied, at) + placeholder.text;
    at += placeholder.length;
    copied = at;
    if (placeholder.number > count) count = placeholder.number;
    grown[grown.length] = text.length;
    grown[grown.length] = placeholder.text.length - placeholder.length;
  }
  return { sql: text + stringSlice(sql, copied), count, grown };
}

function readPlaceholder(sql: string, at: number, count: number): { text: string; length: number; number: number } {
  if (stringCharCodeAt(sql, at + 1) === QUESTION) return { text: '?', length: 2, number: 0 };
  let end = at + 1;
  let number = 0;
  for (; isDigit(stringCharCodeAt(sql, end)); end++) number = number * 10 + stringCharCodeAt(sql, end) - 48;
  if (end === at + 1) return { text: `$${count + 1}`, length: 1, number: count + 1 };
  if (number < 1 || number > 65_535) throw new NativeError('D1_ERROR: Parameters are numbered from ?1 to ?65535.');
  return { text: `$${number}`, length: end - at, number };
}

/** Where a position (from 1) in the rewritten text was before. */
export function originalPosition(position: number, grown: readonly number[]): number {
  let shift = 0;
  for (let index = 0; index < grown.length; index += 2) {
    if ((grown[index] as number) < position) shift += grown[index + 1] as number;
  }
  return position - shift;
}
