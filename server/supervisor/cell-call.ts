/**
 * The supervisor's half of one call that a cell has opened: its body in one direction, the answer in the other. Every size comes from the
 * cell and is checked here; the head was checked by `call-head.ts`. Flow control runs both ways under `CHANNEL_LIMITS.streamWindowBytes`.
 */
import { Readable } from 'node:stream';
import { encodeFrame, encodeFullFrame, readU32, writeU32 } from '../../shared/frames.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import {
  type CacheTarget,
  type CallHead,
  DATA,
  type DataOperation,
  END,
  type InvocationTarget,
  RESPONSE,
  RESPONSE_FULL,
  type ResponseHead,
  WINDOW,
} from '../../shared/protocol.ts';
import { serviceResponseBytes, writeServiceResponse } from '../../shared/service-frames.ts';
import { type CallFacts, invalidHead, passableHeaders } from './call-head.ts';
import { type CallFailure, CellDuplex, type CallWire, type CellStream, failFrame } from './cell-duplex.ts';
import { CellMisbehaved } from './misbehaved.ts';
import type { BindingCall, CallEnding, Caller, CallObserver, RelayedRequest } from './types.ts';

/** A body that fits goes to the cell in one frame with its head. */
const INLINE_BODY_BYTES = 64 * 1024;
const DATA_CHUNK_BYTES = 64 * 1024;

export class CellCall implements BindingCall, CellStream {
  readonly caller: Caller;
  readonly #facts: CallFacts;
  #headers: readonly string[] | undefined;
  #changedUrl: string | undefined;
  readonly wholeBody: Uint8Array | null;
  readonly bodyBytes: number | null;
  readonly relay: RelayedRequest | undefined;
  onDrain: (() => void) | undefined;
  onAbort: (() => void) | undefined;
  onStartTls: ((payload: Uint8Array) => void) | undefined;
  observer: CallObserver | undefined;
  movedAtMs = 0;

  readonly #wire: CallWire;
  readonly #stream: number;
  /** Undefined: nobody has asked for it yet. */
  #body: Readable | null | undefined;
  #over = false;
  #head: Buffer | undefined;
  #inline: Uint8Array[] = [];
  #inlineBytes = 0;
  #headSent = false;
  #credit: number = CHANNEL_LIMITS.streamWindowBytes;
  #queue: Uint8Array[] = [];
  #ending = false;
  #receivable: number = CHANNEL_LIMITS.streamWindowBytes;
  #consumed = 0;
  #received = 0;
  #inputEnded = false;
  #duplex: CellDuplex | undefined;

  constructor(
    wire: CallWire,
    stream: number,
    caller: Caller,
    facts: CallFacts,
    wholeBody: Uint8Array | null,
    relay?: RelayedRequest,
  ) {
    this.#wire = wire;
    this.#stream = stream;
    this.caller = caller;
    this.#facts = facts;
    this.relay = relay;
    this.bodyBytes = wholeBody === null || relay !== undefined || !facts.hasBody ? facts.bodyBytes : wholeBody.length;
    this.#inputEnded = wholeBody !== null;
    this.wholeBody = wholeBody === null || relay !== undefined ? wholeBody : Buffer.from(wholeBody);
    if (wholeBody === null) this.#body = this.#makeBody();
  }

  get binding(): string | null {
    return this.#facts.binding;
  }

  get loopback(): InvocationTarget | undefined {
    return this.#facts.loopback;
  }

  get cf(): string | undefined {
    return this.#facts.cf;
  }

  get cache(): CacheTarget | undefined {
    return this.#facts.cache;
  }

  get operation(): DataOperation | undefined {
    return this.#facts.operation;
  }

  get method(): string {
    return this.#facts.method;
  }

  get headers(): readonly string[] {
    this.#headers ??= this.relay === undefined ? this.#passableHeaders() : this.#facts.headers;
    return this.#headers;
  }

