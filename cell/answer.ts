/**
 * Requests that come over the channel, and their answers. `serve.ts` runs the handler for both ways in; this file makes Deno's own
 * Request out of a frame and frames out of a Response. Headers and signal are made when user code first asks for them: a
 * worker that reads neither does not pay for them.
 */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import {
  ANSWER,
  ANSWER_DATA,
  ANSWER_END,
  ANSWER_FAIL,
  ANSWER_FULL,
  type AnswerHead,
  type InvokeHead,
} from '../shared/protocol.ts';
import { sendFrame, sendFull } from './channel.ts';
import {
  copyBytes,
  flatHeaders,
  jsonParse,
  jsonStringify,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  NativeError,
  NativePromise,
  NativeRequest,
  NativeResponse,
  NativeTypeError,
  NativeUint8Array,
  ownKeys,
  promiseThen,
  readerCancel,
  readerRead,
  responseBody,
  responseHeaders,
  responseStatus,
  responseStatusText,
  streamGetReader,
  subarray,
  symbolDescription,
  utf8Decode,
  utf8Encode,
} from './primordials.ts';
import { failedResponse } from './serve.ts';

const EMPTY = new NativeUint8Array(0);
const CHUNK_BYTES = 128 * 1024;
/** A frame holds head and body together up to this; longer bodies follow in pieces. */
const MAX_WHOLE_BODY_BYTES = 64 * 1024;

/** Deno's private slots of Request, Headers and Response, found once, before user code is there. */
interface Slots {
  readonly inner: symbol;
  readonly headersCache: symbol;
  readonly headersGuard: symbol;
  readonly staticBody: symbol;
}

const slots = findSlots();

function findSlots(): Slots {
  const find = (object: object, description: string): symbol => {
    const found = ownKeys(object).find((key) => typeof key === 'symbol' && symbolDescription(key) === description);
    if (found === undefined) throw new NativeError(`This Deno has no slot "${description}"`);
    return found as symbol;
  };
  const request = new NativeRequest('http://slots/');
  const response = new NativeResponse('');
  return {
    inner: find(request, 'request'),
    headersCache: find(request, 'headers cache'),
    headersGuard: find(request, 'headers guard'),
    staticBody: find(response, 'lazy static body'),
  };
}

/** What becomes of a response: `serve.ts` asks for `completed` only when something waits for it. */
export class Delivery {
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;
  #done = false;
  #onAbort: (() => void) | undefined;

  get completed(): Promise<void> {
    this.#promise ??= new NativePromise((resolve) => {
      this.#resolve = resolve;
      if (this.#done) resolve();
    });
    return this.#promise;
  }

  /** Called by Deno's Request when somebody first reads its `signal`. */
  listen(onAbort: () => void): void {
    this.#onAbort = onAbort;
  }

  finish(aborted: boolean): void {
    if (this.#done) return;
    this.#done = true;
    this.#resolve?.();
    if (aborted) this.#onAbort?.();
  }
}

interface Served {
  readonly delivery: Delivery;
  pump: AnswerPump | undefined;
}

const served = new MapConstructor<number, Served>();

export type ServeRequest = (
  id: number,
  clockMs: number,
  request: Request,
  delivery: Delivery,
) => Promise<Response>;

/** One INVOKE frame. */
export function receiveInvoke(id: number, headBytes: Uint8Array, body: Uint8Array, serve: ServeRequest): void {
  const head = jsonParse(utf8Decode(headBytes)) as InvokeHead;
  const delivery = new Delivery();
  const entry: Served = { delivery, pump: undefined };
  mapSet(served, id, entry);
  const request = makeRequest(head, body, delivery);
  const answered = promiseThen(serve(id, head.clockMs, request, delivery), (response) =>
    sendAnswer(id, entry, response, head.method === 'HEAD'),
  );
  // A response that cannot even be read (a body in use, say) is the worker's exception.
  void promiseThen(answered, undefined, (error) => sendAnswer(id, entry, failedResponse(error), false));
}

function makeRequest(head: InvokeHead, body: Uint8Array, delivery: Delivery): Request {
  const init = head.hasBody
    ? { method: head.method, body: copyBytes(body), redirect: 'manual' as const }
    : { method: head.method, redirect: 'manual' as const };
  const request = new NativeRequest(head.url, init) as unknown as Record<symbol, unknown>;
  const inner = request[slots.inner] as InnerRequest;
  // Deno makes the Headers object from this list when somebody asks for it.
  inner.headerListInner = headerPairs(head.headers);
  request[slots.headersCache] = undefined;
  request[slots.headersGuard] = 'immutable';
  inner.onCancel = (abort) => delivery.listen(abort);
  return request as unknown as Request;
}

