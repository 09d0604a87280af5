/**
 * What the server reads of a call from worker to worker before it hands it on, and of its answer. Both are a cell's words: every byte of a
 * head is looked at. Nothing is written anew: when nothing has to be taken out, the bytes that came are the bytes that go.
 */
import { readU32 } from '../../shared/frames.ts';
import { HOP_BY_HOP } from '../../shared/http.ts';
import { CHANNEL_LIMITS, GATEWAY_LIMITS } from '../../shared/limits.ts';
import { INTERNAL_HEADER_PREFIX, type InvocationTarget } from '../../shared/protocol.ts';
import {
  ANSWER_CONTENT_AT,
  ANSWER_EXCEPTION,
  ANSWER_FLAGS_AT,
  ANSWER_STATUS_AT,
  ANSWER_WAITING,
  CALL_INVOCATION_AT,
  CALL_LOOPBACK_AT,
  CALL_NAME_AT,
  callNameEnd,
  headEndOf,
  parseAnswerHeadText,
  parseCallHeadText,
  readClock,
  type ServiceCallHead,
} from '../../shared/service-frames.ts';
import { CellMisbehaved } from './misbehaved.ts';
import { type CallFacts, isTarget, TOO_MANY_LINES } from './call-head.ts';
import type { RelayedRequest } from './types.ts';

const LINE_FEED = 10;
/** What a byte may be part of. */
const LOWER_NAME = 1;
const UPPER_NAME = 2;
const VALUE = 4;
const URL_BYTE = 8;
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (byte === 9) return VALUE;
  if (byte < 0x20 || byte > 0x7e) return 0;
  if (/[!#$%&'*+\-.^_`|~0-9a-z]/.test(character)) return LOWER_NAME | VALUE | URL_BYTE;
  if (/[A-Z]/.test(character)) return UPPER_NAME | VALUE | URL_BYTE;
  return byte === 0x20 ? VALUE : VALUE | URL_BYTE;
});

/** What is to be done with a head: it goes on as it is, something has to be taken out, HTTP does not allow it, or it has too many lines. */
const PASSABLE = 0;
const TO_CLEAN = 1;
const INVALID = 2;
const TOO_MANY = 3;
type Verdict = typeof PASSABLE | typeof TO_CLEAN | typeof INVALID | typeof TOO_MANY;

/** The end of the line that begins at `at`; `end` when it is the last. */
function lineEnd(bytes: Uint8Array, at: number, end: number): number {
  let index = at;
  while (index < end && bytes[index] !== LINE_FEED) index++;
  return index;
}

function consistsOf(kind: number, bytes: Uint8Array, at: number, end: number): boolean {
  for (let index = at; index < end; index++) {
    if (((KINDS[bytes[index] as number] as number) & kind) === 0) return false;
  }
  return true;
}

/** Values are the bytes of HTTP as characters of Latin-1: beyond ASCII two bytes of UTF-8 each. */
function isValue(bytes: Uint8Array, at: number, end: number): boolean {
  for (let index = at; index < end; index++) {
    const byte = bytes[index] as number;
    if (((KINDS[byte] as number) & VALUE) !== 0) continue;
    if ((byte !== 0xc2 && byte !== 0xc3) || index + 1 === end || ((bytes[index + 1] as number) & 0xc0) !== 0x80)
      return false;
    index++;
  }
  return true;
}

const FRAMING: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'content-length']);
/** What such names, and ours, begin with. */
const FIRST_BYTES = new Set([...FRAMING, INTERNAL_HEADER_PREFIX].map((name) => name.charCodeAt(0)));

