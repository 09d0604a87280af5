/**
 * Deno (2.9.6) gives a static `import … from 'node:x'` its own module whenever it has that one loaded already, whatever the resolve hook
 * says. So the worker's sources are read for such imports, and these ask for `skep:x` instead, which leads to the same place as `node:x`
 * in `import()` and `require`. The new name is as long as the old, so that lines and columns stay what they are.
 */
import { stringCharCodeAt, stringIndexOf, stringLastIndexOf, stringSlice, stringStartsWith } from './primordials.ts';

const NODE = 'node:';
/** As long as `node:`. */
const RENAMED = 'skep:';

/** The specifier as the worker wrote it. */
export const originalSpecifier = (specifier: string): string =>
  stringStartsWith(specifier, RENAMED) ? NODE + stringSlice(specifier, RENAMED.length) : specifier;

const NEWLINE = 10;
const DOUBLE_QUOTE = 34;
const DOLLAR = 36;
const SINGLE_QUOTE = 39;
const CLOSE_PARENTHESIS = 41;
const ASTERISK = 42;
const SLASH = 47;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const BACKTICK = 96;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** After these words a slash begins a regular expression. */
const BEFORE_EXPRESSION: Readonly<Record<string, true>> = {
  __proto__: null as never,
  return: true,
  typeof: true,
  instanceof: true,
  in: true,
  of: true,
  new: true,
  delete: true,
  void: true,
  throw: true,
  case: true,
  do: true,
  else: true,
  yield: true,
  await: true,
  default: true,
};

const isWordPart = (code: number): boolean =>
  (code >= 97 && code <= 122) ||
  (code >= 65 && code <= 90) ||
  (code >= 48 && code <= 57) ||
  code === 95 ||
  code === DOLLAR ||
  code > 127;

/** The source of an ES module with the specifiers of its static imports of `node:` modules renamed. */
export function renameNodeImports(source: string): string {
  const last = stringLastIndexOf(source, NODE);
  if (last < 0) return source;
  let renamed = '';
  let copied = 0;
  scanStrings(source, last, (start) => {
    renamed += stringSlice(source, copied, start) + RENAMED;
    copied = start + NODE.length;
  });
  return renamed + stringSlice(source, copied, source.length);
}

/**
 * Walks over the tokens of a module as far as `last`, and calls back with the place of each string that begins with `node:` and stands
 * right after `from` or `import`. Only what may hide quotes is told apart: comments, strings, templates and regular expressions.
 */
function scanStrings(source: string, last: number, found: (start: number) => void): void {
  /** Depths of braces at which a template goes on. */
  const templates: number[] = [];
  let depth = 0;
  let word = '';
  /** The last token's last character, comments and spaces apart. */
  let previous = 0;
  let at = 0;
  while (at <= last) {
    const code = stringCharCodeAt(source, at);
    if (code <= 32) at++;
    else if (isWordPart(code)) {
      const start = at;
      while (isWordPart(stringCharCodeAt(source, at))) at++;
      word = stringSlice(source, start, at);
      previous = code;
    } else if (code === SINGLE_QUOTE || code === DOUBLE_QUOTE) {
      const isSpecifier = previous !== 0 && isWordPart(previous) && (word === 'from' || word === 'import');
      if (isSpecifier && stringStartsWith(stringSlice(source, at + 1, at + 1 + NODE.length), NODE)) found(at + 1);
      at = endOfString(source, at, code);
      previous = code;
    } else if (code === SLASH) {
      const next = stringCharCodeAt(source, at + 1);
      if (next === SLASH) at = endOf(source, '\n', at);
      else if (next === ASTERISK) at = endOf(source, '*/', at + 2);
      else {
        at = beginsExpression(previous, word) ? endOfRegExp(source, at) : at + 1;
        previous = SLASH;
      }
    } else if (code === BACKTICK || (code === CLOSE_BRACE && templates[templates.length - 1] === depth)) {
      if (code === CLOSE_BRACE) templates.length--;
      at = endOfTemplatePart(source, at + 1);
      if (stringCharCodeAt(source, at - 1) === OPEN_BRACE) templates[templates.length] = depth;
      previous = BACKTICK;
      if (stringCharCodeAt(source, at - 1) === OPEN_BRACE) previous = OPEN_BRACE;
    } else {
      if (code === OPEN_BRACE) depth++;
      else if (code === CLOSE_BRACE) depth--;
      previous = code;
      at++;
    }
  }
}

/** Whether a slash after this token divides or opens a regular expression. After `)` and `}` it is taken to divide. */
function beginsExpression(previous: number, word: string): boolean {
  if (isWordPart(previous)) return BEFORE_EXPRESSION[word] === true;
  return !(
    previous === CLOSE_PARENTHESIS ||
    previous === CLOSE_BRACKET ||
    previous === CLOSE_BRACE ||
    previous === SINGLE_QUOTE ||
    previous === DOUBLE_QUOTE ||
    previous === BACKTICK
  );
}

function endOf(source: string, mark: string, from: number): number {
  const found = stringIndexOf(source, mark, from);
  return found < 0 ? source.length : found + mark.length;
}

function endOfString(source: string, start: number, quote: number): number {
  for (let at = start + 1; at < source.length; at++) {
    const code = stringCharCodeAt(source, at);
    if (code === BACKSLASH) at++;
    else if (code === quote || code === NEWLINE) return at + 1;
  }
  return source.length;
}

/** Behind the closing backtick, or behind the `${` of a substitution. */
function endOfTemplatePart(source: string, start: number): number {
  for (let at = start; at < source.length; at++) {
    const code = stringCharCodeAt(source, at);
    if (code === BACKSLASH) at++;
    else if (code === BACKTICK) return at + 1;
    else if (code === DOLLAR && stringCharCodeAt(source, at + 1) === OPEN_BRACE) return at + 2;
  }
  return source.length;
}

/** Behind the closing slash; on the same line, or it was a division after all. */
function endOfRegExp(source: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < source.length; at++) {
    const code = stringCharCodeAt(source, at);
    if (code === NEWLINE) break;
    if (code === BACKSLASH) at++;
    else if (code === OPEN_BRACKET) inClass = true;
    else if (code === CLOSE_BRACKET) inClass = false;
    else if (code === SLASH && !inClass) return at + 1;
  }
  return start + 1;
}
