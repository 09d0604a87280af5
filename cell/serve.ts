/**
 * Requests in: one invocation each. Most come over the channel (`answer.ts`); HTTP on the cell's own socket brings those with large bodies
 * and upgrades, and takes away answers that are large or streams. There Deno's objects are made ours, and ours Deno's, at the edge:
 * their streams pass through untouched.
 */
import {
  AHEAD_MARK,
  COLLECT_MARK,
  INVOCATION_HEADER,
  NO_HOST,
  OUTCOME_FLAGS,
  type RequestAheadMessage,
} from '../shared/protocol.ts';
import { collectAnswer, type ServeRequest } from './answer.ts';
import { reportException } from './console.ts';
import { createInvocation, currentInvocation, type Invocation, runInvocation } from './context.ts';
import { deno, type DenoServeInfo } from './deno.ts';
import { bodyComesIn, hangError, unwatch, type Waiting, watch } from './hang.ts';
import {
  type BodyInit,
  type ByteStream,
  isResponse,
  makeIncomingRequest,
  NO_BODY,
  ownBody,
  type Request,
  type Response,
  responseType,
  requestList,
  listGet,
  responseWebSocket,
} from './http/index.ts';
import { makeCf } from './http/cf.ts';
import { endInvocation } from './invocation.ts';
import { failedOutgoing, flagged } from './outcome.ts';
import { EMPTY, SWITCHED, type Outgoing, outgoingOf, toNative } from './outgoing.ts';
import {
  eventTargetAdd,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  NativePromise,
  NativeRequest,
  NativeResponse,
  nativeRequestBody,
  nativeRequestMethod,
  nativeRequestSignal,
  nativeRequestUrl,
  NativeTypeError,
  numberParseInt,
  promiseResolve,
  promiseThen,
  readerRead,
  slotOf,
  streamGetReader,
  streamLocked,
  stringEndsWith,
  stringIndexOf,
  stringSlice,
} from './primordials.ts';
import { countEvent, mustWait, ownTurn } from './turns.ts';
import { declareLength, isDisturbed } from './stream-facts.ts';
import { callFetchHandler } from './worker.ts';
import { switchProtocols } from './websocket.ts';
import { isObject } from './webidl.ts';

type NativeRequestObject = globalThis.Request;
type NativeResponseObject = globalThis.Response;

/** The engine's own record behind a served Request: where headers are read without making a Headers object. */
interface InnerRequest {
  readonly headerList: [name: string, value: string][];
}

const innerKey = slotOf(new NativeRequest('http://slots/'), 'request');

/** Listens on the cell's own socket. The supervisor is the only one who can connect. */
export function startServing(path: string): void {
  deno.serve(
    {
      __proto__: null,
      path,
      automaticCompression: false,
      onListen: () => undefined,
      onError: (error: unknown) => toNative(failedOutgoing(error)),
    },
    handle,
  );
}

/** A request that came over the channel. */
export const serveRequest: ServeRequest = (id, head, request, delivery) => {
  const invocation = createInvocation(id, head.clockMs, head.target);
  return runInvocation(invocation, invoke, invocation, request, delivery);
};

function handle(
  native: NativeRequestObject,
  info: DenoServeInfo,
): NativeResponseObject | Promise<NativeResponseObject> {
  const flat: string[] = [];
  const token = readHeaders(native, flat);
  if (token === null) return new NativeResponse('No invocation', { status: 400 });
  const separator = stringIndexOf(token, ';');
  const id = numberParseInt(stringSlice(token, 0, separator), 10);
  if (stringEndsWith(token, COLLECT_MARK)) return collect(id, info);
  const clockMs = numberParseInt(stringSlice(token, separator + 1), 10);
  const invoked = stringEndsWith(token, AHEAD_MARK)
    ? invokeWithAhead(id, clockMs, native, flat, info)
    : invokeInTurn(createInvocation(id, clockMs), native, flat, info);
  return promiseThen(invoked, toNative);
}

async function invokeWithAhead(
  id: number,
  clockMs: number,
  native: NativeRequestObject,
  flat: readonly string[],
  info: DenoServeInfo,
): Promise<Outgoing> {
  const { headers, target, cf } = await takeAhead(id);
  return invokeInTurn(createInvocation(id, clockMs, target), native, headers ?? flat, info, cf);
}

