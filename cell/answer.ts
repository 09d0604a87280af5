/**
 * Requests that come over the channel, and their answers. `serve.ts` runs the handler for both ways in; this file makes a Request out of
 * a frame and a frame out of an answer; a large or streamed one is left for Deno to send over HTTP.
 */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import { ANSWER, ANSWER_WAITS, type AnswerHead, type InvokeHead, PONG } from '../shared/protocol.ts';
import { sendFrame, sendFull } from './channel.ts';
import { currentInvocation, runInvocation } from './context.ts';
import {
  type BodyInit,
  type HeaderList,
  listHas,
  listSet,
  listToWire,
  makeIncomingRequest,
  NO_BODY,
  type Request,
  toWire,
} from './http/index.ts';
import { makeCf } from './http/cf.ts';
import { cancelOutgoing, EMPTY, SWITCHED, type Outgoing } from './outgoing.ts';
import {
  copyBytes,
  jsonParse,
  jsonStringify,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  NativePromise,
  promiseThen,
  utf8Decode,
  utf8Encode,
} from './primordials.ts';
import { hasUsage, takeReport } from './turns.ts';

/** What becomes of a response: `serve.ts` asks for `completed` only when something waits for it. */
export class Delivery {
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;
  #done = false;
  #onAbort: (() => void) | undefined;
  /** Answers in place of a handler that never will; what the handler may still give is dropped. */
  readonly answer: (outgoing: Outgoing) => void;

  constructor(answer: (outgoing: Outgoing) => void) {
    this.answer = answer;
  }

  get completed(): Promise<void> {
    this.#promise ??= new NativePromise((resolve) => {
      this.#resolve = resolve;
      if (this.#done) resolve();
    });
    return this.#promise;
  }

  /** Called when user code first reads the request's `signal`: the event is theirs, so it runs where they are. */
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
  waiting: Outgoing | undefined;
}

const served = new MapConstructor<number, Served>();

export type ServeRequest = (id: number, head: InvokeHead, request: Request, delivery: Delivery) => Promise<Outgoing>;

/** One INVOKE frame. */
export function receiveInvoke(id: number, headBytes: Uint8Array, body: Uint8Array, serve: ServeRequest): void {
  const head = jsonParse(utf8Decode(headBytes)) as InvokeHead;
  const delivery = new Delivery((outgoing) => sendAnswer(id, entry, outgoing, head.method === 'HEAD'));
  const entry: Served = { delivery, waiting: undefined };
  mapSet(served, id, entry);
  const request = makeIncomingRequest({
    method: head.method,
    url: head.url,
    flat: head.headers,
    body: head.hasBody ? wholeBody(body) : NO_BODY,
    readCf: () => makeCf(head.headers, head.cf),
    listen: (onAbort) => delivery.listen(onAbort),
  });
  void promiseThen(serve(id, head, request, delivery), (outgoing) =>
    sendAnswer(id, entry, outgoing, head.method === 'HEAD'),
  );
}

const wholeBody = (bytes: Uint8Array): BodyInit => ({ whole: copyBytes(bytes), stream: null, type: null });

function sendAnswer(id: number, entry: Served, outgoing: Outgoing, isHead: boolean): void {
  // The visitor may have gone while the handler ran.
  if (mapGet(served, id) !== entry) return;
  if (outgoing === SWITCHED) {
    mapDelete(served, id);
    return;
  }
  const { status, statusText, list, whole } = outgoing;
  if (hasUsage()) sendFrame(PONG, 0, takeReport());
  if (!isHead && (whole === null || whole.length > CHANNEL_LIMITS.maxInlineBodyBytes)) {
    entry.waiting = outgoing;
    sendFrame(ANSWER_WAITS, id, EMPTY);
    return;
  }
  if (whole !== null && status !== 204 && status !== 304 && !(isHead && outgoing.isNull))
    setLength(list, whole.length, isHead);
  if (whole === null) cancelOutgoing(outgoing);
  sendFull(ANSWER, id, encodeHead({ status, statusText, headers: list }), isHead ? EMPTY : (whole as Uint8Array));
  finish(id, false);
}

/** Values that are not ASCII go out as the bytes they are in UTF-8. */
function encodeHead(head: AnswerHead & { readonly headers: HeaderList }): Uint8Array {
  const text = jsonStringify(head);
  const bytes = utf8Encode(text);
  if (bytes.length === text.length) return bytes;
  const headers = listToWire(head.headers);
  return utf8Encode(jsonStringify({ status: head.status, statusText: toWire(head.statusText), headers }));
}

/** The answer that waits for this invocation, on its way out over HTTP; `completed` settles when it has left. */
export function collectAnswer(id: number, completed: Promise<void>): Outgoing | undefined {
  const entry = mapGet(served, id);
  const outgoing = entry?.waiting;
  if (entry === undefined || outgoing === undefined) return undefined;
  entry.waiting = undefined;
  void promiseThen(
    completed,
    () => finish(id, false),
    () => finish(id, true),
  );
  return outgoing;
}

/** A body that is there has the length it has; in answer to HEAD, what the worker says of it stands. */
function setLength(list: HeaderList, length: number, isHead: boolean): void {
  if (!isHead || !listHas(list, 'content-length')) listSet(list, 'content-length', `${length}`);
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
  if (waiting !== undefined) cancelOutgoing(waiting);
  finish(id, true);
}
