/** The two wire formats of FormData: `multipart/form-data` (RFC 7578) and `application/x-www-form-urlencoded`, read as leniently as the Workers runtime reads them. */
import { compatFlag } from '../compat.ts';
import {
  NativeTypeError,
  NativeUint8Array,
  stringIndexOf,
  stringReplaceAll,
  stringSlice,
  stringSplit,
  stringStartsWith,
  subarray,
  uncurry,
  utf8Decode,
  utf8Encode,
} from '../primordials.ts';
import { blobBytes, blobTypeOf, fileNameOf, makeFile } from './blob.ts';
import { joinBytes } from './bytes.ts';
import { type FormData, type FormEntry, makeFormData } from './form-data.ts';
import { mimeEssence, mimeParameter } from './mime.ts';
import { execRegExp, toLowerCase, trimHttpSpace } from './text.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const getRandomValues = crypto.getRandomValues.bind(crypto);
const indexFrom = uncurry(String.prototype.indexOf as (text: string, from: number) => number);
const HEX = '0123456789abcdef';

function newBoundary(): string {
  const random = getRandomValues(new NativeUint8Array(16));
  let boundary = '';
  for (let index = 0; index < 16; index++) {
    const byte = random[index] as number;
    boundary += `${HEX[byte >> 4] as string}${HEX[byte & 15] as string}`;
  }
  return boundary;
}

const escapeName = (name: string): string => stringReplaceAll(stringReplaceAll(name, '"', '%22'), '\n', '%0A');

/** The entries as `multipart/form-data`, and the content type that names the boundary. */
export function serializeForm(entries: readonly FormEntry[]): { bytes: Bytes; type: string } {
  const boundary = newBoundary();
  const pieces: Uint8Array[] = [];
  let length = 0;
  const add = (piece: Uint8Array): void => {
    pieces[pieces.length] = piece;
    length += piece.length;
  };
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as FormEntry;
    const value = entry[1];
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(entry[0])}"`;
    if (typeof value === 'string') add(utf8Encode(`${head}\r\n\r\n${value}\r\n`));
    else {
      const type = blobTypeOf(value) === '' ? 'application/octet-stream' : blobTypeOf(value);
      add(utf8Encode(`${head}; filename="${escapeName(fileNameOf(value))}"\r\nContent-Type: ${type}\r\n\r\n`));
      add(blobBytes(value) as Bytes);
      add(CRLF);
    }
  }
  add(utf8Encode(`--${boundary}--`));
  return { bytes: joinBytes(pieces, length), type: `multipart/form-data; boundary=${boundary}` };
}

const CRLF = utf8Encode('\r\n');

/** A body as FormData. `contentType`: the header's value. Throws TypeErrors that name what is wrong. */
export function parseForm(bytes: Bytes, contentType: string | null): FormData {
  if (contentType === null) {
    throw new NativeTypeError('Parsing a Body as FormData requires a Content-Type header.');
  }
  const essence = mimeEssence(contentType);
  if (essence === 'multipart/form-data') {
    const boundary = mimeParameter(contentType, 'boundary');
    if (boundary === null || boundary === '') {
      throw new NativeTypeError(
        'No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary parameter, e.g. \'Content-Type: multipart/form-data; boundary="abcd"\'. See RFC 7578, section 4.',
      );
    }
    return makeFormData(parseMultipart(bytes, boundary));
  }
  if (essence === 'application/x-www-form-urlencoded') {
    const charset = mimeParameter(contentType, 'charset');
    if (charset !== null && toLowerCase(charset) !== 'utf-8') {
      throw new NativeTypeError('Non-utf-8 application/x-www-form-urlencoded body.');
    }
    return makeFormData(parseUrlencoded(bytes));
  }
  throw new NativeTypeError(
    'Unrecognized Content-Type header value. FormData can only parse the following MIME types: multipart/form-data, application/x-www-form-urlencoded',
  );
}

const latin1 = new TextDecoder('latin1', { ignoreBOM: true });
const decodeLatin1 = uncurry(TextDecoder.prototype.decode as (bytes: Uint8Array) => string);

/** One character for each byte, so that a place in the text is a place in the bytes. Which character does not matter. */
const asText = (bytes: Uint8Array): string => decodeLatin1(latin1, bytes);

function parseMultipart(bytes: Bytes, boundary: string): FormEntry[] {
  const text = asText(bytes);
  const delimiter = `--${asText(utf8Encode(boundary))}`;
  const entries: FormEntry[] = [];
  let at = firstDelimiter(text, delimiter);
  if (at < 0) throw new NativeTypeError('No initial boundary string (or you have a truncated message).');
  for (;;) {
    const next = afterDelimiter(text, at);
    if (next === null) return entries;
    const head = headEnd(text, next);
    if (head === null) throw new NativeTypeError('No multipart message header termination found.');
    const end = indexFrom(text, `\n${delimiter}`, head.bodyStart);
    if (end < 0) throw new NativeTypeError('No subsequent boundary string after multipart message.');
    const bodyEnd = text[end - 1] === '\r' && end - 1 >= head.bodyStart ? end - 1 : end;
    const headers = utf8Decode(subarray(bytes, next, head.end));
    entries[entries.length] = makeEntry(headers, subarray(bytes, head.bodyStart, bodyEnd) as Bytes);
    at = end + 1 + delimiter.length;
  }
}

