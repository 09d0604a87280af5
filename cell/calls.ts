/**
 * Calls out of the cell: `fetch()` to the internet and `env.SERVICE.fetch()`. Both are one message to the supervisor, who
 * decides, counts and does the I/O; the answer becomes a Response here. Bodies stream both ways under a window.
 */
import { HOP_BY_HOP } from '../shared/http.ts';
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import {
  CALL,
  CALL_FULL,
  type CacheTarget,
  type CallHead,
  DATA,
  type DataOperation,
  END,
  type Failure,
  type InvocationTarget,
  type ResponseHead,
} from '../shared/protocol.ts';
import {
  callHeadText,
  decodeServiceResponse,
  encodeServiceCall,
  parseAnswerHeadText,
} from '../shared/service-frames.ts';
import {
  closeStream,
  openStream,
  sendEncoded,
  sendFail,
  sendFrame,
  sendFull,
  sendWindow,
  type StreamListener,
} from './channel.ts';
import { compatFlag } from './compat.ts';
import { advanceClock, type Invocation } from './context.ts';
import { type DataUrl, readDataUrl } from './data-url.ts';
import { viewOf } from './http/bytes.ts';
import {
  type BodyInit,
  bytesOf,
  type ByteStream,
  fromWire,
  type HeaderList,
  headersOver,
  isRequest,
  isUsed,
  listCopy,
  listDelete,
  listFromWire,
  listGet,
  listHas,
  listToWire,
  makeReceivedResponse,
  Request,
  requestCache,
  requestCf,
  requestList,
  requestMethod,
  requestRedirect,
  requestSignal,
  requestUrl,
  type Response,
  responseList,
  responseStatus,
  streamBehind,
  take,
  type Whole,
} from './http/index.ts';
import { decodeBody } from './http/encoding.ts';
import { closeBytes } from './http/streams.ts';
import {
  byteEnqueue,
  copyBytes,
  eventTargetAdd,
  eventTargetRemove,
  jsonParse,
  jsonStringify,
  MapConstructor,
  mapGet,
  mapSet,
  NativeError,
  NativePromise,
  NativeReadableStream,
  NativeTypeError,
  NativeUint8Array,
  NativeURL,
  numberParseInt,
  readerCancel,
  readerRead,
  signalAborted,
  signalReason,
  streamGetReader,
  stringIndexOf,
  stringSlice,
  stringStartsWith,
  stringToLowerCase,
  subarray,
  urlHref,
  utf8Decode,
  utf8Encode,
  defineProperty,
  urlOrigin,
  urlProtocol,
} from './primordials.ts';
import { declaredLength, declareLength } from './stream-facts.ts';
import { rebuildThrown, rejection } from './thrown.ts';
import { requireInvocation } from './timers.ts';
import { clientSocket } from './websocket.ts';

const EMPTY = new NativeUint8Array(0);
const MAX_REDIRECTS = 20;
const CHUNK_BYTES = 64 * 1024;
/** Up to this a body travels in one frame with its head. */
const MAX_WHOLE_BODY_BYTES = 64 * 1024;

/** Where a call goes: a binding by its name, an entrypoint of the worker itself, or (null) the internet. */
export type Destination = string | InvocationTarget | null;

/** `fetch(input, init)` of a binding (or of the global scope), redirects included. */
export async function fetchThrough(destination: Destination, input: unknown, init?: unknown): Promise<Response> {
  const invocation = requireInvocation();
  let request = init === undefined && isRequest(input) ? input : new Request(input, init);
  if (request === input && isUsed(request)) {
    throw new NativeTypeError('Cannot reconstruct a Request with a used body.');
  }
  const content = stringStartsWith(requestUrl(request), 'data:') ? readDataUrl(requestUrl(request)) : undefined;
  if (content !== undefined) return dataResponse(content, requestMethod(request) === 'GET');
  if (!isHttp(requestUrl(request)) && compatFlag('fetch_refuses_unknown_protocols')) {
    throw new NativeTypeError(`Fetch API cannot load: ${requestUrl(request)}`);
  }
  const mode = requestRedirect(request);
  let visited = '';
  for (let hops = 0; ; hops++) {
    const body = take(request);
    const whole = body === null || isWhole(body) ? body : null;
    const stream = body === null || isWhole(body) ? null : body;
    const bytes = whole === null ? null : bytesOf(whole);
    const response = await callOnce(invocation, destination, request, bytes, stream, hops);
    const location = redirectTarget(response);
    if (location === null || mode === 'manual') return response;
    visited += `${hops === 0 ? '' : ', '}${requestUrl(request)}`;
    if (hops >= MAX_REDIRECTS) throw new NativeTypeError(`Too many redirects.${visited}`);
    void streamBehind(response)?.cancel();
    request = followUp(request, bytes, stream !== null, responseStatus(response), location);
  }
}

