/**
 * The four ends that a pipe can have: a stream of ours that is read or written for the other side, and a stream of the other side as user
 * code here sees it. Errors and cancellations run both ways; only bytes pass, as on Workers.
 */
import { copyOfAny, viewOf } from '../../http/bytes.ts';
import {
  copyBytes,
  defineProperty,
  NativeError,
  NativePromise,
  NativeReadableStream,
  NativeUint8Array,
  promiseThen,
  readerCancel,
  readerRead,
  streamGetReader,
  subarray,
  utf8Encode,
} from '../../primordials.ts';
import {
  NativeWritableStream,
  writableGetWriter,
  writerAbort,
  writerClose,
  writerWrite,
} from '../../value-primordials.ts';
import { RPC_LIMITS } from '../../../shared/limits.ts';
import { notBytes } from '../../stream-facts.ts';
import { type ByteReader, type ByteWriter, malformed } from './bytes.ts';
import { decodeReason, encodeThrown, readThrown, reasonBytes } from './thrown.ts';

/** From the end that has the data. */
const DATA = 1;
const END = 2;
const ERROR = 3;
/** From the end that takes it. */
const TAKEN = 4;
const CANCEL = 5;
/** Everything was taken, and the stream behind it is closed. */
const DONE = 6;

const CHUNK_BYTES = 64 * 1024;
const WINDOW = RPC_LIMITS.streamWindowBytes;

/** What a chunk takes of the window. Small ones cost more than their bytes: a message each. */
const MIN_COST = 4 * 1024;
const costOf = (bytes: number): number => (bytes < MIN_COST ? MIN_COST : bytes);

/** Sends a message of this kind over the pipe. */
export type Send = (kind: number, fill?: (writer: ByteWriter) => void) => void;

/** One end of a pipe, on this side. */
export interface Pipe {
  start?(): void;
  receive(kind: number, reader: ByteReader): void;
  /** The session is over. */
  fail(error: unknown): void;
}

/** Whether nothing more is said over a pipe after a message of this kind. */
export const isLastWord = (kind: number): boolean => kind === DONE || kind === CANCEL || kind === ERROR;

/** Nothing is sent: the other side has said the last word. */
export const FORGET = 0;

const sendError = (send: Send, kind: number, error: unknown): void =>
  send(kind, (writer) => encodeThrown(writer, error));

/** Sends bytes as fast as the other side takes them. */
class Outflow {
  readonly #send: Send;
  #credit: number = WINDOW;
  #wake: (() => void) | undefined;
  stopped = false;

