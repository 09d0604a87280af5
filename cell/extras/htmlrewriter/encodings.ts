/**
 * Documents in other encodings than UTF-8. The parser here reads UTF-8 only, so they are translated on the way in and back on the way
 * out. Bytes that mean nothing in their encoding travel as characters of a private plane, and come out as they were.
 */
import {
  decodePart,
  decoderEncoding,
  MapConstructor,
  mapGet,
  mapSet,
  NativeTextDecoder,
  NativeTypeError,
  NativeUint32Array,
  NativeUint8Array,
  stringCharCodeAt,
  stringCodePointAt,
  stringFromCodePoint,
  stringToLowerCase,
  utf8Encode,
} from '../../primordials.ts';

export interface DocumentEncoding {
  /** To UTF-8, piece by piece. */
  decode(bytes: Uint8Array, last: boolean): Uint8Array;
  /** From UTF-8, piece by piece. What the encoding lacks becomes a numeric character reference. */
  encode(bytes: Uint8Array, last: boolean): Uint8Array;
  /** Text of the parser as user code may see it. */
  readText(text: string): string;
}

/** Where bytes without a meaning stay meanwhile: the end of the last private use plane. */
const RAW_BYTES = 0x10ff00;
const REPLACEMENT = 0xfffd;
const SINGLE_BYTE_LETTERS = 128;
const LINE_BREAK = 0x0a;
/** What the encodings have lies below. */
const CODE_POINTS = 0x30000;

/** @throws {TypeError} for an encoding that does not exist, or in which ASCII is not ASCII */
export function encodingOf(label: string): DocumentEncoding | undefined {
  if (isUtf8(label)) return undefined;
  let name: string;
  try {
    name = decoderEncoding(new NativeTextDecoder(label));
  } catch {
    throw new NativeTypeError('Parser error: Unknown character encoding has been provided.');
  }
  if (name === 'utf-8') return undefined;
  if (name === 'utf-16le' || name === 'utf-16be' || name === 'iso-2022-jp') {
    throw new NativeTypeError('Parser error: Expected ASCII-compatible encoding.');
  }
  return new Translation(name);
}

/** What nearly every document says, without asking the platform. */
function isUtf8(label: string): boolean {
  const lower = stringToLowerCase(label);
  return lower === 'utf-8' || lower === 'utf8';
}

class Translation implements DocumentEncoding {
  readonly #single: readonly number[] | undefined;
  readonly #bytesOf: Uint32Array;
  readonly #fromDocument: TextDecoder;
  readonly #fromParser = new NativeTextDecoder('utf-8', { ignoreBOM: true });

  constructor(name: string) {
    const { single, bytesOf } = tableOf(name);
    this.#single = single;
    this.#bytesOf = bytesOf;
    this.#fromDocument = new NativeTextDecoder(name);
  }

  decode(bytes: Uint8Array, last: boolean): Uint8Array {
    if (this.#single === undefined) return utf8Encode(decodePart(this.#fromDocument, bytes, { stream: !last }));
    let text = '';
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index] as number;
      text += stringFromCodePoint(
        byte < SINGLE_BYTE_LETTERS ? byte : (this.#single[byte - SINGLE_BYTE_LETTERS] as number),
      );
    }
    return utf8Encode(text);
  }

  encode(bytes: Uint8Array, last: boolean): Uint8Array {
    const text = decodePart(this.#fromParser, bytes, { stream: !last });
    const out = new ByteList(text.length);
    for (let index = 0; index < text.length; index++) {
      const point = stringCodePointAt(text, index) as number;
      if (point > 0xffff) index++;
      this.#encodePoint(point, out);
    }
    return out.take();
  }

  #encodePoint(point: number, out: ByteList): void {
    if (point < 0x80) return out.push(point);
    if (point >= RAW_BYTES) return out.push(point - RAW_BYTES);
    const bytes = this.#bytesOf[point];
    if (bytes === undefined || bytes === 0) {
      const reference = `&#${point};`;
      for (let index = 0; index < reference.length; index++) out.push(stringCharCodeAt(reference, index));
      return;
    }
    if (bytes > 0xffff) out.push(bytes >> 16);
    if (bytes > 0xff) out.push((bytes >> 8) & 0xff);
    out.push(bytes & 0xff);
  }

