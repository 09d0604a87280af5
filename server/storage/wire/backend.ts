/**
 * One connection to a PostgreSQL in the name of a worker. `pg` connects, does TLS and proves the password; from then on the bytes are ours:
 * messages are bounded before they are read, and rows pass without becoming objects.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { serialize } from 'pg-protocol';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { BACKEND, FrameReader, type OnFrame } from './frames.ts';
import type { MessageRoom } from './message-room.ts';
import { guardStartup, type StartupConnection } from './startup.ts';

export interface BackendTarget {
  /** A directory: the unix socket in it. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** False: no TLS. */
  readonly tls: ConnectionOptions | false;
  /** Large messages are counted there. */
  readonly room?: MessageRoom;
  /** Settings of the session, that it comes back to with RESET. */
  readonly settings: Readonly<Record<string, string>>;
}

/** In a transaction or not, as the server said last. */
export type TransactionStatus = 'idle' | 'open' | 'failed';

const STATUS: Readonly<Record<number, TransactionStatus>> = { 0x49: 'idle', 0x54: 'open', 0x45: 'failed' };

/** Parts of pg's client that its types leave out. */
interface ClientInside {
  readonly connection: StartupConnection & { readonly stream: Duplex };
  readonly processID: number;
  readonly secretKey: number;
}

export class Backend {
  readonly processId: number;
  /** What the server said of itself while connecting, as whole messages: for a client that stands behind this connection. */
  readonly parameters: ReadonlyMap<string, string>;
  onFrame: OnFrame = () => undefined;
  /** Called once when the connection is gone, also after `destroy`: the pool's, and that of whoever has it at the moment. */
  onGone: () => void = () => undefined;
  onLost: (error: Error) => void = () => undefined;
  status: TransactionStatus = 'idle';
  isGone = false;
  readonly #stream: Duplex;
  readonly #target: BackendTarget;
  readonly #secretKey: number;
  #cancels = 0;
  /** When the server began to owe an answer, or said something last; undefined while it owes none. */
  #owesSinceMs: number | undefined;
  #lostBecause: Error | undefined;
  #afterCancels: (() => void)[] = [];

  private constructor(client: pg.Client, target: BackendTarget, parameters: ReadonlyMap<string, string>) {
    const { connection, processID, secretKey } = client as unknown as ClientInside;
    this.#stream = connection.stream;
    this.#target = target;
    this.#secretKey = secretKey;
    this.processId = processID;
    this.parameters = parameters;
    this.#takeOver();
  }

  /**
   * Connects. Rejects with pg's error: of the network, or of the server (`code` is its SQLSTATE).
   * @param timeoutMs until the password is accepted
   */
  static async connect(target: BackendTarget, timeoutMs: number): Promise<Backend> {
    const parameters = new Map<string, string>();
    const client = new pg.Client({
      host: target.host,
      port: target.port,
      user: target.user,
      password: target.password,
      database: target.database,
      ssl: target.tls,
      application_name: 'skep',
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      connectionTimeoutMillis: timeoutMs,
      options: Object.entries(target.settings)
        .map(([name, value]) => `-c ${name}=${value.replace(/([\\ ])/g, '\\$1')}`)
        .join(' '),
    });
    // Later ones come to the listeners of takeOver().
    client.on('error', () => undefined);
    (client as unknown as ClientInside).connection.on(
      'parameterStatus',
      ({ parameterName, parameterValue }: { parameterName: string; parameterValue: string }) =>
        parameters.set(parameterName, parameterValue),
    );
    guardStartup((client as unknown as ClientInside).connection);
    try {
      await client.connect();
    } catch (error) {
      (client as unknown as ClientInside).connection.stream.destroy();
      throw error;
    }
    return new Backend(client, target, parameters);
  }

  #takeOver(): void {
    const stream = this.#stream;
    stream.removeAllListeners('data');
    const onFrame: OnFrame = (type, frame) => {
      if (type === BACKEND.ready) {
        this.status = STATUS[frame[5] as number] ?? 'failed';
        this.#owesSinceMs = undefined;
      }
      this.onFrame(type, frame);
    };
    const reader = new FrameReader(DATABASE_LIMITS.maxMessageBytes, onFrame, this.#target.room);
    stream.on('data', (chunk: Buffer) => {
      if (this.#owesSinceMs !== undefined) this.#owesSinceMs = performance.now();
      try {
        reader.push(chunk);
      } catch (error) {
        this.lose(error as Error);
      }
    });
    stream.on('error', (error) => (this.#lostBecause ??= error));
    stream.on('end', () => stream.destroy());
    stream.once('close', () => {
      reader.close();
      this.isGone = true;
      this.onGone();
      this.onLost(this.#lostBecause ?? new Error('Connection terminated unexpectedly'));
    });
  }

  /** False: the server does not take it as fast. */
  write(bytes: Uint8Array): boolean {
    this.#owesSinceMs ??= performance.now();
    return this.isGone || this.#stream.write(bytes);
  }

  /** For how long the server has said nothing to what it was asked. */
  silentMs(now: number): number {
    return this.#owesSinceMs === undefined ? 0 : now - this.#owesSinceMs;
  }

  /** Bytes that were written and have not left. */
  get unsent(): number {
    return this.isGone ? 0 : this.#stream.writableLength;
  }

  /** Called when what was written has left, after `write` said false. */
  onceDrained(then: () => void): void {
    this.#stream.once('drain', then);
  }

  /** While paused the server waits with what it has to send. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Says goodbye and closes. */
  end(): void {
    if (!this.isGone) this.#stream.end(serialize.end());
  }

  /** Closes at once. A statement that runs goes on in the server until it is cancelled. */
  destroy(): void {
    this.#stream.destroy();
  }

  /** Closes at once; whoever has it hears why. */
  lose(because: Error): void {
    this.#lostBecause ??= because;
    this.#stream.destroy();
  }

  /**
   * Asks the server to stop what it does for this connection, over a connection of its own, which it closes when that is done. It may be too
   * late, and nobody says so: then whatever is asked next is stopped. Ask nothing before `whenCancelled`.
   */
  cancel(): void {
    const { host, port, tls } = this.#target;
    const socket = connectTcp(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
    this.#cancels++;
    socket.once('close', () => this.#onCancelled());
    socket.setTimeout(DATABASE_LIMITS.connectTimeoutMs, () => {
      socket.destroy();
      // It may arrive at any time.
      this.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.resume();
    const send = (connection: Duplex): void => {
      connection.on('error', () => socket.destroy());
      connection.end(serialize.cancel(this.processId, this.#secretKey));
    };
    socket.once('connect', () => {
      if (tls === false) send(socket);
      else requestTls(socket, tls, send);
    });
  }

  get isCancelling(): boolean {
    return this.#cancels > 0;
  }

  /** Calls it as soon as no request to cancel is under way; at once, when none is. */
  whenCancelled(then: () => void): void {
    if (this.isCancelling) this.#afterCancels.push(then);
    else then();
  }

  #onCancelled(): void {
    if (--this.#cancels > 0) return;
    for (const then of this.#afterCancels.splice(0)) then();
  }
}

function requestTls(socket: Socket, tls: ConnectionOptions, then: (connection: Duplex) => void): void {
  socket.write(serialize.requestSsl());
  socket.once('data', (answer) => {
    if (answer[0] !== 0x53) socket.destroy();
    else {
      const secured = connectTls({ ...tls, socket }, () => then(secured));
      secured.on('error', () => socket.destroy());
    }
  });
}