  #passableHeaders(): string[] {
    const { headers, binding, loopback } = this.#facts;
    return passableHeaders(headers, binding === null && loopback === undefined);
  }

  get upgrade(): CallHead['upgrade'] {
    return this.#facts.upgrade;
  }

  get url(): string {
    return this.#changedUrl ?? this.#facts.url;
  }

  set url(url: string) {
    this.#changedUrl = url;
  }

  /** Made when a binding asks for it: many only want the bytes. */
  get body(): Readable | null {
    if (this.#body === undefined) this.#body = this.#makeBody();
    return this.#body;
  }

  #makeBody(): Readable | null {
    const { wholeBody } = this;
    if (wholeBody?.length === 0) return null;
    // Later in the turn: Node asks for more before it takes out what it reads, and does not ask again until more has come.
    const read = (): void => queueMicrotask(() => this.#grant());
    const body =
      wholeBody === null ? new Readable({ read, highWaterMark: DATA_CHUNK_BYTES }) : Readable.from([wholeBody]);
    // A binding that does not listen must not bring the server down with the cell's abort.
    body.on('error', () => undefined);
    return body;
  }

  /** Makes the call, or answers it with the reason it cannot be made. */
  static open(
    wire: CallWire,
    stream: number,
    caller: Caller,
    head: CallHead,
    wholeBody: Uint8Array | null,
  ): CellCall | undefined {
    const problem = invalidHead(head);
    if (problem === undefined) return new CellCall(wire, stream, caller, head, wholeBody);
    wire.send(failFrame(stream, { name: 'TypeError', message: `${problem}.` }));
    return undefined;
  }

  // --- from the cell ---

  receiveData(payload: Uint8Array): void {
    if (this.#duplex !== undefined) {
      this.#duplex.receiveData(payload);
      return;
    }
    this.#receivable -= payload.length;
    if (this.#receivable < 0) throw new CellMisbehaved('The cell sent more than its window allows');
    this.#received += payload.length;
    // The announced length goes out as content-length: a byte more would be taken for the next request.
    if (this.#inputEnded || (this.bodyBytes !== null && this.#received > this.bodyBytes)) {
      throw new CellMisbehaved('The cell sent more than the body it announced');
    }
    this.#body?.push(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
  }

  receiveEnd(): void {
    if (this.#duplex !== undefined) {
      this.#duplex.receiveEnd();
      return;
    }
    const body = this.#body ?? null;
    if (this.#inputEnded || body === null) throw new CellMisbehaved('The cell ended a body that was over');
    if (this.bodyBytes !== null && this.#received < this.bodyBytes) {
      throw new CellMisbehaved('The cell sent less than the body it announced');
    }
    this.#inputEnded = true;
    body.push(null);
  }

  receiveWindow(payload: Uint8Array): void {
    if (this.#duplex !== undefined) {
      this.#duplex.receiveWindow(payload);
      return;
    }
    if (payload.length !== 4) throw new CellMisbehaved('Window frame of a wrong length');
    this.#credit = Math.min(this.#credit + readU32(payload, 0), CHANNEL_LIMITS.streamWindowBytes);
    this.#flush();
    if (!this.#over && this.#queue.length === 0) this.onDrain?.();
  }

  /** A START_TLS frame. */
  receiveStartTls(payload: Uint8Array): void {
    if (this.#duplex === undefined || this.onStartTls === undefined)
      throw new CellMisbehaved('No socket to start TLS on');
    this.onStartTls(payload);
  }

  /** The cell gave up, its invocation ended, or the cell is gone. */
  abort(): void {
    this.#duplex?.abort();
    if (this.#over) return;
    this.#finish('canceled');
    this.#body?.destroy(new Error('The worker gave up its request'));
    this.onAbort?.();
  }

  get isStalled(): boolean {
    return this.#queue.length > 0 && this.#credit === 0;
  }

  cancel(error: CallFailure): void {
    if (this.#over) return;
    this.fail(error);
    this.#body?.destroy(new Error(error.message));
    this.onAbort?.();
  }

  // --- from the binding ---

  respond(status: number, statusText: string, headers: readonly string[], bodyBytes?: number | null): void {
    const head = { status, statusText, headers, clockMs: this.caller.pipeline.clockMs };
    this.#begin(bodyBytes === undefined ? head : { ...head, bodyBytes });
  }

  respondWhole(status: number, content: Uint8Array): void {
    if (this.#over) return;
    const { clockMs } = this.caller.pipeline;
    const frame = Buffer.allocUnsafe(serviceResponseBytes(content.length));
    writeServiceResponse(frame, 0, this.#stream, clockMs, status, content);
    this.#wire.send(frame);
    this.#finish('answered');
  }

  /** What a store answers comes from outside, and moves the worker's clock on as every I/O does. */
  #clockAtAnswer(): number {
    const { pipeline } = this.caller;
    pipeline.clockMs = Math.max(pipeline.clockMs, Date.now());
    return pipeline.clockMs;
  }

  respondWith(result: unknown): void {
    this.#begin({ status: 200, statusText: '', headers: [], clockMs: this.#clockAtAnswer(), result });
  }

  answer(result: unknown, body: Uint8Array): boolean {
    if (this.#over) return true;
    const head = { status: 200, statusText: '', headers: [], clockMs: this.#clockAtAnswer(), result };
    if (body.length > INLINE_BODY_BYTES) {
      this.#begin(head);
      const isSent = this.write(body);
      this.end();
      return isSent;
    }
    this.#open(head);
    this.#wire.send(encodeFullFrame(RESPONSE_FULL, this.#stream, this.#head as Buffer, body));
    this.#finish('answered');
    return true;
  }

  /** The worker is going to have its answer. */
  #open(head: ResponseHead): void {
    this.movedAtMs = performance.now();
    this.observer?.answered(false);
    this.#head = Buffer.from(JSON.stringify(head));
  }

  #begin(head: ResponseHead): void {
    if (this.#over) return;
    this.#open(head);
    // Most answers are complete within this turn and leave as one frame; a stream's head must not wait for its first byte.
    setImmediate(() => this.#sendHead());
  }

  switchProtocols(headers: readonly string[]): CellDuplex | undefined {
    if (this.#over) return undefined;
    const clockMs = this.caller.pipeline.clockMs;
    const head = { status: 101, statusText: 'Switching Protocols', headers, clockMs };
    this.#wire.send(encodeFrame(RESPONSE, this.#stream, Buffer.from(JSON.stringify(head))));
    const duplex = new CellDuplex(this.#wire, this.#stream);
    this.#duplex = duplex;
    const { observer } = this;
    if (observer !== undefined) {
      observer.answered(true);
      duplex.once('close', () => observer.over('answered'));
    }
    return duplex;
  }

  write(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    if (!this.#headSent) {
      this.#inline.push(chunk);
      this.#inlineBytes += chunk.length;
      if (this.#inlineBytes <= INLINE_BODY_BYTES) return true;
      this.#sendHead();
    } else this.#queue.push(chunk);
    this.#flush();
    return this.#queue.length === 0;
  }

  end(): void {
    if (this.#over) return;
    if (!this.#headSent) {
      const body = this.#inline.length === 1 ? (this.#inline[0] as Uint8Array) : Buffer.concat(this.#inline);
      this.#wire.send(encodeFullFrame(RESPONSE_FULL, this.#stream, this.#head as Buffer, body));
      this.#finish('answered');
      return;
    }
    this.#ending = true;
    this.#flush();
  }

  fail(error: CallFailure): void {
    if (this.#over) return;
    this.#wire.send(failFrame(this.#stream, error));
    this.#finish('failed');
  }

  #sendHead(): void {
    if (this.#over || this.#headSent) return;
    this.#headSent = true;
    this.#wire.send(encodeFrame(RESPONSE, this.#stream, this.#head as Buffer));
    this.#queue.push(...this.#inline);
    this.#inline = [];
    this.#flush();
  }

  #flush(): void {
    while (this.#queue.length > 0 && this.#credit > 0) {
      const chunk = this.#queue[0] as Uint8Array;
      const size = Math.min(chunk.length, this.#credit, DATA_CHUNK_BYTES);
      this.#wire.send(encodeFrame(DATA, this.#stream, chunk.subarray(0, size)));
      this.#wire.carried(this.#stream, size);
      this.#credit -= size;
      this.movedAtMs = performance.now();
      if (size === chunk.length) this.#queue.shift();
      else this.#queue[0] = chunk.subarray(size);
    }
    if (this.#ending && this.#queue.length === 0) {
      this.#wire.send(encodeFrame(END, this.#stream, new Uint8Array(0)));
      this.#finish('answered');
    }
  }

  /** The binding reads the body: what it took, the cell may send again. */
  #grant(): void {
    this.#consumed = CHANNEL_LIMITS.streamWindowBytes - this.#receivable - (this.#body?.readableLength ?? 0);
    if (this.#over || this.#consumed < CHANNEL_LIMITS.streamWindowBytes / 4) return;
    const payload = new Uint8Array(4);
    writeU32(payload, 0, this.#consumed);
    this.#receivable += this.#consumed;
    this.#wire.taken(this.#stream, this.#consumed);
    this.#wire.send(encodeFrame(WINDOW, this.#stream, payload));
  }

  #finish(ending: CallEnding): void {
    this.#over = true;
    this.#queue = [];
    this.#inline = [];
    this.#wire.closed(this.#stream);
    this.observer?.over(ending);
  }
}
