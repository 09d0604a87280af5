/**
 * One request and its answer over a cell's channel. The counterpart of an HTTP connection (`cell-http.ts`) for requests with small
 * bodies: many of them share one system call in each direction. Every byte of the answer is the cell's, so it is checked as strictly.
 */
import { encodeFrame, encodeFullFrame, splitFull, writeU32 } from '../../shared/frames.ts';
import { CHANNEL_LIMITS, GATEWAY_LIMITS } from '../../shared/limits.ts';
import {
  ANSWER,
  ANSWER_DATA,
  ANSWER_END,
  ANSWER_FAIL,
  ANSWER_FULL,
  ANSWER_WINDOW,
  type AnswerHead,
  INVOKE,
  type InvokeHead,
} from '../../shared/protocol.ts';
import { CellMisbehaved } from './cell-call.ts';
import { CellProtocolError, ConnectionLost, type Exchange, HOP_BY_HOP, type ResponseHandler } from './cell-http.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** No control characters but tab, nothing outside Latin-1: what an HTTP header can carry. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const VALUES = /^[\t\x20-\x7e\x80-\xff]*$/;
const NO_BODY = new Uint8Array(0);

export const invokeFrame = (id: number, head: InvokeHead, body: Uint8Array | null): Uint8Array =>
  encodeFullFrame(INVOKE, id, Buffer.from(JSON.stringify(head)), body ?? NO_BODY);

type State = 'waiting' | 'streaming' | 'over';

export class ChannelExchange implements Exchange {
  readonly #id: number;
  readonly #handler: ResponseHandler;
  readonly #send: (frame: Uint8Array) => void;
  readonly #forget: (id: number) => void;
  #state: State = 'waiting';
  #receivable: number = CHANNEL_LIMITS.streamWindowBytes;
  #consumed = 0;
  #paused = false;

  constructor(id: number, handler: ResponseHandler, send: (frame: Uint8Array) => void, forget: (id: number) => void) {
    this.#id = id;
    this.#handler = handler;
    this.#send = send;
    this.#forget = forget;
  }

  resume(): void {
    this.#paused = false;
    this.#grant();
  }

  /** The handler hears nothing more; whoever aborts tells the cell by ending the invocation. */
  abort(): void {
    this.#over();
  }

  /** The cell is gone. */
  lost(): void {
    if (this.#state === 'over') return;
    this.#over();
    this.#handler.onFailure(new ConnectionLost('The cell ended before its response was complete'));
  }

  /** One frame about this exchange. Throws CellMisbehaved on what no honest harness sends. */
  receive(type: number, payload: Uint8Array): void {
    if (type === ANSWER_FULL) this.#receiveWhole(payload);
    else if (type === ANSWER) this.#receiveHead(payload);
    else if (type === ANSWER_DATA) this.#receiveData(payload);
    else if (this.#state !== 'streaming') throw new CellMisbehaved(`Answer frame ${type} while ${this.#state}`);
    else if (type === ANSWER_END) {
      this.#over();
      this.#handler.onEnd();
    } else if (type === ANSWER_FAIL) {
      this.#over();
      this.#handler.onFailure(new CellProtocolError('The worker broke off the body of its response'));
    } else throw new CellMisbehaved(`Unknown answer frame ${type}`);
  }

  #receiveWhole(payload: Uint8Array): void {
    const { head, body } = splitFull(payload);
    if (!this.#start(head)) return;
    if (body.length > 0) this.#handler.onData(asBuffer(body));
    this.#over();
    this.#handler.onEnd();
  }

  #receiveHead(payload: Uint8Array): void {
    if (this.#start(payload)) this.#state = 'streaming';
  }

  /** False: the head was refused, and the handler knows. */
  #start(bytes: Uint8Array): boolean {
    if (this.#state !== 'waiting') throw new CellMisbehaved('An answer with two heads');
    const head = JSON.parse(asBuffer(bytes).toString('utf8')) as AnswerHead;
    const problem = headProblem(head, bytes.length);
    if (problem !== undefined) {
      this.#over();
      this.#handler.onFailure(new CellProtocolError(problem));
      return false;
    }
    this.#handler.onHead(head.status, head.statusText, withoutFraming(head.headers));
    return true;
  }

  #receiveData(payload: Uint8Array): void {
    if (this.#state !== 'streaming') throw new CellMisbehaved(`Body bytes while ${this.#state}`);
    this.#receivable -= payload.length;
    if (this.#receivable < 0) throw new CellMisbehaved('The cell sent more than its window allows');
    this.#consumed += payload.length;
    if (!this.#handler.onData(asBuffer(payload))) this.#paused = true;
    this.#grant();
  }

  #grant(): void {
    if (this.#paused || this.#state !== 'streaming' || this.#consumed < CHANNEL_LIMITS.streamWindowBytes / 4) return;
    const payload = new Uint8Array(4);
    writeU32(payload, 0, this.#consumed);
    this.#receivable += this.#consumed;
    this.#consumed = 0;
    this.#send(encodeFrame(ANSWER_WINDOW, this.#id, payload));
  }

  #over(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#forget(this.#id);
  }
}

/** A view of bytes that nobody writes to again: the channel's reader never reuses what it has handed out. */
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function headProblem(head: AnswerHead, bytes: number): string | undefined {
  if (bytes > GATEWAY_LIMITS.maxHeaderBytes * 2) return `Response head of ${bytes} bytes`;
  const { status, statusText, headers } = head;
  if (!Number.isInteger(status) || status < 200 || status > 599) return 'A status that is none';
  if (typeof statusText !== 'string' || !VALUES.test(statusText)) return 'A malformed status text';
  if (!Array.isArray(headers) || headers.length % 2 !== 0) return 'Headers of a wrong shape';
  for (let index = 0; index < headers.length; index += 2) {
    const name: unknown = headers[index];
    const value: unknown = headers[index + 1];
    if (typeof name !== 'string' || typeof value !== 'string' || !TOKEN.test(name) || !VALUES.test(value)) {
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