/** Where the first delimiter ends: at the very beginning, or at the beginning of a line. */
function firstDelimiter(text: string, delimiter: string): number {
  if (text.length <= delimiter.length) return -1;
  if (stringStartsWith(text, delimiter)) return delimiter.length;
  const found = stringIndexOf(text, `\n${delimiter}`);
  return found < 0 ? -1 : found + 1 + delimiter.length;
}

/** Where the part behind a delimiter begins; null when it was the last one. */
function afterDelimiter(text: string, at: number): number | null {
  if (text[at] === '\n') return at + 1;
  if (text[at] === '\r' && text[at + 1] === '\n') return at + 2;
  if (text[at] === '-' && text[at + 1] === '-') return null;
  throw new NativeTypeError("Boundary string was not succeeded by CRLF, LF, or '--'.");
}

function headEnd(text: string, from: number): { end: number; bodyStart: number } | null {
  const crlf = indexFrom(text, '\r\n\r\n', from);
  const lf = indexFrom(text, '\n\n', from);
  if (crlf < 0 && lf < 0) return null;
  if (lf < 0 || (crlf >= 0 && crlf < lf)) return { end: crlf, bodyStart: crlf + 4 };
  return { end: lf, bodyStart: lf + 2 };
}

const DISPOSITION = /^content-disposition[ \t]*:[ \t]*([^;\r]*)(.*)$/i;
const CONTENT_TYPE = /^content-type[ \t]*:(.*)$/i;

function makeEntry(headers: string, content: Bytes): FormEntry {
  const lines = stringSplit(stringReplaceAll(headers, '\r', ''), '\n');
  let name: string | null = null;
  let file: string | null = null;
  let type = '';
  let found = false;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string;
    const disposition = execRegExp(DISPOSITION, line);
    if (disposition !== null) {
      found = true;
      requireFormData(trimHttpSpace(disposition[1] as string));
      const parameters = disposition[2] as string;
      name = quotedParameter(parameters, 'name');
      file = quotedParameter(parameters, 'filename');
    }
    const contentType = execRegExp(CONTENT_TYPE, line);
    if (contentType !== null) type = trimHttpSpace(contentType[1] as string);
  }
  if (!found) throw new NativeTypeError('No valid Content-Disposition header found in FormData part.');
  if (name === null) throw new NativeTypeError('Content-Disposition header in FormData part is missing a name.');
  if (file !== null && compatFlag('formdata_parser_supports_files')) return [name, makeFile(content, file, type)];
  return [name, utf8Decode(content)];
}

function requireFormData(disposition: string): void {
  if (disposition === 'form-data') return;
  throw new NativeTypeError(
    `Content-Disposition header for FormData part must have the value "form-data", possibly followed by parameters. Got: "${disposition}"`,
  );
}

const PARAMETER = /^[ \t]*;[ \t]*([^\s="';]+)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"/;

/** The last parameter of this name that has a value in quotes; reading ends at the first one that has none. */
function quotedParameter(parameters: string, wanted: string): string | null {
  let rest = parameters;
  let value: string | null = null;
  for (;;) {
    const match = execRegExp(PARAMETER, rest);
    if (match === null) return value;
    const text = match[2] as string;
    if (match[1] === wanted && text !== '') value = unescape(text);
    rest = stringSlice(rest, (match[0] as string).length, rest.length);
  }
}

function unescape(text: string): string {
  if (stringIndexOf(text, '\\') < 0) return text;
  let plain = '';
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '\\') index++;
    plain += text[index] as string;
  }
  return plain;
}

function parseUrlencoded(bytes: Bytes): FormEntry[] {
  const parts = stringSplit(utf8Decode(bytes), '&');
  const entries: FormEntry[] = [];
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] as string;
    if (part === '') continue;
    const equals = stringIndexOf(part, '=');
    const name = equals < 0 ? part : stringSlice(part, 0, equals);
    const value = equals < 0 ? '' : stringSlice(part, equals + 1, part.length);
    entries[entries.length] = [decodeComponent(name), decodeComponent(value)];
  }
  return entries;
}

const hexDigit = (code: number): number => {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
};

/** Percent decoding as the runtime does it: a `%` without digits disappears, one digit alone counts. */
function decodeComponent(text: string): string {
  if (stringIndexOf(text, '%') < 0 && stringIndexOf(text, '+') < 0) return text;
  const source = utf8Encode(text);
  const target = new NativeUint8Array(source.length);
  let length = 0;
  for (let index = 0; index < source.length; index++) {
    const code = source[index] as number;
    if (code === 43) target[length++] = 32;
    else if (code !== 37) target[length++] = code;
    else {
      const high = hexDigit(source[index + 1] ?? 0);
      if (high < 0) continue;
      const low = hexDigit(source[index + 2] ?? 0);
      target[length++] = low < 0 ? high : high * 16 + low;
      index += low < 0 ? 1 : 2;
    }
  }
  return utf8Decode(subarray(target, 0, length));
}
