/** The heads of HTTP/1.1 between the supervisor and a cell: ours are written, the cell's are an attacker's and read strictly. */
import type { Readable } from 'node:stream';
import { HEADER_VALUE, HOP_BY_HOP, TOKEN } from '../../shared/http.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import { DATE_HEADER } from '../../shared/protocol.ts';

export interface RequestHead {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: Readable | null;
  /** Null with a body: sent chunked. */
  readonly bodyBytes: number | null;
}

/** Those of the worker, and what the harness and Deno add. */
export const MAX_ANSWER_LINES = CHANNEL_LIMITS.maxHeaderLines + 8;

/** What a cell sent was not an HTTP response we accept. */
export class CellProtocolError extends Error {
  override readonly name = 'CellProtocolError';
}

/** The head as it goes to the cell. Its parts were checked when the request came to this server. */
export function writeRequestHead(request: RequestHead): string {
  let head = `${request.method} ${request.url} HTTP/1.1\r\n`;
  const { headers } = request;
  for (let index = 0; index < headers.length; index += 2) {
    head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  }
  if (request.body !== null) {
    head += request.bodyBytes === null ? 'transfer-encoding: chunked\r\n' : `content-length: ${request.bodyBytes}\r\n`;
  }
  return `${head}\r\n`;
}

interface ParsedHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: string[];
  readonly contentLength: number | null;
  readonly chunked: boolean;
}

const STATUS_LINE = /^HTTP\/1\.1 ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;

/** Throws CellProtocolError on anything but a plain HTTP/1.1 response head. */
export function parseHead(text: string): ParsedHead {
  const lines = text.split('\r\n');
  const match = STATUS_LINE.exec(lines[0] as string);
  if (match === null) throw new CellProtocolError('Malformed status line');
  if (lines.length - 1 > MAX_ANSWER_LINES) throw new CellProtocolError(`${lines.length - 1} header lines`);
  const headers: string[] = [];
  let contentLength: number | null = null;
  let chunked = false;
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index] as string;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!TOKEN.test(name) || !HEADER_VALUE.test(value)) throw new CellProtocolError('Malformed header line');
    if (name === 'transfer-encoding') {
      if (value.toLowerCase() !== 'chunked' || chunked) throw new CellProtocolError('Unknown transfer-encoding');
      chunked = true;
    } else if (name === 'content-length') {
      if (contentLength !== null || !/^\d{1,15}$/.test(value)) throw new CellProtocolError('Bad content-length');
      contentLength = Number(value);
      headers.push(name, value);
    } else if (name === DATE_HEADER) headers.push('date', value);
    else if (name !== 'date' && !HOP_BY_HOP.has(name)) headers.push(name, value);
  }
  if (chunked && contentLength !== null) throw new CellProtocolError('Both content-length and chunked');
  return { status: Number(match[1]), statusText: match[2] ?? '', headers, contentLength, chunked };
}
