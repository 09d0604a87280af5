/**
 * Calls out of the cell: to the internet, to other workers, to the cache and to data bindings. Each is one message to the supervisor, who
 * decides, counts and does the I/O. Bodies stream both ways under a window (`open-call.ts`).
 */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import {
  type CacheTarget,
  CALL,
  CALL_FULL,
  type CallHead,
  type DataOperation,
  type Failure,
  type ResponseHead,
} from '../shared/protocol.ts';
import { callHeadText, encodeServiceCall } from '../shared/service-frames.ts';
import {
  asksForWebSocket,
  callCf,
  callHeaders,
  type Destination,
  encodeHead,
  nameOf,
  sentUrl,
  toWire,
  withoutFraming,
} from './call-head.ts';
import { closeStream, openStream, sendEncoded, sendFail, sendFrame, sendFull, type StreamListener } from './channel.ts';
import { advanceClock, type Invocation } from './context.ts';
import {
  type ByteStream,
  type Request,
  requestMethod,
  requestSignal,
  requestUrl,
  type Response,
  type Whole,
} from './http/index.ts';
import { OpenCall, type Receive, toError } from './open-call.ts';
import { jsonParse, jsonStringify, NativePromise, NativeUint8Array, utf8Decode, utf8Encode } from './primordials.ts';
import { type Origin, originOf, receiveResponse } from './received-response.ts';
import { declaredLength } from './stream-facts.ts';
import { requireInvocation } from './timers.ts';

const EMPTY = new NativeUint8Array(0);

/** Up to this a body travels in one frame with its head. */
const MAX_WHOLE_BODY_BYTES = 64 * 1024;

const isBytes = (body: Whole | ByteStream): body is Uint8Array<ArrayBuffer> => body instanceof NativeUint8Array;

/** What a `FixedLengthStream` has promised is the length of the body. */
const promisedLength = (body: ByteStream | null): number | null =>
  body === null ? null : (declaredLength(body) ?? null);

/** One hop of a `fetch()`. `whole` or `body`: what it sends, all there or as a stream. */
export function callOnce(
  invocation: Invocation,
  destination: Destination,
  request: Request,
  whole: Uint8Array<ArrayBuffer> | null,
  body: ByteStream | null,
  hops: number,
): Promise<Response> {
  const isUpgrade = asksForWebSocket(request, destination === null);
  if (destination !== null && !isUpgrade && body === null && fitsInOneFrame(whole)) {
    return callService(invocation, destination, request, whole, hops);
  }
  const head: CallHead = {
    invocation: invocation.id,
    ...toWire(destination),
    method: requestMethod(request),
    url: sentUrl(requestUrl(request)),
    headers: callHeaders(request),
    hasBody: body !== null || whole !== null,
    bodyBytes: whole === null ? promisedLength(body) : whole.length,
    ...callCf(request, destination),
    upgrade: isUpgrade ? 'websocket' : null,
    clockMs: invocation.clockMs,
  };
  const origin = originOf(request, hops);
  return sendCall(invocation, head, body ?? whole, {
    receive: (answer, content, stream) => receiveResponse(origin, answer, content, stream),
    signal: requestSignal(request),
  });
}

const fitsInOneFrame = (whole: Uint8Array | null): boolean =>
  whole === null || whole.length <= CHANNEL_LIMITS.maxInlineBodyBytes;

/** A call to another worker whose body is all there: one frame, of which the callee gets all but its first few bytes as they are. */
function callService(
  invocation: Invocation,
  destination: Exclude<Destination, null>,
  request: Request,
  whole: Uint8Array<ArrayBuffer> | null,
  hops: number,
): Promise<Response> {
  const head = callHeadText({
    method: requestMethod(request),
    url: sentUrl(requestUrl(request)),
    headers: withoutFraming(callHeaders(request)),
    hasBody: whole !== null,
    cf: callCf(request, destination).cf,
  });
  const encoded = encodeHead(head);
  const origin = originOf(request, hops);
  return new NativePromise((resolve, reject) => {
    const receive: Receive<Response> = (answer, content, stream) => receiveResponse(origin, answer, content, stream);
    const call = new OpenCall(invocation, receive, resolve, reject);
    const stream = openStream(call);
    if (!call.start(stream, requestSignal(request))) return;
    sendEncoded(
      encodeServiceCall(stream, {
        clockMs: invocation.clockMs,
        invocation: invocation.id,
        isLoopback: typeof destination !== 'string',
        name: nameOf(destination),
        head: encoded,
        body: whole ?? EMPTY,
      }),
    );
  });
}

interface CallOptions<T> {
  readonly receive: Receive<T>;
  readonly signal: AbortSignal | undefined;
}

