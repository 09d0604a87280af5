/** `http.request` and `https.request` on Workers: a `fetch` with the face of Node's client. */
import { invalidArgType, nodeError, nodeTypeError, toText } from '../nodejs/errors.ts';
import { isToken } from './common.ts';
import { IncomingMessage } from './incoming.ts';
import { OutgoingMessage } from './outgoing.ts';
import { Buffer, type Done, EventEmitter } from './streams.ts';

/** Connections are the platform's: an agent is only what programs configure. */
export class Agent extends EventEmitter {
  defaultPort = 80;
  protocol = 'http:';
  options: Record<string, unknown>;
  agentKeepAliveTimeoutBuffer = 1000;
  keepAliveMsecs: number;
  keepAlive: boolean;
  maxSockets: number;
  maxFreeSockets: number;
  scheduling: string;
  maxTotalSockets: number;
  totalSocketCount = 0;
  freeSockets = {};
  sockets = {};
  requests = {};

  constructor(options: Record<string, unknown> = {}) {
    super();
    this.options = { ...options };
    this.keepAliveMsecs = (options.keepAliveMsecs as number | undefined) ?? 1000;
    this.keepAlive = (options.keepAlive as boolean | undefined) ?? false;
    this.maxSockets = (options.maxSockets as number | undefined) ?? Infinity;
    this.maxFreeSockets = (options.maxFreeSockets as number | undefined) ?? 256;
    this.scheduling = (options.scheduling as string | undefined) ?? 'lifo';
    this.maxTotalSockets = (options.maxTotalSockets as number | undefined) ?? Infinity;
  }

  getName({ host, port, localAddress = '' }: Record<string, unknown> = {}): string {
    return `${toText(host ?? 'localhost')}:${toText(port ?? '')}:${toText(localAddress)}`;
  }

  createConnection(): void {}

  addRequest(): void {}

  createSocket(): void {}

  removeSocket(): void {}

  keepSocketAlive(): boolean {
    return false;
  }

  reuseSocket(): void {}

  destroy(): void {}
}

export class HttpsAgent extends Agent {
  override defaultPort = 443;
  override protocol = 'https:';
}

export const globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });
export const httpsGlobalAgent = new HttpsAgent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });

interface RequestOptions extends Record<string, unknown> {
  signal?: AbortSignal;
}

/** Characters that must be escaped in a path. */
const UNESCAPED = /[^\u0021-\u00ff]/;

function optionsOf(input: unknown, options: unknown): RequestOptions {
  if (typeof input === 'string') {
    let url: URL;
    try {
      url = new URL(input);
    } catch {
      throw new TypeError('Invalid URL string.');
    }
    return { ...fromUrl(url), ...(options as object) };
  }
  if (input instanceof URL) return { ...fromUrl(input), ...(options as object) };
  return { ...(input as object), ...(options as object) };
}

function fromUrl(url: URL): RequestOptions {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const options: RequestOptions = {
    protocol: url.protocol,
    hostname: host,
    path: `${url.pathname}${url.search}`,
    hash: url.hash,
    href: url.href,
  };
  if (url.port !== '') options.port = Number(url.port);
  if (url.username !== '' || url.password !== '') {
    options.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  }
  return options;
}

function validateHost(host: unknown, name: string): void {
  if (host === null || host === undefined || typeof host === 'string') return;
  throw invalidProperty(`options.${name}`, 'of type string or one of undefined or null', host);
}

function invalidProperty(name: string, expected: string, value: unknown): Error {
  const error = invalidArgType(name, expected, value);
  error.message = error.message.replace('argument must be', 'property must be');
  return error;
}

export class ClientRequest extends OutgoingMessage {
  timeout: number | undefined;
  method: string;
  path: string;
  host: string;
  protocol: string;
  port: string;
  joinDuplicateHeaders = false;
  agent: unknown;
  aborted = false;
  reusedSocket = false;
  maxHeadersCount = null;
  res: IncomingMessage | null = null;
  readonly #controller = new AbortController();
  readonly #chunks: Uint8Array[] = [];
  readonly #defaultProtocol: string;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(input: unknown, options?: unknown, callback?: unknown) {
    // It lives on after its body is sent, until the answer is read.
    super(undefined, { autoDestroy: false });
    if (typeof options === 'function') [options, callback] = [undefined, options];
    const settings = optionsOf(input, options);
    const agent = chooseAgent(settings);
    this.agent = agent;
    this.#defaultProtocol = (settings.defaultProtocol as string | undefined) ?? (agent as Agent).protocol ?? 'http:';
    this.protocol = (settings.protocol as string | undefined) ?? this.#defaultProtocol;
    if (this.protocol !== this.#defaultProtocol) {
      throw nodeTypeError(
        'ERR_INVALID_PROTOCOL',
        `Protocol "${this.protocol}" not supported. Expected "${this.#defaultProtocol}"`,
      );
    }
    this.path = pathOf(settings);
    validateHost(settings.hostname, 'hostname');
    validateHost(settings.host, 'host');
    this.host = (settings.hostname as string | undefined) || (settings.host as string | undefined) || 'localhost';
    this.port = toText(settings.port ?? settings.defaultPort ?? (this.protocol === 'https:' ? 443 : 80));
    this.method = methodOf(settings.method);
    if (settings.insecureHTTPParser !== undefined && typeof settings.insecureHTTPParser !== 'boolean') {
      throw invalidProperty('options.insecureHTTPParser', 'of type boolean', settings.insecureHTTPParser);
    }
    this.useChunkedEncodingByDefault = !['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'].includes(this.method);
    this._addHeaders(settings.headers);
    if (settings.setHost !== false && !this.hasHeader('host')) this.setHeader('host', this.#hostHeader());
    if (settings.auth !== undefined && settings.auth !== null && !this.hasHeader('authorization')) {
      this.setHeader('authorization', `Basic ${Buffer.from(toText(settings.auth)).toString('base64')}`);
    }
    if (typeof callback === 'function') this.once('response', callback as () => void);
    if (settings.signal !== undefined) this.#follow(settings.signal);
    if (settings.timeout !== undefined) this.setTimeout(settings.timeout as number);
  }

