/** `fetch()` of `data:` URLs, as https://fetch.spec.whatwg.org/#data-urls has it. */
import { normalMime } from './http/mime.ts';
import { execRegExp, matches, trimHttpSpace } from './http/text.ts';
import {
  copyBytes,
  NativeUint8Array,
  nativeAtob,
  numberParseInt,
  stringCharCodeAt,
  stringIndexOf,
  stringReplaceAll,
  stringSlice,
  stringStartsWith,
  subarray,
  utf8Decode,
  utf8Encode,
} from './primordials.ts';

const BASE64 = /^(.*); *base64$/is;
const HEX_PAIR = /^[0-9a-f]{2}$/i;
const PERCENT = 0x25;
const DEFAULT_TYPE = 'text/plain;charset=US-ASCII';

export interface DataUrl {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The content of a serialised `data:` URL, or undefined if there is none: it has no comma. What is no base64 is empty. */
export function readDataUrl(href: string): DataUrl | undefined {
  const hash = stringIndexOf(href, '#');
  const text = stringSlice(href, 'data:'.length, hash < 0 ? href.length : hash);
  const comma = stringIndexOf(text, ',');
  if (comma < 0) return undefined;
  const written = trimHttpSpace(stringSlice(text, 0, comma));
  const data = percentDecode(stringSlice(text, comma + 1, text.length));
  const base64 = execRegExp(BASE64, written);
  const type = base64 === null ? written : (base64[1] as string);
  return { type: mediaType(type), bytes: base64 === null ? data : fromBase64(data) };
}

const mediaType = (text: string): string =>
  normalMime(stringStartsWith(text, ';') ? `text/plain${text}` : stringReplaceAll(text, ',', ' ')) || DEFAULT_TYPE;

function percentDecode(text: string): Uint8Array<ArrayBuffer> {
  const source = utf8Encode(text);
  const bytes = new NativeUint8Array(source.length);
  let length = 0;
  for (let index = 0; index < source.length; index++) {
    const byte = source[index] as number;
    const pair = byte === PERCENT ? utf8Decode(subarray(source, index + 1, index + 3)) : '';
    const escaped = matches(HEX_PAIR, pair);
    bytes[length++] = escaped ? numberParseInt(pair, 16) : byte;
    if (escaped) index += 2;
  }
  return copyBytes(subarray(bytes, 0, length));
}

function fromBase64(text: Uint8Array): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = nativeAtob(utf8Decode(text));
  } catch {
    return new NativeUint8Array(0);
  }
  const bytes = new NativeUint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = stringCharCodeAt(binary, index);
  return bytes;
}