/** `unwanted`: names that are not passed on, beside those with our prefix. */
function judgeHeaders(bytes: Uint8Array, at: number, end: number, unwanted: ReadonlySet<string>): Verdict {
  let verdict: Verdict = PASSABLE;
  let lines = 0;
  // `at` is behind the line feed of the line before; beyond the end: there is no header.
  for (let start = at; start <= end; ) {
    if (++lines > CHANNEL_LIMITS.maxHeaderLines) return TOO_MANY;
    const nameEnd = lineEnd(bytes, start, end);
    if (nameEnd === start || nameEnd === end) return INVALID;
    if (!consistsOf(LOWER_NAME, bytes, start, nameEnd)) {
      if (!consistsOf(LOWER_NAME | UPPER_NAME, bytes, start, nameEnd)) return INVALID;
      verdict = TO_CLEAN;
    } else if (FIRST_BYTES.has(bytes[start] as number)) {
      const name = textOf(bytes, start, nameEnd);
      if (unwanted.has(name) || name.startsWith(INTERNAL_HEADER_PREFIX)) verdict = TO_CLEAN;
    }
    const valueEnd = lineEnd(bytes, nameEnd + 1, end);
    if (!isValue(bytes, nameEnd + 1, valueEnd)) return INVALID;
    start = valueEnd + 1;
  }
  return verdict;
}