  #hostHeader(): string {
    const isDefault = this.port === (this.protocol === 'https:' ? '443' : '80');
    const host = this.host.includes(':') && !this.host.startsWith('[') ? `[${this.host}]` : this.host;
    return isDefault ? host : `${host}:${this.port}`;
  }

  #follow(signal: AbortSignal): void {
    const abort = () => {
      const error = nodeError('ABORT_ERR', 'The operation was aborted');
      error.name = 'AbortError';
      error.cause = signal.reason;
      this.destroy(error);
    };
    if (signal.aborted) queueMicrotask(abort);
    else signal.addEventListener('abort', abort, { once: true });
  }

  get socket(): unknown {
    return {};
  }

  get connection(): unknown {
    return {};
  }

  override _implicitHeader(): void {
    this._header = `${this.method} ${this.path} HTTP/1.1\r\n\r\n`;
  }

  _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this.#chunks.push(new Uint8Array(chunk));
    done();
  }

  _final(done: Done): void {
    void this.#send();
    done();
  }

  async #send(): Promise<void> {
    const hasBody = this.#chunks.length > 0 && this.method !== 'GET' && this.method !== 'HEAD';
    const headers = this.toHeaders();
    const url = new URL(`${this.protocol}//${this.#authority()}${this.path}`);
    try {
      const response = await fetch(url, {
        method: this.method,
        headers,
        redirect: 'manual',
        signal: this.#controller.signal,
        ...(hasBody ? { body: Buffer.concat(this.#chunks) as unknown as BodyInit } : {}),
      });
      this.#receive(response);
    } catch (error) {
      if (!this.destroyed) this.destroy(error);
    } finally {
      this.clearTimeout();
    }
  }

  #authority(): string {
    const host = this.getHeader('host');
    return typeof host === 'string' && host !== '' && this.host === 'localhost' ? host : this.#hostHeader();
  }

  #receive(response: Response): void {
    const incoming = new IncomingMessage(response, this.socket);
    incoming.statusCode = response.status;
    incoming.statusMessage = response.statusText;
    incoming.url = response.url;
    Object.assign(incoming, { req: this });
    this.res = incoming;
    // As Node does: an answer nobody asked for is read to its end, so that the connection can go on.
    if (!this.emit('response', incoming)) incoming._dump();
    incoming.on('close', () => this.emit('close'));
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    queueMicrotask(() => this.emit('abort'));
    this.destroy();
  }

  _destroy(error: unknown, done: Done): void {
    this.#controller.abort();
    this.clearTimeout();
    this.res?.destroy(error);
    const isEarly = this.res === null && !this.aborted;
    done(error ?? (isEarly ? nodeError('ECONNRESET', 'socket hang up') : null));
  }

  setTimeout(milliseconds: number, callback?: unknown): this {
    this.timeout = milliseconds;
    if (typeof callback === 'function') this.once('timeout', callback as () => void);
    this.clearTimeout();
    if (milliseconds > 0) {
      this.#timer = setTimeout(() => this.emit('timeout'), milliseconds);
    }
    return this;
  }

  clearTimeout(callback?: unknown): void {
    clearTimeout(this.#timer);
    if (typeof callback === 'function') this.off('timeout', callback as () => void);
  }

  addTrailers(): void {}

  onSocket(): void {}

  setNoDelay(): void {}

  setSocketKeepAlive(): void {}
}

function chooseAgent(settings: RequestOptions): unknown {
  const { agent } = settings;
  const standard = (settings.defaultAgent as Agent | undefined) ?? globalAgent;
  if (agent === false) return new (standard.constructor as typeof Agent)();
  if (agent === undefined || agent === null) return standard;
  return agent;
}

function pathOf(settings: RequestOptions): string {
  if (settings.path === undefined || settings.path === null || settings.path === '') return '/';
  const path = toText(settings.path);
  if (UNESCAPED.test(path)) {
    throw nodeTypeError('ERR_UNESCAPED_CHARACTERS', 'Request path contains unescaped characters');
  }
  return path;
}

function methodOf(method: unknown): string {
  if (method === undefined || method === null) return 'GET';
  if (typeof method !== 'string') throw invalidProperty('options.method', 'of type string', method);
  if (!isToken(method)) {
    throw nodeTypeError('ERR_INVALID_HTTP_TOKEN', `Method must be a valid HTTP token ["${method}"]`);
  }
  return method.toUpperCase();
}

/** `request` and `get` for one protocol. */
export function clientFunctions(agent: Agent): Record<'request' | 'get', (...args: unknown[]) => ClientRequest> {
  const withDefaults = (args: unknown[]): [unknown, unknown, unknown] => {
    const [input, second, third] = args;
    const [options, callback] = typeof second === 'function' ? [undefined, second] : [second, third];
    const defaults = { defaultAgent: agent, defaultProtocol: agent.protocol };
    const isOptions = typeof input !== 'string' && !(input instanceof URL);
    return isOptions
      ? [{ ...defaults, ...(input as object) }, options, callback]
      : [input, { ...defaults, ...(options as object) }, callback];
  };
  const request = (...args: unknown[]) => new ClientRequest(...withDefaults(args));
  const get = (...args: unknown[]) => {
    const sent = request(...args);
    sent.end();
    return sent;
  };
  return { request, get };
}
