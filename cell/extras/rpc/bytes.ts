/** Bytes of RPC messages. What is read comes from another worker: every length is checked, and a bad one throws `MalformedMessage`. */
import { RPC_LIMITS } from '../../../shared/limits.ts';
import { copyInto, NativeError, NativeUint8Array, subarray, utf8Encode } from '../../primordials.ts';
import {
  charCodeAt,
  fromCharCodes,
  isWellFormed,
  NativeFloat64Array,
  utf8DecodeExact,
  utf8EncodeInto,
} from '../../value-primordials.ts';

const double = new NativeFloat64Array(1);
const doubleBytes = new NativeUint8Array(double.buffer);
const EMPTY = new NativeUint8Array(0);

export const malformed = (what: string): Error =>
  new NativeError(`The other side of an RPC session broke the protocol: ${what}`);

/** workerd's words. */
export const tooLarge = (bytes: number): Error =>
  new NativeError(
    `Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: ${bytes} bytes.`,
  );

/** V8 keeps so many bytes beside the object itself; more are an allocation of their own. */
const SMALL_BYTES = 64;
const LONG_TEXT = 4 * 1024;
/** From here on a message grows by an eighth: two copies of the largest have to fit into a cell. */
const MAX_DOUBLED = 1024 * 1024;
/** A message with one large value in it ends with a few bytes more. */
const ROOM_AT_END = 64;

/** Bytes of a message as it is written. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer> = new NativeUint8Array(SMALL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** An unsigned integer below 2^53, seven bits a byte. */
  uint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = (rest - (rest % 0x80)) / 0x80;
    }
    this.#bytes[this.#length++] = rest;
  }

  double(value: number): void {
    this.#reserve(8);
    double[0] = value;
    copyInto(this.#bytes, doubleBytes, this.#length);
    this.#length += 8;
  }

  /** Length, then bytes. */
  bytes(value: Uint8Array): void {
    this.uint(value.length);
    this.#reserve(value.length);
    copyInto(this.#bytes, value, this.#length);
    this.#length += value.length;
  }

  /** UTF-8; text with lone surrogates as its UTF-16 code units. */
  text(value: string): void {
    if (value.length > LONG_TEXT && this.#plainText(value)) return;
    if (isWellFormed(value)) {
      const bytes = utf8Encode(value);
      this.uint(bytes.length * 2);
      this.#reserve(bytes.length);
      copyInto(this.#bytes, bytes, this.#length);
      this.#length += bytes.length;
      return;
    }
    this.uint(value.length * 2 + 1);
    this.#reserve(value.length * 2);
    for (let index = 0; index < value.length; index++) {
      const unit = charCodeAt(value, index);
      this.#bytes[this.#length++] = unit & 0xff;
      this.#bytes[this.#length++] = unit >> 8;
    }
  }

  /** Of long text there is no second copy on the way, if it is all ASCII. */
  #plainText(value: string): boolean {
    const start = this.#length;
    this.uint(value.length * 2);
    this.#reserve(value.length);
    const room = subarray(this.#bytes, this.#length, this.#length + value.length);
    if (utf8EncodeInto(value, room).read === value.length) {
      this.#length += value.length;
      return true;
    }
    this.#length = start;
    return false;
  }

  /** What was written; the writer is not used again. */
  finish(): Uint8Array<ArrayBuffer> {
    return subarray(this.#bytes, 0, this.#length) as Uint8Array<ArrayBuffer>;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    if (needed > RPC_LIMITS.maxMessageBytes) throw tooLarge(needed);
    // Many messages are one large value: a chunk of a stream.
    const isFirst = this.#bytes.length === SMALL_BYTES && needed > LONG_TEXT;
    const more = isFirst ? 0 : needed < MAX_DOUBLED ? needed : needed / 8;
    const grown = new NativeUint8Array(needed + more + ROOM_AT_END);
    copyInto(grown, subarray(this.#bytes, 0, this.#length), 0);
    this.#bytes = grown;
  }
}

/** Bytes of a message of the other worker. Every length is checked; what is wrong is `malformed`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    if (this.left < 1) throw malformed('a message ends too early');
    return this.#bytes[this.#at++] as number;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 8; index++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw malformed('a number is too large');
  }

  /** A count of things that take at least one byte each. */
  count(): number {
    const count = this.uint();
    if (count > this.left) throw malformed('a count is larger than its message');
    return count;
  }

  double(): number {
    copyInto(doubleBytes, this.#take(8), 0);
    return double[0] as number;
  }

  /** A view into the message. */
  bytes(): Uint8Array {
    return this.#take(this.uint());
  }

  text(): string {
    const coded = this.uint();
    const bytes = this.#take(coded % 2 === 0 ? coded / 2 : coded - 1);
    if (coded % 2 === 0) return utf8DecodeExact(bytes);
    let text = '';
    for (let index = 0; index < bytes.length; index += 2) {
      text += fromCharCodes((bytes[index] as number) | ((bytes[index + 1] as number) << 8));
    }
    return text;
  }

  #take(length: number): Uint8Array {
    if (length > this.left) throw malformed('a message ends too early');
    if (length === 0) return EMPTY;
    this.#at += length;
    return subarray(this.#bytes, this.#at - length, this.#at);
  }
}