const textOf = (bytes: Uint8Array, at: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('utf8');

/** One SERVICE_CALL. */
export class ServiceCallIn implements CallFacts, RelayedRequest {
  readonly clockMs: number;
  readonly invocation: number;
  readonly binding: string | null;
  readonly loopback: InvocationTarget | undefined;
  readonly hasBody: boolean;
  readonly bodyBytes: number | null;
  readonly upgrade = null;
  /** Nothing has to be taken out of the head, and nothing is too large. */
  readonly isPassable: boolean;
  /** Why it cannot be sent to anybody. */
  readonly problem: string | undefined;
  content: Uint8Array;
  #isView = true;
  #head: ServiceCallHead | undefined;

  /** Throws CellMisbehaved, FrameError or SyntaxError on what no honest harness sends. */
  constructor(payload: Uint8Array) {
    const contentAt = callNameEnd(payload);
    const headEnd = headEndOf(payload, contentAt);
    const headBytes = readU32(payload, contentAt);
    if (headBytes > CHANNEL_LIMITS.maxHeadBytes)
      throw new CellMisbehaved(`Service call with a head of ${headBytes} bytes`);
    // The cell looks at the head alone; an entrypoint's target before it may be as long again.
    if (contentAt > CHANNEL_LIMITS.maxHeadBytes)
      throw new CellMisbehaved(`Service call with a name of ${contentAt} bytes`);
    const name = textOf(payload, CALL_NAME_AT, contentAt);
    const isLoopback = payload[CALL_LOOPBACK_AT] === 1;
    this.clockMs = readClock(payload, 0);
    this.invocation = readU32(payload, CALL_INVOCATION_AT);
    this.binding = isLoopback ? null : name;
    this.loopback = isLoopback ? readTarget(name) : undefined;
    this.content = payload.subarray(contentAt);
    const methodEnd = lineEnd(payload, contentAt + 4, headEnd);
    const urlEnd = lineEnd(payload, methodEnd + 1, headEnd);
    const cfAt = urlEnd + 3;
    if (cfAt > headEnd || payload[cfAt - 1] !== LINE_FEED) throw new CellMisbehaved('Service call with too few lines');
    this.hasBody = payload[urlEnd + 1] === 0x31;
    const bodyBytes = payload.length - headEnd;
    if (!this.hasBody && bodyBytes > 0) throw new CellMisbehaved('A body that was said not to be there');
    this.bodyBytes = this.hasBody ? bodyBytes : null;
    const cfEnd = lineEnd(payload, cfAt, headEnd);
    const verdict = judgeHeaders(payload, cfEnd + 1, headEnd, FRAMING);
    this.isPassable = verdict === PASSABLE && bodyBytes <= CHANNEL_LIMITS.maxInlineBodyBytes;
    if (methodEnd === contentAt + 4 || !consistsOf(LOWER_NAME | UPPER_NAME, payload, contentAt + 4, methodEnd)) {
      this.problem = `The method "${this.method.slice(0, 40)}" is not valid`;
    } else if (urlEnd - methodEnd - 1 > GATEWAY_LIMITS.maxUrlBytes) {
      this.problem = `The URL is longer than ${GATEWAY_LIMITS.maxUrlBytes} bytes`;
    } else if (!consistsOf(URL_BYTE, payload, methodEnd + 1, urlEnd)) this.problem = 'The URL is not valid';
    else if (verdict === INVALID) this.problem = 'A header is not valid';
    else if (verdict === TOO_MANY) this.problem = TOO_MANY_LINES;
  }

  get method(): string {
    return this.#read().method;
  }

  get url(): string {
    return this.#read().url;
  }

  get headers(): readonly string[] {
    return this.#read().headers;
  }

  get cf(): string | undefined {
    return this.#read().cf;
  }

  get body(): Uint8Array {
    return this.content.subarray(headEndOf(this.content, 0));
  }

  /** Most calls are passed on without anybody asking. */
  #read(): ServiceCallHead {
    this.#head ??= parseCallHeadText(textOf(this.content, 4, headEndOf(this.content, 0)));
    return this.#head;
  }

  /** It waits: what it came with is read into again. `sent`: the same bytes where they are kept in any case. */
  keep(sent?: Uint8Array): void {
    if (!this.#isView) return;
    this.#isView = false;
    this.content = sent ?? Buffer.from(this.content);
  }
}

function readTarget(text: string): InvocationTarget {
  const target = JSON.parse(text) as InvocationTarget;
  if (!isTarget(target)) throw new CellMisbehaved('Loopback of a wrong shape');
  return target;
}

/** One SERVICE_ANSWER. */
export class ServiceAnswerIn {
  /** 0: the callee's timers have not moved its clock. */
  readonly clockMs: number;
  readonly status: number;
  readonly isException: boolean;
  readonly isWaiting: boolean;
  /** Nothing has to be taken out of the head. */
  readonly isPassable: boolean;
  /** HTTP does not allow it. */
  readonly isMalformed: boolean;
  /** `u32 head length | head | body`; a view of what was read. */
  readonly content: Uint8Array;

  /** Throws FrameError on what no honest harness sends. */
  constructor(payload: Uint8Array) {
    const headAt = ANSWER_CONTENT_AT + 4;
    const headEnd = headEndOf(payload, ANSWER_CONTENT_AT);
    const flags = payload[ANSWER_FLAGS_AT] as number;
    this.clockMs = readClock(payload, 0);
    this.status = readU32(payload, ANSWER_STATUS_AT);
    this.isException = (flags & ANSWER_EXCEPTION) !== 0;
    this.isWaiting = (flags & ANSWER_WAITING) !== 0;
    this.content = payload.subarray(ANSWER_CONTENT_AT);
    const textEnd = lineEnd(payload, headAt, headEnd);
    const verdict = judgeHeaders(payload, textEnd + 1, headEnd, HOP_BY_HOP);
    this.isPassable = verdict === PASSABLE;
    this.isMalformed =
      verdict === INVALID ||
      verdict === TOO_MANY ||
      this.status < 200 ||
      this.status > 599 ||
      headEnd - headAt > GATEWAY_LIMITS.maxHeaderBytes * 2 ||
      !isValue(payload, headAt, textEnd);
  }

  readHead(): { statusText: string; headers: string[] } {
    return parseAnswerHeadText(textOf(this.content, 4, headEndOf(this.content, 0)));
  }

  get body(): Buffer {
    const at = headEndOf(this.content, 0);
    return Buffer.from(this.content.buffer, this.content.byteOffset + at, this.content.length - at);
  }
}

const targets = new WeakMap<InvocationTarget, Uint8Array>();
const NO_TARGET = new Uint8Array(0);

/** A target as the callee's cell gets it. Those of bindings are encoded once. */
export function encodedTarget(target: InvocationTarget | undefined): Uint8Array {
  if (target === undefined) return NO_TARGET;
  const known = targets.get(target);
  if (known !== undefined) return known;
  const encoded = Buffer.from(JSON.stringify(target));
  targets.set(target, encoded);
  return encoded;
}
