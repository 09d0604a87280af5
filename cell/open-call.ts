/** One call that waits for its answer, or still carries a body in either direction: flow control, abort, and what an answer means. */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import { DATA, END, type Failure, type ResponseHead } from '../shared/protocol.ts';
import { decodeServiceResponse, parseAnswerHeadText } from '../shared/service-frames.ts';
import { closeStream, sendFail, sendFrame, sendWindow } from './channel.ts';
import { advanceClock, type Invocation } from './context.ts';
import { viewOf } from './http/bytes.ts';
import { notConvertible } from './stream-facts.ts';
import type { ByteStream } from './http/index.ts';
import { IncomingBody } from './incoming-body.ts';
import {
  copyBytes,
  defineProperty,
  eventTargetAdd,
  eventTargetRemove,
  jsonParse,
  NativeError,
  NativePromise,
  NativeTypeError,
  NativeUint8Array,
  readerCancel,
  readerRead,
  signalAborted,
  signalReason,
  streamGetReader,
  subarray,
  utf8Decode,
  utf8Encode,
} from './primordials.ts';
import { rebuildThrown, rejection } from './thrown.ts';

const EMPTY = new NativeUint8Array(0);
const CHUNK_BYTES = 64 * 1024;

/** What a call's answer becomes. `body` is null when `stream` has become a connection, which belongs to the receiver from now on. */
export type Receive<T> = (head: ResponseHead, body: Uint8Array<ArrayBuffer> | ByteStream | null, stream: number) => T;

/** What went wrong with a call, as the worker sees it. */
export function toError(failure: Failure): unknown {
  if (failure.thrown !== undefined) return rebuildThrown(failure, failure.thrown);
  const { name, message, retryable } = failure;
  const error = name === 'TypeError' ? new NativeTypeError(message) : new NativeError(message);
  // As on Workers: the other side went away, and may be there again.
  if (retryable === true) {
    defineProperty(error, 'retryable', { value: true, writable: true, enumerable: true, configurable: true });
  }
  return error;
}

/** A stream of the bytes that fails when the signal fires before they are read. */
function revocable(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): ByteStream {
  const forget = () => eventTargetRemove(signal, 'abort', onAbort);
  const body = new IncomingBody(() => undefined, forget, forget);
  const onAbort = () => body.fail(signalReason(signal));
  eventTargetAdd(signal, 'abort', onAbort);
  body.push(bytes);
  body.end();
  return body.stream;
}

export class OpenCall<T> {
  readonly #invocation: Invocation;
  readonly #receive: Receive<T>;
  readonly #resolve: (answer: T) => void;
  readonly #reject: (error: unknown) => void;
  #stream = 0;
  #sendCredit: number = CHANNEL_LIMITS.streamWindowBytes;
  #wakeSender: (() => void) | undefined;
  #body: IncomingBody | undefined;
  #done = false;
  #removeAbort: (() => void) | undefined;
  #signal: AbortSignal | undefined;

  constructor(
    invocation: Invocation,
    receive: Receive<T>,
    resolve: (answer: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.#invocation = invocation;
    this.#receive = receive;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** False: the signal had fired already, and nothing may go out. */
  start(stream: number, signal: AbortSignal | undefined): boolean {
    this.#stream = stream;
    this.#signal = signal;
    if (signal === undefined) return true;
    if (signalAborted(signal)) {
      this.#finish();
      this.#reject(signalReason(signal));
      return false;
    }
    const onAbort = () => this.#abort(signalReason(signal));
    eventTargetAdd(signal, 'abort', onAbort);
    this.#removeAbort = () => eventTargetRemove(signal, 'abort', onAbort);
    return true;
  }

  onServiceResponse(payload: Uint8Array): void {
    const { clockMs, status, head: headBytes, body } = decodeServiceResponse(payload);
    const { statusText, headers } = parseAnswerHeadText(utf8Decode(headBytes));
    advanceClock(this.#invocation, clockMs);
    const content = this.#whole(body);
    this.#finish();
    this.#resolve(this.#receive({ status, statusText, headers, clockMs }, content, this.#stream));
  }

  onResponse(headBytes: Uint8Array, bodyBytes: Uint8Array | null): void {
    const head = jsonParse(utf8Decode(headBytes)) as ResponseHead;
    advanceClock(this.#invocation, head.clockMs);
    if (head.status === 101) {
      this.#done = true;
      this.#removeAbort?.();
      this.#resolve(this.#receive(head, null, this.#stream));
      return;
    }
    if (bodyBytes !== null) {
      const content = this.#whole(bodyBytes);
      this.#finish();
      this.#resolve(this.#receive(head, content, this.#stream));
      return;
    }
    this.#body = new IncomingBody(
      (bytes) => sendWindow(this.#stream, bytes),
      () => this.#abort(undefined),
    );
    this.#resolve(this.#receive(head, this.#body.stream, this.#stream));
  }

  /** A body that has come whole; with a signal, which may still take it away, as a stream. */
  #whole(body: Uint8Array): Uint8Array<ArrayBuffer> | ByteStream {
    const bytes = copyBytes(body);
    return this.#signal === undefined || bytes.length === 0 ? bytes : revocable(bytes, this.#signal);
  }

  onData(bytes: Uint8Array): void {
    this.#body?.push(copyBytes(bytes));
  }

  onEnd(): void {
    this.#finish();
    this.#body?.end();
  }

  onFail(payload: Uint8Array): void {
    this.#finish();
    const error = toError(jsonParse(utf8Decode(payload)) as Failure);
    if (this.#body === undefined) this.#resolve(rejection(error) as never);
    else this.#body.fail(error);
  }

  onWindow(bytes: number): void {
    this.#sendCredit += bytes;
    this.#wakeSender?.();
  }

  /** Sends the request's body, as fast as the other side takes it. */
  async pump(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = streamGetReader(body);
    try {
      while (!this.#done) {
        const { done, value } = await readerRead(reader);
        if (done) {
          sendFrame(END, this.#stream, EMPTY);
          return;
        }
        await this.#sendChunk(value);
      }
      await readerCancel(reader);
    } catch (error) {
      if (!this.#done) this.#abort(error);
    }
  }

  async sendWhole(body: Uint8Array): Promise<void> {
    await this.#sendChunk(body);
    if (!this.#done) sendFrame(END, this.#stream, EMPTY);
  }

  async #sendChunk(chunk: unknown): Promise<void> {
    const bytes = typeof chunk === 'string' ? utf8Encode(chunk) : viewOf(chunk);
    if (bytes === undefined) throw notConvertible();
    for (let at = 0; at < bytes.length && !this.#done; ) {
      while (this.#sendCredit <= 0 && !this.#done) {
        await new NativePromise<void>((resolve) => {
          this.#wakeSender = resolve;
        });
      }
      // Never more than the window: one byte over it and the supervisor ends this cell.
      const room = this.#sendCredit < CHUNK_BYTES ? this.#sendCredit : CHUNK_BYTES;
      const end = at + room < bytes.length ? at + room : bytes.length;
      sendFrame(DATA, this.#stream, subarray(bytes, at, end));
      this.#sendCredit -= end - at;
      at = end;
    }
  }

  #abort(reason: unknown): void {
    if (this.#done) return;
    sendFail(this.#stream, { name: 'AbortError', message: 'aborted' });
    this.#finish();
    this.#reject(reason);
    this.#body?.fail(reason);
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    closeStream(this.#stream);
    this.#removeAbort?.();
    this.#wakeSender?.();
  }
}
