/** Bytes in and out: buffers, base64url, and big-endian numbers. */
import { copyBytes, copyInto, freeze, NativeUint8Array, subarray } from '../../primordials.ts';
import { viewBuffer } from '../../value-primordials.ts';

/** A copy of the bytes as an ArrayBuffer of exactly their length. */
export const toArrayBuffer = (bytes: Uint8Array): ArrayBuffer => viewBuffer(copyBytes(bytes));

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALUES: Readonly<Record<string, number>> = freeze(
  Object.assign(
    Object.create(null) as Record<string, number>,
    Object.fromEntries(Array.from(ALPHABET, (letter, value) => [letter, value])),
    { '+': 62, '/': 63 },
  ),
);
const WHITESPACE = ' \t\n\f\r';

export function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; index += 3) {
    const rest = bytes.length - index;
    const word = ((bytes[index] as number) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0);
    text += (ALPHABET[word >> 18] as string) + (ALPHABET[(word >> 12) & 63] as string);
    if (rest > 1) text += ALPHABET[(word >> 6) & 63] as string;
    if (rest > 2) text += ALPHABET[word & 63] as string;
  }
  return text;
}

/** Strict as workerd's decoder: both alphabets, spaces, padding only where it belongs; undefined when it is none. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const digits: number[] = [];
  let padding = 0;
  for (let index = 0; index < text.length; index++) {
    const letter = text[index] as string;
    if (isSpace(letter)) continue;
    if (letter === '=') {
      padding++;
      continue;
    }
    const digit = VALUES[letter];
    if (digit === undefined || padding > 0) return undefined;
    digits[digits.length] = digit;
  }
  if (digits.length % 4 === 1 || (padding > 0 && (digits.length + padding) % 4 !== 0) || padding > 2) return undefined;
  return joinDigits(digits);
}

function isSpace(letter: string): boolean {
  for (let index = 0; index < WHITESPACE.length; index++) if (WHITESPACE[index] === letter) return true;
  return false;
}

function joinDigits(digits: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new NativeUint8Array(Math.floor((digits.length * 3) / 4));
  let word = 0;
  let at = 0;
  for (let index = 0; index < digits.length; index++) {
    word = ((word << 6) | (digits[index] as number)) & 0xffffff;
    if (index % 4 > 0 && at < bytes.length) bytes[at++] = (word >> (6 - 2 * (index % 4))) & 255;
  }
  return bytes;
}

/** Big-endian bytes as a number. */
export function toBigInt(bytes: Uint8Array): bigint {
  let value = 0n;
  let index = 0;
  // Six bytes at a time: a number holds them exactly, and BigInt steps are slow.
  for (; index + 6 <= bytes.length; index += 6) {
    let chunk = 0;
    for (let offset = 0; offset < 6; offset++) chunk = chunk * 256 + (bytes[index + offset] as number);
    value = (value << 48n) | BigInt(chunk);
  }
  for (; index < bytes.length; index++) value = (value << 8n) | BigInt(bytes[index] as number);
  return value;
}

/** A number as big-endian bytes, zeros in front up to `length`. */
export function fromBigInt(value: bigint, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new NativeUint8Array(length);
  for (let index = length - 1; index >= 0 && value > 0n; index--) {
    bytes[index] = Number(value & 255n);
    value >>= 8n;
  }
  return bytes;
}

/** The same number without zeros in front. */
export function trimZeros(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  return copyBytes(subarray(bytes, start, bytes.length));
}

export function concatBytes(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new NativeUint8Array(first.length + second.length);
  copyInto(joined, first, 0);
  copyInto(joined, second, first.length);
  return joined;
}
