/**
 * Selectors as workerd takes them, put into the words of this parser, which is older: it knows `:not()` of one simple selector only, and
 * compares attribute names with the document's lower case ones as they are written.
 *
 * In workerd `:not(a, b)`, and `:not(a.b)` no less, is `:not(a):not(b)`, and `:not(:not(a))` is `a`.
 */
import {
  NativeError,
  NativeTypeError,
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
} from '../../primordials.ts';

interface Simple {
  /** As written, or undefined for a negation. */
  readonly text: string | undefined;
  readonly isType: boolean;
  /** Of a negation: it matches what none of these match. */
  readonly negated: readonly Compound[];
}
type Compound = readonly Simple[];
interface Complex {
  /** The first has an empty combinator. */
  readonly parts: { readonly combinator: string; readonly compound: Compound }[];
}
/** A simple selector or its opposite. */
interface Literal {
  readonly text: string;
  readonly isType: boolean;
  readonly holds: boolean;
}

const UNSUPPORTED = 'Parser error: Unsupported pseudo-class or pseudo-element in selector.';
/** Not understood here: the parser itself says what is wrong. */
const UNREADABLE = new NativeError('The selector is for the parser to judge.');

/** @throws {TypeError} for what stands in a `:not()` that no version of the parser takes */
export function normaliseSelector(selector: string): string {
  if (stringIndexOf(selector, '[') === -1 && stringIndexOf(selector, '(') === -1) return selector;
  try {
    return writeList(new Reader(selector).readList());
  } catch (error) {
    if (error === UNREADABLE) return selector;
    throw error;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readList(): Complex[] {
    const list: Complex[] = [];
    for (;;) {
      list[list.length] = this.#readComplex();
      if (this.#at >= this.#text.length) return list;
      this.#expect(',');
    }
  }

  #readComplex(): Complex {
    const parts: { combinator: string; compound: Compound }[] = [];
    this.#skipSpace();
    parts[0] = { combinator: '', compound: this.#readCompound() };
    for (;;) {
      const spaced = this.#skipSpace();
      const next = this.#text[this.#at];
      if (next === undefined || next === ',') return { parts };
      let combinator = ' ';
      if (next === '>') {
        combinator = '>';
        this.#at++;
        this.#skipSpace();
      } else if (!spaced) throw UNREADABLE;
      parts[parts.length] = { combinator, compound: this.#readCompound() };
    }
  }

  #readCompound(): Compound {
    const compound: Simple[] = [];
    for (;;) {
      const simple = this.#readSimple(compound.length === 0);
      if (simple === undefined) break;
      compound[compound.length] = simple;
    }
    if (compound.length === 0) throw UNREADABLE;
    return compound;
  }

  #readSimple(first: boolean): Simple | undefined {
    const start = this.#at;
    const next = this.#text[start];
    if (next === undefined) return undefined;
    if (first && (next === '*' || next === '|' || this.#isNameAt(start))) return this.#readType();
    if (next === '.' || next === '#') {
      this.#at++;
      this.#readName();
      return plain(stringSlice(this.#text, start, this.#at));
    }
    if (next === '[') return this.#readAttribute();
    if (next === ':') return this.#readPseudo();
    return undefined;
  }

  #readType(): Simple {
    const start = this.#at;
    if (this.#text[this.#at] === '*') this.#at++;
    else if (this.#text[this.#at] !== '|') this.#readName();
    if (this.#text[this.#at] === '|') {
      this.#at++;
      if (this.#text[this.#at] === '*') this.#at++;
      else this.#readName();
    }
    return { text: stringSlice(this.#text, start, this.#at), isType: true, negated: [] };
  }

  /** The name in lower case, everything else as it is. */
  #readAttribute(): Simple {
    this.#at++;
    this.#skipSpace();
    const start = this.#at;
    this.#readName();
    if (this.#text[this.#at] === '|' && this.#text[this.#at + 1] !== '=') throw UNREADABLE;
    const name = stringToLowerCase(stringSlice(this.#text, start, this.#at));
    const rest = this.#at;
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined) throw UNREADABLE;
      this.#at++;
      if (next === ']') return plain(`[${name}${stringSlice(this.#text, rest, this.#at)}`);
      if (next === '"' || next === "'") this.#skipString(next);
      else if (next === '\\') this.#at++;
    }
  }

  #readPseudo(): Simple {
    const start = this.#at;
    this.#at++;
    this.#readName();
    const name = stringToLowerCase(stringSlice(this.#text, start + 1, this.#at));
    if (this.#text[this.#at] !== '(') return plain(stringSlice(this.#text, start, this.#at));
    this.#at++;
    if (name === 'not') return { text: undefined, isType: false, negated: this.#readNegated() };
    const close = stringIndexOf(this.#text, ')', this.#at);
    if (close === -1) throw UNREADABLE;
    this.#at = close + 1;
    return plain(stringSlice(this.#text, start, this.#at));
  }

  #readNegated(): Compound[] {
    const list: Compound[] = [];
    for (;;) {
      this.#skipSpace();
      const next = this.#text[this.#at];
      if (next === ')' || next === ',') throw new NativeTypeError('Parser error: The selector is empty.');
      list[list.length] = this.#readCompound();
      this.#skipSpace();
      if (this.#text[this.#at] === ')') break;
      if (this.#text[this.#at] !== ',') throw new NativeTypeError(UNSUPPORTED);
      this.#at++;
    }
    this.#at++;
    return list;
  }

  #expect(character: string): void {
    if (this.#text[this.#at] !== character) throw UNREADABLE;
    this.#at++;
  }

  #skipString(quote: string): void {
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined) throw UNREADABLE;
      this.#at += next === '\\' ? 2 : 1;
      if (next === quote) return;
    }
  }

  /** White space and comments; whether there was white space. */
  #skipSpace(): boolean {
    const start = this.#at;
    for (;;) {
      const next = this.#text[this.#at];
      if (next === ' ' || next === '\t' || next === '\n' || next === '\r' || next === '\f') this.#at++;
      else if (next === '/' && this.#text[this.#at + 1] === '*') {
        const end = stringIndexOf(this.#text, '*/', this.#at + 2);
        if (end === -1) throw UNREADABLE;
        this.#at = end + 2;
      } else return this.#at > start;
    }
  }

  #isNameAt(at: number): boolean {
    if (at >= this.#text.length) return false;
    const code = stringCharCodeAt(this.#text, at);
    const letter = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
    return letter || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f || code === 0x5c || code >= 0x80;
  }

  #readName(): void {
    if (!this.#isNameAt(this.#at)) throw UNREADABLE;
    while (this.#isNameAt(this.#at)) {
      const escaped = this.#text[this.#at] === '\\';
      this.#at++;
      if (escaped) this.#readEscape();
    }
  }

  #readEscape(): void {
    const start = this.#at;
    while (this.#at < start + 6 && isHex(this.#text[this.#at])) this.#at++;
    if (this.#at === start) this.#at++;
    else if (this.#text[this.#at] === ' ') this.#at++;
  }
}

const plain = (text: string): Simple => ({ text, isType: false, negated: [] });
const isHex = (character: string | undefined): boolean =>
  character !== undefined && stringIndexOf('0123456789abcdefABCDEF', character) !== -1;

function writeList(list: readonly Complex[]): string {
  let text = '';
  for (let index = 0; index < list.length; index++)
    text += `${index === 0 ? '' : ', '}${writeComplex(list[index] as Complex)}`;
  return text;
}

function writeComplex({ parts }: Complex): string {
  let text = '';
  for (let index = 0; index < parts.length; index++) {
    const { combinator, compound } = parts[index] as Complex['parts'][number];
    const literals: Literal[] = [];
    flatten(compound, true, literals);
    text += combinator + writeConjunction(literals);
  }
  return text;
}

function writeConjunction(literals: readonly Literal[]): string {
  let type = '';
  let rest = '';
  for (let index = 0; index < literals.length; index++) {
    const { text, isType, holds } = literals[index] as Literal;
    if (!holds) rest += `:not(${text})`;
    else if (!isType) rest += text;
    else if (type === '' || type === '*') type = text;
    // Two types at once: nothing is that, and a selector has no other way to say so.
    else if (text !== '*' && stringToLowerCase(text) !== stringToLowerCase(type)) rest += `:not(${type})`;
  }
  return type + rest;
}

/** lol-html turns every simple selector inside a negation around by itself. */
function flatten(compound: Compound, holds: boolean, literals: Literal[]): void {
  for (let index = 0; index < compound.length; index++) {
    const { text, isType, negated } = compound[index] as Simple;
    if (text !== undefined) literals[literals.length] = { text, isType, holds };
    for (let inner = 0; inner < negated.length; inner++) flatten(negated[inner] as Compound, !holds, literals);
  }
}
