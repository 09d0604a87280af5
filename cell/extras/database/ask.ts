/** Asks the server's side of a database binding, and takes its answers to pieces. */
import { callData, type DataAnswer } from '../../calls.ts';
import {
  defineProperty,
  isArray,
  jsonParse,
  jsonStringify,
  NativeError,
  NativeUint8Array,
  copyInto,
  readerRead,
  streamGetReader,
  utf8Decode,
  utf8Encode,
} from '../../primordials.ts';
import { databaseError, scriptError } from './errors.ts';
import { readerOf } from './values.ts';

export interface SentStatement {
  readonly sql: string;
  readonly params: readonly (string | null)[];
  /** See `Rewritten`. */
  readonly grown: readonly number[];
}

/** Where statements go: a binding, and in it a transaction or (null) one of their own. */
export interface Place {
  readonly binding: string;
  readonly transaction: string | null;
}

/** What came of one statement. */
export interface Result {
  readonly columns: readonly Column[];
  /** Values in the order of the columns. */
  readonly rows: readonly (readonly unknown[])[];
  /** What the server calls it: `INSERT 0 3`. */
  readonly tag: string;
  readonly ms: number;
}

export interface Column {
  readonly name: string;
  /** Oid of the type. */
  readonly type: number;
}

/** More go as the call's body, and not with its head. */
const MAX_HEAD_CHARACTERS = 16 * 1024;

/** @throws what the database says, with `code` (SQLSTATE), `position`, `detail` … as properties; `prefix` stands before its text */
export async function ask(
  binding: string,
  name: string,
  args: Readonly<Record<string, unknown>>,
  prefix: string,
  grown: readonly number[] = [],
): Promise<DataAnswer> {
  try {
    const json = jsonStringify(args);
    if (json.length <= MAX_HEAD_CHARACTERS) return await callData(binding, { name, args });
    return await callData(binding, { name, args: null }, utf8Encode(json));
  } catch (error) {
    throw databaseError(error, prefix, grown);
  }
}

type Line = readonly (string | null)[] | { readonly columns: readonly (readonly [string, number])[] } | Done;

interface Done {
  readonly tag: string;
  readonly ms: number;
}

/** Runs statements, all or none, and reads all their results. */
export async function runStatements(
  { binding, transaction }: Place,
  statements: readonly SentStatement[],
  prefix: string,
): Promise<Result[]> {
  const sent: { sql: string; params: readonly (string | null)[] }[] = [];
  for (let index = 0; index < statements.length; index++) {
    const { sql, params } = statements[index] as SentStatement;
    sent[index] = { sql, params };
  }
  const name = statements.length === 1 ? 'query' : 'batch';
  const grown = statements.length === 1 ? (statements[0] as SentStatement).grown : [];
  const answer = await ask(binding, name, { statements: sent, transaction }, prefix, grown);
  return readResults(await readAll(answer, prefix, grown));
}

/** PostgreSQL answers a text without a statement with a result that has no tag. */
function isNothing(results: readonly Result[]): boolean {
  for (let index = 0; index < results.length; index++) if (results[index]?.tag !== '') return false;
  return true;
}

/** Statements without parameters. */
export async function runScript({ binding, transaction }: Place, sql: string): Promise<Result[]> {
  try {
    const results = readResults(await readAll(await ask(binding, 'exec', { sql, transaction }, ''), '', []));
    if (isNothing(results)) throw new NativeError('No SQL statements detected.');
    return results;
  } catch (error) {
    throw scriptError(error, sql);
  }
}

