/** What the server asks of a cell: requests over its channel or its HTTP socket, and sessions that other cells open with it. */
import { encodeFrame } from '../../shared/frames.ts';
import {
  ANSWER,
  ANSWER_WAITS,
  COLLECT_MARK,
  INBOUND_DATA,
  INBOUND_END,
  INBOUND_FAIL,
  INBOUND_WINDOW,
  INVOCATION_HEADER,
  type InvocationTarget,
  type InvokeHead,
  REQUEST_AHEAD,
  type RequestAheadMessage,
  SERVICE_ANSWER,
  SESSION_ACCEPT,
  type SessionAcceptHead,
} from '../../shared/protocol.ts';
import { serviceInvokeBytes, writeServiceInvoke } from '../../shared/service-frames.ts';
import type { CellHttp, Exchange } from './cell-http.ts';
import type { RequestHead } from './cell-http-heads.ts';
import { readFailure } from './cell-messages.ts';
import { type AnswerHandler, ChannelExchange, invokeFrame } from './channel-exchange.ts';
import type { Invocation } from './invocation.ts';
import { encodedTarget } from './service-call.ts';
import { acceptFrame, type Session } from './session.ts';
import type { RelayedRequest } from './types.ts';

/** So many more large answers than small ones, and requests go over HTTP. */
const LARGE_ANSWERS_TO_SWITCH = 4;

export class CellRequests {
  readonly #http: CellHttp;
  /** Sends a frame that may make user code run. */
  readonly #send: (frame: Uint8Array) => void;
  readonly #sendControl: (type: number, message: unknown) => void;
  readonly #exchanges = new Map<number, ChannelExchange>();
  /** RPC sessions opened with this cell, by the invocation. */
  readonly #sessions = new Map<number, Session>();
  #largeAnswers = 0;

  constructor(
    http: CellHttp,
    send: (frame: Uint8Array) => void,
    sendControl: (type: number, message: unknown) => void,
  ) {
    this.#http = http;
    this.#send = send;
    this.#sendControl = sendControl;
  }

  /** Requests that were sent over the channel and are not answered, by the invocation. */
  get exchanges(): ReadonlyMap<number, ChannelExchange> {
    return this.#exchanges;
  }

  /** True while this worker's answers are mostly large or streams: asking over HTTP at once saves collecting them. */
  get prefersHttp(): boolean {
    return this.#largeAnswers >= LARGE_ANSWERS_TO_SWITCH;
  }

  noteAnswer(isLarge: boolean): void {
    this.#largeAnswers = isLarge
      ? Math.min(this.#largeAnswers + 1, 2 * LARGE_ANSWERS_TO_SWITCH)
      : Math.max(this.#largeAnswers - 1, 0);
  }

  /** What does not fit through the HTTP socket goes ahead on the channel. */
  sendAhead(
    invocation: Invocation,
    headers: readonly string[] | null,
    target: InvocationTarget | undefined,
    cf: string | undefined,
  ): void {
    const about = { invocation: invocation.id, headers };
    const message: RequestAheadMessage = { ...about, ...(target && { target }), ...(cf !== undefined && { cf }) };
    this.#sendControl(REQUEST_AHEAD, message);
  }

  /** Sends a request over the channel: for bodies up to `maxInlineBodyBytes`. */
  invoke(invocation: Invocation, head: InvokeHead, body: Uint8Array | null, handler: AnswerHandler): Exchange {
    return this.#exchange(invocation, invokeFrame(invocation.id, head, body), handler);
  }

  /** Hands on what another worker's cell has sent. */
  relay(
    invocation: Invocation,
    target: InvocationTarget | undefined,
    request: RelayedRequest,
    handler: AnswerHandler,
  ): Exchange {
    const { id, pipeline } = invocation;
    const { content } = request;
    const encoded = encodedTarget(target);
    const frame = Buffer.allocUnsafe(serviceInvokeBytes(encoded.length, content.length));
    const contentAt = writeServiceInvoke(frame, 0, id, pipeline.clockMs, encoded, content);
    // Should this cell die, another may have to be sent it.
    request.keep(frame.subarray(contentAt));
    return this.#exchange(invocation, frame, handler);
  }

  #exchange({ id }: Invocation, frame: Uint8Array, handler: AnswerHandler): Exchange {
    const exchange = new ChannelExchange(
      handler,
      (collector) => {
        this.noteAnswer(true);
        return this.#http.send(collectRequest(id), collector);
      },
      () => this.#exchanges.delete(id),
    );
    this.#exchanges.set(id, exchange);
    this.#send(frame);
    return exchange;
  }

  /** Opens a session in this cell. */
  accept(invocation: Invocation, session: Session, head: SessionAcceptHead, first: Uint8Array): void {
    this.#sessions.set(invocation.id, session);
    this.#send(acceptFrame(SESSION_ACCEPT, invocation.id, head, first));
  }

  sendInbound(type: number, invocation: Invocation, payload: Uint8Array): void {
    this.#send(encodeFrame(type, invocation.id, payload));
  }

  /** The invocation is over: whoever opened it as a session hears of it. */
  loseSession(invocation: Invocation): void {
    this.#sessions.get(invocation.id)?.lost();
  }

  forgetSession(invocation: Invocation): void {
    this.#sessions.delete(invocation.id);
  }

  /** An answer. Throws CellMisbehaved on what no honest harness sends. */
  receiveAnswer(type: number, stream: number, payload: Uint8Array): void {
    if (type !== ANSWER_WAITS) this.noteAnswer(false);
    // An answer to a request that was given up meanwhile is nobody's.
    this.#exchanges.get(stream)?.receive(type, payload);
  }

  /** A frame about a session that another cell has opened with this one. */
  receiveInbound(type: number, stream: number, payload: Uint8Array): void {
    const session = this.#sessions.get(stream);
    // Frames that crossed with the caller's end.
    if (session === undefined) return;
    if (type === INBOUND_DATA) session.receiveInboundData(payload);
    else if (type === INBOUND_WINDOW) session.receiveInboundWindow(payload);
    else if (type === INBOUND_END) session.receiveInboundEnd(payload[0] === 1);
    else session.receiveInboundFail(readFailure(payload));
  }

  /** The cell is gone. */
  lost(): void {
    for (const exchange of [...this.#exchanges.values()]) exchange.lost();
    for (const session of [...this.#sessions.values()]) session.lost();
  }
}

export const isAnswer = (type: number): boolean => type === ANSWER || type === SERVICE_ANSWER || type === ANSWER_WAITS;

export const isInbound = (type: number): boolean => type >= INBOUND_DATA && type <= INBOUND_FAIL;

/** Asks for the answer that waits in the cell. */
const collectRequest = (invocation: number): RequestHead => ({
  method: 'GET',
  url: 'http://cell/',
  headers: ['host', 'cell', INVOCATION_HEADER, `${invocation}${COLLECT_MARK}`],
  body: null,
  bodyBytes: null,
});
