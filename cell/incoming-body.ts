/** The body of an answer that is still on its way. */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import { closeBytes } from './http/streams.ts';
import { byteEnqueue, NativePromise, NativeReadableStream } from './primordials.ts';

/** A ReadableStream fed by DATA frames; tells the sender what was consumed. */
export class IncomingBody {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableByteStreamController;
  readonly #read: (() => void) | undefined;
  readonly #grant: (bytes: number) => void;
  #chunks: Uint8Array[] = [];
  #first = 0;
  #consumed = 0;
  #ended = false;
  #wanted: (() => void) | undefined;

  /** `read`: all of it was taken. */
  constructor(grant: (bytes: number) => void, cancel: () => void, read?: () => void) {
    this.#grant = grant;
    this.#read = read;
    this.stream = new NativeReadableStream({
      __proto__: null,
      type: 'bytes',
      start: (controller: ReadableByteStreamController) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel,
    } as unknown as UnderlyingByteSource) as ReadableStream<Uint8Array>;
  }

  push(bytes: Uint8Array): void {
    this.#chunks[this.#chunks.length] = bytes;
    this.#wanted?.();
  }

  end(): void {
    this.#ended = true;
    this.#wanted?.();
    if (this.#first >= this.#chunks.length) this.#close();
  }

  fail(error: unknown): void {
    this.#ended = true;
    this.#chunks = [];
    this.#first = 0;
    try {
      this.#controller.error(error);
    } catch {
      // Already closed or cancelled by the reader.
    }
    this.#wanted?.();
  }

  async #pull(): Promise<void> {
    if (this.#first >= this.#chunks.length) {
      if (this.#ended) return;
      await new NativePromise<void>((resolve) => {
        this.#wanted = resolve;
      });
      this.#wanted = undefined;
    }
    const chunk = this.#take();
    // A stream of bytes has no empty chunks.
    if (chunk !== undefined && chunk.length > 0) byteEnqueue(this.#controller, chunk as Uint8Array<ArrayBuffer>);
    if (this.#ended && this.#first >= this.#chunks.length) this.#close();
  }

  #take(): Uint8Array | undefined {
    if (this.#first >= this.#chunks.length) return undefined;
    const chunk = this.#chunks[this.#first] as Uint8Array;
    this.#first++;
    if (this.#first === this.#chunks.length) {
      this.#chunks = [];
      this.#first = 0;
    }
    this.#consumed += chunk.length;
    if (this.#consumed >= CHANNEL_LIMITS.streamWindowBytes / 4 && !this.#ended) {
      this.#grant(this.#consumed);
      this.#consumed = 0;
    }
    return chunk;
  }

  #close(): void {
    this.#read?.();
    try {
      closeBytes(this.#controller);
    } catch {
      // Already closed or errored.
    }
  }
}
