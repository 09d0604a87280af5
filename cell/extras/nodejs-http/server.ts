/**
 * `http.Server` on Workers: it does not listen on a port of the machine. `listen(port)` gives it a number under which
 * `httpServerHandler({port})` of `cloudflare:node` finds it; that handler turns each request into `request`/`response` objects of Node
 * (https://developers.cloudflare.com/workers/runtime-apis/nodejs/http/).
 */
import { NativeReadableStream } from '../../primordials.ts';
import { invalidArgType, nodeError, nodeRangeError, notImplemented, toText } from '../nodejs/errors.ts';
import { hasInvalidCharacter, headersSent, STATUS_CODES, validateFunction } from './common.ts';
import { type CloudflareContext, IncomingMessage, type SocketFacts } from './incoming.ts';
import { OutgoingMessage } from './outgoing.ts';
import { type Done, EventEmitter } from './streams.ts';

const BODILESS = [204, 205, 304];

export class ServerResponse extends OutgoingMessage {
  statusCode = 200;
  statusMessage: string | undefined = undefined;
  #answer: ((response: Response) => void) | undefined;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #ready: (() => void) | undefined;
  #socket: unknown = undefined;

  constructor(req?: unknown, options?: { highWaterMark?: number; answer?: (response: Response) => void }) {
    super(req, options);
    this.#answer = options?.answer;
    if ((req as { method?: string } | undefined)?.method === 'HEAD') this._hasBody = false;
  }

  get socket(): unknown {
    return this.#socket;
  }

  get connection(): unknown {
    return this.#socket;
  }

  assignSocket(socket: unknown): void {
    this.#socket = socket;
  }

  detachSocket(): void {
    this.#socket = undefined;
  }

  writeContinue(): never {
    throw notImplemented('writeContinue');
  }

  writeProcessing(): never {
    throw notImplemented('writeProcessing');
  }

  writeEarlyHints(): never {
    throw notImplemented('writeEarlyHints');
  }

  override _implicitHeader(): void {
    this.writeHead(this.statusCode);
  }

  writeHead(statusCode: unknown, reason?: unknown, headers?: unknown): this {
    if (this._header !== null) throw headersSent('write');
    const status = Number(statusCode) | 0;
    if (status < 100 || status > 999) {
      throw nodeRangeError('ERR_HTTP_INVALID_STATUS_CODE', `Invalid status code: ${toText(statusCode)}`);
    }
    this.statusCode = status;
    if (typeof reason === 'string') this.statusMessage = reason;
    else {
      this.statusMessage ??= STATUS_CODES[status] ?? 'unknown';
      headers ??= reason;
    }
    if (hasInvalidCharacter(this.statusMessage)) {
      throw Object.assign(new TypeError('Invalid character in statusMessage'), { code: 'ERR_INVALID_CHAR' });
    }
    this._addHeaders(headers);
    this.#sendHead(status);
    return this;
  }

  #sendHead(status: number): void {
    if (BODILESS.includes(status) || status < 200) this._hasBody = false;
    const headers = this.#finalHeaders();
    this._header = `HTTP/1.1 ${status} ${this.statusMessage}\r\n\r\n`;
    const head = { status, statusText: this.statusMessage as string, headers };
    if (!this._hasBody) {
      this.#answer?.(new Response(null, head));
      return;
    }
    const body = new NativeReadableStream<Uint8Array>({
      start: (controller) => {
        this.#body = controller;
      },
      pull: () => this.#wake(),
      cancel: () => {
        this.#body = undefined;
        this.#wake();
        this.destroy();
      },
    });
    this.#answer?.(new Response(body, head));
  }

  #finalHeaders(): Headers {
    const headers = this.toHeaders();
    if (!headers.has('connection') && !this._removedConnection) headers.set('connection', 'keep-alive');
    if (!this._hasBody || headers.has('content-length') || headers.has('transfer-encoding')) return headers;
    if (this._contentLength !== null && !this._removedContLen) {
      headers.set('content-length', String(this._contentLength));
    } else if (!this._removedTE) {
      this.chunkedEncoding = true;
      headers.set('transfer-encoding', 'chunked');
    }
    return headers;
  }

  #wake(): void {
    const ready = this.#ready;
    this.#ready = undefined;
    ready?.();
  }

  /** A chunk is taken when the client's side has room for the next one. */
  _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    const body = this.#body;
    if (body === undefined || chunk.length === 0) {
      done();
      return;
    }
    // Of its own: the stream gives the chunk away, and the program may use its buffer again.
    body.enqueue(new Uint8Array(chunk));
    if ((body.desiredSize ?? 0) > 0) done();
    else this.#ready = done as () => void;
  }

  _final(done: Done): void {
    this.#body?.close();
    this.#body = undefined;
    done();
  }

  _destroy(error: unknown, done: Done): void {
    this.#body?.error(error ?? nodeError('ECONNRESET', 'aborted'));
    this.#body = undefined;
    this.#wake();
    done(error);
  }
}

