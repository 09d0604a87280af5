/**
 * Which headers pass the gateway, in both directions. Headers are flat lists `[name, value, name, value …]` as Node's
 * `rawHeaders` are: no object is built, duplicates and their order survive. These functions run on every request.
 *
 * Never passed on: hop-by-hop headers and those that Connection names (RFC 9110 §7.6.1), and whatever starts with
 * `x-skep-`, which is kept free for Skep itself. From a visitor also: headers by which a platform or proxy says who the
 * visitor is, and whatever else starts with `cf-`: workers believe such headers. They count only when a trusted proxy sends them.
 */
import { HOP_BY_HOP } from '../../shared/http.ts';
import { clientAddress, type AddressTest } from './address.ts';

/** What one pass over a request's headers finds. Fields are as received; undefined: not sent. */
export class RequestHead {
  /** What goes on to the worker, in the order received and as spelled. */
  kept: string[] = [];
  /** All names, values and the four bytes around each pair. */
  bytes = 0;
  host: string | undefined = undefined;
  hostCount = 0;
  expect: string | undefined = undefined;
  te: string | undefined = undefined;
  upgrade: string | undefined = undefined;
  connection: string | undefined = undefined;
  contentLength: string | undefined = undefined;
  transferEncoding: string | undefined = undefined;
  accept: string | undefined = undefined;
  /** These three only from a trusted proxy. */
  forwardedFor: string | undefined = undefined;
  forwardedProto: string | undefined = undefined;
  forwardedHost: string | undefined = undefined;
}

/** Identity headers that Skep always writes itself, even behind a trusted proxy: x-forwarded-for is what it believes. */
const OWN_IDENTITY = new Set(['cf-connecting-ip', 'cf-ray', 'cf-visitor', 'true-client-ip', 'x-real-ip']);
/** A bit for each length that one of the names below has: most headers are told apart by length alone. */
const SPECIAL_LENGTHS = lengthMask([
  ...HOP_BY_HOP,
  ...OWN_IDENTITY,
  'forwarded',
  'accept',
  'content-length',
  'expect',
  'host',
]);

function lengthMask(names: readonly string[]): number {
  let mask = 0;
  for (const name of names) mask |= 1 << name.length;
  return mask;
}

/** True for names that need a closer look; `x-…` covers x-forwarded-*, x-real-ip and x-skep-*, `cf…` covers cf-*. */
function isSpecial(name: string): boolean {
  if (name.length < 32 && (SPECIAL_LENGTHS & (1 << name.length)) !== 0) return true;
  const first = name.charCodeAt(0) | 0x20;
  const second = name.charCodeAt(1);
  return (first === 0x78 && second === 0x2d) || (first === 0x63 && (second | 0x20) === 0x66);
}

const isIdentity = (name: string): boolean =>
  OWN_IDENTITY.has(name) || name === 'forwarded' || name.startsWith('cf-') || name.startsWith('x-forwarded-');

/** A worker's headers for a visit to another worker's public name, without what they claim of the visitor. Names are in lower case. */
export function withoutIdentity(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] as string;
    if (!isIdentity(name)) kept.push(name, headers[index + 1] as string);
  }
  return kept;
}

/** Reads a request's raw headers once. `isTrustedPeer`: the connection comes from a trusted proxy. */
export function readRequestHead(raw: readonly string[], isTrustedPeer: boolean): RequestHead {
  const head = new RequestHead();
  const { kept } = head;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    head.bytes += name.length + value.length + 4;
    if (!isSpecial(name) || passesRequest(head, name.toLowerCase(), value, isTrustedPeer)) kept.push(name, value);
  }
  if (head.connection !== undefined) dropNominated(kept, head.connection);
  return head;
}

