/** `node:net` and `node:tls` on Workers: sockets that connect, over `connect()` of `cloudflare:sockets`. Nothing listens. */
import { findBuiltin } from '../../builtins.ts';
import { denoNode, type Exports } from '../nodejs/deno-node.ts';
import { invalidArgType, nodeError, nodeTypeError, shaped, toText, unimplemented } from '../nodejs/errors.ts';

type Callback = (...args: unknown[]) => unknown;
type Done = (error?: unknown) => void;

interface DuplexBase {
  destroyed: boolean;
  push(chunk: unknown): boolean;
  destroy(error?: unknown): this;
  once(event: string, listener: Callback): this;
  emit(event: string, ...args: unknown[]): boolean;
}
interface PlatformSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<{ remoteAddress?: string; localAddress?: string }>;
  readonly closed: Promise<void>;
  close(): Promise<void>;
  startTls(options?: { expectedServerHostname?: string }): PlatformSocket;
}
type Connect = (address: { hostname: string; port: number }, options: object) => PlatformSocket;

const { Duplex } = denoNode('stream') as { Duplex: new (options: object) => DuplexBase };
const { Buffer } = denoNode('buffer') as { Buffer: { from(bytes: Uint8Array): Uint8Array } };
const EventEmitter = denoNode('events').EventEmitter as new () => object;

interface SocketOptions {
  readonly host?: string;
  readonly port?: number | string;
  readonly path?: string;
  readonly servername?: string;
  readonly allowHalfOpen?: boolean;
  readonly socket?: Socket;
}

/** `connect(port, host?, callback?)`, `connect(path, …)` or `connect(options, callback?)` as options and callback. */
function normalizeArgs(args: readonly unknown[]): [SocketOptions, Callback | null] {
  const last = args.at(-1);
  const callback = typeof last === 'function' ? (last as Callback) : null;
  if (args.length === 0) return [{}, null];
  const [first, second] = args;
  if (first !== null && typeof first === 'object') return [first as SocketOptions, callback];
  if (typeof first === 'string' && !/^\d+$/.test(first)) return [{ path: first }, callback];
  const host = typeof second === 'string' ? { host: second } : {};
  return [{ port: first as number, ...host }, callback];
}

