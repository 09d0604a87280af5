/**
 * Requests in: HTTP on the cell's own socket, one invocation each. The hot path of every worker, so it touches as little as
 * it can: the request is Deno's own object, handed to user code as it is.
 */
import {
  AHEAD_MARK,
  COLLECT_MARK,
  INVOCATION_HEADER,
  OUTCOME_FLAGS,
  type RequestAheadMessage,
} from '../shared/protocol.ts';
import { collectAnswer, type ServeRequest } from './answer.ts';
import { inContext } from './body.ts';
import { reportException } from './console.ts';
import { createInvocation, type Invocation, runInvocation } from './context.ts';
import { deno, type DenoServeInfo } from './deno.ts';
import { bodyComesIn, hangError, unwatch, type Waiting, watch } from './hang.ts';
import { endInvocation } from './invocation.ts';
import { failedResponse, flagged } from './outcome.ts';
import {
  apply,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  headersAppend,
  headersHas,
  MapConstructor,
  mapDelete,
  mapGet,
  mapSet,
  NativeError,
  NativeHeaders,
  NativePromise,
  NativeRequest,
  NativeResponse,
  NativeTypeError,
  numberParseInt,
  ownKeys,
  promiseResolve,
  promiseThen,
  readerRead,
  requestBody,
  requestBodyUsed,
  requestHeaders,
  requestMethod,
  requestUrl,
  responseStatus,
  streamGetReader,
  streamLocked,
  stringEndsWith,
  stringIndexOf,
  stringSlice,
  symbolDescription,
} from './primordials.ts';
import { callFetchHandler } from './worker.ts';
import { takeWebSocket, upgrade } from './websocket.ts';

/** The engine's own record behind a served Request: where headers are read without making a Headers object. */
interface InnerRequest {
  header(name: string): string | null;
  readonly headerList: [name: string, value: string][];
}

let innerKey: symbol | undefined;
let readHeader: (inner: InnerRequest, name: string) => string | null;

export function startServing(path: string): void {
  deno.serve(
    {
      __proto__: null,
      path,
      automaticCompression: false,
      onListen: () => undefined,
      onError: (error: unknown) => failedResponse(error),
    },
    handle,
  );
}

/** A request that came over the channel. */
export const serveRequest: ServeRequest = (id, head, request, delivery) => {
  const invocation = createInvocation(id, head.clockMs, head.target);
  return runInvocation(invocation, invoke, invocation, request, delivery);
};

function handle(request: Request, info: DenoServeInfo): Response | Promise<Response> {
  const inner = innerOf(request);
  const token = readHeader(inner, INVOCATION_HEADER);
  if (token === null) return new NativeResponse('No invocation', { status: 400 });
  const separator = stringIndexOf(token, ';');
  const id = numberParseInt(stringSlice(token, 0, separator), 10);
  if (stringEndsWith(token, COLLECT_MARK)) return collect(id, info);
  const clockMs = numberParseInt(stringSlice(token, separator + 1), 10);
  if (stringEndsWith(token, AHEAD_MARK)) return invokeWithAhead(id, clockMs, request, info);
  const invocation = createInvocation(id, clockMs);
  return invokeWithBody(invocation, request, info);
}

/**
 * An answer that did not wait for the body: what still comes is read and forgotten. Otherwise Deno would close the connection, and the
 * supervisor, writing at that moment, would lose the answer with it. The supervisor stops sending when it has the answer.
 */
async function discardRest(invocation: Invocation, request: Request): Promise<void> {
  const body = requestBody(request);
  if (body === null || requestBodyUsed(request) || streamLocked(body) || invocation.pendingWaits > 0) return;
  try {
    const reader = streamGetReader(body);
    while (!(await readerRead(reader)).done);
  } catch {
    // The connection ended: that is what it was read for.
  }
}

/** Not a request: the supervisor comes for the answer to one. */
const collect = (id: number, info: DenoServeInfo): Response =>
  collectAnswer(id, info.completed) ?? new NativeResponse('No answer waits', { status: 400 });

/** A request whose body, if it has one, is still on its way. */
function invokeWithBody(invocation: Invocation, request: Request, info: DenoServeInfo): Promise<Response> {
  const answered = runInvocation(invocation, invoke, invocation, request, info);
  const isOver = bodyComesIn();
  void promiseThen(info.completed, isOver, isOver);
  if (requestBody(request) !== null) void promiseThen(answered, () => discardRest(invocation, request));
  return answered;
}

async function invokeWithAhead(id: number, clockMs: number, served: Request, info: DenoServeInfo): Promise<Response> {
  const { headers, target } = await takeAhead(id);
  const invocation = createInvocation(id, clockMs, target);
  const request = headers === null ? served : new NativeRequest(served, { headers: fromFlat(headers) });
  return invokeWithBody(invocation, request, info);
}

