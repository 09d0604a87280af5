/** Headers on their way between a dispatch and a cell: pairs in one flat list, name and value in turn. */
import { createHash } from 'node:crypto';
import { HOP_BY_HOP } from '../../shared/http.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import {
  INTERNAL_HEADER_PREFIX,
  MAX_HTTP_HEADER_BYTES,
  MAX_HTTP_HEADER_LINES,
  NO_HOST,
} from '../../shared/protocol.ts';

/** In lower case, without what belongs to one connection, and without what is the harness's own. */
export function passableOf(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] as string).toLowerCase();
    if (HOP_BY_HOP.has(name) || name.startsWith(INTERNAL_HEADER_PREFIX)) continue;
    kept.push(name, headers[index + 1] as string);
  }
  return kept;
}

/** What the harness says beside the worker's headers: Deno's server sends a status text and a length of its own. The reader of the head has checked it. */
export function valueOf(headers: readonly string[], name: string): string | undefined {
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if (headers[index] === name) return headers[index + 1];
  }
  return undefined;
}

/** More than the HTTP server in the cell takes in a head. */
export function areLarge(headers: readonly string[]): boolean {
  if (headers.length > 2 * MAX_HTTP_HEADER_LINES) return true;
  let bytes = 0;
  for (let index = 0; index < headers.length; index++) bytes += (headers[index] as string).length + 2;
  return bytes > MAX_HTTP_HEADER_BYTES;
}

/** Of an answer: whether its body is none that fits one frame. */
export function isLargeOrStream(headers: readonly string[]): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] === 'content-length') return Number(headers[index + 1]) > CHANNEL_LIMITS.maxInlineBodyBytes;
  }
  return true;
}

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** RFC 6455 §4.2.2: the proof that the key was read. What the worker says of it does not count. */
export function addAccept(headers: string[], asked: readonly string[]): void {
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if (headers[index] === 'sec-websocket-accept') headers.splice(index, 2);
  }
  for (let index = 0; index < asked.length; index += 2) {
    if ((asked[index] as string).toLowerCase() !== 'sec-websocket-key') continue;
    const accept = createHash('sha1')
      .update(`${asked[index + 1] as string}${WEBSOCKET_GUID}`)
      .digest('base64');
    headers.push('sec-websocket-accept', accept);
    return;
  }
}

/** The pair that names the host, or our own name for none. */
export function hostOf(headers: readonly string[]): string[] {
  for (let index = 0; index < headers.length; index += 2) {
    if ((headers[index] as string).toLowerCase() === 'host') return ['host', headers[index + 1] as string];
  }
  return ['host', NO_HOST];
}

/** HTTP needs a host; a call from another worker has none of its own. */
export const withHost = (headers: readonly string[]): readonly string[] =>
  hostOf(headers)[1] === NO_HOST ? ['host', NO_HOST, ...headers] : headers;