export class Socket extends Duplex {
  connecting = false;
  bytesWritten = 0;
  bytesRead = 0;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  remoteFamily: string | undefined;
  timeout = 0;
  protected platform: PlatformSocket | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #isReading = false;
  #waiting: Callback[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options?: SocketOptions) {
    super({ allowHalfOpen: options?.allowHalfOpen ?? false, decodeStrings: true, emitClose: true });
  }

  get pending(): boolean {
    return this.platform === undefined || this.connecting;
  }

  get readyState(): string {
    if (this.connecting) return 'opening';
    return this.platform === undefined || this.destroyed ? 'closed' : 'open';
  }

  connect(...args: unknown[]): this {
    const [options, callback] = normalizeArgs(args);
    if (options.port === undefined && options.path === undefined) {
      throw nodeTypeError('ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified');
    }
    if (options.path !== undefined) throw nodeError('ERR_INVALID_ARG_VALUE', 'Unix domain sockets are not supported');
    const port = Number(options.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw Object.assign(new RangeError(`Port should be >= 0 and < 65536. Received ${toText(options.port)}.`), {
        code: 'ERR_SOCKET_BAD_PORT',
      });
    }
    if (callback !== null) this.once(this.readyEvent(), callback);
    this.connecting = true;
    this.remotePort = port;
    this.open(options.host ?? 'localhost', port, options);
    return this;
  }

  protected readyEvent(): string {
    return 'connect';
  }

  protected secureTransport(): string {
    return 'starttls';
  }

  protected open(hostname: string, port: number, _options: SocketOptions): void {
    const connect = findBuiltin('cloudflare:sockets')?.connect as Connect;
    try {
      const transport = { allowHalfOpen: true, secureTransport: this.secureTransport() };
      this.attach(connect({ hostname, port }, transport));
    } catch (error) {
      queueMicrotask(() => this.destroy(error));
    }
  }

  protected attach(platform: PlatformSocket): void {
    this.platform = platform;
    platform.closed.catch(() => undefined);
    void platform.opened.then(
      ({ remoteAddress }) => {
        this.connecting = false;
        this.remoteAddress = remoteAddress;
        this.remoteFamily = remoteAddress?.includes(':') === true && !remoteAddress.includes('.') ? 'IPv6' : 'IPv4';
        this.#writer = platform.writable.getWriter();
        this.#reader = platform.readable.getReader();
        this.opened();
        for (const go of this.#waiting.splice(0)) go();
      },
      (error: unknown) => this.destroy(error),
    );
  }

  protected opened(): void {
    this.emit('connect');
    this.emit('ready');
  }

  /** The platform's socket, free to be used by another: for TLS on an open connection. */
  release(): PlatformSocket | undefined {
    this.#writer?.releaseLock();
    this.#reader?.releaseLock();
    return this.platform;
  }

  #whenOpen(go: Callback): void {
    if (this.#writer === undefined) this.#waiting.push(go);
    else go();
  }

  _read(): void {
    this.#whenOpen(() => {
      if (!this.#isReading) void this.#pull();
    });
  }

  async #pull(): Promise<void> {
    this.#isReading = true;
    try {
      for (;;) {
        const { done, value } = await (this.#reader as ReadableStreamDefaultReader<Uint8Array>).read();
        if (done || this.destroyed) {
          this.push(null);
          return;
        }
        this.bytesRead += value.length;
        this.#restartTimer();
        if (!this.push(Buffer.from(value))) return;
      }
    } catch (error) {
      this.destroy(error);
    } finally {
      this.#isReading = false;
    }
  }

  _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this.#whenOpen(() => {
      this.bytesWritten += chunk.length;
      this.#restartTimer();
      (this.#writer as WritableStreamDefaultWriter<Uint8Array>).write(new Uint8Array(chunk)).then(() => done(), done);
    });
  }

  _final(done: Done): void {
    if (this.platform === undefined) {
      done();
      return;
    }
    this.#whenOpen(() => {
      (this.#writer as WritableStreamDefaultWriter<Uint8Array>).close().then(() => done(), done);
    });
  }

  _destroy(error: unknown, done: Done): void {
    clearTimeout(this.#timer);
    this.connecting = false;
    this.#closePlatform();
    done(error);
  }

  #closePlatform(): void {
    void this.platform?.close().catch(() => undefined);
  }

  destroySoon(): void {
    (this as unknown as { end(): void }).end();
  }

  setTimeout(milliseconds: number, callback?: unknown): this {
    this.timeout = milliseconds;
    if (typeof callback === 'function') this.once('timeout', callback as Callback);
    this.#restartTimer();
    return this;
  }

  #restartTimer(): void {
    clearTimeout(this.#timer);
    if (this.timeout > 0) this.#timer = setTimeout(() => this.emit('timeout'), this.timeout);
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  address(): object {
    return {};
  }
}

export class TLSSocket extends Socket {
  encrypted = true;
  authorized = false;
  servername: string | null = null;

  constructor(socket?: unknown, options?: SocketOptions) {
    super(options);
    if (socket instanceof Socket) this.#upgrade(socket, options?.servername);
  }

  #upgrade(socket: Socket, servername: string | undefined): void {
    this.connecting = true;
    const start = () => {
      const platform = socket.release();
      if (platform === undefined) return;
      this.attach(platform.startTls(servername === undefined ? {} : { expectedServerHostname: servername }));
    };
    if (socket.pending) socket.once('connect', start);
    else queueMicrotask(start);
  }

  protected override readyEvent(): string {
    return 'secureConnect';
  }

  protected override secureTransport(): string {
    return 'on';
  }

  protected override opened(): void {
    this.authorized = true;
    super.opened();
    this.emit('secureConnect');
  }

  getPeerCertificate(): object {
    return {};
  }

  getProtocol(): string {
    return 'TLSv1.3';
  }
}

class Server extends EventEmitter {
  allowHalfOpen = false;
  pauseOnConnect = false;
  noDelay = false;
  keepAlive = false;
  keepAliveInitialDelay = 0;
  highWaterMark = undefined;
  maxConnections = undefined;

