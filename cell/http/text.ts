/** Text of HTTP: names, values and the conversions of Web IDL, without touching a prototype that user code may have patched. */
import { apply, NativeTypeError, NativeUint8Array, uncurry, utf8Decode, utf8Encode } from '../primordials.ts';

const exec = RegExp.prototype.exec as (...args: never[]) => unknown;
/** Whether the expression (not global, not sticky) matches. Cheapest when it does not. */
export const matches = (expression: RegExp, text: string): boolean => apply(exec, expression, [text]) !== null;

export const execRegExp = (expression: RegExp, text: string): RegExpExecArray | null =>
  apply(exec, expression, [text]) as RegExpExecArray | null;

export const toLowerCase = uncurry(String.prototype.toLowerCase);
export const toUpperCase = uncurry(String.prototype.toUpperCase);
export const charCodeAt = uncurry(String.prototype.charCodeAt);
const toWellFormed = uncurry(
  (String.prototype as unknown as { toWellFormed(): string }).toWellFormed as (this: string) => string,
);
const fromCharCode = String.fromCharCode;

const NOT_ASCII = /[^\x00-\x7f]/;
export const isAscii = (text: string): boolean => !matches(NOT_ASCII, text);

/** Web IDL's `USVString`: lone surrogates become U+FFFD. Throws what the value's own conversion throws. */
export function toText(value: unknown): string {
  const text = typeof value === 'string' ? value : `${value as string}`;
  return matches(NOT_ASCII, text) ? toWellFormed(text) : text;
}

/** What the runtime allows in a header's name: tokens, and any byte beyond ASCII. */
const BAD_NAME = /[^!#$%&'*+\-.^_`|~0-9A-Za-z\x80-\uffff]/;
const BAD_VALUE = /[\0\r\n]/;
const UPPER = /[A-Z]/;

/** The name in lower case. Throws a TypeError for what is none. */
export function headerName(value: unknown): string {
  const name = toText(value);
  if (matches(BAD_NAME, name)) throw new NativeTypeError('Invalid header name.');
  return matches(UPPER, name) ? toLowerCase(name) : name;
}

const isSpace = (char: string | undefined): boolean => char === ' ' || char === '\t' || char === '\n' || char === '\r';

/** The value without white space around it. Throws a TypeError for one with a line break or NUL in it. */
export function headerValue(value: unknown): string {
  const text = trimHttpSpace(toText(value));
  if (matches(BAD_VALUE, text)) throw new NativeTypeError('Invalid header value.');
  return text;
}

const slice = uncurry(String.prototype.slice as (start: number, end: number) => string);

export function trimHttpSpace(text: string): string {
  let start = 0;
  let end = text.length;
  if (!isSpace(text[0]) && !isSpace(text[end - 1])) return text;
  while (start < end && isSpace(text[start])) start++;
  while (end > start && isSpace(text[end - 1])) end--;
  return slice(text, start, end);
}

/** Bytes of the wire, one per character, as the text they are in UTF-8. */
export function fromWire(text: string): string {
  if (isAscii(text)) return text;
  const bytes = new NativeUint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = charCodeAt(text, index);
  return utf8Decode(bytes);
}

/** The text's UTF-8 bytes, one per character, as HTTP libraries take them. */
export function toWire(text: string): string {
  if (isAscii(text)) return text;
  const bytes = utf8Encode(text);
  let wire = '';
  for (let index = 0; index < bytes.length; index++) wire += fromCharCode(bytes[index] as number);
  return wire;
}

/** The conversion to a C++ `int`: NaN is 0, fractions are cut, and what does not fit is refused. */
export function toInt(value: unknown): number {
  if (typeof value === 'bigint') throw new NativeTypeError('Cannot convert a BigInt value to a number');
  const number = +(value as number);
  if (number !== number) return 0;
  if (number >= 2147483648 || number <= -2147483649) {
    throw new NativeTypeError('Value out of range. Must be between -2147483648 and 2147483647 (inclusive).');
  }
  return number | 0;
}