/** Servers that "listen", by their port. */
const listening = new Map<number, Server>();
const FIRST_FREE_PORT = 49_152;

export interface ServerOptions {
  IncomingMessage?: typeof IncomingMessage;
  ServerResponse?: typeof ServerResponse;
  highWaterMark?: number;
}

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

export class Server extends EventEmitter {
  httpAllowHalfOpen = false;
  timeout = 0;
  maxHeadersCount = null;
  maxRequestsPerSocket = 0;
  connectionsCheckingInterval = 30_000;
  requestTimeout = 300_000;
  headersTimeout = 60_000;
  requireHostHeader = false;
  joinDuplicateHeaders = false;
  rejectNonStandardBodyWrites = false;
  keepAliveTimeout = 5000;
  keepAliveTimeoutBuffer = 1000;
  highWaterMark = 65_536;
  #port: number | undefined;
  readonly #options: ServerOptions;

  constructor(options?: unknown, listener?: unknown) {
    super();
    if (typeof options === 'function') [options, listener] = [{}, options];
    if (options !== undefined && options !== null && typeof options !== 'object') {
      throw invalidArgType('options', 'of type object', options);
    }
    if (listener !== undefined) {
      validateFunction('listener', listener);
      this.on('request', listener as RequestListener);
    }
    this.#options = (options ?? {}) as ServerOptions;
    this.on('listening', () => undefined);
  }

  get listening(): boolean {
    return this.#port !== undefined;
  }

  get maxConnections(): number {
    return Infinity;
  }

  get connections(): number {
    return 0;
  }

  listen(...args: unknown[]): this {
    const callback = args.findLast((arg) => typeof arg === 'function') as (() => void) | undefined;
    const first = args[0];
    const wanted = first !== null && typeof first === 'object' ? (first as { port?: unknown }).port : first;
    const port = typeof wanted === 'number' || typeof wanted === 'string' ? Number(wanted) : 0;
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw nodeRangeError(
        'ERR_SOCKET_BAD_PORT',
        `options.port should be >= 0 and < 65536. Received ${typeof wanted === 'string' ? `type string ('${wanted}')` : `type number (${port})`}.`,
      );
    }
    if (this.#port !== undefined) {
      throw nodeError('ERR_SERVER_ALREADY_LISTEN', 'Listen method has been called more than once without closing.');
    }
    if (port !== 0 && listening.has(port)) {
      throw Object.assign(nodeError('EADDRINUSE', `bind EADDRINUSE 127.0.0.1:${port}`), {
        syscall: 'bind',
        address: '127.0.0.1',
        port,
      });
    }
    this.#port = port === 0 ? freePort() : port;
    listening.set(this.#port, this);
    if (callback !== undefined) this.once('listening', callback);
    queueMicrotask(() => this.emit('listening'));
    return this;
  }

  address(): { port: number; family: string; address: string } | null {
    return this.#port === undefined ? null : { port: this.#port, family: 'IPv4', address: '127.0.0.1' };
  }