/** What came ahead on the channel, or who waits for it: the two sockets keep no order between them. */
const ahead = new MapConstructor<number, RequestAheadMessage>();
const waitingForAhead = new MapConstructor<number, (message: RequestAheadMessage) => void>();

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

function fromFlat(flat: readonly string[]): Headers {
  const headers = new NativeHeaders();
  for (let index = 0; index < flat.length; index += 2) {
    headersAppend(headers, flat[index] as string, flat[index + 1] as string);
  }
  return headers;
}

async function invoke(invocation: Invocation, request: Request, info: DenoServeInfo): Promise<Response> {
  const waiting = new WaitingHandler(invocation, info);
  try {
    watch(waiting);
    const response = await callFetchHandler(invocation, request);
    return answer(invocation, request, response, info);
  } catch (error) {
    reportException(error);
    return closing(invocation, failedResponse(error), info);
  } finally {
    unwatch(waiting);
  }
}

/** A handler that has not answered yet. */
class WaitingHandler implements Waiting {
  looks = 0;
  readonly #invocation: Invocation;
  readonly #info: DenoServeInfo;

  constructor(invocation: Invocation, info: DenoServeInfo) {
    this.#invocation = invocation;
    this.#info = info;
  }

  onHung(): void {
    const error = hangError();
    runInvocation(this.#invocation, reportException, error);
    this.#info.answer?.(closing(this.#invocation, failedResponse(error), this.#info));
  }
}

/** Checks what the handler gave and lets it go out. */
function answer(invocation: Invocation, request: Request, response: unknown, info: DenoServeInfo): Response {
  const status = statusOf(response);
  const socket = takeWebSocket(response as Response);
  if (socket !== undefined) {
    keepReadable(request);
    return upgrade(request, response as Response, socket, invocation);
  }
  if (status === 101) throw new NativeTypeError('A response with status 101 needs a webSocket.');
  return closing(
    invocation,
    inContext(invocation, response as Response, () => info.abort?.()),
    info,
    request,
  );
}

function statusOf(response: unknown): number {
  try {
    return responseStatus(response as Response);
  } catch {
    throw new NativeTypeError("Incorrect type for Promise: the Promise did not resolve to 'Response'.");
  }
}

/** Marks the invocation answered; when something goes on after it, says so and keeps the request readable. */
function closing(invocation: Invocation, response: Response, info: DenoServeInfo, request?: Request): Response {
  invocation.answered = true;
  if (invocation.pendingWaits > 0) {
    if (request !== undefined) keepReadable(request);
    return flagged(invocation, response, OUTCOME_FLAGS.waiting);
  }
  if (invocation.onEnd !== undefined) {
    const end = () => {
      if (invocation.pendingWaits === 0) endInvocation(invocation);
    };
    void promiseThen(info.completed, end, end);
  }
  return invocation.clockMoved ? flagged(invocation, response, '') : response;
}

/** Deno forgets a request when its response is out; `waitUntil` work may still read it. Reading once makes it remember. */
function keepReadable(request: Request): void {
  requestUrl(request);
  requestMethod(request);
  headersHas(requestHeaders(request), 'host');
}

/** Finds the engine's record on the first request and hides our own header from everything read through it later. */
function innerOf(request: Request): InnerRequest {
  if (innerKey === undefined) {
    const keys = ownKeys(request);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index];
      if (typeof key === 'symbol' && symbolDescription(key) === 'request') innerKey = key;
    }
    if (innerKey === undefined) throw new NativeError('This Deno has no inner request');
    hideInternalHeaders((request as unknown as Record<symbol, InnerRequest>)[innerKey] as InnerRequest);
  }
  return (request as unknown as Record<symbol, InnerRequest>)[innerKey] as InnerRequest;
}

function hideInternalHeaders(inner: InnerRequest): void {
  const prototype = getPrototypeOf(inner) as object;
  const header = inner.header;
  readHeader = (target, name) => apply(header, target, [name]) as string | null;
  defineProperty(prototype, 'header', {
    value: function (this: InnerRequest, name: string) {
      return name === INVOCATION_HEADER ? null : readHeader(this, name);
    },
  });
  const list = getOwnPropertyDescriptor(prototype, 'headerList')?.get as () => InnerRequest['headerList'];
  defineProperty(prototype, 'headerList', {
    get: function (this: InnerRequest) {
      const all = apply(list, this, []) as InnerRequest['headerList'];
      let kept = 0;
      for (let index = 0; index < all.length; index++) {
        const entry = all[index] as [string, string];
        if (entry[0] !== INVOCATION_HEADER) all[kept++] = entry;
      }
      all.length = kept;
      return all;
    },
  });
}
