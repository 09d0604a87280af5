/**
 * The cell's end of the wire to its supervisor (`shared/protocol.ts`): one connection, opened before the sandbox closes.
 * Frames queue up while a write is under way and leave together, so a burst of calls costs one system call.
 */
import { encodeFrame, encodeFullFrame, FrameReader, readU32, splitFull, writeU32 } from '../shared/frames.ts';
import {
  DATA,
  END,
  FAIL,
  type Failure,
  INBOUND_DATA,
  INBOUND_FAIL,
  INVOKE,
  PING,
  PONG,
  RESPONSE,
  RESPONSE_FULL,
  SESSION_ACCEPT,
  SESSION_DATA,
  SERVICE_INVOKE,
  SERVICE_RESPONSE,
  WINDOW,
} from '../shared/protocol.ts';
import { currentInvocation } from './context.ts';
import { deno, type DenoConn } from './deno.ts';
import {
  copyInto,
  jsonStringify,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  mapSize,
  NativeUint8Array,
  promiseThen,
  subarray,
  uncurry,
  utf8Encode,
} from './primordials.ts';
import { countEvent, inOwnTurn, isWaiting, mustWait, NOBODY, startTurn, takeReport } from './turns.ts';

/** What a call hears back. Payloads are only valid during the call. */
export interface StreamListener {
  /** Both sides end on their own: the other side's END does not end the stream. Whoever listens closes it. */
  readonly twoWay?: boolean;
  onResponse(head: Uint8Array, body: Uint8Array | null): void;
  /** The payload of a SERVICE_RESPONSE. */
  onServiceResponse?(payload: Uint8Array): void;
  onData(bytes: Uint8Array): void;
  onEnd(): void;
  onFail(payload: Uint8Array): void;
  onWindow(bytes: number): void;
}

/** Frames about the cell itself (stream 0) and about requests to it (the stream is the invocation). */
type ControlHandler = (type: number, stream: number, payload: Uint8Array) => void;

/** Only `env` makes a frame large: 128 variables of 5 KB, escaped as JSON. The supervisor is trusted; this catches defects. */
const MAX_INCOMING_FRAME_BYTES = 16 * 1024 * 1024;
const READ_BUFFER_BYTES = 64 * 1024;
/** Above this, copying frames together costs more than writing them one by one. */
const MAX_JOINED_BYTES = 64 * 1024;
const EMPTY = new NativeUint8Array(0);

const listeners = new MapConstructor<number, StreamListener>();
/** The invocation that opened a stream. */
const owners = new MapConstructor<number, number>();
let nextStream = 1;
let connection: DenoConn;
let connRead: (conn: DenoConn, buffer: Uint8Array) => Promise<number | null>;
let connWrite: (conn: DenoConn, bytes: Uint8Array) => Promise<number>;

let queue: Uint8Array[] = [];
let queueStart = 0;
let queueLength = 0;
let queuedBytes = 0;
let writing = false;

/** Connects; frames are read only after `startReading`. */
export async function connectChannel(path: string): Promise<void> {
  connection = await deno.connect({ transport: 'unix', path });
  connRead = uncurry(connection.read);
  connWrite = uncurry(connection.write);
}

/** Reads frames for ever. When the supervisor is gone there is nothing left to live for. */
export async function startReading(onControl: ControlHandler): Promise<void> {
  const reader = new FrameReader(MAX_INCOMING_FRAME_BYTES, (type, stream, payload) => {
    if (type === PING) sendFrame(PONG, 0, takeReport());
    else if (stream === 0 && !isWaiting()) onControl(type, stream, payload);
    else if (mustWait()) {
      // The buffer is read into again before its turn comes.
      const kept = new NativeUint8Array(payload.length);
      copyInto(kept, payload, 0);
      inOwnTurn(ownerOf(type, stream), () => deliver(type, stream, kept));
    } else {
      countEvent(ownerOf(type, stream));
      deliver(type, stream, payload);
    }
  });
  const deliver = (type: number, stream: number, payload: Uint8Array): void => {
    if (stream === 0 || isRequest(type) || isInbound(type)) onControl(type, stream, payload);
    else dispatch(type, stream, payload);
  };
  const buffer = new NativeUint8Array(READ_BUFFER_BYTES);
  for (;;) {
    const count = await connRead(connection, buffer);
    if (count === null) return;
    startTurn();
    reader.push(subarray(buffer, 0, count));
  }
}

/** A request to this worker; the stream is the invocation. */
const isRequest = (type: number): boolean => type === INVOKE || type === SERVICE_INVOKE;

