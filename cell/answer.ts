/**
 * Requests that come over the channel, and their answers. `serve.ts` runs the handler for both ways in; this file makes a Request out of
 * a frame and a frame out of an answer; a large or streamed one is left for Deno to send over HTTP.
 */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import {
  ANSWER,
  ANSWER_WAITS,
  type AnswerHead,
  type InvocationTarget,
  type InvokeHead,
  PONG,
} from '../shared/protocol.ts';
import {
  ANSWER_EXCEPTION,
  ANSWER_WAITING,
  answerHeadText,
  decodeServiceInvoke,
  encodeServiceAnswer,
  parseCallHeadText,
} from '../shared/service-frames.ts';
import { sendEncoded, sendFrame, sendFull } from './channel.ts';
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
import { takeOutcome } from './outcome.ts';
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
  /** Asked by another worker, in one frame. */
  readonly isService: boolean;
  /** An answer to be collected over HTTP. */
  waiting: Outgoing | undefined;
}

const served = new MapConstructor<number, Served>();

/** What a handler needs to know of a request beside itself. */
export interface RequestFacts {
  readonly clockMs: number;
  readonly target?: InvocationTarget | undefined;
}

export type ServeRequest = (id: number, facts: RequestFacts, request: Request, delivery: Delivery) => Promise<Outgoing>;

/** One INVOKE frame. */
export function receiveInvoke(id: number, headBytes: Uint8Array, body: Uint8Array, serve: ServeRequest): void {
  const head = jsonParse(utf8Decode(headBytes)) as InvokeHead;
  receive(id, head, head, head.hasBody ? wholeBody(body) : NO_BODY, false, serve);
}

/** One SERVICE_INVOKE frame. The server has read the head and found nothing wrong with it. */
export function receiveServiceInvoke(id: number, payload: Uint8Array, serve: ServeRequest): void {
  const { clockMs, target, head: headBytes, body } = decodeServiceInvoke(payload);
  const head = parseCallHeadText(utf8Decode(headBytes));
  const facts = {
    clockMs,
    target: target.length === 0 ? undefined : (jsonParse(utf8Decode(target)) as InvocationTarget),
  };
  if (head.hasBody) addLength(head.headers, body.length);
  receive(id, facts, head, head.hasBody ? wholeBody(body) : NO_BODY, true, serve);
}

function addLength(flat: string[], length: number): void {
  flat[flat.length] = 'content-length';
  flat[flat.length] = `${length}`;
}

function receive(
  id: number,
  facts: RequestFacts,
  head: Pick<InvokeHead, 'method' | 'url' | 'headers'> & { readonly cf?: string | undefined },
  body: BodyInit,
  isService: boolean,
  serve: ServeRequest,
): void {
  const isHead = head.method === 'HEAD';
  const delivery = new Delivery((outgoing) => sendAnswer(id, entry, outgoing, isHead));
  const entry: Served = { delivery, isService, waiting: undefined };
  mapSet(served, id, entry);
  const request = makeIncomingRequest({
    method: head.method,
    url: head.url,
    flat: head.headers,
    body,
    readCf: () => makeCf(head.headers, head.cf),
    listen: (onAbort) => delivery.listen(onAbort),
  });
  void promiseThen(serve(id, facts, request, delivery), (outgoing) => sendAnswer(id, entry, outgoing, isHead));
}

const wholeBody = (bytes: Uint8Array): BodyInit => ({ whole: copyBytes(bytes), stream: null, type: null });

function sendAnswer(id: number, entry: Served, outgoing: Outgoing, isHead: boolean): void {
  // The visitor may have gone while the handler ran.
  if (mapGet(served, id) !== entry) return;
  if (outgoing === SWITCHED) {
    mapDelete(served, id);
    return;
  }
  const { status, list, whole } = outgoing;
  if (hasUsage()) sendFrame(PONG, 0, takeReport());
  if (!isHead && (whole === null || whole.length > CHANNEL_LIMITS.maxInlineBodyBytes)) {
    entry.waiting = outgoing;
    sendFrame(ANSWER_WAITS, id, EMPTY);
    return;
  }
  // Another worker sees of the length what this one has said of it; who talks to a visitor knows it in any case.
  if (whole !== null && !entry.isService && status !== 204 && status !== 304 && !(isHead && outgoing.isNull))
    setLength(list, whole.length, isHead);
  if (whole === null) cancelOutgoing(outgoing);
  const body = isHead ? EMPTY : (whole as Uint8Array);
  if (entry.isService) sendServiceAnswer(id, outgoing, body);
  else sendFull(ANSWER, id, encodeHead({ status, statusText: outgoing.statusText, headers: list }), body);
  finish(id, false);
}

function sendServiceAnswer(id: number, { status, statusText, list }: Outgoing, body: Uint8Array): void {
  const { isException, isWaiting, clockMs } = takeOutcome(list);
  const flags = (isException ? ANSWER_EXCEPTION : 0) | (isWaiting ? ANSWER_WAITING : 0);
  const head = utf8Encode(answerHeadText(toWire(statusText), listToWire(list)));
  sendEncoded(encodeServiceAnswer(id, clockMs, status, flags, head, body));
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
