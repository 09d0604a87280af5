/** Two answers to one request of a case, made comparable, and where they differ. */
import { createHash } from 'node:crypto';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import type { CaseRequest, Comparison, ConformanceCase } from './corpus.ts';
import { type Failure, type RawAnswer, type Target, unfill, type WebSocketRecord } from './exchange.ts';

/** On a busy machine the head of an answer is heard late, and what lies between it and the end is shorter. An answer that was collected has next to nothing there. */
const HEARD_LATE = 0.3;

/** An answer without what differs from run to run and from installation to installation. */
export interface CaseResult {
  readonly id: string;
  readonly failure?: string;
  readonly status?: number;
  readonly statusText?: string;
  readonly headers?: Readonly<Record<string, string | string[] | null>>;
  readonly ws?: WebSocketRecord;
  readonly truncated?: boolean;
  readonly streamed?: boolean;
  readonly undecodable?: boolean;
  readonly body?: ResultBody;
}

interface ResultBody {
  readonly kind: 'none' | 'json' | 'text' | 'bytes';
  readonly value?: unknown;
  readonly text?: string;
  readonly length?: number;
  readonly sha256?: string;
  readonly base64?: string;
  readonly head?: string;
}

/** Headers that belong to the connection or the server rather than to the worker. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'date',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'server',
  'via',
  'alt-svc',
  'cf-ray',
  'nel',
  'report-to',
  'upgrade',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'proxy-connection',
  'expect-ct',
]);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
/** Longer texts are stored as their hash. */
const MAX_STORED_TEXT = 20_000;
const MAX_STORED_BYTES = 256;

export function canonical(
  answer: RawAnswer | Failure,
  request: CaseRequest,
  conformanceCase: ConformanceCase,
  target: Target,
): CaseResult {
  if ('failure' in answer) return { id: request.id, failure: answer.failure };
  const comparison = { ...conformanceCase.compare, ...request.compare };
  const all = joinHeaders(answer.rawHeaders, target);
  const head = {
    id: request.id,
    status: answer.status,
    ...(comparison.statusText === true ? { statusText: answer.statusText } : {}),
    headers: comparedHeaders(all, comparison),
  };
  if (answer.webSocket !== undefined) return { ...head, ws: answer.webSocket };
  const decoded = comparison.decode === true ? decode(answer.body, all['content-encoding']) : answer.body;
  return {
    ...head,
    ...(answer.truncated ? { truncated: true } : {}),
    ...(comparison.streamed === undefined ? {} : { streamed: answer.bodyMs >= comparison.streamed * HEARD_LATE }),
    ...(decoded === null ? { undecodable: true } : {}),
    body: bodyResult(decoded ?? answer.body, bodyKind(request, comparison, all['content-type']), comparison, target),
  };
}

type HeaderValues = Record<string, string | string[]>;

function joinHeaders(raw: readonly string[], target: Target): HeaderValues {
  const headers: HeaderValues = {};
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase();
    const value = unfill(raw[index + 1] as string, target);
    const before = headers[name];
    if (name === 'set-cookie') headers[name] = [...((before as string[] | undefined) ?? []), value];
    else headers[name] = before === undefined ? value : `${before as string}, ${value}`;
  }
  return headers;
}

function comparedHeaders(all: HeaderValues, comparison: Comparison): Record<string, string | string[] | null> {
  const kept: Record<string, string | string[] | null> = {};
  for (const [name, value] of Object.entries(all)) if (!CONNECTION_HEADERS.has(name)) kept[name] = value;
  // Named headers are compared in any case: whether they are there, too.
  for (const name of comparison.headers ?? []) kept[name] = all[name] ?? null;
  for (const name of comparison.ignoreHeaders ?? []) delete kept[name];
  return kept;
}

function decode(body: Buffer, encoding: string | string[] | undefined): Buffer | null {
  try {
    if (encoding === 'gzip') return gunzipSync(body);
    if (encoding === 'br') return brotliDecompressSync(body);
    if (encoding === 'deflate') return inflateSync(body);
    return body;
  } catch {
    return null;
  }
}

function bodyKind(
  request: CaseRequest,
  comparison: Comparison,
  contentType: string | string[] | undefined,
): ResultBody['kind'] {
  if (comparison.body !== undefined && comparison.body !== 'auto') return comparison.body;
  if (request.method === 'HEAD') return 'none';
  const type = String(contentType ?? '');
  if (type.includes('json')) return 'json';
  return /^text\/|javascript|xml|urlencoded/.test(type) ? 'text' : 'bytes';
}