/** What this file uses of Deno's own record behind a Request. */
interface InnerRequest {
  headerListInner: [name: string, value: string][];
  /** Called when `signal` is first read. */
  onCancel?: (abort: () => void) => void;
}

function headerPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < flat.length; index += 2) {
    pairs[index >> 1] = [flat[index] as string, flat[index + 1] as string];
  }
  return pairs;
}

function sendAnswer(id: number, entry: Served, response: Response, isHead: boolean): void {
  const body = wholeBody(response);
  const headers = flatHeaders(responseHeaders(response));
  const status = responseStatus(response);
  const head: AnswerHead = { status, statusText: responseStatusText(response), headers };
  if (body !== null) {
    if (status !== 204 && status !== 304) setLength(headers, body.length);
  }
  if (isHead || (body !== null && body.length <= MAX_WHOLE_BODY_BYTES)) {
    if (body === null) void promiseThen(cancelBody(response), undefined, () => undefined);
    sendFull(ANSWER_FULL, id, utf8Encode(jsonStringify(head)), isHead ? EMPTY : (body as Uint8Array));
    finish(id, false);
    return;
  }
  sendFrame(ANSWER, id, utf8Encode(jsonStringify(head)));
  // The visitor may have gone while the handler ran.
  if (mapGet(served, id) !== entry) return;
  entry.pump = new AnswerPump(id);
  const pump = entry.pump;
  const sent = body === null ? pump.sendStream(responseBody(response) as ReadableStream<Uint8Array>) : pump.sendBytes(body);
  void promiseThen(sent, () => finish(id, false));
}

/** Nobody will read it. */
const cancelBody = (response: Response): Promise<void> =>
  readerCancel(streamGetReader(responseBody(response) as ReadableStream<Uint8Array>));

/** The body when it is there as a whole; null: a stream. */
function wholeBody(response: Response): Uint8Array | null {
  const body = (response as unknown as Record<symbol, unknown>)[slots.staticBody];
  if (typeof body === 'string') return utf8Encode(body);
  if (body instanceof NativeUint8Array) return body;
  return responseBody(response) === null ? EMPTY : null;
}

/** A body that is there has the length it has; without one (an answer to HEAD) what the worker says stands. */
function setLength(flat: string[], length: number): void {
  for (let index = 0; index < flat.length; index += 2) {
    if (flat[index] !== 'content-length') continue;
    if (length > 0) flat[index + 1] = `${length}`;
    return;
  }
  flat[flat.length] = 'content-length';
  flat[flat.length] = `${length}`;
}

function finish(id: number, aborted: boolean): void {
  const entry = mapGet(served, id);
  if (entry === undefined) return;
  mapDelete(served, id);
  entry.delivery.finish(aborted);
}

/** The visitor is gone: the request's signal fires, and no more of the body is sent. */
export function abortAnswer(id: number): void {
  mapGet(served, id)?.pump?.stop();
  finish(id, true);
}

export function receiveAnswerWindow(id: number, bytes: number): void {
  mapGet(served, id)?.pump?.grant(bytes);
}

/** Sends a body in pieces, no faster than the supervisor takes it. */
class AnswerPump {
  readonly #id: number;
  #credit: number = CHANNEL_LIMITS.streamWindowBytes;
  #wake: (() => void) | undefined;
  #stopped = false;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(id: number) {
    this.#id = id;
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
    if (this.#reader !== undefined) {
      // Whatever the stream's own cancel does is the worker's business.
      void promiseThen(readerCancel(this.#reader), undefined, () => undefined);
    }
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    await this.#sendChunk(bytes);
    if (!this.#stopped) sendFrame(ANSWER_END, this.#id, EMPTY);
  }

  async sendStream(body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      const reader = streamGetReader(body);
      this.#reader = reader;
      while (!this.#stopped) {
        const { done, value } = await readerRead(reader);
        if (done) break;
        await this.#sendChunk(value);
      }
      if (!this.#stopped) sendFrame(ANSWER_END, this.#id, EMPTY);
    } catch {
      if (!this.#stopped) sendFrame(ANSWER_FAIL, this.#id, EMPTY);
    }
  }

  async #sendChunk(chunk: unknown): Promise<void> {
    if (!(chunk instanceof NativeUint8Array)) {
      throw new NativeTypeError('This ReadableStream did not return bytes: a body must be a stream of Uint8Array.');
    }
    for (let at = 0; at < chunk.length && !this.#stopped; ) {
      while (this.#credit <= 0 && !this.#stopped) {
        await new NativePromise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      const end = at + CHUNK_BYTES < chunk.length ? at + CHUNK_BYTES : chunk.length;
      sendFrame(ANSWER_DATA, this.#id, subarray(chunk, at, end));
      this.#credit -= end - at;
      at = end;
    }
  }
}
