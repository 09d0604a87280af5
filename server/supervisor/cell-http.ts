/**
 * HTTP/1.1 from the supervisor into a cell's own socket. Requests are ours (already validated); every byte of a response is
 * the cell's and therefore an attacker's, so the reader is strict: one framing, bounded heads, no guessing. A response that
 * breaks a rule ends the connection.
 *
 * Our own client and not a library because this is the hot path, and because retries need to know exactly what left.
 */
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { GATEWAY_LIMITS } from '../../shared/limits.ts';
import { CellProtocolError, parseHead, type RequestHead, writeRequestHead } from './cell-http-heads.ts';
import { letOthersRead, resumeInTurn } from './turns.ts';

/** Hears one response. After `onFailure` or `onEnd` nothing more is called. */
export interface ResponseHandler {
  /** `headers` is flat, names in lower case, framing headers (transfer-encoding, connection …) taken out. `isOneFrame`: the answer came on the channel, where nobody adds a length. */
  onHead(status: number, statusText: string, headers: string[], isOneFrame?: boolean): void;
  /** False asks for a pause until `resume()`. */
  onData(chunk: Buffer): boolean;
  /** So many bytes of the request's body went to the cell. */
  onBodySent(bytes: number): void;
  onEnd(): void;
  /** The connection broke or the bytes were no HTTP. */
  onFailure(error: Error): void;
}

const MAX_HEAD_BYTES = GATEWAY_LIMITS.maxHeaderBytes;
const MAX_CHUNK_LINE_BYTES = 64;
/** Connections kept open for the next request. */
const MAX_IDLE_CONNECTIONS = 256;