function invokeInTurn(
  invocation: Invocation,
  native: NativeRequestObject,
  flat: readonly string[],
  info: DenoServeInfo,
  cf?: string,
): Promise<Outgoing> {
  if (mustWait()) return invokeLater(invocation, native, flat, info, cf);
  countEvent(invocation.id);
  return invokeNative(invocation, native, flat, info, cf);
}

async function invokeLater(
  invocation: Invocation,
  native: NativeRequestObject,
  flat: readonly string[],
  info: DenoServeInfo,
  cf?: string,
): Promise<Outgoing> {
  await ownTurn(invocation.id);
  return invokeNative(invocation, native, flat, info, cf);
}

/** Adds the request's headers to `flat`; returns our own one, which is not among them. */
function readHeaders(native: NativeRequestObject, flat: string[]): string | null {
  const { headerList } = (native as unknown as Record<symbol, InnerRequest>)[innerKey] as InnerRequest;
  let token: string | null = null;
  for (let index = 0; index < headerList.length; index++) {
    const entry = headerList[index] as [string, string];
    if (entry[0] === INVOCATION_HEADER) token = entry[1];
    else if (entry[0] !== 'host' || entry[1] !== NO_HOST) {
      flat[flat.length] = entry[0];
      flat[flat.length] = entry[1];
    }
  }
  return token;
}

function invokeNative(
  invocation: Invocation,
  native: NativeRequestObject,
  flat: readonly string[],
  info: DenoServeInfo,
  cf?: string,
): Promise<Outgoing> {
  const stream = nativeRequestBody(native);
  const request = makeIncomingRequest({
    method: nativeRequestMethod(native),
    url: nativeRequestUrl(native),
    flat,
    body: stream === null ? emptyBody(flat) : streamBody(stream, flat),
    readCf: () => makeCf(flat, cf),
    listen: (onAbort) => listenToNative(native, onAbort),
  });
  const answered = runInvocation(invocation, invoke, invocation, request, info);
  if (stream !== null) {
    // Deno makes the promise when it is asked for: not for the many requests that have no body.
    const isOver = bodyComesIn();
    void promiseThen(info.completed, isOver, isOver);
    void promiseThen(answered, (outgoing) =>
      outgoing.stream === stream ? undefined : discardRest(invocation, stream),
    );
  }
  return answered;
}

/** A request that says its body is empty has a body. */
const emptyBody = (flat: readonly string[]): BodyInit =>
  lengthIn(flat) === undefined ? NO_BODY : { whole: EMPTY, stream: null, type: null };

function streamBody(stream: ByteStream, flat: readonly string[]): BodyInit {
  const length = lengthIn(flat);
  if (length !== undefined) declareLength(stream, length);
  return { whole: null, stream, type: null };
}

function lengthIn(flat: readonly string[]): number | undefined {
  for (let index = 0; index < flat.length; index += 2) {
    if (flat[index] === 'content-length') return numberParseInt(flat[index + 1] as string, 10);
  }
  return undefined;
}

/** Called when user code first reads the request's `signal`: the event is theirs, so it runs where they are. */
function listenToNative(native: NativeRequestObject, onAbort: () => void): void {
  const invocation = currentInvocation();
  eventTargetAdd(nativeRequestSignal(native), 'abort', () => {
    if (invocation === undefined) onAbort();
    else runInvocation(invocation, onAbort);
  });
}

/**
 * An answer that did not wait for the body: what still comes is read and forgotten. Otherwise Deno would close the connection, and the
 * supervisor, writing at that moment, would lose the answer with it. The supervisor stops sending when it has the answer.
 */
async function discardRest(invocation: Invocation, body: ReadableStream<Uint8Array>): Promise<void> {
  if (isDisturbed(body) || streamLocked(body) || invocation.pendingWaits > 0) return;
  try {
    const reader = streamGetReader(body);
    while (!(await readerRead(reader)).done);
  } catch {
    // The connection ended: that is what it was read for.
  }
}

