/**
 * Calls from worker to worker that are one frame each way (`SERVICE_CALL` … `SERVICE_RESPONSE` in `protocol.ts`). What the server decides
 * by stands in front as numbers and names. Behind it, the *content* (`u32 head length | head | body`) is passed on as the bytes it came as.
 *
 * A head is text in UTF-8, one item a line: method, URL, `1` or `0` for whether there is a body, `cf` as JSON or nothing; of an answer its
 * status text; then names and values of headers in turn. None of these can have a line break, and whether that is so, and which headers there
 * are, shows in the bytes: the server makes no object and no string of what it only passes on.
 *
 * This file also runs inside a cell beside user code: see `frames.ts` for what that forbids.
 */
import { FrameError, readU32, writeU32 } from './frames.ts';
import { FRAME_HEADER_BYTES, SERVICE_ANSWER, SERVICE_CALL, SERVICE_INVOKE, SERVICE_RESPONSE } from './protocol.ts';

const { apply } = Reflect;
const Bytes = Uint8Array;
const { subarray: protoSubarray, set: protoSet } = Bytes.prototype;
const { indexOf: protoIndexOf, slice: protoSlice } = String.prototype;
const subarray = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  apply(protoSubarray, bytes, [start, end]);
const copyInto = (target: Uint8Array, source: Uint8Array, offset: number): void => {
  apply(protoSet, target, [source, offset]);
};

const CLOCK_BYTES = 8;
const TWO_TO_32 = 0x1_0000_0000;

/** Whole milliseconds: two u32, the lower first. */
function writeClock(target: Uint8Array, at: number, clockMs: number): void {
  const high = (clockMs / TWO_TO_32) >>> 0;
  writeU32(target, at, clockMs - high * TWO_TO_32);
  writeU32(target, at + 4, high);
}

export const readClock = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at) + readU32(bytes, at + 4) * TWO_TO_32;

function writeFrameHead(frame: Uint8Array, at: number, type: number, stream: number, payloadBytes: number): void {
  writeU32(frame, at, payloadBytes + FRAME_HEADER_BYTES - 4);
  frame[at + 4] = type;
  writeU32(frame, at + 5, stream);
}

function writeContent(frame: Uint8Array, at: number, head: Uint8Array, body: Uint8Array): void {
  writeU32(frame, at, head.length);
  copyInto(frame, head, at + 4);
  copyInto(frame, body, at + 4 + head.length);
}

/** Where the head of the content at `at` ends, and its body begins. Throws FrameError. */
export function headEndOf(payload: Uint8Array, at: number): number {
  if (payload.length < at + 4) throw new FrameError('Frame too short for a head length');
  const length = readU32(payload, at);
  if (length > payload.length - at - 4) throw new FrameError('Head longer than its frame');
  return at + 4 + length;
}

// --- heads ---

/** What a called worker sees of a call. */
export interface ServiceCallHead {
  readonly method: string;
  readonly url: string;
  /** Flat `[name, value …]`, names in lower case; without framing. */
  readonly headers: string[];
  /** False: no body at all, which is not the same as an empty one. */
  readonly hasBody: boolean;
  /** `request.cf` as JSON. */
  readonly cf: string | undefined;
}

function withHeaders(start: string, headers: readonly string[]): string {
  let text = start;
  for (let index = 0; index < headers.length; index++) text += `\n${headers[index] as string}`;
  return text;
}

export const callHeadText = ({ method, url, headers, hasBody, cf }: ServiceCallHead): string =>
  withHeaders(`${method}\n${url}\n${hasBody ? '1' : '0'}\n${cf ?? ''}`, headers);

export const answerHeadText = (statusText: string, headers: readonly string[]): string =>
  withHeaders(statusText, headers);

function linesOf(text: string): string[] {
  const lines: string[] = [];
  let at = 0;
  for (;;) {
    const end = apply(protoIndexOf, text, ['\n', at]);
    if (end < 0) break;
    lines[lines.length] = apply(protoSlice, text, [at, end]);
    at = end + 1;
  }
  lines[lines.length] = apply(protoSlice, text, [at, text.length]);
  return lines;
}

function linesFrom(lines: readonly string[], from: number): string[] {
  const rest: string[] = [];
  for (let index = from; index < lines.length; index++) rest[index - from] = lines[index] as string;
  return rest;
}

/** Of a head that was found well-formed. */
export function parseCallHeadText(text: string): ServiceCallHead {
  const lines = linesOf(text);
  const cf = lines[3] as string;
  return {
    method: lines[0] as string,
    url: lines[1] as string,
    hasBody: lines[2] === '1',
    cf: cf === '' ? undefined : cf,
    headers: linesFrom(lines, 4),
  };
}

/** Of a head that was found well-formed. */
export function parseAnswerHeadText(text: string): { statusText: string; headers: string[] } {
  const lines = linesOf(text);
  return { statusText: lines[0] as string, headers: linesFrom(lines, 1) };
}

// --- SERVICE_CALL: clock | u32 invocation | u8 1 for a loopback | u32 name length | name | content ---

