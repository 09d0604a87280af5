// A tokenizer for TypeScript, just good enough to find imports, `process.env` and text in string literals without
// being fooled by comments, strings or regular expressions. TypeScript 7 has no parser API, and a bundler's list of
// imports has no line numbers and no type-only imports.

const IDENTIFIER = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\d[\w.]*/y;
/** After these words a `/` starts a regular expression; after any other name it divides. */
const BEFORE_REGEX = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'instanceof',
  'new',
  'delete',
  'void',
  'throw',
  'do',
  'else',
  'yield',
  'await',
]);

/**
 * @typedef {{ type: 'name' | 'number' | 'string' | 'template' | 'regex' | 'punctuator', value: string, line: number }} Token
 * A template literal gives one token per piece of text between its substitutions.
 */

class Scanner {
  /** @param {string} source */
  constructor(source) {
    this.source = source;
    this.at = 0;
    this.line = 1;
    /** @type {Token[]} */
    this.tokens = [];
    /** One entry per open `{`: true when closing it continues a template literal. */
    this.braces = [];
  }

  push(type, value, line = this.line) {
    this.tokens.push({ type, value, line });
  }

  /** Moves to `end`, counting the line breaks passed, and gives the text passed. */
  advance(end) {
    const text = this.source.slice(this.at, end);
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) this.line += 1;
    this.at = end;
    return text;
  }

  /** The position after `needle`, or the end of the source when it does not come any more. */
  after(needle, from) {
    const found = this.source.indexOf(needle, from);
    return found === -1 ? this.source.length : found + needle.length;
  }

  /** Whether a `/` here starts a regular expression: it does wherever a value cannot just have ended. */
  regexAllowed() {
    const last = this.tokens.at(-1);
    if (last === undefined) return true;
    if (last.type === 'name') return BEFORE_REGEX.has(last.value);
    return last.type === 'punctuator' && ![')', ']', '}'].includes(last.value);
  }

  scanString(quote) {
    const line = this.line;
    let end = this.at + 1;
    while (end < this.source.length && this.source[end] !== quote && this.source[end] !== '\n') {
      end += this.source[end] === '\\' ? 2 : 1;
    }
    const text = this.advance(Math.min(end + 1, this.source.length));
    this.push('string', text.slice(1, -1), line);
  }

  /** Reads template text from after a backtick or a `}` up to the next `${` or the closing backtick. */
  scanTemplateText() {
    const line = this.line;
    const { source } = this;
    let end = this.at + 1;
    while (end < source.length && source[end] !== '`' && !(source[end] === '$' && source[end + 1] === '{')) {
      end += source[end] === '\\' ? 2 : 1;
    }
    const opensSubstitution = source[end] === '$';
    this.push('template', source.slice(this.at + 1, end), line);
    this.advance(Math.min(end + (opensSubstitution ? 2 : 1), source.length));
    if (opensSubstitution) this.braces.push(true);
  }

  scanRegex() {
    let end = this.at + 1;
    let inClass = false;
    while (end < this.source.length && this.source[end] !== '\n' && (inClass || this.source[end] !== '/')) {
      if (this.source[end] === '\\') end += 1;
      else if (this.source[end] === '[') inClass = true;
      else if (this.source[end] === ']') inClass = false;
      end += 1;
    }
    this.push('regex', this.advance(Math.min(end + 1, this.source.length)));
  }

  scanWord(pattern, type) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.source);
    if (match === null) return false;
    this.push(type, match[0]);
    this.at += match[0].length;
    return true;
  }

  scanPunctuator(character) {
    if (character === '}' && this.braces.pop() === true) return this.scanTemplateText();
    if (character === '{') this.braces.push(false);
    this.push('punctuator', character);
    this.at += 1;
  }

  step() {
    const { source } = this;
    const character = source[this.at];
    if (/\s/.test(character)) this.advance(this.at + 1);
    else if (source.startsWith('//', this.at)) this.advance(this.after('\n', this.at));
    else if (source.startsWith('/*', this.at)) this.advance(this.after('*/', this.at + 2));
    else if (character === '"' || character === "'") this.scanString(character);
    else if (character === '`') this.scanTemplateText();
    else if (character === '/' && this.regexAllowed()) this.scanRegex();
    else if (!this.scanWord(IDENTIFIER, 'name') && !this.scanWord(NUMBER, 'number')) this.scanPunctuator(character);
  }
}