  constructor(send: Send) {
    this.#send = send;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.stopped; ) {
      while (this.#credit <= 0 && !this.stopped) {
        await new NativePromise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      let size = bytes.length - at < CHUNK_BYTES ? bytes.length - at : CHUNK_BYTES;
      if (size > this.#credit) size = this.#credit;
      const start = at;
      this.#credit -= costOf(size);
      at += size;
      if (!this.stopped) this.#send(DATA, (writer) => writer.bytes(subarray(bytes, start, start + size)));
    }
  }

  taken(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  /** Waits until the other side has taken some. */
  get isBlocked(): boolean {
    return this.#credit <= 0;
  }

  stop(): void {
    this.stopped = true;
    this.#wake?.();
  }
}

/** A ReadableStream of ours, read for the other side. */
export class Source implements Pipe {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #send: Send;
  readonly #out: Outflow;

  constructor(stream: ReadableStream, send: Send) {
    this.#reader = streamGetReader(stream);
    this.#send = send;
    this.#out = new Outflow(send);
  }

  start(): void {
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await readerRead(this.#reader);
        if (this.#out.stopped) return;
        if (done) break;
        await this.#out.write(toBytes(value));
      }
      this.#send(END);
    } catch (error) {
      if (this.#out.stopped) return;
      this.#out.stop();
      this.#send(ERROR);
      ignore(readerCancel(this.#reader, error));
    }
  }

  receive(kind: number, reader: ByteReader): void {
    if (kind === TAKEN) this.#out.taken(reader.uint());
    else if (kind === DONE) this.#send(FORGET);
    else if (kind === CANCEL) {
      this.#send(FORGET);
      const reason = readReason(reader);
      // As on Workers: a source that waits until the other side takes more only learns that nobody will.
      this.#stop(this.#out.isBlocked ? connectionLost() : reason);
    } else throw malformed(`an unknown stream message (${kind})`);
  }

  fail(): void {
    this.#stop(connectionLost());
  }

  #stop(reason: unknown): void {
    if (this.#out.stopped) return;
    this.#out.stop();
    ignore(readerCancel(this.#reader, reason));
  }
}

/** A stream of the other side, as user code reads it. */
export class RemoteSource implements Pipe {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #send: Send;
  #controller!: ReadableByteStreamController;
  #waiting: Uint8Array[] = [];
  #first = 0;
  #received = 0;
  #ended = false;
  #wanted: (() => void) | undefined;

  constructor(send: Send) {
    this.#send = send;
    this.stream = new NativeReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => {
        if (!this.#ended) this.#send(CANCEL, (writer) => writeReason(writer, reason));
        this.#ended = true;
      },
    }) as ReadableStream<Uint8Array>;
  }

  receive(kind: number, reader: ByteReader): void {
    if (kind === DATA) this.#push(copyBytes(reader.bytes()));
    else if (kind === END) {
      this.#send(DONE);
      this.#ended = true;
      if (this.#first >= this.#waiting.length) this.#close();
      this.#wanted?.();
    } else if (kind === ERROR) {
      this.#send(FORGET);
      this.fail(disconnected());
    } else throw malformed(`an unknown stream message (${kind})`);
  }

  #push(bytes: Uint8Array): void {
    this.#received += costOf(bytes.length);
    if (this.#received > WINDOW + MIN_COST) throw malformed('more of a stream than was asked for');
    if (this.#ended) return;
    this.#waiting[this.#waiting.length] = bytes;
    this.#wanted?.();
  }

  async #pull(): Promise<void> {
    if (this.#first >= this.#waiting.length) {
      if (this.#ended) return;
      await new NativePromise<void>((resolve) => {
        this.#wanted = resolve;
      });
      this.#wanted = undefined;
    }
    const bytes = this.#waiting[this.#first];
    if (bytes === undefined) return;
    this.#first++;
    if (this.#first === this.#waiting.length) {
      this.#waiting = [];
      this.#first = 0;
    }
    this.#received -= costOf(bytes.length);
    if (!this.#ended) this.#send(TAKEN, (writer) => writer.uint(costOf(bytes.length)));
    if (bytes.length > 0) this.#controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
    if (this.#ended && this.#first >= this.#waiting.length) this.#close();
  }

  /** A reader that waits with a buffer of its own gets it back empty. */
  #close(): void {
    try {
      this.#controller.close();
      this.#controller.byobRequest?.respond(0);
    } catch {
      // Already closed or cancelled by the reader.
    }
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    this.#first = 0;
    try {
      this.#controller.error(error);
    } catch {
      // Already cancelled by the reader.
    }
    this.#wanted?.();
  }
}

/** A WritableStream of ours, written to by the other side. */
export class Sink implements Pipe {
  readonly #writer: WritableStreamDefaultWriter<unknown>;
  readonly #send: Send;
  #pending = 0;
  #failed = false;

  constructor(stream: WritableStream, send: Send) {
    this.#writer = writableGetWriter(stream);
    this.#send = send;
  }

  receive(kind: number, reader: ByteReader): void {
    if (kind === DATA) this.#write(copyBytes(reader.bytes()));
    else if (kind === END) {
      void promiseThen(
        writerClose(this.#writer),
        () => this.#finish(),
        (error) => this.#refuse(error),
      );
    } else if (kind === ERROR) {
      this.#send(FORGET);
      this.fail();
    } else throw malformed(`an unknown stream message (${kind})`);
  }

  #write(bytes: Uint8Array): void {
    this.#pending += costOf(bytes.length);
    if (this.#pending > WINDOW + MIN_COST) throw malformed('more of a stream than was asked for');
    void promiseThen(
      writerWrite(this.#writer, bytes.buffer),
      () => {
        this.#pending -= costOf(bytes.length);
        if (!this.#failed) this.#send(TAKEN, (writer) => writer.uint(costOf(bytes.length)));
      },
      (error) => this.#refuse(error),
    );
  }

  #finish(): void {
    if (!this.#failed) this.#send(DONE);
  }

  #refuse(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    sendError(this.#send, CANCEL, error);
  }

  fail(): void {
    if (this.#failed) return;
    this.#failed = true;
    ignore(writerAbort(this.#writer, writerGone()));
  }
}

/** A WritableStream of the other side, as user code writes to it. */
export class RemoteSink implements Pipe {
  readonly stream: WritableStream;
  readonly #send: Send;
  readonly #out: Outflow;
  #controller!: WritableStreamDefaultController;
  #done: (() => void) | undefined;
  #fail: ((error: unknown) => void) | undefined;

  constructor(send: Send) {
    this.#send = send;
    this.#out = new Outflow(send);
    this.stream = new NativeWritableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      write: (chunk) => this.#out.write(toBytes(chunk)),
      close: () => {
        this.#send(END);
        return new NativePromise<void>((resolve, reject) => {
          this.#done = resolve;
          this.#fail = reject;
        });
      },
      abort: () => {
        this.#out.stop();
        this.#send(ERROR);
      },
    });
  }

  receive(kind: number, reader: ByteReader): void {
    if (kind === TAKEN) this.#out.taken(reader.uint());
    else if (kind === DONE) {
      this.#send(FORGET);
      this.#done?.();
    } else if (kind === CANCEL) {
      this.#send(FORGET);
      this.fail(readThrown(reader));
    } else throw malformed(`an unknown stream message (${kind})`);
  }

  fail(error: unknown): void {
    this.#out.stop();
    this.#fail?.(error);
    try {
      this.#controller.error(error);
    } catch {
      // Already closed.
    }
  }
}

/** Why a reader has cancelled, as far as it can be sent; the source gets it as its own `cancel` would. */
function writeReason(writer: ByteWriter, reason: unknown): void {
  const bytes = reason === undefined ? undefined : reasonBytes(reason);
  writer.byte(bytes === undefined ? 0 : 1);
  if (bytes !== undefined) writer.bytes(bytes);
}

function readReason(reader: ByteReader): unknown {
  return reader.byte() === 0 ? cancelled() : decodeReason(reader.bytes());
}

const cancelled = (): Error =>
  new NativeError('ReadableStream sent over RPC was canceled or released by the remote execution context.');

/** As on Workers, who has the other end learns that it is over, not why; only a writer hears what its sink has thrown, and a source why its reader cancelled. */
function connectionLost(): Error {
  const error = new NativeError('Network connection lost.');
  defineProperty(error, 'retryable', { value: true, writable: true, enumerable: true, configurable: true });
  return error;
}
const writerGone = (): Error =>
  new NativeError('WritableStream received over RPC was disconnected because the remote execution context has ended.');
const disconnected = (): Error => new NativeError('ReadableStream received over RPC disconnected prematurely.');

function toBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return utf8Encode(chunk);
  if (chunk instanceof NativeUint8Array) return chunk;
  const bytes = viewOf(chunk) ?? copyOfAny(chunk);
  if (bytes === undefined) throw notBytes();
  return bytes;
}

const ignore = (promise: Promise<unknown>): void => void promiseThen(promise, undefined, () => undefined);
