/**
 * What a cell says of a call that it opens, checked once, so that bindings get values they can use: the shape of the head, and what of its
 * method, URL and headers may be passed on as HTTP.
 */
import { HEADER_VALUE, HOP_BY_HOP, TOKEN } from '../../shared/http.ts';
import { CACHE_LIMITS, CHANNEL_LIMITS, GATEWAY_LIMITS } from '../../shared/limits.ts';
import {
  type CacheTarget,
  type CallHead,
  type DataOperation,
  INTERNAL_HEADER_PREFIX,
  type InvocationTarget,
} from '../../shared/protocol.ts';
import { CellMisbehaved } from './misbehaved.ts';

/** Framing belongs to whoever sends. */
const NOT_PASSED_ON = new Set([...HOP_BY_HOP, 'content-length']);
/** Reads a call's head. Throws CellMisbehaved on wrong shapes; wrong *values* of a well-formed head are the binding's to refuse. */
export function parseCallHead(bytes: Uint8Array): CallHead {
  if (bytes.length > CHANNEL_LIMITS.maxHeadBytes) {
    throw new CellMisbehaved(`Call head of ${bytes.length} bytes; allowed are ${CHANNEL_LIMITS.maxHeadBytes}`);
  }
  const head = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as CallHead;
  const wellFormed =
    typeof head === 'object' &&
    head !== null &&
    Number.isSafeInteger(head.invocation) &&
    (head.binding === null || typeof head.binding === 'string') &&
    (head.loopback === undefined || isTarget(head.loopback)) &&
    (head.cf === undefined || typeof head.cf === 'string') &&
    (head.cache === undefined || isCacheTarget(head.cache)) &&
    (head.operation === undefined || isOperation(head.operation)) &&
    typeof head.method === 'string' &&
    typeof head.url === 'string' &&
    Array.isArray(head.headers) &&
    typeof head.hasBody === 'boolean' &&
    (head.bodyBytes === null || (Number.isSafeInteger(head.bodyBytes) && head.bodyBytes >= 0)) &&
    (head.upgrade === null || head.upgrade === 'websocket' || head.upgrade === 'socket') &&
    Number.isFinite(head.clockMs);
  if (!wellFormed) throw new CellMisbehaved('Call head of a wrong shape');
  return head;
}

/** What a cell says of an entrypoint of its own worker. Its props are the worker's own words, and reach nobody else. */
export function isTarget(target: InvocationTarget): boolean {
  if (typeof target !== 'object' || target === null) return false;
  const { entrypoint, props } = target as { entrypoint: unknown; props: unknown };
  if (entrypoint !== null && typeof entrypoint !== 'string') return false;
  return props === null || typeof (props as { encoded?: unknown }).encoded === 'string';
}

/** Only the name is looked at: what the arguments have to be, the binding knows. */
const isOperation = (operation: DataOperation): boolean =>
  typeof operation === 'object' && operation !== null && typeof operation.name === 'string';

/** Which cache, and the status line of what is to be stored: it is sent back as it is. */
function isCacheTarget(target: CacheTarget): boolean {
  if (typeof target !== 'object' || target === null) return false;
  const { name, put } = target;
  if (name !== null && (typeof name !== 'string' || Buffer.byteLength(name) >= CACHE_LIMITS.maxNameBytes)) return false;
  if (put === undefined) return true;
  if (typeof put !== 'object' || put === null) return false;
  const { status, statusText } = put;
  return (
    Number.isInteger(status) &&
    status >= 200 &&
    status <= 599 &&
    typeof statusText === 'string' &&
    HEADER_VALUE.test(statusText)
  );
}

export const TOO_MANY_LINES = `A request may have at most ${CHANNEL_LIMITS.maxHeaderLines} header lines; this one has more`;

/** Why a well-formed head cannot be passed on as HTTP, or undefined. */
export function invalidHead(head: CallHead): string | undefined {
  if (!TOKEN.test(head.method)) return `The method "${head.method.slice(0, 40)}" is not valid`;
  if (head.url.length > GATEWAY_LIMITS.maxUrlBytes) return `The URL is longer than ${GATEWAY_LIMITS.maxUrlBytes} bytes`;
  const { headers } = head;
  if (headers.length > 2 * CHANNEL_LIMITS.maxHeaderLines) return TOO_MANY_LINES;
  for (let index = 0; index < headers.length; index++) {
    const value: unknown = headers[index];
    if (typeof value !== 'string' || !(index % 2 === 0 ? TOKEN : HEADER_VALUE).test(value))
      return 'A header is not valid';
  }
  return headers.length % 2 === 0 ? undefined : 'A header has no value';
}

/** Headers as they may be passed on: lower case, no framing, nothing of ours. On the internet `host` follows from the URL. */
export function passableHeaders(headers: readonly string[], isOutside: boolean): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] as string).toLowerCase();
    if (NOT_PASSED_ON.has(name) || name.startsWith(INTERNAL_HEADER_PREFIX)) continue;
    if (isOutside && name === 'host') continue;
    kept.push(name, headers[index + 1] as string);
  }
  return kept;
}

/** What a cell says of a call; some of it is read when somebody asks. */
export type CallFacts = Omit<CallHead, 'invocation' | 'clockMs' | 'loopback' | 'cf'> & {
  readonly loopback?: InvocationTarget | undefined;
  readonly cf?: string | undefined;
};
