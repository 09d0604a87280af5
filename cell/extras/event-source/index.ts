/** `EventSource` as workerd has it: over `fetch()`, over a binding's, or over any stream of bytes (`EventSource.from`). */
import type { Destination } from '../../call-head.ts';
import { fetchThrough } from '../../fetch.ts';
import { reportException } from '../../console.ts';
import { currentInvocation, type Invocation, runInvocation } from '../../context.ts';
import { dispatchCatching } from '../../dispatch.ts';
import { listGet, type Response, responseList, responseStatus, streamBehind } from '../../http/index.ts';
import {
  defineProperty,
  NativeAbortController,
  NativeDOMException,
  NativeError,
  NativeTextDecoder,
  NativeTypeError,
  NativeURL,
  promiseThen,
  readerCancel,
  readerRead,
  streamGetReader,
  streamLocked,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  stringTrim,
  uncurry,
  urlHref,
  urlOrigin,
} from '../../primordials.ts';
import { destinationOf } from '../../service.ts';
import { isDisturbed } from '../../stream-facts.ts';
import { startTimer } from '../../timers.ts';
import { constructorParameterError, fieldError, illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import { addAttributeListeners, bytesOf, exposeInterface } from '../websocket/interface.ts';
import { EventStreamParser, type StreamedEvent } from './parser.ts';

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;
const DEFAULT_RECONNECTION_MS = 2_000;
const NO_REQUEST = 'An EventSource can only be created within the context of a worker request.';
const NOT_BYTES = 'Draining read encountered a value that cannot be converted to bytes';
const MIME_TYPE = 'text/event-stream';
const FROM = {};
const { Event, ErrorEvent, MessageEvent } = globalThis;
const abort = uncurry(NativeAbortController.prototype.abort as (reason?: unknown) => void);
const decode = uncurry(
  NativeTextDecoder.prototype.decode as (bytes: Uint8Array, options: { stream: boolean }) => string,
);

/** What `open` is dispatched as on Workers. */
class OpenEvent extends Event {}

type Handler = ((event: Event) => unknown) | object | null;
type Reader = ReadableStreamDefaultReader<Uint8Array>;

let requireSelf: (value: unknown) => void;
let fromStream: (stream: unknown) => EventSource;

class EventSource extends EventTarget {
  readonly #invocation: Invocation;
  readonly #destination: Destination;
  readonly #handlers: Record<string, Handler> = { __proto__: null } as never;
  #url: string | undefined;
  #origin: string | null = null;
  #readyState: number = CONNECTING;
  #controller = new NativeAbortController();
  #reader: Reader | undefined;
  #lastEventId = '';
  #reconnectionMs = DEFAULT_RECONNECTION_MS;
  /** A second answer without a body is a server that has nothing to say. */
  #hadNoBody = false;

  static {
    requireSelf = (value) => {
      if (typeof value !== 'object' || value === null || !(#readyState in value)) throw illegalInvocation();
    };
    fromStream = (stream) => {
      const source = new EventSource(FROM);
      source.#read(stream as ReadableStream<Uint8Array>, false);
      return source;
    };
  }

  constructor(...args: unknown[]) {
    const [isFrom, url, init] = [args[0] === FROM, args[0], args[1]] as const;
    if (!isFrom && url === undefined) throw constructorParameterError('EventSource', 1, 'string');
    const text = isFrom ? '' : `${url as string}`;
    const { withCredentials, destination } = readInit(isFrom ? undefined : init);
    const invocation = currentInvocation();
    if (invocation === undefined) throw new NativeDOMException(NO_REQUEST, 'NotSupportedError');
    if (withCredentials) {
      throw new NativeDOMException(
        'The init.withCredentials option is not supported. It must be false or undefined.',
        'NotSupportedError',
      );
    }
    const parsed = isFrom ? undefined : parse(text);
    super();
    this.#invocation = invocation;
    this.#destination = destination;
    addAttributeListeners(this, ['open', 'message', 'error']);
    if (parsed === undefined) return;
    this.#url = urlHref(parsed);
    this.#origin = urlOrigin(parsed);
    this.#connect();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  close(): void {
    requireSelf(this);
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    abort(this.#controller);
    this.#cancel(undefined);
  }

  get url(): string {
    requireSelf(this);
    return this.#url ?? '';
  }

  get withCredentials(): boolean {
    requireSelf(this);
    return false;
  }

  get readyState(): number {
    requireSelf(this);
    return this.#readyState;
  }

  get onopen(): Handler {
    return this.#handler('open');
  }

  set onopen(value: unknown) {
    this.#setHandler('open', value);
  }

  get onmessage(): Handler {
    return this.#handler('message');
  }

  set onmessage(value: unknown) {
    this.#setHandler('message', value);
  }

  get onerror(): Handler {
    return this.#handler('error');
  }

  set onerror(value: unknown) {
    this.#setHandler('error', value);
  }

  #handler(type: string): Handler {
    requireSelf(this);
    return this.#handlers[type] ?? null;
  }

  #setHandler(type: string, value: unknown): void {
    requireSelf(this);
    this.#handlers[type] = isObject(value) ? (value as Handler) : null;
  }

  // --- the connection ---

  #connect(): void {
    if (this.#readyState === CLOSED) return;
    const headers: Record<string, string> = {
      __proto__: null as never,
      accept: MIME_TYPE,
      'cache-control': 'no-cache',
    };
    if (this.#lastEventId !== '') headers['last-event-id'] = this.#lastEventId;
    const init = { __proto__: null, headers, signal: this.#controller.signal };
    const response = runInvocation(this.#invocation, () => fetchThrough(this.#destination, this.#url, init));
    void promiseThen(
      response,
      (value) => this.#answered(value),
      (error) => this.#failed(error),
    );
  }

  #answered(response: Response): void {
    if (this.#readyState === CLOSED) return;
    const problem = problemOf(response);
    if (problem !== undefined) {
      this.#failed(new NativeDOMException(problem, 'AbortError'));
      return;
    }
    if (response.redirected) {
      const parsed = parse(response.url);
      this.#url = urlHref(parsed);
      this.#origin = urlOrigin(parsed);
    }
    const stream = streamBehind(response);
    if (stream !== null) this.#read(stream, true);
    else if (this.#hadNoBody) this.#failed(new NativeError('The server provided no content.'));
    else {
      this.#hadNoBody = true;
      this.#failed(new NativeError('The server provided no content. Will try reconnecting.'), true);
      this.#reconnect();
    }
  }

  #reconnect(): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CONNECTING;
    this.#controller = new NativeAbortController();
    runInvocation(this.#invocation, () => startTimer(false, () => this.#connect(), this.#reconnectionMs));
  }

  #read(stream: ReadableStream<Uint8Array>, reconnects: boolean): void {
    this.#readyState = OPEN;
    const thrown = dispatchCatching(this, new OpenEvent('open'));
    if (thrown !== undefined) this.#failed(thrown.error, false, true);
    if (this.#isClosed()) return;
    const reader = streamGetReader(stream);
    this.#reader = reader;
    this.#readNext(reader, new NativeTextDecoder('utf-8', { ignoreBOM: true }), reconnects);
  }

  #readNext(
    reader: Reader,
    decoder: TextDecoder,
    reconnects: boolean,
    parser = new EventStreamParser(this.#lastEventId),
  ): void {
    void promiseThen(
      readerRead(reader),
      ({ done, value }) => {
        if (this.#reader !== reader || this.#readyState === CLOSED) return;
        if (done) this.#ended(reconnects);
        else if (this.#received(value, decoder, parser)) this.#readNext(reader, decoder, reconnects, parser);
      },
      (error) => {
        if (this.#reader !== reader || this.#readyState === CLOSED) return;
        if ((error as { retryable?: unknown } | null)?.retryable === true) this.#ended(reconnects);
        else this.#failed(error);
      },
    );
  }

  #ended(reconnects: boolean): void {
    this.#reader = undefined;
    this.#failed(new NativeError('The server disconnected.'), reconnects);
    if (reconnects) this.#reconnect();
  }

  /** False: nothing more is read. */
  #received(value: unknown, decoder: TextDecoder, parser: EventStreamParser): boolean {
    const bytes = bytesOf(value);
    if (bytes === undefined && typeof value !== 'string') {
      this.#failed(new NativeTypeError(NOT_BYTES));
      return false;
    }
    const text = bytes === undefined ? (value as string) : decode(decoder, bytes, { stream: true });
    let events: readonly StreamedEvent[];
    try {
      events = parser.feed(text);
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.#lastEventId = parser.lastEventId;
    if (parser.reconnectionMs !== undefined) this.#reconnectionMs = parser.reconnectionMs;
    this.#notify(events);
    return this.#readyState !== CLOSED;
  }

  // --- events ---

  /** What came together is told together: `close()` in a listener stops what comes later. */
  #notify(events: readonly StreamedEvent[]): void {
    for (let index = 0; index < events.length; index++) {
      const { type, data, lastEventId } = events[index] as StreamedEvent;
      const event = new MessageEvent(type, {
        data,
        lastEventId,
        ...(this.#origin !== null && { origin: this.#origin }),
      });
      if (this.#origin === null) defineProperty(event, 'origin', { value: null, configurable: true });
      const thrown = dispatchCatching(this, event);
      if (thrown === undefined) continue;
      this.#failed(thrown.error, false, true);
      return;
    }
  }

  #failed(error: unknown, reconnecting = false, isReported = false): void {
    if (this.#readyState === CLOSED) return;
    abort(this.#controller, error);
    this.#readyState = reconnecting ? CONNECTING : CLOSED;
    if (!reconnecting) this.#cancel(error);
    dispatchCatching(this, new ErrorEvent('error', { error }));
    if (!isReported) runInvocation(this.#invocation, () => reportException(error));
  }

  #isClosed(): boolean {
    return this.#readyState === CLOSED;
  }

  #cancel(reason: unknown): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) void promiseThen(readerCancel(reader, reason), undefined, () => undefined);
  }
}

/** Reads what `new EventSource()` is given, in this order. Throws. */
function readInit(init: unknown): { withCredentials: boolean; destination: Destination } {
  if (init === undefined || init === null) return { withCredentials: false, destination: null };
  if (!isObject(init)) throw constructorParameterError('EventSource', 2, 'EventSourceInit');
  const { fetcher, withCredentials } = init as { fetcher?: unknown; withCredentials?: unknown };
  if (fetcher === undefined) return { withCredentials: Boolean(withCredentials), destination: null };
  const destination = destinationOf(fetcher);
  if (destination === undefined) throw fieldError('fetcher', 'EventSourceInit', 'Fetcher');
  return { withCredentials: Boolean(withCredentials), destination };
}

function parse(text: string): URL {
  try {
    return new NativeURL(text);
  } catch {
    throw new NativeDOMException(`Cannot open an EventSource to '${text}'. The URL is invalid.`, 'SyntaxError');
  }
}

/** Why no events can come from this answer, however often it is asked for. */
function problemOf(response: Response): string | undefined {
  const status = responseStatus(response);
  if (status < 200 || status > 299) return `The response status code was ${status}.`;
  const type = listGet(responseList(response), 'content-type');
  if (type === null) return 'No content type header was present in the response.';
  const end = stringIndexOf(type, ';');
  const essence = stringToLowerCase(stringTrim(end < 0 ? type : stringSlice(type, 0, end)));
  return essence === MIME_TYPE ? undefined : `The content type '${type}' is invalid.`;
}

function isStream(value: unknown): value is ReadableStream<Uint8Array> {
  try {
    streamLocked(value as ReadableStream);
    return true;
  } catch {
    return false;
  }
}

function from(...args: unknown[]): EventSource {
  const stream = args[0];
  if (!isStream(stream)) throw parameterError('from', 'EventSource', 1, 'JsReadableStream');
  if (currentInvocation() === undefined) throw new NativeDOMException(NO_REQUEST, 'NotSupportedError');
  if (streamLocked(stream)) throw new NativeTypeError('This ReadableStream is locked.');
  if (isDisturbed(stream)) throw new NativeTypeError('This ReadableStream has already been read from.');
  return fromStream(stream);
}

exposeInterface(EventSource, 'EventSource');
for (const target of [EventSource, EventSource.prototype]) {
  for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSED })) {
    defineProperty(target, name, { value, writable: false, enumerable: true, configurable: true });
  }
}
defineProperty(EventSource, 'name', { value: 'EventSource', configurable: true });
defineProperty(EventSource, 'from', { value: from, writable: true, enumerable: true, configurable: true });

export { EventSource };