/** Sends one call; the answer's head resolves it. `body`: a stream, or all of it. */
function sendCall<T>(
  invocation: Invocation,
  head: CallHead,
  body: Uint8Array<ArrayBuffer> | ByteStream | null,
  { receive, signal }: CallOptions<T>,
): Promise<T> {
  const encoded = encodeHead(jsonStringify(head));
  return new NativePromise((resolve, reject) => {
    const call = new OpenCall(invocation, receive, resolve, reject);
    const stream = openStream(call);
    if (!call.start(stream, signal)) return;
    if (body !== null && !isBytes(body)) {
      sendFrame(CALL, stream, encoded);
      void call.pump(body);
    } else if (body === null || body.length <= MAX_WHOLE_BODY_BYTES) {
      sendFull(CALL_FULL, stream, encoded, body ?? EMPTY);
    } else {
      sendFrame(CALL, stream, encoded);
      void call.sendWhole(body);
    }
  });
}

/** What the Cache API asks of the account's cache. `headers`: flat, of the request, or of the response to be stored. */
export interface CacheCall {
  readonly cache: CacheTarget;
  readonly method: 'GET' | 'PUT' | 'PURGE';
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: ByteStream | Uint8Array<ArrayBuffer> | null;
}

/** @throws {Error} outside an invocation */
export function callCache({ cache, method, url, headers, body }: CacheCall): Promise<Response> {
  const invocation = requireInvocation();
  const head: CallHead = {
    invocation: invocation.id,
    binding: null,
    cache,
    method,
    url,
    headers,
    hasBody: body !== null,
    bodyBytes: body !== null && isBytes(body) ? body.length : null,
    upgrade: null,
    clockMs: invocation.clockMs,
  };
  const receive: Receive<Response> = (answer, content, stream) => receiveResponse(NOWHERE, answer, content, stream);
  return sendCall(invocation, head, body, { receive, signal: undefined });
}

/** The answer to a `DataOperation`. `body`: all of it (empty when there is none), or a stream. */
export interface DataAnswer {
  readonly result: unknown;
  readonly body: Uint8Array<ArrayBuffer> | ByteStream;
}

/**
 * Asks something of a data binding (KV, objects, databases).
 * @throws {Error} outside an invocation; what the binding says, when it cannot do it
 */
export function callData(
  binding: string,
  operation: DataOperation,
  body: Uint8Array<ArrayBuffer> | ByteStream | null = null,
): Promise<DataAnswer> {
  const invocation = requireInvocation();
  const head: CallHead = {
    invocation: invocation.id,
    binding,
    operation,
    method: 'POST',
    url: '',
    headers: [],
    hasBody: body !== null,
    bodyBytes: body === null ? null : isBytes(body) ? body.length : promisedLength(body),
    upgrade: null,
    clockMs: invocation.clockMs,
  };
  return sendCall(invocation, head, body, {
    receive: ({ result }, content) => ({ result, body: content ?? EMPTY }),
    signal: undefined,
  });
}

/** A cached response does not say where it came from. */
const NOWHERE: Origin = { url: '', redirected: false, isHead: false, isEncoded: false };

/** What `new WebSocket()` hears: the connection's stream, or the status of the answer that is none. */
export interface WebSocketAnswer {
  readonly status: number;
  /** Flat, names in lower case. */
  readonly headers: readonly string[];
  readonly stream: number | undefined;
}

/** Asks for a WebSocket at an http(s) address. Rejects when there is no answer. */
export function callForWebSocket(
  invocation: Invocation,
  url: string,
  headers: readonly string[],
): Promise<WebSocketAnswer> {
  const head: CallHead = {
    invocation: invocation.id,
    binding: null,
    method: 'GET',
    url,
    headers,
    hasBody: false,
    bodyBytes: null,
    upgrade: 'websocket',
    clockMs: invocation.clockMs,
  };
  return new NativePromise((resolve, reject) => {
    const listener: StreamListener = {
      onResponse: (bytes, body) => {
        const { status, headers: answered, clockMs } = jsonParse(utf8Decode(bytes)) as ResponseHead;
        advanceClock(invocation, clockMs);
        const isOpen = status === 101 && body === null;
        if (!isOpen && body === null) {
          sendFail(stream, { name: 'AbortError', message: 'not a WebSocket' });
          closeStream(stream);
        }
        resolve({ status, headers: answered, stream: isOpen ? stream : undefined });
      },
      onData: () => undefined,
      onEnd: () => undefined,
      onFail: (payload) => reject(toError(jsonParse(utf8Decode(payload)) as Failure) as Error),
      onWindow: () => undefined,
    };
    const stream = openStream(listener);
    sendFull(CALL_FULL, stream, utf8Encode(jsonStringify(head)), EMPTY);
  });
}