/** About a request or session to this worker: the stream is the invocation. */
const isInbound = (type: number): boolean => type === SESSION_ACCEPT || (type >= INBOUND_DATA && type <= INBOUND_FAIL);

/** The invocation that a frame is for. */
function ownerOf(type: number, stream: number): number {
  if (isRequest(type) || isInbound(type)) return stream;
  return mapGet(owners, stream) ?? NOBODY;
}

function dispatch(type: number, stream: number, payload: Uint8Array): void {
  const listener = mapGet(listeners, stream);
  if (listener === undefined) return;
  if (type === DATA || type === SESSION_DATA) listener.onData(payload);
  else if (type === RESPONSE_FULL) {
    const { head, body } = splitFull(payload);
    closeStream(stream);
    listener.onResponse(head, body);
  } else if (type === SERVICE_RESPONSE) {
    closeStream(stream);
    listener.onServiceResponse?.(payload);
  } else if (type === RESPONSE) listener.onResponse(payload, null);
  else if (type === END) {
    if (listener.twoWay !== true) closeStream(stream);
    listener.onEnd();
  } else if (type === FAIL) {
    closeStream(stream);
    listener.onFail(payload);
  } else if (type === WINDOW) listener.onWindow(readU32(payload, 0));
}

/** Opens a stream; frames about it reach `listener` until END, FAIL or a whole response. */
export function openStream(listener: StreamListener): number {
  const stream = nextStream;
  nextStream = nextStream >= 0xffffffff ? 1 : nextStream + 1;
  mapSet(listeners, stream, listener);
  const owner = currentInvocation();
  if (owner !== undefined) mapSet(owners, stream, owner.id);
  return stream;
}

/** How many calls are under way. */
export const openStreams = (): number => mapSize(listeners);

/** From now on frames about this open stream reach `listener`. */
export const adoptStream = (stream: number, listener: StreamListener): void => {
  mapSet(listeners, stream, listener);
};

export const closeStream = (stream: number): void => {
  mapDelete(listeners, stream);
  mapDelete(owners, stream);
};

/** The frame leaves with the others of this turn. */
export function sendFrame(type: number, stream: number, payload: Uint8Array): void {
  sendEncoded(encodeFrame(type, stream, payload));
}

/** A frame whose payload is a value as JSON. */
export function sendJson(type: number, stream: number, value: unknown): void {
  sendEncoded(encodeFrame(type, stream, utf8Encode(jsonStringify(value))));
}

/** A frame whose payload is a head and a body. */
export function sendFull(type: number, stream: number, head: Uint8Array, body: Uint8Array): void {
  sendEncoded(encodeFullFrame(type, stream, head, body));
}

/** Ends the stream; the other side shows the failure. */
export function sendFail(stream: number, failure: Failure): void {
  sendJson(FAIL, stream, failure);
}

/** Lets the other side send so many more bytes of DATA. */
export function sendWindow(stream: number, bytes: number): void {
  const payload = new NativeUint8Array(4);
  writeU32(payload, 0, bytes);
  sendFrame(WINDOW, stream, payload);
}

/** A frame as it is. */
export function sendEncoded(frame: Uint8Array): void {
  queue[queueStart + queueLength++] = frame;
  queuedBytes += frame.length;
  if (!writing) {
    writing = true;
    flush();
  }
}

function flush(): void {
  const bytes = takeQueue();
  const rest = (written: number): unknown => {
    if (written < bytes.length) return writeFrom(bytes, written);
    if (queueLength > 0) flush();
    else writing = false;
    return undefined;
  };
  const writeFrom = (all: Uint8Array, from: number): unknown =>
    promiseThen(connWrite(connection, subarray(all, from, all.length)), (count) => rest(from + count), stopProcess);
  writeFrom(bytes, 0);
}

/** All queued frames in one piece, or the first alone when joining them would copy more than it saves. */
function takeQueue(): Uint8Array {
  if (queueLength === 1 || queuedBytes > MAX_JOINED_BYTES) return takeFirst();
  const all = new NativeUint8Array(queuedBytes);
  let at = 0;
  for (let index = 0; index < queueLength; index++) {
    const frame = queue[queueStart + index] as Uint8Array;
    copyInto(all, frame, at);
    at += frame.length;
  }
  queue = [];
  queueStart = 0;
  queueLength = 0;
  queuedBytes = 0;
  return all;
}

function takeFirst(): Uint8Array {
  const first = queue[queueStart] as Uint8Array;
  queue[queueStart++] = EMPTY;
  queueLength--;
  queuedBytes -= first.length;
  if (queueLength === 0) {
    queue = [];
    queueStart = 0;
  }
  return first;
}

const exit = deno.exit;
export const stopProcess = (): void => {
  exit(1);
};