/** Notes what the gateway needs of a special header and says whether it goes on to the worker. */
function passesRequest(head: RequestHead, name: string, value: string, isTrustedPeer: boolean): boolean {
  switch (name) {
    case 'host':
      head.host ??= value;
      head.hostCount++;
      return true;
    case 'accept':
      head.accept = joined(head.accept, value);
      return true;
    case 'content-length':
      // Goes on as a number beside the headers: whoever sends the body on writes its framing once.
      head.contentLength = joined(head.contentLength, value);
      return false;
    case 'expect':
      head.expect = joined(head.expect, value);
      return false;
    case 'connection':
      head.connection = joined(head.connection, value);
      return false;
    case 'upgrade':
      head.upgrade = joined(head.upgrade, value);
      return false;
    case 'te':
      head.te = joined(head.te, value);
      return false;
    case 'transfer-encoding':
      head.transferEncoding = joined(head.transferEncoding, value);
      return false;
    default:
      return passesIdentity(head, name, value, isTrustedPeer);
  }
}

function passesIdentity(head: RequestHead, name: string, value: string, isTrustedPeer: boolean): boolean {
  if (name.startsWith('x-forwarded-')) return passesForwarded(head, name, value, isTrustedPeer);
  if (HOP_BY_HOP.has(name) || OWN_IDENTITY.has(name) || name.startsWith('x-skep-')) return false;
  return isTrustedPeer || !isIdentity(name);
}

function passesForwarded(head: RequestHead, name: string, value: string, isTrustedPeer: boolean): boolean {
  const isOwn = name === 'x-forwarded-for' || name === 'x-forwarded-proto' || name === 'x-forwarded-host';
  if (!isTrustedPeer) return false;
  if (name === 'x-forwarded-for') head.forwardedFor = joined(head.forwardedFor, value);
  else if (name === 'x-forwarded-proto') head.forwardedProto ??= value;
  else if (name === 'x-forwarded-host') head.forwardedHost ??= value;
  return !isOwn;
}

/** Lines of one name are one list (RFC 9110 §5.3). */
function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

/** Takes out the headers that Connection names. Where the message goes cannot be named away. */
function dropNominated(headers: string[], connection: string): void {
  const nominated = nominatedNames(connection);
  if (nominated === null) return;
  let to = 0;
  for (let from = 0; from + 1 < headers.length; from += 2) {
    const name = headers[from] as string;
    if (nominated.has(name.toLowerCase())) continue;
    headers[to++] = name;
    headers[to++] = headers[from + 1] as string;
  }
  headers.length = to;
}

const SIMPLE_CONNECTION = /^(?:keep-alive|close|upgrade)$/i;

/** Null when nothing is named, which is nearly always. */
function nominatedNames(connection: string): Set<string> | null {
  if (SIMPLE_CONNECTION.test(connection)) return null;
  const names = new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((token) => token.trim()),
  );
  for (const name of ['', 'keep-alive', 'close', 'upgrade', 'host']) names.delete(name);
  return names.size === 0 ? null : names;
}

function hasToken(list: string | undefined, token: string): boolean {
  if (list === undefined) return false;
  return list
    .toLowerCase()
    .split(',')
    .some((item) => item.trim() === token);
}

/** RFC 6455 §4.2.1. A request with a body is none: its bytes could be taken for frames by one side and not by the other. */
export function asksForWebSocket(method: string | undefined, head: RequestHead): boolean {
  if (method !== 'GET' || !hasToken(head.upgrade, 'websocket') || !hasToken(head.connection, 'upgrade')) return false;
  return head.transferEncoding === undefined && (head.contentLength === undefined || head.contentLength === '0');
}

/** Who sent a request, in the words of the headers below. */
export interface Sender {
  /** The connection's other end. */
  readonly peer: string;
  readonly isTrustedPeer: boolean;
  readonly isTrusted: AddressTest;
}

/** `https` only when a trusted proxy says that it took the request over TLS; the gateway itself speaks plain HTTP. */
export function requestScheme(head: RequestHead): 'http' | 'https' {
  return head.forwardedProto !== undefined && head.forwardedProto.trim().toLowerCase() === 'https' ? 'https' : 'http';
}