/** It has no URL, as on Workers. */
const dataResponse = ({ type, bytes }: DataUrl, isGet: boolean): Response =>
  makeReceivedResponse({
    status: 200,
    statusText: 'OK',
    list: listFromWire(['content-type', type]),
    body: bodyOf(isGet ? bytes : null),
    url: '',
    redirected: false,
    webSocket: null,
  });

const isBytes = (body: Whole | ByteStream): body is Uint8Array<ArrayBuffer> => body instanceof NativeUint8Array;
const isWhole = (body: Whole | ByteStream): body is Whole => typeof body === 'string' || isBytes(body);

const REDIRECTS = { __proto__: null, 301: true, 302: true, 303: true, 307: true, 308: true } as unknown as Record<
  number,
  boolean
>;

/** Null: the response is no redirect, or leads nowhere. */
const redirectTarget = (response: Response): string | null =>
  REDIRECTS[responseStatus(response)] ? listGet(responseList(response), 'location') || null : null;

const INVALID_LOCATION = 'Invalid Location header; unable to follow redirect.';

function targetOf(location: string, base: string): URL {
  let url: URL;
  try {
    url = new NativeURL(location, base);
  } catch {
    throw new NativeTypeError(INVALID_LOCATION);
  }
  const protocol = urlProtocol(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw new NativeTypeError(INVALID_LOCATION);
  return url;
}

/** The request after a redirect: fetch standard, "HTTP-redirect fetch", steps 11–16; the headers stay, as on Workers. */
function followUp(
  request: Request,
  bytes: Uint8Array | null,
  streamed: boolean,
  status: number,
  location: string,
): Request {
  const url = targetOf(location, requestUrl(request));
  const method = requestMethod(request);
  const list = listCopy(requestList(request));
  const toGet = (status <= 302 && method === 'POST') || (status === 303 && method !== 'GET' && method !== 'HEAD');
  if (!toGet && streamed) {
    throw new NativeTypeError(
      'A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from a buffer-like body initializer.',
    );
  }
  if (toGet) listDelete(list, 'content-length');
  const isElsewhere = urlOrigin(url) !== urlOrigin(new NativeURL(requestUrl(request)));
  if (isElsewhere && compatFlag('strip_authorization_on_cross_origin_redirect')) listDelete(list, 'authorization');
  return new Request(urlHref(url), {
    method: toGet ? 'GET' : method,
    headers: headersOver(list, false),
    body: toGet ? null : bytes,
    redirect: requestRedirect(request),
    signal: requestSignal(request),
  });
}

/** As the head of a call or session names it. */
export const toWire = (destination: Destination): { binding: string | null; loopback?: InvocationTarget } =>
  typeof destination === 'object' && destination !== null
    ? { binding: null, loopback: destination }
    : { binding: destination };

const isHttp = (url: string): boolean => stringStartsWith(url, 'http:') || stringStartsWith(url, 'https:');

/** What a `FixedLengthStream` has promised is the length of the body. */
const promisedLength = (body: ByteStream | null): number | null =>
  body === null ? null : (declaredLength(body) ?? null);

/** The URL as it goes out: a fragment stays with the caller, and so do user name and password. */
function sentUrl(url: string): string {
  if (stringIndexOf(url, '#') < 0 && stringIndexOf(url, '@') < 0) return url;
  const fragment = stringIndexOf(url, '#');
  const whole = fragment < 0 ? url : stringSlice(url, 0, fragment);
  const start = stringIndexOf(whole, '://') + 3;
  const path = stringIndexOf(stringSlice(whole, start), '/');
  const authority = path < 0 ? whole.length : start + path;
  const at = stringIndexOf(stringSlice(whole, start, authority), '@');
  return at < 0 ? whole : stringSlice(whole, 0, start) + stringSlice(whole, start + at + 1);
}

function callOnce(
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

const originOf = (request: Request, hops: number): Origin => ({
  url: withoutFragment(requestUrl(request)),
  redirected: hops > 0,
  isHead: requestMethod(request) === 'HEAD',
});

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

const names = new MapConstructor<string, Uint8Array>();

function nameOf(destination: Exclude<Destination, null>): Uint8Array {
  if (typeof destination !== 'string') return utf8Encode(jsonStringify(destination));
  const known = mapGet(names, destination);
  if (known !== undefined) return known;
  const name = utf8Encode(destination);
  // As many as the worker has bindings.
  mapSet(names, destination, name);
  return name;
}

/** What belongs to whoever sends a body. The server lets none of it pass. */
const FRAMING = { __proto__: null, 'content-length': true } as unknown as Record<string, boolean>;
for (const name of HOP_BY_HOP) FRAMING[name] = true;

function withoutFraming(flat: string[]): string[] {
  let kept = 0;
  for (let index = 0; index < flat.length; index += 2) {
    if (FRAMING[flat[index] as string]) continue;
    flat[kept++] = flat[index] as string;
    flat[kept++] = flat[index + 1] as string;
  }
  flat.length = kept;
  return flat;
}

/** @throws {TypeError} when it is too long */
function encodeHead(head: string): Uint8Array {
  const encoded = utf8Encode(head);
  if (encoded.length > CHANNEL_LIMITS.maxHeadBytes) {
    throw new NativeTypeError(`URL and headers of a request may have ${CHANNEL_LIMITS.maxHeadBytes} bytes together.`);
  }
  return encoded;
}

/** What a call's answer becomes. `body` is null when `stream` has become a connection, which belongs to the receiver from now on. */
type Receive<T> = (head: ResponseHead, body: Uint8Array<ArrayBuffer> | ByteStream | null, stream: number) => T;

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
const NOWHERE: Origin = { url: '', redirected: false, isHead: false };

/**
 * Another worker sees the `cf` that its caller gave or was given; the internet has no use for it. Without one a request that names a host
 * would pass for a visitor's, so it says that there is none.
 */
function callCf(request: Request, destination: Destination): { cf?: string } {
  if (destination === null) return {};
  const cf = requestCf(request);
  if (cf !== undefined) return { cf: jsonStringify(cf) };
  return listHas(requestList(request), 'host') ? { cf: 'null' } : {};
}

/** A request that wants nothing out of a cache says so to those on the way. */
function callHeaders(request: Request): string[] {
  const flat = listToWire(requestList(request));
  if (requestCache(request) === undefined) return flat;
  if (!listHas(flat, 'cache-control')) appendHeader(flat, 'cache-control', 'no-cache');
  if (!listHas(flat, 'pragma')) appendHeader(flat, 'pragma', 'no-cache');
  return flat;
}

function appendHeader(flat: string[], name: string, value: string): void {
  flat[flat.length] = name;
  flat[flat.length] = value;
}

function withoutFragment(url: string): string {
  const at = stringIndexOf(url, '#');
  return at < 0 ? url : stringSlice(url, 0, at);
}

/** What a response says of where it came from. */
interface Origin {
  readonly url: string;
  readonly redirected: boolean;
  /** Of a response to HEAD: it has no body. */
  readonly isHead: boolean;
}

function asksForWebSocket(request: Request, isOutside: boolean): boolean {
  const upgrade = listGet(requestList(request), 'upgrade');
  if (upgrade === null || stringToLowerCase(upgrade) !== 'websocket') return false;
  if (requestMethod(request) !== 'GET' && isOutside) {
    throw new NativeTypeError('WebSocket must be initiated with a GET request.');
  }
  return true;
}

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
      onFail: (payload) => reject(toError(jsonParse(utf8Decode(payload)) as Failure)),
      onWindow: () => undefined,
    };
    const stream = openStream(listener);
    sendFull(CALL_FULL, stream, utf8Encode(jsonStringify(head)), EMPTY);
  });
}

