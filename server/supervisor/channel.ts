/**
 * The supervisor's end of a cell's wire (`shared/protocol.ts`). Exactly one connection is accepted, before any user code runs,
 * and then the socket's name disappears: being on the other end of it *is* the cell's identity.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { FrameReader } from '../../shared/frames.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';

export interface ChannelListener {
  /** `payload` is only valid during the call. May throw: then the cell is ended. */
  onFrame(type: number, stream: number, payload: Uint8Array): void;
  /** The cell closed, broke the framing, or `onFrame` threw. Called once. */
  onClosed(error: Error): void;
}

export class Channel {
  readonly #server: Server;
  readonly #listener: ChannelListener;
  #socket: Socket | undefined;
  #closed = false;

  private constructor(server: Server, listener: ChannelListener) {
    this.#server = server;
    this.#listener = listener;
  }

  /** Listens at `path` for the one connection. */
  static listen(path: string, listener: ChannelListener): Promise<Channel> {
    const server = createServer();
    const channel = new Channel(server, listener);
    server.maxConnections = 1;
    server.once('connection', (socket) => channel.#accept(socket));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path, backlog: 1 }, () => {
        server.off('error', reject);
        server.on('error', (error) => channel.#end(error));
        resolve(channel);
      });
    });
  }

  /** Bytes waiting to leave: a cell that does not read makes them grow. */
  get pendingBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  send(frame: Uint8Array): void {
    if (!this.#closed) this.#socket?.write(frame);
  }

  /** Frames sent inside `action` leave in one system call. */
  batch(action: () => void): void {
    this.#socket?.cork();
    try {
      action();
    } finally {
      this.#socket?.uncork();
    }
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    this.#socket?.destroy();
  }

  #accept(socket: Socket): void {
    this.#socket = socket;
    this.#server.close();
    const reader = new FrameReader(CHANNEL_LIMITS.maxFrameBytes, (type, stream, payload) =>
      this.#listener.onFrame(type, stream, payload),
    );
    socket.on('data', (chunk: Buffer) => {
      try {
        this.batch(() => reader.push(chunk));
      } catch (error) {
        this.#end(error as Error);
      }
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('The cell closed its channel')));
  }

  #end(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#listener.onClosed(error);
  }
}