export interface ServiceCall {
  readonly clockMs: number;
  readonly invocation: number;
  /** True: `name` is the `InvocationTarget` of a loopback, as JSON; else it is a binding. */
  readonly isLoopback: boolean;
  readonly name: Uint8Array;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

/** Where in the payload of a SERVICE_CALL things are. */
export const CALL_INVOCATION_AT = CLOCK_BYTES;
export const CALL_LOOPBACK_AT = CLOCK_BYTES + 4;
export const CALL_NAME_AT = CLOCK_BYTES + 9;

/** Where the name ends and the content begins. Throws FrameError. */
export function callNameEnd(payload: Uint8Array): number {
  if (payload.length < CALL_NAME_AT) throw new FrameError('Service call too short');
  return CALL_NAME_AT + readU32(payload, CALL_NAME_AT - 4);
}

/** The whole frame of a SERVICE_CALL. */
export function encodeServiceCall(
  stream: number,
  { clockMs, invocation, isLoopback, name, head, body }: ServiceCall,
): Uint8Array {
  const bytes = CALL_NAME_AT + name.length + 4 + head.length + body.length;
  const frame = new Bytes(FRAME_HEADER_BYTES + bytes);
  writeFrameHead(frame, 0, SERVICE_CALL, stream, bytes);
  const at = FRAME_HEADER_BYTES;
  writeClock(frame, at, clockMs);
  writeU32(frame, at + CALL_INVOCATION_AT, invocation);
  frame[at + CALL_LOOPBACK_AT] = isLoopback ? 1 : 0;
  writeU32(frame, at + CALL_NAME_AT - 4, name.length);
  copyInto(frame, name, at + CALL_NAME_AT);
  writeContent(frame, at + CALL_NAME_AT + name.length, head, body);
  return frame;
}

// --- SERVICE_INVOKE: clock | u32 target length | target as JSON, or nothing | content ---

export const serviceInvokeBytes = (targetBytes: number, contentBytes: number): number =>
  FRAME_HEADER_BYTES + CLOCK_BYTES + 4 + targetBytes + contentBytes;

/** Writes the frame at `at`; returns where its content stands. */
export function writeServiceInvoke(
  frame: Uint8Array,
  at: number,
  invocation: number,
  clockMs: number,
  target: Uint8Array,
  content: Uint8Array,
): number {
  const payload = at + FRAME_HEADER_BYTES;
  writeFrameHead(frame, at, SERVICE_INVOKE, invocation, CLOCK_BYTES + 4 + target.length + content.length);
  writeClock(frame, payload, clockMs);
  writeU32(frame, payload + CLOCK_BYTES, target.length);
  copyInto(frame, target, payload + CLOCK_BYTES + 4);
  const contentAt = payload + CLOCK_BYTES + 4 + target.length;
  copyInto(frame, content, contentAt);
  return contentAt;
}

export interface ServiceInvoke {
  readonly clockMs: number;
  readonly target: Uint8Array;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

/** Throws FrameError when the payload is shorter than its lengths say. */
export function decodeServiceInvoke(payload: Uint8Array): ServiceInvoke {
  const targetEnd = CLOCK_BYTES + 4 + readU32(payload, CLOCK_BYTES);
  const headEnd = headEndOf(payload, targetEnd);
  return {
    clockMs: readClock(payload, 0),
    target: subarray(payload, CLOCK_BYTES + 4, targetEnd),
    head: subarray(payload, targetEnd + 4, headEnd),
    body: subarray(payload, headEnd, payload.length),
  };
}

// --- SERVICE_ANSWER: clock | u32 status | u8 flags | content ---

/** The handler threw: the body is a `Failure` as JSON. */
export const ANSWER_EXCEPTION = 1;
/** Work under `waitUntil` goes on. */
export const ANSWER_WAITING = 2;

export const ANSWER_STATUS_AT = CLOCK_BYTES;
export const ANSWER_FLAGS_AT = CLOCK_BYTES + 4;
export const ANSWER_CONTENT_AT = CLOCK_BYTES + 5;

/** `clockMs`: 0 when the callee's timers have not moved its clock. */
export function encodeServiceAnswer(
  invocation: number,
  clockMs: number,
  status: number,
  flags: number,
  head: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  const bytes = ANSWER_CONTENT_AT + 4 + head.length + body.length;
  const frame = new Bytes(FRAME_HEADER_BYTES + bytes);
  writeFrameHead(frame, 0, SERVICE_ANSWER, invocation, bytes);
  writeClock(frame, FRAME_HEADER_BYTES, clockMs);
  writeU32(frame, FRAME_HEADER_BYTES + ANSWER_STATUS_AT, status);
  frame[FRAME_HEADER_BYTES + ANSWER_FLAGS_AT] = flags;
  writeContent(frame, FRAME_HEADER_BYTES + ANSWER_CONTENT_AT, head, body);
  return frame;
}

// --- SERVICE_RESPONSE: clock | u32 status | content ---

export const serviceResponseBytes = (contentBytes: number): number =>
  FRAME_HEADER_BYTES + CLOCK_BYTES + 4 + contentBytes;

/** Writes a whole SERVICE_RESPONSE of `serviceResponseBytes` at `at`. */
export function writeServiceResponse(
  frame: Uint8Array,
  at: number,
  stream: number,
  clockMs: number,
  status: number,
  content: Uint8Array,
): void {
  const payload = at + FRAME_HEADER_BYTES;
  writeFrameHead(frame, at, SERVICE_RESPONSE, stream, CLOCK_BYTES + 4 + content.length);
  writeClock(frame, payload, clockMs);
  writeU32(frame, payload + CLOCK_BYTES, status);
  copyInto(frame, content, payload + CLOCK_BYTES + 4);
}

export interface ServiceResponse {
  readonly clockMs: number;
  readonly status: number;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

/** Throws FrameError when the payload is shorter than its lengths say. */
export function decodeServiceResponse(payload: Uint8Array): ServiceResponse {
  const headEnd = headEndOf(payload, CLOCK_BYTES + 4);
  return {
    clockMs: readClock(payload, 0),
    status: readU32(payload, CLOCK_BYTES),
    head: subarray(payload, CLOCK_BYTES + 8, headEnd),
    body: subarray(payload, headEnd, payload.length),
  };
}