/** The connection ended under an exchange: most likely the cell died. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** All connections into one cell. */
export class CellHttp {
  readonly #path: string;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  send(request: RequestHead, handler: ResponseHandler): Exchange {
    const connection = this.#idle.pop() ?? this.#open();
    return connection.send(request, handler);
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#all) connection.destroy();
  }

  #open(): Connection {
    const connection = new Connection(
      connect({ path: this.#path }),
      (free) => {
        if (this.#closed || this.#idle.length >= MAX_IDLE_CONNECTIONS) free.destroy();
        else this.#idle.push(free);
      },
      (gone) => {
        this.#all.delete(gone);
        const index = this.#idle.indexOf(gone);
        if (index >= 0) this.#idle.splice(index, 1);
      },
    );
    this.#all.add(connection);
    return connection;
  }
}

/** What the caller of `send` may do while it waits. */
export interface Exchange {
  resume(): void;
  /** Ends the connection: the worker sees its client go away. The handler hears nothing more. */
  abort(): void;
}

type ReadState = 'idle' | 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer';

class Connection implements Exchange {
  readonly #socket: Socket;
  readonly #onFree: (connection: Connection) => void;
  readonly #onGone: (connection: Connection) => void;
  #handler: ResponseHandler | undefined;
  #state: ReadState = 'idle';
  #pending: Buffer | undefined;
  #remaining = 0;
  #noBody = false;
  #body: Readable | null = null;
  #bodySent = true;
  /**
   * It has carried a body. The engine in the cell closes such a connection a moment after its answer (it has not looked for the end of a body
   * of known length), and the next request would meet that.
   */
  #isSpent = false;
  /** Whoever takes the response has asked for a pause. */
  #isHeld = false;

  constructor(socket: Socket, onFree: (connection: Connection) => void, onGone: (connection: Connection) => void) {
    this.#socket = socket;
    this.#onFree = onFree;
    this.#onGone = onGone;
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
      letOthersRead(socket, chunk, () => !this.#isHeld);
    });
    socket.on('error', (error) => this.#fail(new ConnectionLost(error.message)));
    socket.on('close', () => {
      this.#fail(new ConnectionLost('The cell closed the connection before its response was complete'));
      this.#onGone(this);
    });
    socket.on('drain', () => this.#body?.resume());
  }

  send(request: RequestHead, handler: ResponseHandler): Exchange {
    this.#handler = handler;
    this.#state = 'head';
    this.#noBody = request.method === 'HEAD';
    this.#socket.write(writeRequestHead(request), 'latin1');
    this.#isSpent = request.body !== null;
    if (request.body !== null) this.#sendBody(request.body, request.bodyBytes === null);
    return this;
  }

  resume(): void {
    this.#isHeld = false;
    resumeInTurn(this.#socket, () => !this.#isHeld);
  }

  abort(): void {
    this.#handler = undefined;
    this.destroy();
  }

  destroy(): void {
    this.#releaseBody();
    this.#socket.destroy();
    // At once and not when its `close` comes: until then the next request would be given this connection.
    this.#onGone(this);
  }

  #sendBody(body: Readable, chunked: boolean): void {
    this.#body = body;
    this.#bodySent = false;
    const onData = (chunk: Buffer) => {
      if (chunk.length === 0) return;
      this.#handler?.onBodySent(chunk.length);
      let flowing: boolean;
      if (chunked) {
        this.#socket.cork();
        this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
        this.#socket.write(chunk);
        flowing = this.#socket.write('\r\n', 'latin1');
        this.#socket.uncork();
      } else {
        flowing = this.#socket.write(chunk);
      }
      if (!flowing) body.pause();
    };
    body.on('data', onData);
    body.once('end', () => {
      if (this.#body !== body) return;
      if (chunked) this.#socket.write('0\r\n\r\n', 'latin1');
      this.#bodySent = true;
      this.#body = null;
      if (this.#state === 'idle') this.#finish();
    });
    // The client broke off in the middle of its body: the worker must not take what came for the whole.
    body.once('error', (error) => this.#failBody(body, error));
    body.once('close', () => this.#failBody(body, new Error('The request body ended early')));
  }

  #failBody(body: Readable, error: Error): void {
    if (this.#body !== body) return;
    this.#fail(error);
    this.destroy();
  }

  #releaseBody(): void {
    const body = this.#body;
    this.#body = null;
    if (body !== null) {
      body.removeAllListeners('data');
      body.pause();
    }
  }

  #fail(error: Error): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    this.#handler = undefined;
    this.#releaseBody();
    this.#socket.destroy();
    handler.onFailure(error);
  }

  #read(chunk: Buffer): void {
    if (this.#state === 'idle') {
      // Bytes nobody asked for: a cell trying to put an answer in front of the next request.
      this.destroy();
      return;
    }
    let bytes = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = undefined;
    try {
      while (bytes.length > 0 && this.#handler !== undefined) {
        const rest = this.#step(bytes);
        if (rest === undefined) {
          this.#pending = bytes;
          return;
        }
        bytes = rest;
      }
      if (bytes.length > 0) this.destroy();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Reads one piece; returns the unread rest, or undefined when more bytes are needed. */
  #step(bytes: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes);
      case 'length':
        return this.#readLength(bytes);
      case 'chunk-size':
        return this.#readChunkSize(bytes);
      case 'chunk-data':
        return this.#readChunkData(bytes);
      case 'chunk-end':
        return this.#readChunkEnd(bytes);
      case 'trailer':
        return this.#readTrailer(bytes);
      default:
        throw new CellProtocolError(`Bytes in state ${this.#state}`);
    }
  }

  #readHead(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0 || end > MAX_HEAD_BYTES) {
      if (bytes.length <= MAX_HEAD_BYTES) return undefined;
      throw new CellProtocolError(`Response head longer than ${MAX_HEAD_BYTES} bytes`);
    }
    const head = parseHead(bytes.toString('latin1', 0, end));
    const rest = bytes.subarray(end + 4);
    const handler = this.#handler as ResponseHandler;
    if (head.status === 101) throw new CellProtocolError('Unasked-for 101');
    if (head.status < 200) return rest;
    // Deno sends a 205 without any framing; it has no content either (RFC 9110 §15.3.6).
    const unframed = !head.chunked && head.contentLength === null;
    const empty = this.#noBody || head.status === 204 || head.status === 304 || (head.status === 205 && unframed);
    if (!empty && unframed) {
      throw new CellProtocolError('Response with neither content-length nor chunked encoding');
    }
    handler.onHead(head.status, head.statusText, head.headers);
    if (empty || head.contentLength === 0) this.#complete();
    else if (head.chunked) this.#state = 'chunk-size';
    else {
      this.#state = 'length';
      this.#remaining = head.contentLength as number;
    }
    return rest;
  }

  #deliver(chunk: Buffer): void {
    if ((this.#handler as ResponseHandler).onData(chunk)) return;
    this.#isHeld = true;
    this.#socket.pause();
  }

  #readLength(bytes: Buffer): Buffer {
    const chunk = bytes.length <= this.#remaining ? bytes : bytes.subarray(0, this.#remaining);
    this.#remaining -= chunk.length;
    this.#deliver(chunk);
    if (this.#remaining === 0) this.#complete();
    return bytes.subarray(chunk.length);
  }

  #readChunkSize(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf('\r\n');
    if (end < 0 || end > MAX_CHUNK_LINE_BYTES) {
      if (bytes.length <= MAX_CHUNK_LINE_BYTES) return undefined;
      throw new CellProtocolError('Chunk size line too long');
    }
    const line = bytes.toString('latin1', 0, end);
    if (!/^[0-9a-fA-F]{1,8}$/.test(line)) throw new CellProtocolError('Malformed chunk size');
    this.#remaining = Number.parseInt(line, 16);
    this.#state = this.#remaining === 0 ? 'trailer' : 'chunk-data';
    return bytes.subarray(end + 2);
  }

  #readChunkData(bytes: Buffer): Buffer {
    const chunk = bytes.length <= this.#remaining ? bytes : bytes.subarray(0, this.#remaining);
    this.#remaining -= chunk.length;
    if (this.#remaining === 0) this.#state = 'chunk-end';
    this.#deliver(chunk);
    return bytes.subarray(chunk.length);
  }

  #readChunkEnd(bytes: Buffer): Buffer | undefined {
    if (bytes.length < 2) return undefined;
    if (bytes[0] !== 0x0d || bytes[1] !== 0x0a) throw new CellProtocolError('Chunk not followed by CRLF');
    this.#state = 'chunk-size';
    return bytes.subarray(2);
  }

  /** Deno sends no trailers; anything but the empty line is refused. */
  #readTrailer(bytes: Buffer): Buffer | undefined {
    if (bytes.length < 2) return undefined;
    if (bytes[0] !== 0x0d || bytes[1] !== 0x0a) throw new CellProtocolError('Trailers are not accepted');
    this.#complete();
    return bytes.subarray(2);
  }

  #complete(): void {
    const handler = this.#handler as ResponseHandler;
    this.#handler = undefined;
    this.#state = 'idle';
    // A paused reader would never hear of the next response.
    this.#isHeld = false;
    this.#socket.resume();
    if (this.#bodySent) this.#finish();
    else {
      // Answered before the whole body was read: this connection still expects the rest, so it is of no more use.
      this.destroy();
    }
    handler.onEnd();
  }

  #finish(): void {
    if (this.#isSpent) this.destroy();
    else this.#onFree(this);
  }
}