  close(callback?: unknown): this {
    if (this.#port !== undefined) listening.delete(this.#port);
    this.#port = undefined;
    if (typeof callback === 'function') this.once('close', callback as () => void);
    queueMicrotask(() => this.emit('close'));
    return this;
  }

  closeAllConnections(): void {}

  closeIdleConnections(): void {}

  setTimeout(milliseconds: number, callback?: unknown): this {
    this.timeout = milliseconds;
    if (typeof callback === 'function') this.on('timeout', callback as () => void);
    return this;
  }

  getConnections(callback: (error: null, count: number) => void): this {
    queueMicrotask(() => callback(null, 0));
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => this.close(resolve));
  }

  /** Runs the listeners for one request; the promise is for what they answer. */
  handle(request: Request, cloudflare: CloudflareContext): Promise<Response> {
    const { IncomingMessage: In = IncomingMessage, ServerResponse: Out = ServerResponse } = this.#options;
    return new Promise((resolve, reject) => {
      const url = new URL(request.url);
      const incoming = new In(request, socketOf(url, this.#port ?? 0));
      incoming.method = request.method;
      incoming.url = url.pathname + url.search;
      incoming.cloudflare = cloudflare;
      const outgoing = new Out(incoming, { answer: resolve, highWaterMark: this.#options.highWaterMark ?? 65_536 });
      outgoing.once('close', () => reject(nodeError('ECONNRESET', 'The response was destroyed before it was sent')));
      request.signal.addEventListener('abort', () => {
        if (outgoing.writableFinished) return;
        incoming.aborted = true;
        incoming.emit('aborted');
        outgoing.destroy();
      });
      try {
        this.emit('request', incoming, outgoing);
      } catch (error) {
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the listener threw
        reject(error);
      }
    });
  }
}

function freePort(): number {
  let port = FIRST_FREE_PORT;
  while (listening.has(port)) port++;
  return port;
}

function socketOf(url: URL, localPort: number): SocketFacts {
  const socket = new EventEmitter();
  const self = () => socket;
  return Object.assign(socket, {
    encrypted: url.protocol === 'https:',
    remoteAddress: '127.0.0.1',
    remotePort: 0,
    remoteFamily: 'IPv4',
    localAddress: '127.0.0.1',
    localPort,
    readable: true,
    writable: true,
    destroyed: false,
    setTimeout: self,
    setNoDelay: self,
    setKeepAlive: self,
    ref: self,
    unref: self,
    destroy: self,
    end: self,
    address: () => ({ address: '127.0.0.1', family: 'IPv4', port: localPort }),
  });
}

export function createServer(options?: unknown, listener?: unknown): Server {
  return new Server(options, listener);
}

/** `handleAsNodeRequest(port, request, env, ctx)` of `cloudflare:node`. */
export async function handleAsNodeRequest(
  description: unknown,
  request: Request,
  env?: unknown,
  ctx?: unknown,
): Promise<Response> {
  const port = portOf(description);
  const server = listening.get(port);
  if (server === undefined) {
    throw nodeError(
      'ERR_INVALID_ARG_VALUE',
      `Http server with port ${port} not found. This is likely a bug with your code. You should check if server.listen() was called with the same port (${port})`,
    );
  }
  return await server.handle(request, { env, ctx, cf: (request as { cf?: unknown }).cf });
}

function portOf(description: unknown): number {
  if (description === null || description === undefined)
    throw new Error('Server descriptor cannot be null or undefined');
  if (typeof description === 'number') return description;
  const { address } = description as { address?: unknown };
  const port =
    typeof address === 'function'
      ? ((description as Server).address()?.port as unknown)
      : (description as { port?: unknown }).port;
  if (typeof port !== 'number') throw new Error('Failed to determine port for server');
  return port;
}

/** `httpServerHandler({port})` or `httpServerHandler(server)` of `cloudflare:node`: a default export for a worker. */
export function httpServerHandler(description: unknown): {
  fetch(request: Request, env: unknown, ctx: unknown): Promise<Response>;
} {
  if (description instanceof Server && !description.listening) description.listen(0);
  const port = portOf(description);
  return { fetch: (request, env, ctx) => handleAsNodeRequest(port, request, env, ctx) };
}