async function readAll({ body }: DataAnswer, prefix: string, grown: readonly number[]): Promise<Line[]> {
  const bytes = body instanceof NativeUint8Array ? body : await collect(body, prefix, grown);
  return jsonParse(utf8Decode(bytes)) as Line[];
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  prefix: string,
  grown: readonly number[],
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = streamGetReader(stream);
  try {
    for (;;) {
      const { done, value } = await readerRead(reader);
      if (done) break;
      chunks[chunks.length] = value as Uint8Array;
      total += (value as Uint8Array).length;
    }
  } catch (error) {
    throw databaseError(error, prefix, grown);
  }
  const bytes = new NativeUint8Array(total);
  for (let index = 0, at = 0; index < chunks.length; index++) {
    copyInto(bytes, chunks[index] as Uint8Array, at);
    at += (chunks[index] as Uint8Array).length;
  }
  return bytes;
}

function readResults(lines: readonly Line[]): Result[] {
  const results: Result[] = [];
  const reader = new LineReader();
  for (let index = 0; index < lines.length; index++) {
    const done = reader.read(lines[index] as Line);
    if (done !== undefined) results[results.length] = done;
  }
  return results;
}

/** Lines one by one: a result when one is complete. */
export class LineReader {
  #columns: Column[] = [];
  #readers: (((text: string) => unknown) | undefined)[] = [];
  #rows: (readonly unknown[])[] = [];

  read(line: Line): Result | undefined {
    if (isArray(line)) {
      this.#rows[this.#rows.length] = this.#readRow(line as readonly (string | null)[]);
      return undefined;
    }
    if ('columns' in line) {
      this.#begin(line.columns);
      return undefined;
    }
    const { tag, ms } = line as Done;
    const result = { columns: this.#columns, rows: this.#rows, tag, ms };
    this.#begin([]);
    return result;
  }

  get columns(): readonly Column[] {
    return this.#columns;
  }

  /** The rows since the last call. */
  takeRows(): readonly (readonly unknown[])[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  #begin(columns: readonly (readonly [string, number])[]): void {
    this.#columns = [];
    this.#readers = [];
    this.#rows = [];
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index] as readonly [string, number];
      this.#columns[index] = { name: column[0], type: column[1] };
      this.#readers[index] = readerOf(column[1]);
    }
  }

  #readRow(texts: readonly (string | null)[]): unknown[] {
    const values: unknown[] = [];
    for (let index = 0; index < texts.length; index++) {
      const text = texts[index] as string | null;
      const reader = this.#readers[index];
      values[index] = text === null || reader === undefined ? text : reader(text);
    }
    return values;
  }
}

/** A row as an object; of columns with one name the last one stays, as in D1. */
export function toObject(columns: readonly Column[], values: readonly unknown[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (let index = 0; index < columns.length; index++) {
    const { name } = columns[index] as Column;
    if (name === '__proto__') {
      defineProperty(row, name, { value: values[index], writable: true, enumerable: true, configurable: true });
    } else row[name] = values[index];
  }
  return row;
}

export function toObjects({ columns, rows }: Result): Record<string, unknown>[] {
  const objects: Record<string, unknown>[] = [];
  for (let index = 0; index < rows.length; index++) {
    objects[index] = toObject(columns, rows[index] as readonly unknown[]);
  }
  return objects;
}

/** Rows a statement changed; 0 for one that only reads. */
export function changesOf(tag: string): number {
  const words = splitWords(tag);
  const verb = words[0];
  const changes = verb === 'INSERT' || verb === 'UPDATE' || verb === 'DELETE' || verb === 'MERGE';
  return changes ? +(words[words.length - 1] as string) : 0;
}

/** Whether a statement made, changed or removed something else than rows. */
export function changesSchema(tag: string): boolean {
  const verb = splitWords(tag)[0];
  return verb === 'CREATE' || verb === 'DROP' || verb === 'ALTER' || verb === 'TRUNCATE' || verb === 'COMMENT';
}

/** Rows a statement is about, changed or read. */
export function countOf(tag: string, rows: number): number {
  const words = splitWords(tag);
  const last = +(words[words.length - 1] as string);
  return last === last ? last : rows;
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  for (let at = 0; at <= text.length; at++) {
    const character = text[at];
    if (character !== undefined && character !== ' ') word += character;
    else if (word !== '') {
      words[words.length] = word;
      word = '';
    }
  }
  return words;
}
