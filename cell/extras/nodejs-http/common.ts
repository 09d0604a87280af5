/** What requests and answers of `node:http` have in common: names and values of headers, methods, status texts. */
import { invalidArgType, nodeError, nodeTypeError, shaped, toText, unimplemented } from '../nodejs/errors.ts';
import { denoNode } from '../nodejs/deno-node.ts';

const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const INVALID_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/;

export const METHODS =
  'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST ' +
  'PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE';
export const methods = (): string[] => METHODS.split(' ');

export const STATUS_CODES = { ...(denoNode('http') as { STATUS_CODES: Record<number, string> }).STATUS_CODES };

export const isToken = (value: unknown): boolean => TOKEN.test(toText(value));
export const hasInvalidCharacter = (value: unknown): boolean => INVALID_VALUE.test(toText(value));

export function validateHeaderName(name: unknown, label = 'Header name'): void {
  if (typeof name !== 'string' || name === '' || !isToken(name)) {
    throw nodeTypeError('ERR_INVALID_HTTP_TOKEN', `${label} must be a valid HTTP token ["${toText(name)}"]`);
  }
}

export function validateHeaderValue(name: string, value: unknown): void {
  if (value === undefined) {
    throw nodeTypeError('ERR_HTTP_INVALID_HEADER_VALUE', `Invalid value "undefined" for header "${name}"`);
  }
  if (hasInvalidCharacter(value)) {
    throw nodeTypeError('ERR_INVALID_CHAR', `Invalid character in header content ["${name}"]`);
  }
}

export function validateFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value);
}

export const headersSent = (action: string): Error =>
  nodeError('ERR_HTTP_HEADERS_SENT', `Cannot ${action} headers after they are sent to the client`);

/** `node:_http_common`; the parser is not there, its helpers are. */
export const httpCommon = () => ({
  CRLF: '\r\n',
  HTTPParser: unimplemented('HTTPParser', 'HTTPParser', 0),
  _checkInvalidHeaderChar: shaped(hasInvalidCharacter, '_checkInvalidHeaderChar', 1),
  _checkIsHttpToken: shaped(isToken, '_checkIsHttpToken', 1),
  chunkExpression: /(?:^|\W)chunked(?:$|\W)/i,
  continueExpression: /(?:^|\W)100-continue(?:$|\W)/i,
  methods: methods(),
  kIncomingMessage: Symbol('IncomingMessage'),
});

type HeaderRecord = Record<string, string | string[] | undefined>;

/** Node's view of a set of headers: lower-case names, one text each, `set-cookie` as a list. */
export function nodeHeaders(headers: Headers): HeaderRecord {
  const record: HeaderRecord = {};
  for (const [name, value] of headers) {
    if (name !== 'set-cookie') record[name] = value;
  }
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) record['set-cookie'] = cookies;
  return record;
}

/** Headers as Node's programs give them: an object, a flat list, pairs, or web `Headers`. */
export function* headerEntries(headers: unknown): Generator<[string, unknown]> {
  if (headers === undefined || headers === null) return;
  if (headers instanceof Headers) {
    yield* headers;
  } else if (!Array.isArray(headers)) {
    yield* Object.entries(headers as object) as [string, unknown][];
  } else if (Array.isArray(headers[0])) {
    for (const pair of headers as [string, unknown][]) yield [pair[0], pair[1]];
  } else {
    if (headers.length % 2 !== 0) {
      throw nodeTypeError(
        'ERR_INVALID_ARG_VALUE',
        `The argument 'headers' is invalid. Received [ ${headers.map((value) => `'${toText(value)}'`).join(', ')} ]`,
      );
    }
    for (let index = 0; index < headers.length; index += 2) yield [headers[index] as string, headers[index + 1]];
  }
}
