/**
 * Requests that come over the channel, and their answers. `serve.ts` runs the handler for both ways in; this file makes Deno's own
 * Request out of a frame and a frame out of a Response; a large or streamed one is left for Deno to send over HTTP.
 * Headers and signal are made when user code first asks for them: a worker that reads neither does not pay for them.
 */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import { ANSWER, ANSWER_WAITS, type AnswerHead, type InvokeHead } from '../shared/protocol.ts';
import { wholeBody } from './body.ts';
import { sendFrame, sendFull } from './channel.ts';
import { currentInvocation, runInvocation } from './context.ts';
import {
  copyBytes,
  flatHeaders,
  jsonParse,
  jsonStringify,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  NativePromise,
  NativeRequest,
  NativeUint8Array,
  promiseThen,
  readerCancel,
  responseBody,
  responseHeaders,
  responseStatus,
  responseStatusText,
  streamGetReader,
  slotOf,
  utf8Decode,
  utf8Encode,
} from './primordials.ts';
import { failedResponse } from './outcome.ts';

const EMPTY = new NativeUint8Array(0);

/** Deno's private slots of Request, Headers and Response, found once, before user code is there. */
interface Slots {
  readonly inner: symbol;
  readonly headersCache: symbol;
  readonly headersGuard: symbol;
}

const slots = findSlots();

function findSlots(): Slots {
  const request = new NativeRequest('http://slots/');
  return {
    inner: slotOf(request, 'request'),
    headersCache: slotOf(request, 'headers cache'),
    headersGuard: slotOf(request, 'headers guard'),
  };
}

/** What becomes of a response: `serve.ts` asks for `completed` only when something waits for it. */
export class Delivery {
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;
  #done = false;
  #onAbort: (() => void) | undefined;
  /** Answers in place of a handler that never will; what the handler may still give is dropped. */
  readonly answer: (response: Response) => void;

  constructor(answer: (response: Response) => void) {
    this.answer = answer;
  }

  get completed(): Promise<void> {
    this.#promise ??= new NativePromise((resolve) => {
      this.#resolve = resolve;
      if (this.#done) resolve();
    });
    return this.#promise;
  }

  /** Called by Deno's Request when user code first reads its `signal`: the event is theirs, so it runs where they are. */
  listen(onAbort: () => void): void {
    const invocation = currentInvocation();
    this.#onAbort = invocation === undefined ? onAbort : () => runInvocation(invocation, onAbort);
  }

  /** The visitor is gone before everything was sent. */
  abort(): void {
    this.finish(true);
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
  /** An answer to be collected over HTTP. */
  waiting: Response | undefined;
}

const served = new MapConstructor<number, Served>();

export type ServeRequest = (id: number, head: InvokeHead, request: Request, delivery: Delivery) => Promise<Response>;

/** One INVOKE frame. */
export function receiveInvoke(id: number, headBytes: Uint8Array, body: Uint8Array, serve: ServeRequest): void {
  const head = jsonParse(utf8Decode(headBytes)) as InvokeHead;
  const delivery = new Delivery((response) => sendAnswer(id, entry, response, head.method === 'HEAD'));
  const entry: Served = { delivery, waiting: undefined };
  mapSet(served, id, entry);
  const request = makeRequest(head, body, delivery);
  const answered = promiseThen(serve(id, head, request, delivery), (response) =>
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
  // The visitor may have gone while the handler ran.
  if (mapGet(served, id) !== entry) return;
  const body = wholeBody(response);
  if (!isHead && (body === null || body.length > CHANNEL_LIMITS.maxInlineBodyBytes)) {
    entry.waiting = response;
    sendFrame(ANSWER_WAITS, id, EMPTY);
    return;
  }
  const headers = flatHeaders(responseHeaders(response));
  const status = responseStatus(response);
  const head: AnswerHead = { status, statusText: responseStatusText(response), headers };
  if (body !== null && status !== 204 && status !== 304) setLength(headers, body.length);
  if (body === null) void promiseThen(cancelBody(response), undefined, () => undefined);
  sendFull(ANSWER, id, utf8Encode(jsonStringify(head)), isHead ? EMPTY : (body as Uint8Array));
  finish(id, false);
}

/** The answer that waits for this invocation, on its way out over HTTP; `completed` settles when it has left. */
export function collectAnswer(id: number, completed: Promise<void>): Response | undefined {
  const entry = mapGet(served, id);
  const response = entry?.waiting;
  if (entry === undefined || response === undefined) return undefined;
  entry.waiting = undefined;
  void promiseThen(
    completed,
    () => finish(id, false),
    () => finish(id, true),
  );
  return response;
}

/** Nobody will read it. */
async function cancelBody(response: Response): Promise<void> {
  const body = responseBody(response);
  if (body !== null) await readerCancel(streamGetReader(body));
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

/** The visitor is gone: the request's signal fires, and an answer that nobody collected is dropped. */
export function abortAnswer(id: number): void {
  const waiting = mapGet(served, id)?.waiting;
  if (waiting !== undefined) void promiseThen(cancelBody(waiting), undefined, () => undefined);
  finish(id, true);
}