/** @param {string} source @returns {Token[]} */
export function tokenize(source) {
  const scanner = new Scanner(source);
  if (source.startsWith('#!')) scanner.advance(scanner.after('\n', 0));
  while (scanner.at < source.length) scanner.step();
  return scanner.tokens;
}

const isName = (token, value) => token?.type === 'name' && token.value === value;
const isPunctuator = (token, value) => token?.type === 'punctuator' && token.value === value;

/** True when `{ … }` from `start` (the opening brace) names only types: every element is `type X` and there is one. */
function namesOnlyTypes(tokens, start) {
  let elements = 0;
  for (let i = start + 1; i < tokens.length && !isPunctuator(tokens[i], '}'); i += 1) {
    if (!isPunctuator(tokens[i - 1], '{') && !isPunctuator(tokens[i - 1], ',')) continue;
    if (isPunctuator(tokens[i], ',')) continue;
    // `{ type }` and `{ type as x }` import a value called `type`.
    const modifier = isName(tokens[i], 'type') && tokens[i + 1]?.type === 'name' && tokens[i + 1].value !== 'as';
    if (!modifier) return false;
    elements += 1;
  }
  return elements > 0;
}

/** Reads one `import …` or `export … from` statement that starts at `start`; undefined when it is neither. */
function readStatement(tokens, start) {
  const { line } = tokens[start];
  let i = start + 1;
  if (tokens[i]?.type === 'string') return { specifier: tokens[i].value, line, typeOnly: false };
  let typeOnly = false;
  // `import type from './x.ts'` imports a default called `type`.
  if (isName(tokens[i], 'type') && !isName(tokens[i + 1], 'from')) {
    typeOnly = true;
    i += 1;
  }
  if (isPunctuator(tokens[i], '{')) typeOnly ||= namesOnlyTypes(tokens, i);
  for (; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (isName(token, 'from') && tokens[i + 1]?.type === 'string') {
      return { specifier: tokens[i + 1].value, line, typeOnly };
    }
    const continues = token.type === 'name' || ['{', '}', ',', '*'].includes(token.value) || token.type === 'string';
    if (!continues) return undefined;
  }
  return undefined;
}

/** `typeof import('x')` and `import('x').Type` are erased. As a value the call is a promise, which has no `.Type`. */
function isTypePosition(tokens, at) {
  const member = isPunctuator(tokens[at + 4], '.') ? tokens[at + 5]?.value : undefined;
  return isName(tokens[at - 1], 'typeof') || /^[A-Z]/.test(member ?? '');
}

/**
 * Every import of a module: static, re-export, dynamic with a literal, `import('…')` types, `require('…')`.
 * @param {Token[]} tokens
 * @returns {{ specifier: string, line: number, typeOnly: boolean }[]}
 */
export function findImports(tokens) {
  const imports = [];
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i];
    const called = isPunctuator(tokens[i + 1], '(') && ['string', 'template'].includes(tokens[i + 2]?.type);
    const member = isPunctuator(tokens[i - 1], '.');
    if (member || token.type !== 'name') continue;
    if (called && (token.value === 'import' || token.value === 'require')) {
      const typeOnly = token.value === 'import' && isTypePosition(tokens, i);
      imports.push({ specifier: tokens[i + 2].value, line: token.line, typeOnly });
    } else if (token.value === 'import' || token.value === 'export') {
      const statement = readStatement(tokens, i);
      if (statement !== undefined) imports.push(statement);
    }
  }
  return imports;
}

/** @param {Token[]} tokens @returns {number[]} lines that read `process.env` (also `process['env']`, `{ env } = process`) */
export function findProcessEnv(tokens) {
  const lines = [];
  tokens.forEach((token, i) => {
    if (!isName(token, 'process') || (isPunctuator(tokens[i - 1], '.') && !isName(tokens[i - 2], 'globalThis'))) return;
    const next = isPunctuator(tokens[i + 1], '?') ? i + 2 : i + 1;
    const member = isPunctuator(tokens[next], '.') && isName(tokens[next + 1], 'env');
    const indexed = isPunctuator(tokens[next], '[') && tokens[next + 1]?.value === 'env';
    let destructured = false;
    if (isPunctuator(tokens[i - 1], '=') && isPunctuator(tokens[i - 2], '}')) {
      for (let j = i - 3; j >= 0 && !isPunctuator(tokens[j], '{'); j -= 1) destructured ||= isName(tokens[j], 'env');
    }
    if (member || indexed || destructured) lines.push(token.line);
  });
  return lines;
}
