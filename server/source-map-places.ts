/**
 * Places in a bundle to places in its sources, by a source map (https://tc39.es/ecma426/). Whoever uploads writes it, so nothing is made of it but the
 * few places that are asked for: parsed as a whole, 8 MiB of mappings become a million small arrays, in seconds and with 300 MB.
 */

/** From 1, as stacks count. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface PlacesQuestion {
  /** The map's bytes. */
  readonly map: Uint8Array;
  readonly places: readonly Place[];
}

/** As a stack shows it: `src/index.ts:5:9`; null: the map does not know. */
export type Origin = string | null;

/** Longer names are no files. */
const MAX_NAME_CHARACTERS = 512;
const DIGITS = digitsOfBase64();
const COMMA = 0x2c;
const SEMICOLON = 0x3b;

/** The places' origins, in their order. A map that is broken, or made of sections, knows none. */
export function findOrigins(map: Uint8Array, places: readonly Place[]): Origin[] {
  try {
    const { version, mappings, sources, sourceRoot } = JSON.parse(Buffer.from(map).toString('utf8')) as Partial<
      Record<string, unknown>
    >;
    if (version !== 3 || typeof mappings !== 'string' || !Array.isArray(sources)) return places.map(() => null);
    const root = typeof sourceRoot === 'string' && sourceRoot !== '' ? `${sourceRoot.replace(/\/$/, '')}/` : '';
    return findSegments(mappings, places).map((segment) => {
      const name: unknown = segment === undefined ? undefined : sources[segment.source];
      if (segment === undefined || typeof name !== 'string' || name.length + root.length > MAX_NAME_CHARACTERS)
        return null;
      return `${root}${name}:${segment.line + 1}:${segment.column + 1}`;
    });
  } catch {
    return places.map(() => null);
  }
}

/** Where in which source, from 0. */
interface Segment {
  readonly generatedColumn: number;
  readonly source: number;
  readonly line: number;
  readonly column: number;
}

/** For each place the last segment of its line that begins at it or before. */
function findSegments(mappings: string, places: readonly Place[]): (Segment | undefined)[] {
  const found: (Segment | undefined)[] = places.map(() => undefined);
  const lastLine = Math.max(...places.map(({ line }) => line)) - 1;
  const reader = new MappingReader(mappings);
  for (let line = 0; line <= lastLine; line++) {
    const wanted = places.flatMap((place, index) =>
      place.line - 1 === line ? [{ column: place.column - 1, index }] : [],
    );
    const isOver = reader.readLine((segment) => {
      for (const { column, index } of wanted) {
        const isBefore = segment.generatedColumn <= column;
        if (isBefore && segment.generatedColumn >= (found[index]?.generatedColumn ?? 0)) found[index] = { ...segment };
      }
    }, wanted.length > 0);
    if (isOver) break;
  }
  return found;
}

/** Reads the numbers of the mappings one after the other; each is the difference to the one before. */
class MappingReader {
  readonly #text: string;
  #at = 0;
  #source = 0;
  #line = 0;
  #column = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns true when there are no more lines. `isWanted` false: the segments are only counted along. @throws RangeError when they are broken */
  readLine(onSegment: (segment: Segment) => void, isWanted: boolean): boolean {
    const text = this.#text;
    let generatedColumn = 0;
    while (this.#at < text.length) {
      const next = text.charCodeAt(this.#at);
      if (next === SEMICOLON) {
        this.#at++;
        return false;
      }
      if (next === COMMA) {
        this.#at++;
        continue;
      }
      generatedColumn += this.#readNumber();
      if (this.#isAtEnd()) continue;
      this.#source += this.#readNumber();
      this.#line += this.#readNumber();
      this.#column += this.#readNumber();
      if (!this.#isAtEnd()) this.#readNumber();
      if (isWanted) onSegment({ generatedColumn, source: this.#source, line: this.#line, column: this.#column });
    }
    return true;
  }

  #isAtEnd(): boolean {
    const next = this.#text.charCodeAt(this.#at);
    return Number.isNaN(next) || next === COMMA || next === SEMICOLON;
  }

  /** Five bits a digit, the lowest first; the sixth says that there are more, the lowest bit of all is the sign. */
  #readNumber(): number {
    let value = 0;
    for (let shift = 0; shift <= 30; shift += 5) {
      const digit = DIGITS[this.#text.charCodeAt(this.#at++)];
      if (digit === undefined || digit < 0) throw new RangeError('No number');
      value += (digit & 31) * 2 ** shift;
      if (digit < 32) return value % 2 === 1 ? -((value - 1) / 2) : value / 2;
    }
    throw new RangeError('Too large a number');
  }
}

/** By character code; -1: none. */
function digitsOfBase64(): Int8Array {
  const digits = new Int8Array(128).fill(-1);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  for (let digit = 0; digit < alphabet.length; digit++) digits[alphabet.charCodeAt(digit)] = digit;
  return digits;
}
