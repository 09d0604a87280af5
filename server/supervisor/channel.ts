/**
 * The supervisor's end of a cell's wire (`shared/protocol.ts`). Exactly one connection is accepted, before any user code runs,
 * and then the socket's name disappears: being on the other end of it *is* the cell's identity.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { allocateFramesBy, FrameReader } from '../../shared/frames.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import { CellMisbehaved } from './misbehaved.ts';
import { DATA } from '../../shared/protocol.ts';
import { letOthersRead } from './turns.ts';

export interface ChannelListener {
  /** `payload` is only valid during the call. May throw: then the cell is ended. */
  onFrame(type: number, stream: number, payload: Uint8Array): void;
  /** The cell closed, broke the framing, or `onFrame` threw. Called once. */
  onClosed(error: Error): void;
}

/** Above this, copying frames together costs more than handing them over one by one. */
const MAX_JOINED_BYTES = 64 * 1024;

/**
 * Frames that leave together within a turn. Fewer cost system calls; if all waited for the end of the turn, cell and server would work in
 * turns instead of side by side (measured: a quarter fewer requests per second).
 */
const FRAMES_AT_ONCE = 8;

// Out of Node's pool, as long as they are small.
allocateFramesBy((length) => Buffer.allocUnsafe(length));

export class Channel {
  readonly #server: Server;
  readonly #listener: ChannelListener;
  #socket: Socket | undefined;
  #closed = false;
  #outgoing: Uint8Array[] = [];
  #outgoingBytes = 0;
  /** Something has left in this turn; what follows is joined. */
  #turnOpen = false;

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

  /** Leaves at once when it is the first of this turn of the event loop, else together with others of the turn. */
  send(frame: Uint8Array): void {
    if (this.#closed) return;
    this.#outgoing.push(frame);
    this.#outgoingBytes += frame.length;
    // The first of a turn and every eighth leave at once, so that the cell works while this turn goes on.
    if (this.#turnOpen && this.#outgoing.length < FRAMES_AT_ONCE) return;
    this.#flush();
    if (this.#turnOpen) return;
    this.#turnOpen = true;
    setImmediate(() => {
      this.#turnOpen = false;
      if (this.#outgoing.length > 0) this.#flush();
    });
  }

  #flush(): void {
    const frames = this.#outgoing;
    const bytes = this.#outgoingBytes;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    const socket = this.#socket;
    if (this.#closed || socket === undefined) return;
    if (frames.length === 1) socket.write(frames[0] as Uint8Array);
    else if (bytes <= MAX_JOINED_BYTES) socket.write(Buffer.concat(frames, bytes));
    else {
      socket.cork();
      for (const frame of frames) socket.write(frame);
      socket.uncork();
    }
    if (socket.writableLength > CHANNEL_LIMITS.maxUnreadBytes) this.#end(new CellMisbehaved('The cell does not read'));
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    this.#socket?.destroy();
  }

  #accept(socket: Socket): void {
    this.#socket = socket;
    this.#server.close();
    const reader = new FrameReader(
      CHANNEL_LIMITS.maxFrameBytes,
      (type, stream, payload) => this.#listener.onFrame(type, stream, payload),
      (type) => type === DATA,
    );
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.#end(asMisbehaviour(error as Error));
        return;
      }
      letOthersRead(socket, chunk);
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

/** Whatever a frame made the reader throw, the cell has sent it. */
const asMisbehaviour = (error: Error): Error =>
  error instanceof CellMisbehaved || error.name === 'FrameError' ? error : new CellMisbehaved(error.message);