/** Not a request: the supervisor comes for the answer to one. */
function collect(id: number, info: DenoServeInfo): NativeResponseObject {
  const outgoing = collectAnswer(id, info.completed);
  return outgoing === undefined ? new NativeResponse('No answer waits', { status: 400 }) : toNative(outgoing);
}

/** What came ahead on the channel, or who waits for it: the two sockets keep no order between them. */
const ahead = new MapConstructor<number, RequestAheadMessage>();
const waitingForAhead = new MapConstructor<number, (message: RequestAheadMessage) => void>();

/** A REQUEST_AHEAD frame; the request that it belongs to may have come already. */
export function receiveAhead(message: RequestAheadMessage): void {
  const { invocation } = message;
  const waiting = mapGet(waitingForAhead, invocation);
  mapDelete(waitingForAhead, invocation);
  if (waiting === undefined) mapSet(ahead, invocation, message);
  else waiting(message);
}

function takeAhead(invocation: number): Promise<RequestAheadMessage> {
  const message = mapGet(ahead, invocation);
  mapDelete(ahead, invocation);
  if (message !== undefined) return promiseResolve(message);
  return new NativePromise((resolve) => mapSet(waitingForAhead, invocation, resolve));
}

/** How the answer leaves. */
interface Edge {
  /** Resolves when the response was delivered, rejects when the client went away. */
  readonly completed: Promise<void>;
  /** Only over the channel: makes `request.signal` fire. */
  abort?(): void;
  /** Answers in place of a handler that never will; what the handler may still give is dropped. */
  answer?(outgoing: Outgoing): void;
}

async function invoke(invocation: Invocation, request: Request, info: Edge): Promise<Outgoing> {
  ownBody(request, invocation.id);
  const waiting = new WaitingHandler(invocation, info);
  try {
    watch(waiting);
    const returned = callFetchHandler(invocation, request);
    if (!isResponse(returned) && !isThenable(returned)) {
      throw new NativeTypeError("Callback returned incorrect type; expected 'Promise'");
    }
    const response = await returned;
    if (!isResponse(response)) {
      throw new NativeTypeError("Incorrect type for Promise: the Promise did not resolve to 'Response'.");
    }
    return answer(invocation, request, response, info);
  } catch (error) {
    reportException(error);
    return closing(invocation, failedOutgoing(error), info);
  } finally {
    unwatch(waiting);
  }
}

const isThenable = (value: unknown): boolean =>
  isObject(value) && typeof (value as { then?: unknown }).then === 'function';

/** A handler that has not answered yet. */
class WaitingHandler implements Waiting {
  looks = 0;
  readonly #invocation: Invocation;
  readonly #info: Edge;

  constructor(invocation: Invocation, info: Edge) {
    this.#invocation = invocation;
    this.#info = info;
  }

  onHung(): void {
    const error = hangError();
    runInvocation(this.#invocation, reportException, error);
    this.#info.answer?.(closing(this.#invocation, failedOutgoing(error), this.#info));
  }
}

const UNASKED_WEBSOCKET =
  'Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".';

/** Lets what the handler gave go out. */
function answer(invocation: Invocation, request: Request, response: Response, info: Edge): Outgoing {
  const socket = responseWebSocket(response);
  if (socket !== null) {
    if (listGet(requestList(request), 'upgrade') !== 'websocket') throw new NativeTypeError(UNASKED_WEBSOCKET);
    switchProtocols(response, socket, invocation);
    return SWITCHED;
  }
  if (responseType(response) === 'error') {
    throw new NativeTypeError('Return value from serve handler must not be an error response (like Response.error())');
  }
  return closing(
    invocation,
    outgoingOf(invocation, response, () => info.abort?.()),
    info,
  );
}

/** Marks the invocation answered; when something goes on after it, says so. */
function closing(invocation: Invocation, outgoing: Outgoing, info: Edge): Outgoing {
  invocation.answered = true;
  if (invocation.pendingWaits > 0) return flagged(invocation, outgoing, OUTCOME_FLAGS.waiting);
  if (invocation.onEnd !== undefined) {
    const end = () => {
      if (invocation.pendingWaits === 0) endInvocation(invocation);
    };
    void promiseThen(info.completed, end, end);
  }
  return invocation.clockMoved ? flagged(invocation, outgoing, '') : outgoing;
}
