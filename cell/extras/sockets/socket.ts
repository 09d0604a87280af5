/** `Socket` of `cloudflare:sockets`. */
import type { Failure } from '../../../shared/protocol.ts';
import type { Destination } from '../../call-head.ts';
import {
  byteEnqueue,
  copyBytes,
  defineProperty,
  NativeError,
  NativePromise,
  NativeReadableStream,
  NativeTypeError,
  NativeWritableStream,
  promiseThen,
  streamGetReader,
  streamLocked,
  utf8Encode,
  writableGetWriter,
  writableLocked,
} from '../../primordials.ts';
import { destinationOfAddress } from '../../sockets.ts';
import { requireInvocation } from '../../timers.ts';
import { illegalConstructor, illegalInvocation, isObject } from '../../webidl.ts';
import { bytesOf, exposeInterface } from '../websocket/interface.ts';
import { readAddress, readOptions, type SecureTransport, type SocketOptions } from './address.ts';
import { Connection, type ConnectionOwner } from './connection.ts';

const CREATE = {};
const WRITABLE_CLOSED = 'This WritableStream has been closed.';

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new NativePromise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // A socket whose promises nobody looks at is no unhandled rejection.
  void promiseThen(promise, undefined, () => undefined);
  return { promise, resolve, reject };
}

let requireSelf: (value: unknown) => void;

export class Socket {
  readonly #side: SocketSide;