  readText(text: string): string {
    let seen = '';
    let from = 0;
    for (let index = 0; index < text.length; index++) {
      const point = stringCodePointAt(text, index) as number;
      if (point <= 0xffff) continue;
      if (point >= RAW_BYTES) {
        seen += text.substring(from, index) + stringFromCodePoint(REPLACEMENT);
        from = index + 2;
      }
      index++;
    }
    return from === 0 ? text : seen + text.substring(from);
  }
}

class ByteList {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(size: number) {
    this.#bytes = new NativeUint8Array(size * 2 + 16);
  }

  push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new NativeUint8Array(this.#bytes.length * 2);
      for (let index = 0; index < this.#length; index++) larger[index] = this.#bytes[index] as number;
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }

  take(): Uint8Array {
    return new NativeUint8Array(this.#bytes.buffer, 0, this.#length);
  }
}

interface Table {
  /** Of encodings with one byte per character: the characters of bytes 128 to 255. */
  readonly single: readonly number[] | undefined;
  /** By code point, as one number, the first byte highest; 0: not in this encoding. */
  readonly bytesOf: Uint32Array;
}

const tables = new MapConstructor<string, Table>();

const MULTI_BYTE = {
  __proto__: null,
  gbk: 1,
  gb18030: 1,
  big5: 1,
  'euc-jp': 1,
  'euc-kr': 1,
  shift_jis: 1,
} as unknown as Record<string, number>;

/** Encoders are the decoder's tables read backwards; the platform has none. */
function tableOf(name: string): Table {
  const known = mapGet(tables, name);
  if (known !== undefined) return known;
  const table = MULTI_BYTE[name] === undefined ? singleByteTable(name) : multiByteTable(name);
  mapSet(tables, name, table);
  return table;
}

function singleByteTable(name: string): Table {
  const decoder = new NativeTextDecoder(name);
  const single: number[] = [];
  const bytesOf = new NativeUint32Array(0x10000);
  for (let byte = SINGLE_BYTE_LETTERS; byte < 256; byte++) {
    const point = stringCodePointAt(decodePart(decoder, new NativeUint8Array([byte]), { stream: false }), 0) as number;
    single[byte - SINGLE_BYTE_LETTERS] = point === REPLACEMENT ? RAW_BYTES + byte : point;
    if (point !== REPLACEMENT) bytesOf[point] = byte;
  }
  return { single, bytesOf };
}

/**
 * Every pair of bytes, and in EUC-JP the triples behind 0x8F, is tried: all in one text, a line each, since a line break is never the
 * second byte of anything. The first that gives a character is how it is written.
 */
function multiByteTable(name: string): Table {
  const tried = new ByteList(1 << 16);
  for (let lead = 0x80; lead < 0x100; lead++) tryBytes(tried, [lead]);
  for (let lead = 0x81; lead < 0xff; lead++)
    for (let trail = 0x40; trail < 0xff; trail++) tryBytes(tried, [lead, trail]);
  if (name === 'euc-jp') {
    for (let lead = 0xa1; lead < 0xff; lead++)
      for (let trail = 0xa1; trail < 0xff; trail++) tryBytes(tried, [0x8f, lead, trail]);
  }
  const bytes = tried.take();
  const text = decodePart(new NativeTextDecoder(name), bytes, { stream: false });
  return { single: undefined, bytesOf: readTried(bytes, text) };
}

function tryBytes(tried: ByteList, bytes: readonly number[]): void {
  for (let index = 0; index < bytes.length; index++) tried.push(bytes[index] as number);
  tried.push(LINE_BREAK);
}

/** Line by line, what was tried and what it means. */
function readTried(bytes: Uint8Array, text: string): Uint32Array {
  const bytesOf = new NativeUint32Array(CODE_POINTS);
  let at = 0;
  for (let index = 0; index < text.length; ) {
    const point = stringCodePointAt(text, index) as number;
    const after = index + (point > 0xffff ? 2 : 1);
    let value = 0;
    for (; bytes[at] !== LINE_BREAK; at++) value = value * 256 + (bytes[at] as number);
    at++;
    const whole = stringCharCodeAt(text, after) === LINE_BREAK;
    if (whole && point >= 0x80 && point !== REPLACEMENT && bytesOf[point] === 0) bytesOf[point] = value;
    while (stringCharCodeAt(text, index) !== LINE_BREAK) index++;
    index++;
  }
  return bytesOf;
}