/**
 * Adds what the worker is told about the visitor, with Cloudflare's names
 * (developers.cloudflare.com/fundamentals/reference/http-headers). X-Forwarded-For grows only behind a trusted proxy.
 */
export function addIdentity(headers: string[], head: RequestHead, sender: Sender, ray: string): void {
  const client = sender.isTrustedPeer ? clientAddress(sender.peer, head.forwardedFor, sender.isTrusted) : sender.peer;
  const scheme = requestScheme(head);
  const forwardedFor = head.forwardedFor === undefined ? sender.peer : `${head.forwardedFor}, ${sender.peer}`;
  headers.push('cf-connecting-ip', client, 'x-real-ip', client, 'x-forwarded-for', forwardedFor);
  headers.push('x-forwarded-proto', scheme, 'x-forwarded-host', head.forwardedHost ?? head.host ?? '');
  headers.push('cf-ray', ray, 'cf-visitor', scheme === 'https' ? '{"scheme":"https"}' : '{"scheme":"http"}');
}

/** Replaces the value of Host: an absolute-form target outranks it. */
export function replaceHost(headers: string[], host: string): void {
  for (let index = 0; index < headers.length; index += 2) {
    if ((headers[index] as string).toLowerCase() === 'host') headers[index + 1] = host;
  }
}

/** A worker's response headers, fit to be sent. */
export class ResponseHead {
  headers: string[] = [];
  /** Bytes; -1 when the worker names no length. */
  contentLength = -1;
  connection: string | undefined = undefined;
  /** Why the headers cannot be sent at all. */
  problem: string | undefined = undefined;
}

const RESPONSE_SPECIAL_LENGTHS = lengthMask([...HOP_BY_HOP, 'content-length', 'server', 'cf-ray']);
/** 15 digits stay below 2^53. */
const CONTENT_LENGTH_PATTERN = /^\d{1,15}$/;

/**
 * Filters what a worker answered. Names and values are not checked for forbidden characters here: Node does that as it
 * writes them, and the caller turns its exception into an error page.
 */
export function readResponseHead(raw: readonly string[], status: number, maxBytes: number): ResponseHead {
  const head = new ResponseHead();
  const { headers } = head;
  if (raw.length % 2 !== 0) head.problem = 'a header name without value';
  let bytes = 0;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    bytes += name.length + value.length + 4;
    if (!isResponseSpecial(name) || passesResponse(head, name.toLowerCase(), value, status)) headers.push(name, value);
  }
  if (bytes > maxBytes) head.problem = `${bytes} bytes of headers, at most ${maxBytes} are allowed`;
  if (head.connection !== undefined) dropNominated(headers, head.connection);
  return head;
}

function isResponseSpecial(name: string): boolean {
  if (name.length < 32 && (RESPONSE_SPECIAL_LENGTHS & (1 << name.length)) !== 0) return true;
  return name.charCodeAt(1) === 0x2d && (name.charCodeAt(0) | 0x20) === 0x78;
}

function passesResponse(head: ResponseHead, name: string, value: string, status: number): boolean {
  if (name === 'content-length') return passesContentLength(head, value, status);
  if (name === 'connection') head.connection = joined(head.connection, value);
  if (HOP_BY_HOP.has(name) || name.startsWith('x-skep-')) return false;
  // Set by the gateway, as Cloudflare sets them on every response.
  return name !== 'server' && name !== 'cf-ray';
}

/** Two lengths, or one that is no number, would let each reader of the message see another end of it (RFC 9112 §6.3). */
function passesContentLength(head: ResponseHead, value: string, status: number): boolean {
  if (!CONTENT_LENGTH_PATTERN.test(value)) head.problem = `content-length "${value.slice(0, 40)}" is no number`;
  else if (head.contentLength !== -1) head.problem = 'more than one content-length';
  else head.contentLength = Number(value);
  // RFC 9110 §8.6: never in a 1xx or 204.
  return status >= 200 && status !== 204;
}
