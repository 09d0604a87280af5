/** One document on its way through the parser: from the response's body, through the handlers, to the new response's body. */
import {
  copyBytes,
  copyInto,
  decodePart,
  NativeError,
  NativePromise,
  NativeReadableStream,
  NativeTextDecoder,
  NativeTypeError,
  NativeUint8Array,
  promiseResolve,
  promiseThen,
  apply,
  randomUUID,
  readerCancel,
  readerRead,
  streamGetReader,
  streamLocked,
  stringReplaceAll,
  subarray,
  utf8Encode,
} from '../../primordials.ts';
import { viewOf } from '../../http/bytes.ts';
import { type Response, streamBehind } from '../../http/index.ts';
import type { DocumentEncoding } from './encodings.ts';
import { acquireEngine, type Engine, type RawHandler, type TokenKind } from './engine.ts';
import { closeToken, createToken, type HandlerFunction, type TokenOwner } from './tokens.ts';

/** Handlers as `on()` and `onDocument()` were given them; `self` is what they are called on. */
export interface Handlers {
  /** Undefined: of the document. */
  readonly selector: string | undefined;
  readonly self: unknown;
  readonly element?: HandlerFunction | undefined;
  readonly comments?: HandlerFunction | undefined;
  readonly text?: HandlerFunction | undefined;
  readonly doctype?: HandlerFunction | undefined;
  readonly end?: HandlerFunction | undefined;
}

/** What workerd lets lol-html keep of a document: the part of a token that has come so far. */
const MAX_BUFFERED_BYTES = 3 * 1024 * 1024;

const EMPTY = new NativeUint8Array(0);

interface Placed {
  readonly content: ReadableStream | Response;
  readonly html: boolean;
}

export interface RewriteOptions {
  readonly handlers: readonly Handlers[];
  readonly encoding: DocumentEncoding | undefined;
  readonly esiTags: boolean;
}

/** Takes over `input`, and runs until its end whether or not somebody reads; but no further than one piece ahead of the reader. */
export function rewriteStream(input: ReadableStream<unknown>, options: RewriteOptions): ReadableStream<Uint8Array> {
  const reader = streamGetReader(input as ReadableStream<Uint8Array>);
  const output = new Output((reason) => void promiseThen(readerCancel(reader, reason), undefined, () => undefined));
  const rewrite = new Rewrite(options, output);
  void promiseThen(pump(reader, rewrite, output), undefined, (error) => {
    output.fail(error);
    void promiseThen(readerCancel(reader, error), undefined, () => undefined);
  });
  return output.stream;
}

async function pump(reader: ReadableStreamDefaultReader<unknown>, rewrite: Rewrite, output: Output): Promise<void> {
  for (;;) {
    const { done, value } = await readerRead(reader as ReadableStreamDefaultReader<Uint8Array>);
    if (output.cancelled) return;
    if (done) break;
    await rewrite.write(toBytes(value));
    await rewrite.delivered();
    if (output.cancelled) return;
  }
  await rewrite.end();
  await rewrite.delivered();
  output.close();
}

/** One chunk of a body, as workerd takes it. */
function toBytes(chunk: unknown): Uint8Array {
  const bytes = typeof chunk === 'string' ? utf8Encode(chunk) : viewOf(chunk);
  if (bytes !== undefined) return bytes;
  throw new NativeTypeError('Draining read encountered a value that cannot be converted to bytes');
}

