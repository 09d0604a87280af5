/**
 * Deno (2.9.6) gives a static `import … from 'node:x'` its own module whenever it has that one loaded already, whatever the resolve hook
 * says. So the worker's sources are read for such imports, and these ask for `skep:x` instead, which leads to the same place as `node:x`
 * in `import()` and `require`. The new name is as long as the old, so that lines and columns stay what they are; what the worker
 * wrote as escapes (`n\u006fde:`) stays escapes.
 */
import { matches, toLowerCase } from './http/text.ts';
import {
  regExpExec,
  stringCharCodeAt,
  stringIndexOf,
  stringLastIndexOf,
  stringSlice,
  stringStartsWith,
} from './primordials.ts';

const NODE = 'node:';
/** As long as `node:`. */
const RENAMED = 'skep:';
const RENAMED_HEX = ['73', '6b', '65', '70', '3a'];
/** A string that may begin with `node:` and has an escape in it. Rare enough that a whole source is read for one. */
const MAY_BE_ESCAPED = /["'][node:]{0,4}\\(?:[ode:\r\n\u2028\u2029]|x[36]|u00[36]|u\{)/;

/** What begins something that hides text, or changes how deep a template is. */
const HIDES_TEXT = /["'`{}]/;

/** The specifier as the worker wrote it. */
export const originalSpecifier = (specifier: string): string =>
  stringStartsWith(specifier, RENAMED) ? NODE + stringSlice(specifier, RENAMED.length) : specifier;

const NEWLINE = 10;
const RETURN = 13;
const DOUBLE_QUOTE = 34;
const DOLLAR = 36;
const SINGLE_QUOTE = 39;
const CLOSE_PARENTHESIS = 41;
const ASTERISK = 42;
const PLUS = 43;
const MINUS = 45;
const SLASH = 47;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const LETTER_N = 110;
const LETTER_U = 117;
const LETTER_X = 120;
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

const isLineEnd = (code: number): boolean => code === NEWLINE || code === RETURN || code === 0x2028 || code === 0x2029;

/** White space and line ends of the language, also beyond ASCII; NaN behind the end is none. */
const isSpace = (code: number): boolean =>
  code <= 32 ||
  code === 0xa0 ||
  code === 0xfeff ||
  (code >= 0x1680 && (code === 0x1680 || (code >= 0x2000 && code <= 0x200a) || isLineEnd(code))) ||
  code === 0x202f ||
  code === 0x205f ||
  code === 0x3000;

const isWordPart = (code: number): boolean =>
  (code >= 97 && code <= 122) ||
  (code >= 65 && code <= 90) ||
  (code >= 48 && code <= 57) ||
  code === 95 ||
  code === DOLLAR ||
  (code > 127 && !isSpace(code));

/** The source of an ES module with the specifiers of its static imports of `node:` modules renamed. */
export function renameNodeImports(source: string): string {
  const last = matches(MAY_BE_ESCAPED, source) ? source.length - 1 : stringLastIndexOf(source, NODE);
  if (last < 0) return source;
  let renamed = '';
  let copied = 0;
  const rename = (start: number): void => {
    const spelling = respell(source, start);
    if (spelling === undefined) return;
    renamed += stringSlice(source, copied, start) + spelling;
    copied = start + spelling.length;
  };
  if (!scanStrings(source, last, rename)) {
    renamed = '';
    copied = 0;
    scanEverywhere(source, rename);
  }
  return renamed + stringSlice(source, copied, source.length);
}

/** Every quote behind `from` or `import`, also where it may stand within a string or a comment. */
function scanEverywhere(source: string, found: (start: number) => void): void {
  const specifier = /(?:from|import)(?:\s|\/\*[^]*?\*\/|\/\/.*)*["']/g;
  while (regExpExec(specifier, source) !== null) found(specifier.lastIndex);
}

/**
 * Walks over the tokens of a module as far as `last`, and calls back with the place of each string that stands right after `from` or
 * `import`. Only what may hide quotes is told apart: comments, strings, templates and regular expressions. False: a slash may begin a regular
 * expression or divide, it takes a parser to know which, and what follows would be read differently.
 */
function scanStrings(source: string, last: number, found: (start: number) => void): boolean {
  /** Depths of braces at which a template goes on. */
  const templates: number[] = [];
  let depth = 0;
  let word = '';
  /** The last token's last character, comments and spaces apart. */
  let previous = 0;
  let at = stringStartsWith(source, '#!') ? endOfLine(source, 0) : 0;
  while (at <= last) {
    const code = stringCharCodeAt(source, at);
    if (isSpace(code)) at++;
    else if (isWordPart(code)) {
      const start = at;
      while (isWordPart(stringCharCodeAt(source, at))) at++;
      word = stringSlice(source, start, at);
      previous = code;
    } else if (code === SINGLE_QUOTE || code === DOUBLE_QUOTE) {
      const isSpecifier = previous !== 0 && isWordPart(previous) && (word === 'from' || word === 'import');
      if (isSpecifier) found(at + 1);
      at = endOfString(source, at, code);
      previous = code;
    } else if (code === SLASH) {
      const next = stringCharCodeAt(source, at + 1);
      if (next === SLASH) at = endOfLine(source, at);
      else if (next === ASTERISK) at = endOf(source, '*/', at + 2);
      else {
        const end = endOfRegExp(source, at);
        if (mayBeEither(previous, word) && readsDifferently(source, at, end)) return false;
        at = beginsExpression(previous, word) ? end : at + 1;
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
  return true;
}

/** After these tokens only a parser knows what a slash is: `if (x) /y/`, `f(x) / y`, `x++ / y`, `x.return / y`. */
const mayBeEither = (previous: number, word: string): boolean =>
  previous === CLOSE_PARENTHESIS ||
  previous === CLOSE_BRACE ||
  previous === PLUS ||
  previous === MINUS ||
  (isWordPart(previous) && BEFORE_EXPRESSION[word] === true);

/** Whether it makes a difference to what follows if the text between is a regular expression, or tokens between two divisions. */
function readsDifferently(source: string, start: number, end: number): boolean {
  if (end === start + 1) return false;
  const next = stringCharCodeAt(source, end);
  return next === SLASH || next === ASTERISK || matches(HIDES_TEXT, stringSlice(source, start, end));
}

/** `node:` at the start of a string's text, spelled as `skep:` in the same way and length; undefined: the string begins otherwise. */
function respell(source: string, start: number): string | undefined {
  if (stringStartsWith(stringSlice(source, start, start + NODE.length), NODE)) return RENAMED;
  let at = start;
  let spelling = '';
  for (let index = 0; index < NODE.length; index++) {
    const letterAt = endOfContinuations(source, at);
    const end = endOfLetter(source, letterAt);
    const written = stringSlice(source, letterAt, end);
    const letter = readLetter(written);
    if (letter === undefined || letter.code !== stringCharCodeAt(NODE, index)) return undefined;
    spelling += stringSlice(source, at, letterAt);
    spelling +=
      letter.digits === 0
        ? stringSlice(written, 0, written.length - 1) + (RENAMED[index] as string)
        : respellDigits(written, letter.digits, index);
    at = end;
  }
  return spelling;
}

/** Behind the line continuations at this place: they add nothing to the string. */
function endOfContinuations(source: string, from: number): number {
  let at = from;
  while (stringCharCodeAt(source, at) === BACKSLASH) {
    const next = stringCharCodeAt(source, at + 1);
    if (next === RETURN && stringCharCodeAt(source, at + 2) === NEWLINE) at += 3;
    else if (isLineEnd(next)) at += 2;
    else break;
  }
  return at;
}

/** Behind the letter or the escape at this place. */
function endOfLetter(source: string, at: number): number {
  if (stringCharCodeAt(source, at) !== BACKSLASH) return at + 1;
  const kind = stringCharCodeAt(source, at + 1);
  if (kind === LETTER_X) return at + 4;
  if (kind !== LETTER_U) return at + 2;
  return stringCharCodeAt(source, at + 2) === OPEN_BRACE ? endOf(source, '}', at + 3) : at + 6;
}

/** The character that is written so, and how many digits its escape has; undefined: none that `node:` has. */
function readLetter(written: string): { readonly code: number; readonly digits: number } | undefined {
  const kind = stringCharCodeAt(written, 1);
  if (written.length === 1) return { code: stringCharCodeAt(written, 0), digits: 0 };
  // A backslash makes a line end of `n`, and leaves the other letters what they are.
  if (written.length === 2) return kind === LETTER_N ? undefined : { code: kind, digits: 0 };
  const isBraced = stringCharCodeAt(written, 2) === OPEN_BRACE;
  const from = isBraced ? 3 : 2;
  const digits = written.length - from - (isBraced ? 1 : 0);
  let code = 0;
  for (let at = from; at < from + digits; at++) {
    const digit = stringIndexOf('0123456789abcdef', toLowerCase(stringSlice(written, at, at + 1)), 0);
    if (digit < 0 || code > 0x7f) return undefined;
    code = code * 16 + digit;
  }
  return { code, digits };
}

/** The same escape for the letter of the other name: both are two hexadecimal digits behind zeros. */
function respellDigits(written: string, digits: number, index: number): string {
  const isBraced = stringCharCodeAt(written, 2) === OPEN_BRACE;
  const zeros = (isBraced ? 3 : 2) + digits - 2;
  return stringSlice(written, 0, zeros) + (RENAMED_HEX[index] as string) + (isBraced ? '}' : '');
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

function endOfLine(source: string, from: number): number {
  for (let at = from; at < source.length; at++) if (isLineEnd(stringCharCodeAt(source, at))) return at + 1;
  return source.length;
}

function endOf(source: string, mark: string, from: number): number {
  const found = stringIndexOf(source, mark, from);
  return found < 0 ? source.length : found + mark.length;
}

function endOfString(source: string, start: number, quote: number): number {
  for (let at = start + 1; at < source.length; at++) {
    const code = stringCharCodeAt(source, at);
    if (code === BACKSLASH)
      at += stringCharCodeAt(source, at + 1) === RETURN && stringCharCodeAt(source, at + 2) === NEWLINE ? 2 : 1;
    else if (code === quote || code === NEWLINE || code === RETURN) return at + 1;
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
    if (isLineEnd(code)) break;
    if (code === BACKSLASH) at++;
    else if (code === OPEN_BRACKET) inClass = true;
    else if (code === CLOSE_BRACKET) inClass = false;
    else if (code === SLASH && !inClass) return at + 1;
  }
  return start + 1;
}