function bodyResult(body: Buffer, kind: ResultBody['kind'], comparison: Comparison, target: Target): ResultBody {
  if (kind === 'none') return { kind };
  if (kind === 'bytes') {
    const base64 = body.length <= MAX_STORED_BYTES ? { base64: body.toString('base64') } : {};
    return { kind, length: body.length, sha256: sha256(body), ...base64 };
  }
  const text = normalise(unfill(body.toString('utf8'), target), comparison);
  if (kind === 'json') {
    try {
      return { kind, value: JSON.parse(text) };
    } catch {
      return { kind: 'text', text };
    }
  }
  if (text.length <= MAX_STORED_TEXT) return { kind, text };
  return { kind, length: text.length, sha256: sha256(text), head: text.slice(0, 500) };
}

function normalise(text: string, comparison: Comparison): string {
  let result = text;
  for (const rule of comparison.normalise ?? []) {
    const [pattern, to] = rule === 'uuid' ? [UUID, '<uuid>'] : [new RegExp(rule[0], rule[1]), rule[2]];
    result = result.replace(pattern, to);
  }
  return result;
}

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/**
 * Differences between what workerd answered and what was answered here, one line each.
 * @param strict also the texts of error messages (`{"$error": name, "$message": text}`), not only their names
 */
export function differences(expected: CaseResult, actual: CaseResult, strict: boolean): string[] {
  if (expected.failure?.startsWith('connection') === true) return brokenOff(actual);
  if (expected.failure !== undefined || actual.failure !== undefined) {
    if (expected.failure === actual.failure) return [];
    return [`expected ${outcomeOf(expected)}, got ${outcomeOf(actual)}`];
  }
  const found = [
    ...differ('status', expected.status, actual.status),
    ...('statusText' in expected ? differ('statusText', expected.statusText, actual.statusText) : []),
    ...Object.entries(expected.headers ?? {}).flatMap(([name, value]) =>
      differ(`header ${name}`, value, actual.headers?.[name] ?? null),
    ),
    ...differ('undecodable', expected.undecodable === true, actual.undecodable === true),
    ...differ('truncated', expected.truncated === true, actual.truncated === true),
    ...('streamed' in expected ? differ('streamed', expected.streamed, actual.streamed) : []),
  ];
  if (expected.ws !== undefined || actual.ws !== undefined) {
    return [...found, ...jsonDifferences(expected.ws ?? null, actual.ws ?? null, strict, 'ws')];
  }
  return [...found, ...bodyDifferences(expected.body ?? { kind: 'none' }, actual.body ?? { kind: 'none' }, strict)];
}

const outcomeOf = (result: CaseResult): string => result.failure ?? `a response ${result.status}`;

/** Where workerd broke the connection off, a 5xx, a cut-off body and a broken connection say the same thing to a client. */
function brokenOff(actual: CaseResult): string[] {
  const isFailed =
    actual.failure?.startsWith('connection') === true || actual.truncated === true || (actual.status ?? 0) >= 500;
  return isFailed ? [] : [`expected a failed response, got ${outcomeOf(actual)}`];
}

const differ = (what: string, expected: unknown, actual: unknown): string[] =>
  JSON.stringify(expected) === JSON.stringify(actual)
    ? []
    : [`${what}: expected ${short(expected)}, got ${short(actual)}`];

function bodyDifferences(expected: ResultBody, actual: ResultBody, strict: boolean): string[] {
  if (expected.kind === 'none') return [];
  if (expected.kind === 'json' && actual.kind === 'json') {
    return jsonDifferences(expected.value, actual.value, strict, 'body');
  }
  return differ('body', { ...expected, head: undefined }, { ...actual, head: undefined });
}

function jsonDifferences(expected: unknown, actual: unknown, strict: boolean, at: string): string[] {
  if (!isObject(expected) || !isObject(actual) || Array.isArray(expected) !== Array.isArray(actual)) {
    return Object.is(expected, actual) ? [] : [`${at}: expected ${short(expected)}, got ${short(actual)}`];
  }
  return [...new Set([...Object.keys(expected), ...Object.keys(actual)])].flatMap((key) => {
    if (key === '$message' && !strict) return [];
    const path = Array.isArray(expected) ? `${at}[${key}]` : `${at}.${key}`;
    if (!(key in actual)) return [`${path}: expected ${short(expected[key])}, got nothing`];
    if (!(key in expected)) return [`${path}: expected nothing, got ${short(actual[key])}`];
    return jsonDifferences(expected[key], actual[key], strict, path);
  });
}

const isObject = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object';

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
