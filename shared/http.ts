/** What HTTP headers may be made of, and which of them belong to one connection only. One place for gateway, cells and egress. */

/** RFC 9110 §7.6.1, with RFC 2616 §13.5.1's for old clients. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A `token` of RFC 9110 §5.6.2: header names and methods. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** RFC 9110 §5.5: no control characters but tab, nothing outside Latin-1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
export const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
