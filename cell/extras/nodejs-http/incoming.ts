/** `http.IncomingMessage`: a request that came in, or the answer to one that went out, as a Node stream. */
import { nodeHeaders } from './common.ts';
import { Buffer, Readable } from './streams.ts';

/** The context of a request on Workers, on `request.cloudflare`. */
export interface CloudflareContext {
  readonly env: unknown;
  readonly ctx: unknown;
  readonly cf: unknown;
}

interface Source {
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** A socket in name: the facts programs ask for, and nothing to read or write. */
export interface SocketFacts {
  readonly encrypted: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteFamily: string;
  readonly localAddress: string;
  readonly localPort: number;
}

export class IncomingMessage extends Readable {
  aborted = false;
  url = '';
  method: string | null = null;
  statusCode: number | null = null;
  statusMessage: string | null = null;
  httpVersionMajor = 1;
  httpVersionMinor = 1;
  httpVersion = '1.1';
  complete = false;
  rawHeaders: string[] = [];
  joinDuplicateHeaders = false;
  declare cloudflare?: CloudflareContext;
  readonly #source: Source | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #reading = false;
  #headers: Record<string, string | string[] | undefined> | undefined;
  #trailers = {};
  #socket: unknown;

  constructor(source?: unknown, socket?: unknown) {
    super({ autoDestroy: true });
    const isMessage = source instanceof Request || source instanceof Response;
    this.#source = isMessage ? (source as Source) : undefined;
    this.#socket = socket ?? (isMessage ? undefined : source);
    if (this.#source === undefined) return;
    for (const [name, value] of this.#source.headers) this.rawHeaders.push(name, value);
  }

  get headers(): Record<string, string | string[] | undefined> {
    this.#headers ??= this.#source === undefined ? {} : nodeHeaders(this.#source.headers);
    return this.#headers;
  }

  set headers(headers: Record<string, string | string[] | undefined>) {
    this.#headers = headers;
  }

  get headersDistinct(): Record<string, string[]> {
    const distinct = Object.create(null) as Record<string, string[]>;
    for (const [name, value] of Object.entries(this.headers)) {
      if (value !== undefined) distinct[name] = Array.isArray(value) ? value : [value];
    }
    return distinct;
  }

  get trailers(): object {
    return this.#trailers;
  }

  set trailers(trailers: object) {
    this.#trailers = trailers;
  }

  get trailersDistinct(): object {
    return {};
  }

  get socket(): unknown {
    return this.#socket;
  }

  set socket(socket: unknown) {
    this.#socket = socket;
  }

  get connection(): unknown {
    return this.#socket;
  }

  set connection(socket: unknown) {
    this.#socket = socket;
  }

  setTimeout(_milliseconds: number, callback?: () => void): this {
    if (typeof callback === 'function') this.on('timeout', callback);
    return this;
  }

  _read(): void {
    if (this.#reading) return;
    const body = this.#source?.body;
    if (body === null || body === undefined) {
      this.#finish();
      return;
    }
    this.#reader ??= body.getReader();
    this.#reading = true;
    void this.#pull(this.#reader);
  }

  async #pull(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (this.destroyed) return;
        if (done) {
          this.#finish();
          return;
        }
        if (!this.push(bufferOver(value))) return;
      }
    } catch (error) {
      this.aborted = true;
      this.destroy(error);
    } finally {
      this.#reading = false;
    }
  }

  #finish(): void {
    this.complete = true;
    this.push(null);
  }

  _destroy(error: unknown, callback: (error: unknown) => void): void {
    if (!this.complete) this.#cancel();
    callback(error);
  }

  #cancel(): void {
    void this.#reader?.cancel().catch(() => undefined);
  }

  _dump(): void {
    this.resume();
  }

  _addHeaderLine(name: string, value: string): void {
    this.headers[name.toLowerCase()] ??= value;
  }

  _addHeaderLines(lines: readonly string[], count: number): void {
    for (let index = 0; index < count; index += 2)
      this._addHeaderLine(lines[index] as string, lines[index + 1] as string);
  }

  _addHeaderLineDistinct(): void {}
}

/** The same memory as a Buffer. */
function bufferOver(bytes: Uint8Array): Uint8Array {
  return (Buffer as unknown as { from(buffer: ArrayBufferLike, offset: number, length: number): Uint8Array }).from(
    bytes.buffer,
    bytes.byteOffset,
    bytes.byteLength,
  );
}
