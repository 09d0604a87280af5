/**
 * A connection over the channel: raw bytes in both directions on one stream, each direction under its window and ended on its own.
 * WebSockets and sockets run over it.
 */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import { DATA, END, type Failure } from '../shared/protocol.ts';
import {
  adoptStream,
  closeStream,
  openStream,
  sendFail,
  sendFrame,
  sendWindow,
  type StreamListener,
} from './channel.ts';
import { copyBytes, jsonParse, NativeUint8Array, subarray, utf8Decode } from './primordials.ts';

const EMPTY = new NativeUint8Array(0);
const CHUNK_BYTES = 64 * 1024;

/** What the owner of a tunnel hears. After `onLost` nothing more is called. */
export interface TunnelListener {
  /** The bytes are the listener's own. Their room in the window is given back by `Tunnel.consumed`. */
  onBytes(bytes: Uint8Array<ArrayBuffer>): void;
  /** The other side will send nothing more. */
  onEnd(): void;
  /** The connection is gone. */
  onLost(failure: Failure): void;
  /** A RESPONSE frame within the connection (the answer to START_TLS). */
  onAnswer?(head: Uint8Array): void;
}

interface Queued {
  readonly bytes: Uint8Array;
  readonly sent: (() => void) | undefined;
}

export class Tunnel implements StreamListener {
  readonly twoWay = true;
  readonly stream: number;
  readonly #listener: TunnelListener;
  #credit: number = CHANNEL_LIMITS.streamWindowBytes;
  #queue: Queued[] = [];
  #first = 0;
  #offset = 0;
  #queuedBytes = 0;
  #consumed = 0;
  #ending = false;
  #outputEnded = false;
  #inputEnded = false;
  #over = false;

  /** @param stream one that is open already (a call that was answered with 101); otherwise a new one is opened. */
  constructor(listener: TunnelListener, stream?: number) {
    this.#listener = listener;
    this.stream = stream ?? openStream(this);
    if (stream !== undefined) adoptStream(stream, this);
  }

  /** Bytes given to `write` that have not left. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** @param sent called when the bytes have left for the server */
  write(bytes: Uint8Array, sent?: () => void): void {
    if (this.#over || this.#ending) return;
    this.#queue[this.#queue.length] = { bytes, sent };
    this.#queuedBytes += bytes.length;
    this.#flush();
  }

  /** Nothing more will be written. What is queued leaves first. */
  end(): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    this.#flush();
  }

  /** Ends both directions at once. */
  abort(): void {
    if (this.#over) return;
    sendFail(this.stream, { name: 'AbortError', message: 'aborted' });
    this.#finish();
  }

  /** The listener has done with so many bytes: the other side may send as many more. */
  consumed(bytes: number): void {
    this.#consumed += bytes;
    if (this.#over || this.#inputEnded || this.#consumed < CHANNEL_LIMITS.streamWindowBytes / 4) return;
    sendWindow(this.stream, this.#consumed);
    this.#consumed = 0;
  }

  onResponse(head: Uint8Array): void {
    this.#listener.onAnswer?.(head);
  }

  onData(bytes: Uint8Array): void {
    this.#listener.onBytes(copyBytes(bytes));
  }

  onEnd(): void {
    if (this.#over || this.#inputEnded) return;
    this.#inputEnded = true;
    if (this.#outputEnded) this.#finish();
    this.#listener.onEnd();
  }

  onFail(payload: Uint8Array): void {
    if (this.#over) return;
    this.#finish();
    this.#listener.onLost(jsonParse(utf8Decode(payload)) as Failure);
  }

  onWindow(bytes: number): void {
    this.#credit += bytes;
    this.#flush();
  }

  #flush(): void {
    while (this.#first < this.#queue.length && this.#credit > 0) {
      const { bytes, sent } = this.#queue[this.#first] as Queued;
      const left = bytes.length - this.#offset;
      const room = this.#credit < CHUNK_BYTES ? this.#credit : CHUNK_BYTES;
      const size = left < room ? left : room;
      if (size > 0) sendFrame(DATA, this.stream, subarray(bytes, this.#offset, this.#offset + size));
      this.#credit -= size;
      this.#queuedBytes -= size;
      this.#offset += size;
      if (this.#offset < bytes.length) continue;
      this.#offset = 0;
      this.#first++;
      sent?.();
    }
    if (this.#first < this.#queue.length) return;
    this.#queue = [];
    this.#first = 0;
    if (!this.#ending || this.#outputEnded || this.#over) return;
    this.#outputEnded = true;
    sendFrame(END, this.stream, EMPTY);
    if (this.#inputEnded) this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#queue = [];
    this.#first = 0;
    this.#queuedBytes = 0;
    closeStream(this.stream);
  }
}
