/**
 * Text with halves of surrogate pairs in it, as workerd carries it to its stores: each half as the three bytes it would have in UTF-8
 * (WTF-8). Whoever reads those as UTF-8 finds three replacement characters.
 */
import { stringCodePointAt, stringSlice, stringToWellFormed, utf8Encode } from './primordials.ts';

const isLone = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;

export const isWellFormed = (text: string): boolean => stringToWellFormed(text) === text;

/** What a store answers when it was sent this text: each half has become three U+FFFD. */
export function asStored(text: string): string {
  if (isWellFormed(text)) return text;
  let stored = '';
  let copied = 0;
  for (let at = 0; at < text.length; at++) {
    const code = stringCodePointAt(text, at) as number;
    if (code > 0xffff) at++;
    if (!isLone(code)) continue;
    stored += `${stringSlice(text, copied, at)}\ufffd\ufffd\ufffd`;
    copied = at + 1;
  }
  return stored + stringSlice(text, copied);
}

/** The text's bytes; those of halves as they are, not as U+FFFD. */
export function wtf8Encode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = utf8Encode(text);
  if (isWellFormed(text)) return bytes;
  // U+FFFD takes as many bytes as a half does, so that only those have to be written over.
  let offset = 0;
  for (let at = 0; at < text.length; at++) {
    const code = stringCodePointAt(text, at) as number;
    if (isLone(code)) {
      bytes[offset] = 0xe0 | (code >> 12);
      bytes[offset + 1] = 0x80 | ((code >> 6) & 63);
      bytes[offset + 2] = 0x80 | (code & 63);
    }
    if (code > 0xffff) at++;
    offset += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