  get listening(): boolean {
    return false;
  }

  listen(): never {
    throw nodeError('ERR_METHOD_NOT_IMPLEMENTED', 'The net.Server.listen method is not implemented');
  }

  address(): null {
    return null;
  }

  close(callback?: unknown): this {
    if (typeof callback === 'function') queueMicrotask(callback as () => void);
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

const callable = (Class: new (options?: SocketOptions) => object, name: string): Callback => {
  const made = shaped(
    function (options?: unknown) {
      return new Class(options as SocketOptions);
    } as Callback,
    name,
    1,
  );
  Object.defineProperty(made, 'prototype', { value: Class.prototype });
  return made;
};

export function net(): Exports {
  const { BlockList, SocketAddress, isIP, isIPv4, isIPv6 } = denoNode('net');
  const connect = shaped((...args: unknown[]) => new Socket(args[0] as SocketOptions).connect(...args), 'connect', 0);
  let autoSelectTimeout = 10;
  return {
    BlockList,
    BoundSocket: class BoundSocket {
      address(): object {
        return {};
      }

      close(): void {}
    },
    Server,
    Socket: callable(Socket, 'Socket'),
    SocketAddress,
    Stream: callable(Socket, 'Socket'),
    _normalizeArgs: shaped((args: unknown) => normalizeArgs(args as unknown[]), '_normalizeArgs', 1),
    connect,
    createConnection: connect,
    createServer: shaped(() => new Server(), 'createServer', 2),
    getDefaultAutoSelectFamily: () => false,
    getDefaultAutoSelectFamilyAttemptTimeout: () => autoSelectTimeout,
    isIP,
    isIPv4,
    isIPv6,
    setDefaultAutoSelectFamily: shaped(() => undefined, 'setDefaultAutoSelectFamily', 1),
    setDefaultAutoSelectFamilyAttemptTimeout(value: unknown) {
      if (typeof value !== 'number') {
        throw invalidArgType('val', 'of type number', value);
      }
      autoSelectTimeout = value < 10 ? 10 : value;
    },
  };
}

class SecureContext {
  context = undefined;
}

const tlsMissing = (name: string): Callback =>
  shaped(
    () => {
      throw new Error('Not implemented');
    },
    name,
    0,
  );

function tlsConnect(...args: unknown[]): TLSSocket {
  const [options, callback] = normalizeArgs(args);
  const second = args.find((arg, index) => index > 0 && arg !== null && typeof arg === 'object') as
    | SocketOptions
    | undefined;
  const settings = { ...options, ...second };
  const socket = new TLSSocket(settings.socket, settings);
  if (settings.socket === undefined) socket.connect(settings, ...(callback === null ? [] : [callback]));
  else if (callback !== null) socket.once('secureConnect', callback);
  return socket;
}

export const tlsWrap = (): Exports => ({
  TLSSocket,
  connect: shaped(tlsConnect as Callback, 'connect', 0),
});

export const tlsCommon = (): Exports => ({
  SecureContext,
  createSecureContext: shaped(() => new SecureContext(), 'createSecureContext', 1),
  translatePeerCertificate: shaped((certificate: unknown) => certificate ?? null, 'translatePeerCertificate', 1),
});

export function tls(): Exports {
  return {
    ...tlsCommon(),
    ...tlsWrap(),
    CLIENT_RENEG_LIMIT: 3,
    CLIENT_RENEG_WINDOW: 600,
    DEFAULT_CIPHERS: '',
    DEFAULT_ECDH_CURVE: 'auto',
    DEFAULT_MAX_VERSION: 'TLSv1.3',
    DEFAULT_MIN_VERSION: 'TLSv1.2',
    Server: tlsMissing('Server'),
    checkServerIdentity: shaped(
      (_host: unknown, certificate: unknown) => void (certificate as { subject: unknown }).subject,
      'checkServerIdentity',
      2,
    ),
    convertALPNProtocols: shaped(() => undefined, 'convertALPNProtocols', 2),
    createSecurePair: unimplemented('createSecurePair', 'createSecurePair', 0),
    createServer: tlsMissing('createServer'),
    getCiphers: tlsMissing('getCiphers'),
    rootCertificates: [],
  };
}