/** Handlers' exceptions: what is not an object becomes an Error with its text, as in workerd. */
const toError = (thrown: unknown): unknown =>
  (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function'
    ? thrown
    : new NativeError(`${thrown as string}`);

class Rewrite implements TokenOwner {
  readonly engine: Engine;
  readonly #encoding: DocumentEncoding | undefined;
  readonly #output: Output;
  readonly #suspended = () => this.#flush();
  /** What came out of the parser and is not on its way yet: the first `#size` bytes. */
  #collected: Uint8Array = EMPTY;
  #size = 0;
  #failure: { readonly error: unknown } | undefined;
  #delivering: Promise<void> | undefined;
  /** Streams to be put in, by the number in their marks; a mark comes out of the parser where the content belongs. */
  #placed: (Placed | undefined)[] = [];
  #waiting = 0;
  #mark = '';
  #progress = false;
  #removed = false;
  #buffered = 0;

  constructor({ handlers, encoding, esiTags }: RewriteOptions, output: Output) {
    this.#encoding = encoding;
    this.#output = output;
    this.engine = acquireEngine();
    this.engine.begin((bytes) => this.#collect(bytes), esiTags);
    for (let index = 0; index < handlers.length; index++) this.#register(handlers[index] as Handlers);
  }

  #register({ selector, self, element, comments, text, doctype, end }: Handlers): void {
    const handler = (kind: TokenKind, given: HandlerFunction | undefined) =>
      given === undefined ? undefined : this.#handler(kind, self, given);
    const shared = { comments: handler('comment', comments), text: handler('textchunk', text) };
    if (selector === undefined) {
      this.engine.onDocument({ ...shared, doctype: handler('doctype', doctype), end: handler('documentend', end) });
    } else this.engine.on(selector, { ...shared, element: handler('element', element) });
  }

  #handler(kind: TokenKind, self: unknown, handler: HandlerFunction): RawHandler {
    return (address) => {
      this.#progress = true;
      const token = createToken(kind, this, address);
      let result: unknown;
      try {
        result = apply(handler, self, [token]);
        if (!isThenable(result)) {
          closeToken(token, kind);
          return undefined;
        }
      } catch (error) {
        this.#failure ??= { error: toError(error) };
        throw error;
      }
      return promiseThen(
        promiseResolve(result),
        () => closeToken(token, kind),
        (error) => {
          this.#failure ??= { error: toError(error) };
          throw error;
        },
      );
    };
  }

  onEndTag(element: number, handler: HandlerFunction): void {
    this.engine.onEndTag(element, this.#handler('endtag', globalThis, handler));
  }

  readText(text: string): string {
    return this.#encoding === undefined ? text : this.#encoding.readText(text);
  }

  writeText(text: string): string {
    return text;
  }

  contentRemoved(): void {
    this.#removed = true;
  }

  placeStream(content: ReadableStream | Response, html: boolean): string {
    if (this.#mark === '') this.#mark = `skep:${randomUUID()}:`;
    const number = this.#placed.length;
    this.#placed[number] = { content, html };
    this.#waiting++;
    return `${this.#mark}${number};`;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#parse(this.#encoding === undefined ? bytes : this.#encoding.decode(bytes, false));
  }

  async #parse(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#progress = false;
    await this.#run(() => this.engine.write(bytes, this.#suspended));
    this.#limitBuffer(bytes.length);
    this.#flush();
  }

  /** The parser keeps a token that is not complete, and this one has no limit of its own: nothing comes out while it does. */
  #limitBuffer(bytes: number): void {
    this.#buffered = this.#progress || this.#removed ? 0 : this.#buffered + bytes;
    if (this.#buffered > MAX_BUFFERED_BYTES) {
      throw new NativeTypeError('Parser error: The memory limit has been exceeded.');
    }
  }

  async end(): Promise<void> {
    if (this.#encoding !== undefined) await this.#parse(this.#encoding.decode(EMPTY, true));
    await this.#run(() => this.engine.end(this.#suspended));
    if (this.#encoding !== undefined) {
      const rest = this.#take();
      this.#queue(rest, true);
    } else this.#flush();
    if (!this.#output.cancelled) this.engine.release();
  }

  async #run(call: () => Promise<void> | undefined): Promise<void> {
    try {
      const suspended = call();
      if (suspended !== undefined) await suspended;
    } catch (error) {
      this.#flush();
      await this.delivered();
      throw this.#failure === undefined ? parserError(error) : this.#failure.error;
    }
  }

  /** `bytes` is the parser's memory. */
  #collect(bytes: Uint8Array): void {
    this.#progress = true;
    const size = this.#size + bytes.length;
    if (size > this.#collected.length) {
      const larger = new NativeUint8Array(size * 2);
      copyInto(larger, subarray(this.#collected, 0, this.#size), 0);
      this.#collected = larger;
    }
    copyInto(this.#collected, bytes, this.#size);
    this.#size = size;
  }

  #take(): Uint8Array {
    const bytes = copyBytes(subarray(this.#collected, 0, this.#size));
    this.#size = 0;
    return bytes;
  }

  #flush(): void {
    if (this.#size > 0) this.#queue(this.#take(), false);
  }

  #queue(bytes: Uint8Array, last: boolean): void {
    const before = this.#delivering;
    const delivery =
      before === undefined ? this.#deliver(bytes, last) : promiseThen(before, () => this.#deliver(bytes, last));
    this.#delivering = delivery as Promise<void>;
    // Looked at when the piece is over.
    void promiseThen(this.#delivering, undefined, () => undefined);
  }

  /** When all that came out of the parser so far has been taken by the reader. */
  async delivered(): Promise<void> {
    while (this.#delivering !== undefined) {
      const current = this.#delivering;
      await current;
      if (this.#delivering === current) this.#delivering = undefined;
    }
  }

  async #deliver(bytes: Uint8Array, last: boolean): Promise<void> {
    let rest = bytes;
    while (this.#waiting > 0) {
      const found = this.#findMark(rest);
      if (found === undefined) break;
      await this.#output.write(this.#encode(copyBytes(subarray(rest, 0, found.start)), false));
      await this.#insert(found.number);
      rest = copyBytes(subarray(rest, found.end, rest.length));
    }
    await this.#output.write(this.#encode(rest, last));
  }

  #encode(bytes: Uint8Array, last: boolean): Uint8Array {
    return this.#encoding === undefined ? bytes : this.#encoding.encode(bytes, last);
  }

  #findMark(bytes: Uint8Array): { start: number; end: number; number: number } | undefined {
    const mark = utf8Encode(this.#mark);
    const start = indexOfBytes(bytes, mark);
    if (start === -1) return undefined;
    let end = start + mark.length;
    let number = 0;
    for (; bytes[end] !== SEMICOLON; end++) number = number * 10 + ((bytes[end] as number) - ZERO);
    return { start, end: end + 1, number };
  }

  /** A stream's content, when the output has reached its place. */
  async #insert(number: number): Promise<void> {
    const { content, html } = this.#placed[number] as Placed;
    this.#placed[number] = undefined;
    this.#waiting--;
    const stream = content instanceof NativeReadableStream ? content : streamBehind(content);
    if (stream === null) return;
    if (streamLocked(stream)) throw lockedError();
    const reader = streamGetReader(stream) as ReadableStreamDefaultReader<unknown>;
    const decoder = new NativeTextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    for (;;) {
      const { done, value } = await readerRead(reader as ReadableStreamDefaultReader<Uint8Array>);
      let text: string;
      try {
        text = decodePart(decoder, done ? EMPTY : toBytes(value), { stream: !done });
      } catch {
        throw new NativeTypeError('Parser error: Invalid UTF-8');
      }
      if (text !== '') await this.#output.write(this.#encode(utf8Encode(html ? text : escapeText(text)), false));
      if (done || this.#output.cancelled) return;
    }
  }
}

/** What ends a document for the parser's own reasons it throws as text, with a slip that lol-html has corrected since. */
function parserError(error: unknown): unknown {
  if (typeof error !== 'string') return error;
  const text = stringReplaceAll(error, 'is is unclear is consequent', 'it is unclear whether consequent');
  return new NativeTypeError(`Parser error: ${text}`);
}

export const lockedError = (): TypeError => new NativeTypeError('The ReadableStream has been locked to a reader.');

const SEMICOLON = 0x3b;
const ZERO = 0x30;

const escapeText = (text: string): string =>
  stringReplaceAll(stringReplaceAll(stringReplaceAll(text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;');

/** Whether to wait for what a handler returned; a promise of this realm or anything with a `then`. */
const isThenable = (value: unknown): boolean =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  typeof (value as { then?: unknown }).then === 'function';

function indexOfBytes(bytes: Uint8Array, wanted: Uint8Array): number {
  const last = bytes.length - wanted.length;
  for (let start = 0; start <= last; start++) {
    let length = 0;
    while (length < wanted.length && bytes[start + length] === wanted[length]) length++;
    if (length === wanted.length) return start;
  }
  return -1;
}

/** The new body: a byte stream that takes a piece when its reader wants one. */
class Output {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableByteStreamController;
  #wanted: (() => void) | undefined;
  #taken: (() => void) | undefined;
  #wants = false;
  cancelled = false;

  constructor(onCancel: (reason: unknown) => void) {
    this.stream = new NativeReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () =>
        new NativePromise<void>((resolve) => {
          this.#taken = resolve;
          this.#wants = true;
          this.#wanted?.();
        }),
      cancel: (reason) => {
        this.cancelled = true;
        this.#wanted?.();
        onCancel(reason);
      },
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.cancelled) return;
    await this.#untilWanted();
    if (this.cancelled) return;
    this.#wants = false;
    this.#controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
    this.#taken?.();
  }

  async #untilWanted(): Promise<void> {
    if (this.#wants || this.cancelled) return;
    await new NativePromise<void>((resolve) => {
      this.#wanted = resolve;
    });
    this.#wanted = undefined;
  }

  close(): void {
    if (this.cancelled) return;
    this.#controller.close();
    // A read into a buffer of the reader's own is answered only by this.
    this.#controller.byobRequest?.respond(0);
    this.#taken?.();
  }

  fail(error: unknown): void {
    if (this.cancelled) return;
    this.#controller.error(error);
    this.#taken?.();
  }
}