  static {
    requireSelf = (value) => {
      if (typeof value !== 'object' || value === null || !(#side in value)) throw illegalInvocation();
    };
  }

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#side = args[1] as SocketSide;
  }

  get readable(): ReadableStream {
    requireSelf(this);
    return this.#side.readable;
  }

  get writable(): WritableStream {
    requireSelf(this);
    return this.#side.writable;
  }

  get closed(): Promise<void> {
    requireSelf(this);
    return this.#side.closed.promise;
  }

  get opened(): Promise<{ remoteAddress: string }> {
    requireSelf(this);
    return this.#side.opened.promise;
  }

  get upgraded(): boolean {
    requireSelf(this);
    return false;
  }

  get secureTransport(): SecureTransport {
    requireSelf(this);
    return this.#side.options.secureTransport;
  }

  close(): Promise<void> {
    requireSelf(this);
    return this.#side.close();
  }

  startTls(...args: unknown[]): Socket {
    requireSelf(this);
    return new Socket(CREATE, this.#side.startTls(args[0]));
  }
}
exposeInterface(Socket, 'Socket');

/** What a socket does; `startTls()` makes a second one over the same connection. */
class SocketSide implements ConnectionOwner {
  readonly options: SocketOptions;
  readonly opened = deferred<{ remoteAddress: string }>();
  readonly closed = deferred<void>();
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
  readonly #address: string;
  #connection!: Connection;
  #isOpen = false;
  #isClosed = false;
  #input!: ReadableByteStreamController;
  #output!: WritableStreamDefaultController;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #inputEnded = false;
  #wanted: (() => void) | undefined;

  constructor(address: string, options: SocketOptions) {
    this.#address = address;
    this.options = options;
    this.readable = new NativeReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#input = controller;
      },
      pull: () => this.#pull(),
    });
    this.writable = new NativeWritableStream({
      start: (controller) => {
        this.#output = controller;
      },
      write: (chunk: unknown) => this.#write(chunk),
      close: () => this.#end(),
      abort: () => this.#connection.tunnel?.abort(),
    });
  }

  static connect(address: string, options: SocketOptions, destination: Destination): SocketSide {
    const side = new SocketSide(address, options);
    const scheme = options.secureTransport === 'on' ? 'tls' : 'tcp';
    side.#connection = new Connection(side, requireInvocation(), destination, `${scheme}://${address}`);
    return side;
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#connection.tunnel?.end();
      this.#finish(new NativeTypeError('This ReadableStream belongs to an object that is closing.'));
    }
    return this.closed.promise;
  }

  startTls(options: unknown): SocketSide {
    if (this.options.secureTransport !== 'starttls') {
      throw new NativeTypeError(
        "The `secureTransport` socket option must be set to 'starttls' for startTls to be used.",
      );
    }
    if (this.#isClosed) throw new NativeTypeError('The connection was closed before startTls could be started.');
    const expected = isObject(options)
      ? (options as { expectedServerHostname?: unknown }).expectedServerHostname
      : null;
    if (streamLocked(this.readable)) throw new NativeTypeError('This ReadableStream is currently locked to a reader.');
    if (writableLocked(this.writable)) {
      throw new NativeTypeError('This WritableStream is currently locked to a writer.');
    }
    streamGetReader(this.readable);
    writableGetWriter(this.writable);
    const upgraded = new SocketSide(this.#address, { ...this.options, secureTransport: 'on' });
    upgraded.#connection = this.#connection;
    const hostname = expected === undefined || expected === null ? null : `${expected as string}`;
    this.#isClosed = true;
    this.closed.resolve();
    void promiseThen(
      this.opened.promise,
      () => {
        this.#connection.owner = upgraded;
        this.#connection.startTls(hostname);
      },
      (error) => upgraded.#fail(error),
    );
    return upgraded;
  }

  // --- from the connection ---

  onOpened(): void {
    this.#isOpen = true;
    this.opened.resolve({ remoteAddress: this.#address });
  }

  onBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#chunks[this.#chunks.length] = bytes;
    this.#wanted?.();
  }

  onEnd(): void {
    this.#inputEnded = true;
    this.#wanted?.();
    if (this.options.allowHalfOpen || this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.tunnel?.end();
    this.#output.error(new NativeTypeError(WRITABLE_CLOSED));
    this.closed.resolve();
  }

  onLost({ message }: Failure): void {
    if (this.#isOpen) this.onEnd();
    else this.#fail(new NativeError(message));
  }

  #fail(error: unknown): void {
    this.#inputEnded = true;
    this.#wanted?.();
    this.#isClosed = true;
    this.opened.reject(error);
    this.closed.reject(error);
    this.#output.error(error);
  }

  /** Nothing more comes or goes; whoever still tries hears why. */
  #finish(readError: Error): void {
    this.#isClosed = true;
    this.#inputEnded = true;
    this.#chunks = [];
    this.#input.error(readError);
    this.#output.error(new NativeTypeError(WRITABLE_CLOSED));
    this.#wanted?.();
    this.closed.resolve();
  }

  // --- the streams ---

  async #pull(): Promise<void> {
    if (this.#chunks.length === 0 && !this.#inputEnded) {
      await new NativePromise<void>((resolve) => {
        this.#wanted = resolve;
      });
      this.#wanted = undefined;
    }
    const chunks = this.#chunks;
    this.#chunks = [];
    for (let index = 0; index < chunks.length; index++) {
      const chunk = chunks[index] as Uint8Array<ArrayBuffer>;
      // Before it is handed over: then the buffer is the stream's and its length 0.
      this.#connection.tunnel?.consumed(chunk.length);
      byteEnqueue(this.#input, chunk);
    }
    if (this.#inputEnded) this.#closeInput();
  }

  #closeInput(): void {
    try {
      this.#input.close();
      // A reader with a buffer of its own waits for an answer, too.
      this.#input.byobRequest?.respond(0);
    } catch {
      // Closed or cancelled already.
    }
  }

  async #write(chunk: unknown): Promise<void> {
    const bytes = typeof chunk === 'string' ? utf8Encode(chunk) : bytesOf(chunk);
    if (bytes === undefined) {
      throw new NativeTypeError('This WritableStream only supports writing byte types.');
    }
    if (!this.#isOpen) await this.opened.promise;
    const { tunnel } = this.#connection;
    if (tunnel === undefined || tunnel.isOver) return;
    await new NativePromise<void>((resolve) => tunnel.write(copyBytes(bytes), resolve));
  }

  async #end(): Promise<void> {
    if (!this.#isOpen) await this.opened.promise;
    this.#connection.tunnel?.end();
    if (this.#inputEnded && !this.#isClosed) {
      this.#isClosed = true;
      this.closed.resolve();
    }
  }
}

/** @param destination null: the internet */
export function connectSocket(address: unknown, options: unknown, destination: Destination): Socket {
  const where = readAddress(address);
  const how = readOptions(options);
  return new Socket(CREATE, SocketSide.connect(where, how, destination ?? destinationOfAddress(where)));
}

/** `connect(address, options)` of `cloudflare:sockets`. */
export function connect(...args: unknown[]): Socket {
  return connectSocket(args[0], args[1], null);
}
defineProperty(connect, 'length', { value: 0 });