function toError(failure: Failure): Error {
  if (failure.thrown !== undefined) return rebuildThrown(failure, failure.thrown);
  const { name, message, retryable } = failure;
  const error = name === 'TypeError' ? new NativeTypeError(message) : new NativeError(message);
  // As on Workers: the other side went away, and may be there again.
  if (retryable === true) {
    defineProperty(error, 'retryable', { value: true, writable: true, enumerable: true, configurable: true });
  }
  return error;
}

/** workerd's words for a chunk that is no bytes. */
const notConvertible = (): TypeError =>
  new NativeTypeError('Draining read encountered a value that cannot be converted to bytes');

class OpenCall<T> {
  readonly #invocation: Invocation;
  readonly #receive: Receive<T>;
  readonly #resolve: (answer: T) => void;
  readonly #reject: (error: unknown) => void;
  #stream = 0;
  #sendCredit: number = CHANNEL_LIMITS.streamWindowBytes;
  #wakeSender: (() => void) | undefined;
  #body: IncomingBody | undefined;
  #done = false;
  #removeAbort: (() => void) | undefined;

  constructor(
    invocation: Invocation,
    receive: Receive<T>,
    resolve: (answer: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.#invocation = invocation;
    this.#receive = receive;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** False: the signal had fired already, and nothing may go out. */
  start(stream: number, signal: AbortSignal | undefined): boolean {
    this.#stream = stream;
    if (signal === undefined) return true;
    if (signalAborted(signal)) {
      this.#finish();
      this.#reject(signalReason(signal));
      return false;
    }
    const onAbort = () => this.#abort(signalReason(signal));
    eventTargetAdd(signal, 'abort', onAbort);
    this.#removeAbort = () => eventTargetRemove(signal, 'abort', onAbort);
    return true;
  }

  onServiceResponse(payload: Uint8Array): void {
    const { clockMs, status, head: headBytes, body } = decodeServiceResponse(payload);
    const { statusText, headers } = parseAnswerHeadText(utf8Decode(headBytes));
    advanceClock(this.#invocation, clockMs);
    this.#finish();
    this.#resolve(this.#receive({ status, statusText, headers, clockMs }, copyBytes(body), this.#stream));
  }

  onResponse(headBytes: Uint8Array, bodyBytes: Uint8Array | null): void {
    const head = jsonParse(utf8Decode(headBytes)) as ResponseHead;
    advanceClock(this.#invocation, head.clockMs);
    if (head.status === 101) {
      this.#done = true;
      this.#removeAbort?.();
      this.#resolve(this.#receive(head, null, this.#stream));
      return;
    }
    if (bodyBytes !== null) {
      this.#finish();
      this.#resolve(this.#receive(head, copyBytes(bodyBytes), this.#stream));
      return;
    }
    this.#body = new IncomingBody(
      (bytes) => sendWindow(this.#stream, bytes),
      () => this.#abort(undefined),
    );
    this.#resolve(this.#receive(head, this.#body.stream, this.#stream));
  }

  onData(bytes: Uint8Array): void {
    this.#body?.push(copyBytes(bytes));
  }

  onEnd(): void {
    this.#finish();
    this.#body?.end();
  }

  onFail(payload: Uint8Array): void {
    this.#finish();
    const error = toError(jsonParse(utf8Decode(payload)) as Failure);
    if (this.#body === undefined) this.#resolve(rejection(error) as never);
    else this.#body.fail(error);
  }

  onWindow(bytes: number): void {
    this.#sendCredit += bytes;
    this.#wakeSender?.();
  }

  /** Sends the request's body, as fast as the other side takes it. */
  async pump(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = streamGetReader(body);
    try {
      while (!this.#done) {
        const { done, value } = await readerRead(reader);
        if (done) {
          sendFrame(END, this.#stream, EMPTY);
          return;
        }
        await this.#sendChunk(value);
      }
      await readerCancel(reader);
    } catch (error) {
      if (!this.#done) this.#abort(error);
    }
  }

  async sendWhole(body: Uint8Array): Promise<void> {
    await this.#sendChunk(body);
    if (!this.#done) sendFrame(END, this.#stream, EMPTY);
  }

  async #sendChunk(chunk: unknown): Promise<void> {
    const bytes = typeof chunk === 'string' ? utf8Encode(chunk) : viewOf(chunk);
    if (bytes === undefined) throw notConvertible();
    for (let at = 0; at < bytes.length && !this.#done; ) {
      while (this.#sendCredit <= 0 && !this.#done) {
        await new NativePromise<void>((resolve) => {
          this.#wakeSender = resolve;
        });
      }
      // Never more than the window: one byte over it and the supervisor ends this cell.
      const room = this.#sendCredit < CHUNK_BYTES ? this.#sendCredit : CHUNK_BYTES;
      const end = at + room < bytes.length ? at + room : bytes.length;
      sendFrame(DATA, this.#stream, subarray(bytes, at, end));
      this.#sendCredit -= end - at;
      at = end;
    }
  }

  #abort(reason: unknown): void {
    if (this.#done) return;
    sendFail(this.#stream, { name: 'AbortError', message: 'aborted' });
    this.#finish();
    this.#reject(reason);
    this.#body?.fail(reason);
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    closeStream(this.#stream);
    this.#removeAbort?.();
    this.#wakeSender?.();
  }
}

/** A ReadableStream fed by DATA frames; tells the sender what was consumed. */
class IncomingBody {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableByteStreamController;
  readonly #grant: (bytes: number) => void;
  #chunks: Uint8Array[] = [];
  #first = 0;
  #consumed = 0;
  #ended = false;
  #wanted: (() => void) | undefined;

  constructor(grant: (bytes: number) => void, cancel: () => void) {
    this.#grant = grant;
    this.stream = new NativeReadableStream({
      __proto__: null,
      type: 'bytes',
      start: (controller: ReadableByteStreamController) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel,
    } as unknown as UnderlyingByteSource) as ReadableStream<Uint8Array>;
  }

  push(bytes: Uint8Array): void {
    this.#chunks[this.#chunks.length] = bytes;
    this.#wanted?.();
  }

  end(): void {
    this.#ended = true;
    this.#wanted?.();
    if (this.#first >= this.#chunks.length) this.#close();
  }

  fail(error: unknown): void {
    this.#ended = true;
    this.#chunks = [];
    this.#first = 0;
    try {
      this.#controller.error(error);
    } catch {
      // Already closed or cancelled by the reader.
    }
    this.#wanted?.();
  }

  async #pull(): Promise<void> {
    if (this.#first >= this.#chunks.length) {
      if (this.#ended) return;
      await new NativePromise<void>((resolve) => {
        this.#wanted = resolve;
      });
      this.#wanted = undefined;
    }
    const chunk = this.#take();
    // A stream of bytes has no empty chunks.
    if (chunk !== undefined && chunk.length > 0) byteEnqueue(this.#controller, chunk as Uint8Array<ArrayBuffer>);
    if (this.#ended && this.#first >= this.#chunks.length) this.#close();
  }

  #take(): Uint8Array | undefined {
    if (this.#first >= this.#chunks.length) return undefined;
    const chunk = this.#chunks[this.#first] as Uint8Array;
    this.#first++;
    if (this.#first === this.#chunks.length) {
      this.#chunks = [];
      this.#first = 0;
    }
    this.#consumed += chunk.length;
    if (this.#consumed >= CHANNEL_LIMITS.streamWindowBytes / 4 && !this.#ended) {
      this.#grant(this.#consumed);
      this.#consumed = 0;
    }
    return chunk;
  }

  #close(): void {
    try {
      closeBytes(this.#controller);
    } catch {
      // Already closed or errored.
    }
  }
}

function receiveResponse(
  origin: Origin,
  head: ResponseHead,
  body: Uint8Array<ArrayBuffer> | ByteStream | null,
  stream: number,
): Response {
  if (head.status === 101) return makeResponse(head, null, origin, clientSocket(stream));
  return makeResponse(head, origin.isHead && body instanceof NativeUint8Array ? null : body, origin);
}

function makeResponse(
  head: ResponseHead,
  body: Uint8Array<ArrayBuffer> | ByteStream | null,
  { url, redirected }: Origin,
  webSocket: object | null = null,
): Response {
  const list = listFromWire(head.headers);
  const encoding = body === null ? null : listGet(list, 'content-encoding');
  if (body !== null && !(body instanceof NativeUint8Array)) declareReceivedLength(body, list);
  const content = body === null || encoding === null ? body : decodeBody(body, encoding);
  return makeReceivedResponse({
    status: head.status,
    statusText: fromWire(head.statusText),
    list,
    body: bodyOf(content),
    url,
    redirected,
    webSocket,
  });
}

/** A body that is passed on goes out with the length it came with. */
function declareReceivedLength(body: ByteStream, list: HeaderList): void {
  const length = listGet(list, 'content-length');
  if (length !== null) declareLength(body, numberParseInt(length, 10));
}

const bodyOf = (content: Uint8Array<ArrayBuffer> | ByteStream | null): BodyInit =>
  content === null || content instanceof NativeUint8Array
    ? { whole: content, stream: null, type: null }
    : { whole: null, stream: content, type: null };
