/**
 * One request and its answer over a cell's channel. The counterpart of an HTTP connection (`cell-http.ts`) for small bodies: many
 * requests share one system call in each direction. An answer that is large or a stream is collected over HTTP, where Deno sends it
 * natively. Every byte of an answer is the cell's, so it is checked as strictly as there.
 */
import { encodeFullFrame, splitFull } from '../../shared/frames.ts';
import { HEADER_VALUE, HOP_BY_HOP, TOKEN } from '../../shared/http.ts';
import { GATEWAY_LIMITS } from '../../shared/limits.ts';
import {
  ANSWER,
  ANSWER_WAITS,
  type AnswerHead,
  INVOKE,
  type InvokeHead,
  SERVICE_ANSWER,
} from '../../shared/protocol.ts';
import type { Duplex } from 'node:stream';
import { CellMisbehaved } from './misbehaved.ts';
import { ServiceAnswerIn } from './service-call.ts';
import { CellProtocolError, MAX_ANSWER_LINES } from './cell-http-heads.ts';
import { ConnectionLost, type Exchange, type ResponseHandler } from './cell-http.ts';

const NO_BODY = new Uint8Array(0);
const NO_BYTES = Buffer.alloc(0);

export const invokeFrame = (id: number, head: InvokeHead, body: Uint8Array | null): Uint8Array =>
  encodeFullFrame(INVOKE, id, Buffer.from(JSON.stringify(head)), body ?? NO_BODY);

/** Hears the answer to an INVOKE: what HTTP can say, all of it at once, or that the worker switches protocols. */
export interface AnswerHandler extends ResponseHandler {
  onServiceAnswer(answer: ServiceAnswerIn): void;
  onUpgrade(headers: string[], socket: Duplex, head: Buffer): void;
}

export class ChannelExchange implements Exchange {
  readonly #handler: AnswerHandler;
  /** Asks for the answer over HTTP. */
  readonly #collect: (handler: ResponseHandler) => Exchange;
  readonly #forget: () => void;
  #over = false;
  #collecting: Exchange | undefined;

  constructor(handler: AnswerHandler, collect: (handler: ResponseHandler) => Exchange, forget: () => void) {
    this.#handler = handler;
    this.#collect = collect;
    this.#forget = forget;
  }

  resume(): void {
    this.#collecting?.resume();
  }

  /** The handler hears nothing more; whoever aborts tells the cell by ending the invocation. */
  abort(): void {
    this.#end();
    this.#collecting?.abort();
  }

  /** The cell is gone. */
  lost(): void {
    if (this.#over) return;
    this.#end();
    this.#handler.onFailure(new ConnectionLost('The cell ended before its response was complete'));
  }

  /** One frame about this exchange. Throws CellMisbehaved on what no honest harness sends. */
  receive(type: number, payload: Uint8Array): void {
    if (type === ANSWER_WAITS) {
      this.#end();
      this.#collecting = this.#collect(this.#handler);
    } else if (type === SERVICE_ANSWER) this.#receiveServiceAnswer(payload);
    else if (type === ANSWER) this.#receiveAnswer(payload);
    else throw new CellMisbehaved(`Unknown answer frame ${type}`);
  }

  #receiveServiceAnswer(payload: Uint8Array): void {
    const answer = new ServiceAnswerIn(payload);
    this.#end();
    if (answer.isMalformed) this.#handler.onFailure(new CellProtocolError('A malformed answer'));
    else this.#handler.onServiceAnswer(answer);
  }

  #receiveAnswer(payload: Uint8Array): void {
    const { head: bytes, body } = splitFull(payload);
    const head = JSON.parse(asBuffer(bytes).toString('utf8')) as AnswerHead;
    const problem = headProblem(head, bytes.length);
    // Not before this line: what threw above ends the cell, and then `lost()` is all that the handler hears.
    this.#end();
    if (problem !== undefined) {
      this.#handler.onFailure(new CellProtocolError(problem));
      return;
    }
    this.#handler.onHead(head.status, head.statusText, withoutFraming(head.headers), true);
    if (body.length > 0) this.#handler.onData(asBuffer(body));
    this.#handler.onEnd();
  }

  /** The cell answers with a connection. False: nobody wants it. */
  upgrade(headers: unknown, duplex: Duplex): boolean {
    if (this.#over) return false;
    const problem = headProblem({ status: 200, statusText: '', headers: headers as string[] }, 0);
    this.#end();
    if (problem !== undefined) {
      this.#handler.onFailure(new CellProtocolError(problem));
      return false;
    }
    this.#handler.onUpgrade(withoutFraming(headers as string[]), duplex, NO_BYTES);
    return true;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#forget();
  }
}

/** A view of bytes that nobody writes to again: the channel's reader never reuses what it has handed out. */
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function headProblem(head: AnswerHead, bytes: number): string | undefined {
  if (bytes > GATEWAY_LIMITS.maxHeaderBytes * 2) return `Response head of ${bytes} bytes`;
  if (typeof head !== 'object' || head === null) return 'A head of a wrong shape';
  const { status, statusText, headers } = head;
  if (!Number.isInteger(status) || status < 200 || status > 599) return 'A status that is none';
  if (typeof statusText !== 'string' || !HEADER_VALUE.test(statusText)) return 'A malformed status text';
  if (!Array.isArray(headers) || headers.length % 2 !== 0) return 'Headers of a wrong shape';
  if (headers.length > 2 * MAX_ANSWER_LINES) return `${headers.length / 2} header lines`;
  for (let index = 0; index < headers.length; index += 2) {
    const name: unknown = headers[index];
    const value: unknown = headers[index + 1];
    if (
      typeof name !== 'string' ||
      typeof value !== 'string' ||
      !TOKEN.test(name) ||
      name !== name.toLowerCase() ||
      !HEADER_VALUE.test(value)
    ) {
      return 'A malformed header';
    }
  }
  return undefined;
}

function withoutFraming(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    if (!HOP_BY_HOP.has(name)) kept.push(name, headers[index + 1] as string);
  }
  return kept;
}
