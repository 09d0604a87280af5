/**
 * A stream of bytes in both directions between a cell and the server, over the cell's channel: what upgraded connections and sockets
 * run over. Every frame is the cell's and therefore an attacker's; both directions keep to `CHANNEL_LIMITS.streamWindowBytes`.
 */
import { Duplex } from 'node:stream';
import { encodeFrame, readU32, writeU32 } from '../../shared/frames.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import { DATA, END, FAIL, type ThrownError, WINDOW } from '../../shared/protocol.ts';
import { CellMisbehaved } from './misbehaved.ts';

const CHUNK_BYTES = 64 * 1024;
const WINDOW_BYTES = CHANNEL_LIMITS.streamWindowBytes;

export interface CallWire {
  send(frame: Uint8Array): void;
  /** Whoever reads the stream took so many bytes; the cell has been told. */
  taken(stream: number, bytes: number): void;
  /** So many bytes of the stream went to the cell. */
  carried(stream: number, bytes: number): void;
  /** The stream is over: forget it. */
  closed(stream: number): void;
}

/** One stream of the channel as the cell's connection sees it. */
export interface CellStream {
  receiveData(payload: Uint8Array): void;
  receiveEnd(): void;
  receiveWindow(payload: Uint8Array): void;
  /** The cell gave up, its invocation ended, or the cell is gone. */
  abort(): void;
}

/** What a worker hears of a call that failed. */
export interface CallFailure {
  readonly name: string;
  readonly message: string;
  /** The connection was lost: the same again may succeed. */
  readonly retryable?: boolean;
  readonly stack?: string;
  /** What another worker threw. */
  readonly thrown?: ThrownError;
}

export const failFrame = (stream: number, { name, message, retryable, stack, thrown }: CallFailure): Uint8Array =>
  encodeFrame(FAIL, stream, Buffer.from(JSON.stringify({ name, message, retryable, stack, thrown })));

export class CellDuplex extends Duplex implements CellStream {
  readonly #wire: CallWire;
  readonly #stream: number;
  #credit: number = WINDOW_BYTES;
  #receivable: number = WINDOW_BYTES;
  #inputEnded = false;
  #outputEnded = false;
  #waiting: { rest: Buffer; done: (error?: Error | null) => void } | undefined;

  constructor(wire: CallWire, stream: number) {
    super({ allowHalfOpen: true, readableHighWaterMark: CHUNK_BYTES, writableHighWaterMark: CHUNK_BYTES });
    this.#wire = wire;
    this.#stream = stream;
    // Whoever is joined to it hears `close`; an error nobody listens to must not bring the server down.
    this.on('error', () => undefined);
  }

  receiveData(payload: Uint8Array): void {
    this.#receivable -= payload.length;
    if (this.#receivable < 0) throw new CellMisbehaved('The cell sent more than its window allows');
    if (this.#inputEnded) throw new CellMisbehaved('The cell sent data after the end of a stream');
    this.push(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
  }

  receiveEnd(): void {
    if (this.#inputEnded) throw new CellMisbehaved('The cell ended a stream twice');
    this.#inputEnded = true;
    this.push(null);
  }

  receiveWindow(payload: Uint8Array): void {
    if (payload.length !== 4) throw new CellMisbehaved('Window frame of a wrong length');
    this.#credit = Math.min(this.#credit + readU32(payload, 0), WINDOW_BYTES);
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#send(waiting.rest, waiting.done);
  }

  abort(): void {
    this.#inputEnded = true;
    this.#outputEnded = true;
    this.destroy();
  }

  /** A frame about this stream that is neither data nor flow control. */
  notify(type: number, payload: Uint8Array): void {
    if (!this.destroyed) this.#wire.send(encodeFrame(type, this.#stream, payload));
  }

  /** Ends the stream with a reason that the worker hears. */
  fail(error: CallFailure): void {
    if (this.destroyed) return;
    this.#wire.send(failFrame(this.#stream, error));
    this.abort();
  }

  /** Who reads took everything up to here: the cell may send as much again. */
  override _read(): void {
    const consumed = WINDOW_BYTES - this.#receivable - this.readableLength;
    if (this.#inputEnded || consumed < WINDOW_BYTES / 4) return;
    const payload = new Uint8Array(4);
    writeU32(payload, 0, consumed);
    this.#receivable += consumed;
    this.#wire.taken(this.#stream, consumed);
    this.#wire.send(encodeFrame(WINDOW, this.#stream, payload));
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#outputEnded = true;
    this.#wire.send(encodeFrame(END, this.#stream, new Uint8Array(0)));
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#inputEnded || !this.#outputEnded) {
      this.#wire.send(failFrame(this.#stream, { name: 'Error', message: 'Network connection lost.', retryable: true }));
    }
    this.#waiting = undefined;
    this.#wire.closed(this.#stream);
    done(error);
  }

  #send(chunk: Buffer, done: (error?: Error | null) => void): void {
    let at = 0;
    while (at < chunk.length && this.#credit > 0) {
      const size = Math.min(chunk.length - at, this.#credit, CHUNK_BYTES);
      this.#wire.send(encodeFrame(DATA, this.#stream, chunk.subarray(at, at + size)));
      this.#credit -= size;
      at += size;
    }
    if (at === chunk.length) done();
    else this.#waiting = { rest: chunk.subarray(at), done };
  }
}
